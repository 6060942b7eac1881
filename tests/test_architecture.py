"""The layers and the owners of libraries, as data: imports go down only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "livecli"

LAYERS = [
    ["__main__"],
    ["cli", "api"],
    ["embedded", "runs", "chat"],
    ["client"],
    ["tools", "console", "emulator"],
    ["report", "credentials"],
    ["media"],
    ["protocol", "process"],
    ["errors", "toml_reader"],
]
"""From the top down. Packages on one line do not import one another."""

OWNERS = {
    "websockets": ["client.connection", "client.session", "client.connect_errors", "emulator"],
    "typer": ["cli", "__main__"],
    "rich": ["console"],
    "prompt_toolkit": ["console"],
    "soundfile": ["media.decoding"],
    "soxr": ["media.resample"],
    "miniaudio": ["media.devices"],
    "numpy": ["media", "emulator"],
    "google": ["credentials.adc"],
    "requests": ["credentials.adc"],
    "msgspec": ["protocol", "report", "client", "runs", "chat", "tools", "emulator"],
    "pybase64": ["protocol.codec"],
    "keyring": ["credentials.system_keyring"],
    "platformdirs": ["process.folders"],
    "trustme": ["emulator.certificates"],
    "certifi": ["emulator.certificates"],
    "PIL": ["media.images"],
}
"""Who may import a library."""

MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}


def name_of(module):
    return module.removesuffix(".__init__").removesuffix("__init__")


def within(module, name):
    return module == name or module.startswith(name + ".")


def layer_and_package(module):
    found = [(len(name), layer, name) for layer, names in enumerate(LAYERS) for name in names if within(module, name)]
    assert found, f"{module} has no layer"
    _, layer, name = max(found)
    return layer, name


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
    layer, package = layer_and_package(name_of(module))
    for kind, target in imports(module):
        if kind != "ours" or not target:  # The package itself holds the version only.
            continue
        below, other = layer_and_package(target)
        assert below > layer or other == package, f"{module} (layer {layer}) imports {target} (layer {below})"


@pytest.mark.parametrize("module", MODULES)
def test_each_library_has_its_owner(module):
    for kind, library in imports(module):
        if kind == "" and library in OWNERS:
            assert any(within(name_of(module), owner) for owner in OWNERS[library]), f"{module} imports {library}"


def test_every_dependency_has_an_owner():
    import tomllib

    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = {"google-auth[requests]": "google", "pillow": "PIL"}
    extras = [each for extra, some in project["optional-dependencies"].items() if extra != "dev" for each in some]
    declared = {dependency.split(">")[0] for dependency in [*project["dependencies"], *extras]}
    assert {names.get(name, name) for name in declared} == set(OWNERS) - {"requests", "certifi"}


def test_no_module_is_named_after_nothing():
    assert not [module for module in MODULES if module.split(".")[-1] in ("utils", "helpers", "common", "misc")]


def test_the_top_level_and_each_package_stay_small():
    assert len([path for path in ROOT.iterdir() if path.name != "__pycache__"]) <= 20
    packages = {path.parent for path in MODULES.values()}
    assert not {str(package): n for package in packages if (n := len(list(package.glob("*.py")))) > 20}
