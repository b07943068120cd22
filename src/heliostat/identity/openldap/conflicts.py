"""Changes of the same thing on both sides of a cut link: which there were, and which one stayed.

Each node logs what was written to it and what it copied, in the order in which it did.  A
change that was made at a node before an earlier one of another node had got there did not
know of it: if both changed the same attribute, the later one stays (by CSN).  Pure, but for
``read``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from heliostat.identity.openldap.config import LOG_SUFFIX
from heliostat.identity.openldap.lag import Csn, clock_of, parsed
from heliostat.identity.openldap.library import ldap_library

SHOWN = timedelta(hours=24)
MOST = 20_000
"""Log entries that are looked at."""
_QUIET = ("entrycsn", "modifiersname", "modifytimestamp", "heliostatrecord", "pwd")
"""What every change brings along, and the servers' own counting of wrong passwords."""
WHOLE = ("*", "")


@dataclass(frozen=True, slots=True)
class Logged:
    """A change: what it touched, as attribute and (where only that counts) value."""

    csn: Csn
    dn: str
    touched: frozenset[tuple[str, str]]
    deletes: bool = False


def read(connection: Any, now_ms: int) -> list[Logged]:
    """A node's log of the last day, in its order.  Blocking."""
    ldap = ldap_library()
    since = datetime.fromtimestamp(now_ms / 1000, UTC) - SHOWN
    wanted = f"(&(objectClass=auditWriteObject)(reqStart>={since:%Y%m%d%H%M%S}.000000Z))"
    asked = ["reqStart", "reqDN", "reqMod", "reqType", "entryCSN"]
    try:
        found = connection.search_ext_s(
            LOG_SUFFIX, ldap.SCOPE_ONELEVEL, wanted, asked, sizelimit=MOST
        )
    except (ldap.NO_SUCH_OBJECT, ldap.SIZELIMIT_EXCEEDED):
        return []
    found.sort(key=lambda each: each[1]["reqStart"][0])
    return [_logged(attributes) for _, attributes in found if attributes.get("entryCSN")]


def deletions(connection: Any) -> list[Logged]:
    """What a node's whole log has of entries that were deleted.  Blocking."""
    ldap = ldap_library()
    wanted, asked = "(objectClass=auditDelete)", ["reqDN", "reqType", "entryCSN"]
    try:
        found = connection.search_s(LOG_SUFFIX, ldap.SCOPE_ONELEVEL, wanted, asked)
    except ldap.NO_SUCH_OBJECT:
        return []
    return [_logged(attributes) for _, attributes in found if attributes.get("entryCSN")]


def conflicts(logs: Mapping[int, Sequence[Logged]], names: Mapping[int, str]) -> list[str]:
    """Sentences about the conflicts in the logs of nodes (by number), the oldest first."""
    known = {
        number: {each.csn.text: at for at, each in reversed(list(enumerate(log)))}
        for number, log in logs.items()
    }
    begins = {number: min(each.csn.at_us for each in log) for number, log in logs.items() if log}
    by_dn: dict[str, dict[str, Logged]] = {}
    for log in logs.values():
        for each in log:
            if not each.touched:
                continue  # wrong passwords, of which there may be many
            # a node logs of a change that came too late only what it did of it
            seen = by_dn.setdefault(each.dn.casefold(), {})
            before = seen.get(each.csn.text)
            touched = each.touched | before.touched if before is not None else each.touched
            seen[each.csn.text] = replace(each, touched=touched)
    found: list[tuple[Csn, str]] = []
    for changes in by_dn.values():
        if len({each.csn.number for each in changes.values()}) < 2:
            continue  # a day's changes of one group may be all of its members
        ordered = sorted(changes.values(), key=lambda each: each.csn.text)
        for earlier, later in combinations(ordered, 2):
            there = known.get(later.csn.number)
            if earlier.csn.number == later.csn.number or there is None:
                continue
            if earlier.csn.at_us < begins.get(later.csn.number, 0):
                continue
            came, made = there.get(earlier.csn.text), there.get(later.csn.text)
            both = _overlap(earlier.touched, later.touched)
            if both and (came is None or made is None or came > made):
                found.append((later.csn, _sentence(earlier, later, both, names)))
    return [sentence for _, sentence in sorted(found, key=lambda each: each[0].text)]


def _overlap(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> frozenset[str]:
    """Attributes that both set, or of which both touched the same value."""
    if WHOLE in one or WHOLE in other:
        return frozenset({"the whole entry"})
    whole = {name for name, value in one | other if not value}
    same = {name for name, _ in one & other}
    return frozenset(same | (whole & {name for name, _ in one} & {name for name, _ in other}))


def _sentence(earlier: Logged, later: Logged, both: Iterable[str], names: Mapping[int, str]) -> str:
    def of(each: Logged) -> str:
        node = names.get(each.csn.number, f"a node that is gone (number {each.csn.number})")
        return f"{node} ({clock_of(each.csn)})"

    kept = names.get(later.csn.number, "the later")
    return (
        f"{later.dn}: {', '.join(sorted(both))} was changed at {of(earlier)} and, not knowing of "
        f"it, at {of(later)}; what {kept} wrote stays."
    )


def _logged(attributes: Mapping[str, Sequence[bytes]]) -> Logged:
    dn = attributes["reqDN"][0].decode(errors="replace")
    csn = parsed(attributes["entryCSN"][0].decode())
    if attributes.get("reqType", [b""])[0] != b"modify":
        deletes = attributes.get("reqType", [b""])[0] == b"delete"
        return Logged(csn, dn, frozenset({WHOLE}), deletes)
    touched = set()
    for each in attributes.get("reqMod", ()):
        name, _, rest = each.decode(errors="replace").partition(":")
        if not name.casefold().startswith(_QUIET):
            touched.add((name.casefold(), rest[1:].strip() if rest[:1] in "+-" else ""))
    return Logged(csn, dn, frozenset(touched))
