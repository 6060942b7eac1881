"""Option groups: options that several commands share, declared once as the annotated attributes of a class.

A command that is decorated with `takes_groups` has one parameter for each group. Typer sees one option for each
attribute of the group instead, and the command is called with the groups filled in and checked.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, Self, TypeVar, get_args, get_origin

from ..errors import UsageError

R = TypeVar("R")


PANELS = ("Input", "Output", "Model", "Tools", "Network", "Many files", "Diagnostics")
"""The headings under which help lists options, in their order."""


class Listed(NamedTuple):
    """Where help lists an option: `Annotated[bool, Option(...), Listed("Diagnostics")]`.

    Without a `panel` it is that of the group. Help in short (`-h`) has the `common` options only.
    """

    panel: str | None = None
    common: bool = False


COMMON = Listed(common=True)
"""Lists an option in the short help too."""


class Heading(str):
    """A panel's name as Typer keeps it with an option, and whether the short help has the option."""

    __slots__ = ("is_common",)
    is_common: bool


def _list(annotation: Any, panel: str | None) -> None:
    """Note with the option that `annotation` declares where help lists it."""
    option, *others = annotation.__metadata__
    listed = next((each for each in others if isinstance(each, Listed)), Listed())
    option.rich_help_panel = Heading(listed.panel or panel or PANELS[0])
    option.rich_help_panel.is_common = listed.common


class Only:
    """The fields of a group that one command offers: `where: Annotated[Where, Only("base_url")]`.

    The other fields keep their defaults.
    """

    def __init__(self, *names: str) -> None:
        self.names = names


class Group:
    """Base class of option groups. An annotation describes an option as Typer expects it; the value is its default.

    `panel` is the heading under which help lists the options that name no other.
    """

    def __init_subclass__(cls, panel: str | None = None) -> None:
        for annotation in inspect.get_annotations(cls).values():
            _list(annotation, panel)

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    @classmethod
    def fields(cls, names: Sequence[str] = ()) -> list[inspect.Parameter]:
        """One parameter for each field, those of base classes first; with `names`, for these fields only."""
        annotations = {
            name: annotation
            for base in reversed(cls.__mro__)
            for name, annotation in inspect.get_annotations(base).items()
        }
        return [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=getattr(cls, name), annotation=annotations[name]
            )
            for name in names or annotations
        ]

    def checked(self) -> Self:
        """This group. Raises UsageError for a value that is out of range, and for values that exclude one another."""
        for name, value in vars(self).items():
            # Typer reads "nan" as a number, and no range excludes it.
            if isinstance(value, float) and math.isnan(value):
                raise UsageError(f"--{name.replace('_', '-')} is not a number")
        self.check()
        return self

    def check(self) -> None:
        """Raises UsageError as `checked` does. Subclasses put their own rules here."""


def takes_groups(command: Callable[..., R]) -> Callable[..., R]:
    """A function for Typer with the options of all groups that `command` takes. It calls `command` with the groups."""
    groups: dict[str, tuple[type[Group], list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind, names = _group_and_names(parameter.annotation)
        if kind is None:
            if get_origin(parameter.annotation) is Annotated:
                _list(parameter.annotation, None)
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        else:
            fields = kind.fields(names)
            groups[parameter.name] = kind, [field.name for field in fields]
            parameters += fields

    def call(**values: Any) -> R:
        filled = {
            name: kind(**{field: values.pop(field) for field in fields}).checked()
            for name, (kind, fields) in groups.items()
        }
        return command(**values, **filled)

    call.__name__, call.__doc__, call.__module__ = command.__name__, command.__doc__, command.__module__
    call.__annotations__ = {}
    vars(call)["__signature__"] = inspect.Signature(parameters)
    return call


def _group_and_names(annotation: Any) -> tuple[type[Group] | None, Sequence[str]]:
    kind, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    if not (isinstance(kind, type) and issubclass(kind, Group)):
        return None, ()
    return kind, metadata[0].names if metadata else ()
