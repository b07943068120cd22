"""Who is behind: what each node has seen of each other's changes, in words.  Pure.

A node tells for each server id the last change of it that it has (contextCSN).  The farthest
of all nodes is what there is; whoever has less is behind since the change after his.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Csn:
    """A change's number: when, and at which server (RFC 4533 servers of OpenLDAP)."""

    at_us: int
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one node has, by server id; ``None``: it did not answer, for the reason ``why``."""

    name: str
    number: int
    state: tuple[str, ...] | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a node is."""

    name: str
    answers: bool
    behind_s: float
    since_ms: int
    words: str


def parsed(text: str) -> Csn:
    """``20261121234840.272933Z#000000#001#000000``."""
    stamp, _, sid, _ = text.split("#")
    whole, _, micro = stamp.rstrip("Z").partition(".")
    seconds = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    return Csn(int(seconds) * SECOND + int(micro or 0), text, int(sid, 16))


def standings(seen: Sequence[Seen]) -> list[Standing]:
    """Of each node, in the order given; changes of nodes that were removed don't count."""
    members = {each.number: each.name for each in seen}
    vectors = {each.name: _vector(each.state or (), members) for each in seen}
    farthest: dict[int, Csn] = {}
    for vector in vectors.values():
        for number, csn in vector.items():
            if number not in farthest or csn.text > farthest[number].text:
                farthest[number] = csn
    return [_standing(each, vectors[each.name], farthest, members) for each in seen]


def _vector(state: Sequence[str], members: Mapping[int, str]) -> dict[int, Csn]:
    return {csn.number: csn for csn in map(parsed, state) if csn.number in members}


def _standing(
    seen: Seen, own: Mapping[int, Csn], farthest: Mapping[int, Csn], members: Mapping[int, str]
) -> Standing:
    if seen.state is None:
        return Standing(seen.name, False, 0.0, 0, f"does not answer: {seen.why}")
    missing = [
        (number, last, own.get(number))
        for number, last in sorted(farthest.items())
        if number not in own or own[number].text < last.text
    ]
    if not missing:
        return Standing(seen.name, True, 0.0, 0, "has every change")
    behind_us = max(
        last.at_us - (mine.at_us if mine is not None else last.at_us) for _, last, mine in missing
    )
    since_us = min((mine or last).at_us for _, last, mine in missing)
    told = ", ".join(
        f"of {members[number]} it has all until {clock_of(mine)}, the last is of {clock_of(last)}"
        if mine is not None
        else f"of {members[number]} it has nothing yet"
        for number, last, mine in missing
    )
    return Standing(seen.name, True, behind_us / SECOND, since_us // 1000, f"is behind: {told}")


def clock_of(csn: Csn) -> str:
    whole = datetime.fromtimestamp(csn.at_us / SECOND, UTC)
    return whole.strftime("%Y-%m-%d %H:%M:%S.") + f"{csn.at_us % SECOND // 1000:03} UTC"
