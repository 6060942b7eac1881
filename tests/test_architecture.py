"""The house's floors, as data: imports go down only, and each library has its owner."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "livecli"

FLOORS = [
    ["errors", "mistake", "record"],
    ["complaint", "folders", "stdout", "toml_lines", "due", "citations", "protocol", "audio.pcm"],
    ["spool"],
    ["tail", "life", "secrecy", "flow", "endpoint", "written", "gathered", "audio.resample", "audio.wav"],
    ["configuration", "figures", "upgrade", "retrying", "connection"],
    ["metronome", "report", "starts", "tally", "ending", "utterances", "stalls", "truncation"],
    # Doors to the outside; none imports another.
    ["client", "credentials", "audio", "emulator", "console", "running", "child", "tools", "images"],
    ["resumption"],
    ["line"],
    ["asking", "opening", "playing"],
    ["keeping"],
    ["exchange"],
    ["bisection"],
    ["question", "probe", "chat"],
    ["crowd"],
    ["api", "commands"],
    ["cli"],
    ["__main__"],
]
"""From the ground up. A room stands for everything in it, unless a longer name is listed for that."""

OWNERS = {
    "websockets": [
        "client",
        "connection",
        "upgrade",
        "emulator.server",
        "emulator.connection",
        "emulator.session",
        "emulator.troubles",
        "emulator.compression",
    ],
    "typer": ["cli", "commands", "__main__"],
    "rich": ["console"],
    "prompt_toolkit": ["console"],
    "soundfile": ["audio"],
    "soxr": ["audio.resample"],
    "miniaudio": ["audio.devices"],
    "numpy": ["audio", "emulator"],
    "google": ["credentials.adc"],
    "requests": ["credentials.adc"],
    "msgspec": ["protocol", "report", "resumption"],
    "pybase64": ["protocol.codec"],
    "keyring": ["credentials.system_keyring"],
    "platformdirs": ["folders"],
    "trustme": ["emulator.certificates"],
    "certifi": ["emulator.certificates"],
    "PIL": ["images"],
}
"""Who may import a library."""

PROCESS_WIDE = {"gc": ["__main__"], "resource": ["cli"]}
"""Who may import what changes the whole process: modules that a program with livecli in it never runs."""

MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}


def name_of(module):
    return module.removesuffix(".__init__").removesuffix("__init__")


def within(module, room):
    return module == room or module.startswith(room + ".")


def floor_and_room(module):
    rooms = [(len(room), floor, room) for floor, rooms in enumerate(FLOORS) for room in rooms if within(module, room)]
    assert rooms, f"{module} has no floor"
    _, floor, room = max(rooms)
    return floor, room


def imports(module):
    """(what is imported, as a name inside livecli or a library's) of each import, wherever it stands."""
    path = MODULES[module]
    package = [*path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (("", alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield "", (node.module or "").partition(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, *(node.module.split(".") if node.module else [])])
            names = [f"{target}.{alias.name}".lstrip(".") for alias in node.names]
            yield from (("ours", name if known(name) else target) for name in names)


def known(name):
    return name in MODULES or f"{name}.__init__" in MODULES


@pytest.mark.parametrize("module", [module for module in MODULES if name_of(module)])
def test_imports_go_down_only(module):
    floor, room = floor_and_room(name_of(module))
    for kind, target in imports(module):
        if kind != "ours" or not target:  # the package itself holds the version only
            continue
        below, other = floor_and_room(target)
        assert below < floor or other == room, f"{module} (floor {floor}) imports {target} (floor {below})"


@pytest.mark.parametrize("module", MODULES)
def test_each_library_has_its_owner(module):
    owners = OWNERS | PROCESS_WIDE
    for kind, library in imports(module):
        if kind == "" and library in owners:
            assert any(within(name_of(module), owner) for owner in owners[library]), f"{module} imports {library}"


@pytest.mark.parametrize("module", sorted(MODULES.keys() - {"__main__", "cli"}))
def test_nothing_of_sys_is_replaced(module):
    written = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del)
    ]
    assert not [target for target in written if target.startswith("sys.")]


def test_every_dependency_has_an_owner():
    import tomllib

    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = {"google-auth[requests]": "google", "pillow": "PIL"}
    extras = [each for extra, some in project["optional-dependencies"].items() if extra != "dev" for each in some]
    declared = {dependency.split(">")[0] for dependency in [*project["dependencies"], *extras]}
    assert {names.get(name, name) for name in declared} == set(OWNERS) - {"requests", "certifi"}


def test_no_room_is_a_lumber_room():
    assert not [module for module in MODULES if module.split(".")[-1] in ("utils", "helpers", "common", "misc")]


def test_files_are_rooms_not_halls():
    assert {module for module, path in MODULES.items() if len(path.read_text().splitlines()) > 250} <= {
        "protocol.messages",  # the whole wire, one line a field
    }
