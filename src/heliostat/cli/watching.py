"""``--watch``: a list, and then a line for each change of what it shows.

With ``-o json`` every line is one JSON object with ``type`` and ``entity``:
``listed`` for what was there, then ``created``, ``changed`` and ``deleted``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NoReturn, TypeVar

import click
import msgspec

from heliostat.cli.output import Column
from heliostat.cli.session import Session
from heliostat.client.calls import Snapshot
from heliostat.client.events import Wanted
from heliostat.core.errors import HeliostatError
from heliostat.wire.events import Event

T = TypeVar("T", bound=msgspec.Struct)
LISTED = "listed"
_WIDTHS = (8, 38)

option = click.option("-w", "--watch", is_flag=True, help="Then follow what changes, until Ctrl-C.")


class Watch(Generic[T]):
    """What to list, what to follow, and how to show both."""

    def __init__(
        self,
        session: Session,
        type_: type[T],
        columns: Sequence[Column[T]],
        wanted: Wanted,
        keep: Callable[[T], bool] = lambda _entity: True,
    ) -> None:
        self._session = session
        self._type = type_
        self._columns = columns
        self._wanted = wanted
        self._keep = keep

    def run(self, read: Callable[[], Snapshot[T]]) -> NoReturn:
        """List and follow, for ever; lists again where the past is no longer kept."""
        if not (self._session.output.json or self._session.output.quiet):
            self._row(["change", *(column.title for column in self._columns)], upper=True)
        while True:
            found = read()
            for entity in found.items:
                self._show(LISTED, entity)
            try:
                for event in self._follow(found.revision):
                    entity = msgspec.convert(event.entity, self._type)
                    if self._keep(entity):
                        self._show(event.type.value, entity)
            except HeliostatError as error:
                if error.code != "RevisionGone":
                    raise
                self._session.output.note("Listing again: the past is no longer kept.")

    def _follow(self, revision: int) -> Iterator[Event]:
        return self._session.client.events.follow(
            self._wanted, after=revision, missed=missed(self._session)
        )

    def _show(self, change: str, entity: T) -> None:
        if self._session.output.quiet:
            click.echo(getattr(entity, "id", ""))
        elif self._session.output.json:
            click.echo(msgspec.json.encode({"type": change, "entity": entity}))
        else:
            self._row([change, *(column.of(entity) for column in self._columns)])

    def _row(self, cells: Sequence[str], *, upper: bool = False) -> None:
        """Lines come one by one, so widths are chosen beforehand."""
        widths = [*_WIDTHS, *(16 for _ in cells)]
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
        click.echo((line.upper() if upper else line).rstrip())


def missed(session: Session) -> Callable[[HeliostatError], None]:
    """Tell a person that the line broke and that it will be mended."""

    def tell(error: HeliostatError) -> None:
        session.output.note(f"{error.message} Connecting again.")

    return tell
