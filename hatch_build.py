"""Build hooks: the manual pages, which an installer copies to share/man/man1, and the description for an index."""

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class IndexReadme(MetadataHookInterface):
    """The README without its picture, and with the names of topics instead of links to files: an index has neither."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = re.sub(r"^!\[[^\]]*\]\(\.github/[^)]*\)\n+", "", text, flags=re.MULTILINE)
        text = re.sub(r"\[([^\]]+)\]\((?!https://)[^)]*\)", r"\1", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


class ManPages(BuildHookInterface):
    """Writes the pages before a wheel is built, and removes them afterwards. An editable installation has none."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from livecli.cli.man_pages import pages

        self.folder = Path(tempfile.mkdtemp())
        for name, text in pages().items():
            path = self.folder / name
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = f"share/man/man1/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self.folder)
