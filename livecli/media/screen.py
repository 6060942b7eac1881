"""Picture of the screen. The only module that imports mss, of the extra `livecli[images]`."""

from __future__ import annotations

from ..errors import FileError
from ..protocol.events import Image
from .images import from_pixels

HINT = "livecli help pictures has commands for Wayland, and for other sources"


def take_picture() -> Image:
    """All monitors as one image, scaled down to 768 pixels a side. Takes 30 ms.

    Raises FileError where there is no screen, or a package is not installed.
    """
    try:
        import mss
        import PIL.Image  # noqa: F401
    except ImportError as error:
        from ..process.installer import install_command

        raise FileError(
            "a picture of the screen needs the packages mss and pillow, which are not installed",
            hint=install_command("mss pillow"),
        ) from error
    try:
        with mss.MSS() as screen:
            shot = screen.grab(screen.monitors[0])
    except (mss.ScreenShotError, OSError) as error:
        raise FileError(f"cannot take a picture of the screen: {error}", hint=HINT) from error
    return from_pixels(shot.size, bytes(shot.rgb))
