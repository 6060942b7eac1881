"""Which turns of the model are still to come, once it calls functions. Pure.

A function that the model does not wait for is called in one turn and spoken of in another, and its response may be on
its way while the first still ends: so turns are counted. What several responses bring may be said in one turn or in
several; after one, those that may have been said with it are `doubtful`.
"""

from __future__ import annotations


class Due:
    """`turns` is how many TurnCompletes are still to come. While they are `doubtful` there may be none."""

    def __init__(self) -> None:
        self.turns = 0
        self.doubtful = False
        self._resumed = False  # nothing was said yet since the model was given what it waits for

    def ask(self) -> None:
        """The user says something: a turn answers that, whatever was answered before."""
        self.turns = max(self.turns, 1)

    def respond(self, *, held: bool, silent: bool) -> None:
        """A function's response is sent. `held`: the model holds its turn open for it, if it still can."""
        if held and self.turns:
            self._resumed = True
        elif not silent:
            self.turns += 1
        self.doubtful = False

    def begin(self) -> None:
        """The model says something, or calls a function: of that turn the end will come."""
        self.doubtful = self._resumed = False

    def complete(self) -> None:
        """A turn is complete."""
        if self._resumed:  # it may have been over before the response was there, which then has a turn of its own
            self._resumed, self.doubtful = False, True
            return
        self.turns = max(0, self.turns - 1)
        self.doubtful = self.turns > 0
