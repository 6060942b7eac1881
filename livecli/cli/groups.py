"""Option groups: options that several commands share, declared once as the annotated attributes of a class.

A command that is decorated with `takes_groups` has one parameter for each group. Typer sees one option for each
attribute of the group instead, and the command is called with the groups filled in and checked.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from copy import copy
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, get_args, get_origin

from ..errors import UsageError

R = TypeVar("R")


PANELS = ("Input", "Output", "Model", "Tools", "Network", "Many files", "Diagnostics")
"""The headings under which help lists options, in their order."""


class HelpEntry(NamedTuple):
    """How a group or a command lists an option: `Annotated[bool, Option(...), HelpEntry("Diagnostics")]`.

    Without a `panel` it is that of the group. Help in short (`-h`) has the `common` options only. Where several groups
    have an option, `help` is its sentence here, instead of that of its declaration, and `also` a further name.
    """

    panel: str | None = None
    common: bool = False
    help: str | None = None
    also: str | None = None


COMMON = HelpEntry(common=True)
"""Lists an option in the short help too."""


class Heading(str):
    """A panel's name as Typer keeps it with an option, and whether the short help has the option."""

    __slots__ = ("is_common",)
    is_common: bool


def _with_entry(annotation: Any, panel: str | None) -> Any:
    """The declaration of an option as its HelpEntry has it. The option itself may be declared for other groups too."""
    declared, *others = annotation.__metadata__
    entry = next((each for each in others if isinstance(each, HelpEntry)), HelpEntry())
    option = copy(declared)
    option.rich_help_panel = Heading(entry.panel or panel or PANELS[0])
    option.rich_help_panel.is_common = entry.common
    option.help = entry.help or option.help
    if entry.also:
        option.param_decls = (*(option.param_decls or ()), entry.also)
    return Annotated[annotation.__origin__, option]


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

    declarations: ClassVar[dict[str, Any]] = {}
    """The declaration of each option, those of base classes first."""

    def __init_subclass__(cls, panel: str | None = None) -> None:
        own = inspect.get_annotations(cls)
        cls.declarations = cls.declarations | {name: _with_entry(annotation, panel) for name, annotation in own.items()}

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    @classmethod
    def fields(cls, names: Sequence[str] = ()) -> list[inspect.Parameter]:
        """One parameter for each field, those of base classes first; with `names`, for these fields only."""
        return [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=getattr(cls, name), annotation=cls.declarations[name]
            )
            for name in names or cls.declarations
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
            annotation = parameter.annotation
            if get_origin(annotation) is Annotated:
                annotation = _with_entry(annotation, None)
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
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
