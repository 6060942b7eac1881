"""Option groups: what Typer sees of them, and what the command gets."""

import inspect
from enum import StrEnum
from typing import Annotated

import pytest
import typer

from livecli.cli.groups import Group, HelpEntry, Only, takes_groups
from livecli.errors import UsageError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Shape(Group, panel="Shape"):
    width: Annotated[float, typer.Option(min=0, help="Metres.")] = 1.0
    colour: Annotated[Colour, typer.Option(help="Paint.")] = Colour.RED
    name: Annotated[list[str] | None, typer.Option(help="Names.")] = None


class Box(Shape):
    width: Annotated[float, typer.Option(min=0, help="Metres across.")] = 2.0
    lid: Annotated[bool, typer.Option("--lid/--no-lid")] = True

    def check(self) -> None:
        if self.lid and self.width > 5:
            raise UsageError("no lid is so wide")


def run(command, *words):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(command)
    return app(args=list(words), standalone_mode=False)


def test_a_command_gets_its_groups_filled_in():
    @takes_groups
    def command(context: typer.Context, word: str, *, box: Box, loud: bool = False) -> tuple:
        return context.command.name, word, box.width, box.colour, box.name, box.lid, loud

    assert run(command, "hi") == ("command", "hi", 2.0, Colour.RED, None, True, False)
    words = ["--width", "3", "--colour", "blue", "--name", "a", "--name", "b", "--no-lid", "--loud", "hi"]
    assert run(command, *words) == ("command", "hi", 3.0, Colour.BLUE, ["a", "b"], False, True)


def test_the_options_stand_where_the_group_stands_base_classes_first():
    def command(first: int = 1, *, box: Box, last: int = 2) -> None:
        """Says what it does."""

    spread = takes_groups(command)
    assert list(inspect.signature(spread).parameters) == ["first", "width", "colour", "name", "lid", "last"]
    assert (spread.__name__, spread.__doc__) == ("command", "Says what it does.")


def test_help_is_that_of_the_most_derived_class(capsys):
    @takes_groups
    def command(*, box: Box) -> None: ...

    run(command, "--help")
    assert "Metres across." in capsys.readouterr().out
    assert Shape.fields()[0].annotation.__metadata__[0].help == "Metres."
    assert Shape.fields()[0].annotation.__metadata__[0].rich_help_panel == "Shape"


def test_groups_share_a_declaration_and_each_lists_it_in_its_own_way():
    Length = Annotated[float, typer.Option("--length", min=0, help="Metres.")]

    class Rope(Group, panel="Rope"):
        length: Annotated[Length, HelpEntry(help="Metres of rope.", also="--metres")] = 1.0

    class Road(Group, panel="Road"):
        length: Length = 2.0

    found = [group.fields()[0].annotation.__metadata__[0] for group in (Rope, Road)]
    assert [(each.help, each.rich_help_panel) for each in found] == [("Metres of rope.", "Rope"), ("Metres.", "Road")]

    def command(*, rope: Rope) -> float:
        return rope.length

    assert run(takes_groups(command), "--metres", "3") == run(takes_groups(command), "--length", "3") == 3.0


def test_a_command_may_offer_some_of_the_fields():
    @takes_groups
    def command(*, shape: Annotated[Shape, Only("colour")]) -> tuple:
        return shape.width, shape.colour

    assert run(command, "--colour", "blue") == (1.0, Colour.BLUE)
    with pytest.raises(typer.TyperException, match="--width"):
        run(command, "--width", "3")


def test_fields_that_there_are_not_and_options_of_two_groups_are_mistakes_in_the_program():
    def misspelt(*, shape: Annotated[Shape, Only("color")]) -> None: ...
    def twice(*, shape: Shape, box: Annotated[Box, Only("width")]) -> None: ...

    with pytest.raises(AttributeError, match="color"):
        takes_groups(misspelt)
    with pytest.raises(ValueError, match="width"):
        takes_groups(twice)


@pytest.mark.parametrize(
    ("words", "said"), [(["--width", "nan"], "--width is not a number"), (["--width", "6"], "no lid is so wide")]
)
def test_a_group_checks_itself_before_the_command_is_called(words, said):
    @takes_groups
    def command(*, box: Box) -> None:
        raise AssertionError("called")

    with pytest.raises(UsageError, match=said):
        run(command, *words)
