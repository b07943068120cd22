"""Who belongs to which group, directly and through groups in groups.  Pure.

Groups are given by key (folded name); members are references such as
``user:alice``.  A circle can't arise (``circle`` is asked before a member is
added), but ``effective`` ends even on one.
"""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.identity.directory.records import Group

Groups = Mapping[str, Group]


def effective(groups: Groups, member: str) -> frozenset[str]:
    """Keys of every group that holds ``member``, directly or through other groups."""
    parents = _parents(groups)
    found: set[str] = set()
    waiting = list(parents.get(member, ()))
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting.extend(parents.get(f"group:{key}", ()))
    return frozenset(found)


def circle(groups: Groups, parent: str, child: str) -> tuple[str, ...]:
    """The circle of group keys that putting ``child`` into ``parent`` would close, else empty."""
    came_from: dict[str, str | None] = {child: None}
    waiting = [child]
    while waiting:
        key = waiting.pop()
        if key == parent:
            return _path(came_from, key)
        for inner in _inner_groups(groups, key):
            if inner not in came_from:
                came_from[inner] = key
                waiting.append(inner)
    return ()


def _path(came_from: Mapping[str, str | None], last: str) -> tuple[str, ...]:
    path = [last]
    before = came_from[last]
    while before is not None:
        path.append(before)
        before = came_from[before]
    return (last, *reversed(path))


def _inner_groups(groups: Groups, key: str) -> list[str]:
    group = groups.get(key)
    members = group.members if group is not None else ()
    return [each.removeprefix("group:") for each in members if each.startswith("group:")]


def _parents(groups: Groups) -> dict[str, list[str]]:
    parents: dict[str, list[str]] = {}
    for key, group in groups.items():
        for member in group.members:
            parents.setdefault(member, []).append(key)
    return parents
