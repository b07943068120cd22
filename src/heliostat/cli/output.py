"""Results on standard output: tables for people, JSON for programs, ids for pipes.

With ``-o json`` a command prints exactly one JSON value.  Colour only on a
terminal, and never when ``NO_COLOR`` is set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from heliostat.cli import text

if TYPE_CHECKING:
    from heliostat.cli.session import Choices

T = TypeVar("T", bound=msgspec.Struct)

_COLOURS = {
    "READY": "green",
    "STARTED": "green",
    "COMPLETED": "green",
    "ATTACHED": "green",
    "ACTIVE": "green",
    "ERROR": "red",
    "MISSING": "red",
    "UNREACHABLE": "red",
    "PARTIAL_ERROR": "red",
    "QUEUED": "yellow",
    "CREATING": "yellow",
    "SUSPENDED": "yellow",
    "MAINTENANCE": "yellow",
    "NOT_PROVISIONED": "yellow",
    "PENDING_DELETE": "yellow",
    "INITIALIZING": "yellow",
}


class Column(NamedTuple, Generic[T]):
    """A column: its title and how to get its text from an item."""

    title: str
    of: Callable[[T], str]


class Output:
    """Where results go, in the form that was chosen."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    @property
    def json(self) -> bool:
        return self._choices.json

    @property
    def quiet(self) -> bool:
        return self._choices.quiet

    def value(self, value: Any) -> None:
        """One JSON value."""
        encoded = msgspec.json.encode(value)
        print(msgspec.json.format(encoded, indent=2).decode())

    def line(self, line: str) -> None:
        print(line)

    def note(self, line: str) -> None:
        """Something a person should know that is no result."""
        if not self.json:
            print(line, file=sys.stderr)

    def items(
        self,
        items: Iterable[T],
        columns: Sequence[Column[T]],
        *,
        key: Callable[[T], str] = lambda item: str(getattr(item, "id", "")),
        empty: str = "Nothing found.",
    ) -> None:
        """A list of entities."""
        found = [*items]
        if self.quiet:
            for item in found:
                self.line(key(item))
        elif self.json:
            self.value(found)
        elif found:
            self.table(
                [column.title for column in columns],
                [[column.of(item) for column in columns] for item in found],
            )
        else:
            self.note(empty)

    def entity(self, entity: msgspec.Struct) -> None:
        """One entity with all its fields."""
        if self.quiet:
            self.line(str(getattr(entity, "id", "")))
        elif self.json:
            self.value(entity)
        else:
            self.facts(text.facts(entity))

    def facts(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names and values, one a line."""
        rows = [(name, text.harmless(value)) for name, value in rows]
        if not sys.stdout.isatty():
            for line in text.columns([(name, value) for name, value in rows]):
                print(line)
            return
        self._grid([], rows)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Aligned columns; plain lines where no person looks."""
        titles = [title.upper() for title in titles]
        rows = [[text.harmless(value) for value in row] for row in rows]
        if sys.stdout.isatty():
            self._grid(titles, rows)
            return
        for line in text.columns([titles, *rows]):
            print(line)

    def _grid(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.console import Console  # only a terminal needs it
        from rich.table import Table
        from rich.text import Text

        console = Console(highlight=False)
        widths = text.widths([titles, *rows] if titles else rows, console.width)
        grid = Table(box=None, show_header=bool(titles), pad_edge=False, header_style="bold")
        for index, width in enumerate(widths):
            title = titles[index] if titles else ""
            style = "" if titles or index else "bold"
            grid.add_column(title, overflow="fold", style=style, width=width)
        for row in rows:
            grid.add_row(*(Text(value, style=_COLOURS.get(value, "")) for value in row))
        console.width = max(console.width, text.line_width(widths))
        console.print(grid)
