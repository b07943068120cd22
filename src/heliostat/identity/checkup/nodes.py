"""The servers that each hold a copy of the directory: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from heliostat.core.counting import counted
from heliostat.identity.checkup.finding import Area, Finding
from heliostat.identity.openldap.homes import Phase
from heliostat.identity.openldap.nodes import NodeStanding

BEHIND_S = 60.0
"""Changes younger than this may still be on their way."""
_STATUS = "See `helio identity node status`."


def lagging(standings: Iterable[NodeStanding]) -> Iterator[Finding]:
    """Nodes that do not answer, lack changes, or never had all of them."""
    for each in standings:
        name, standing = each.node.name, each.standing
        if not standing.answers:
            yield _node(
                f"The node {name} {standing.words}.",
                "Start it there (`helio directory-node`), or replace or remove it.",
            )
        elif standing.behind_s > BEHIND_S:
            yield _node(f"The node {name} {standing.words}.", _STATUS)
        elif not each.node.joined:
            yield _node(f"The node {name} is not asked yet: it lacks changes.", _STATUS)


def conflicting(conflicts: Sequence[str]) -> Iterator[Finding]:
    """Changes that were made on both sides of a cut line."""
    if conflicts:
        yield _node(
            f"{counted(len(conflicts), 'change')} of the last day met another of the same "
            f"entry; the later one stayed: {conflicts[0]}",
            _STATUS,
        )


def unaware(removed: Iterable[str]) -> Iterator[Finding]:
    """Servers that are no nodes any more, and answer programs from the copy that they had."""
    for sentence in removed:
        yield _node(sentence, "End it there, or switch that machine off.")


def under_way(place: str, target: str, phase: str) -> Iterator[Finding]:
    """Everybody is being moved; nothing is wrong with that, unless it takes long."""
    if target:
        closed = phase == Phase.CLOSED
        now = "nothing can be changed for a moment" if closed else "changes go on meanwhile"
        yield _node(
            f"Everybody moves from {place} to {target} ({phase}); {now}.",
            f"`helio identity migrate --to {target}` goes on, also after it was cut off; "
            f"`helio identity migrate --to {place}` goes back.",
        )


def _node(message: str, hint: str) -> Finding:
    return Finding(Area.DIRECTORY, message, hint)
