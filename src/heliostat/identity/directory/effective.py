"""Who is in which groups, remembered until any group changes.

A token asks for the groups of whoever it is about, and groups change rarely: working them out
again means a read of an index for every group on the way.  What is remembered counts only
for the mark of the groups' folder that it was worked out at (``CloudStore.mark``), so a
change counts from its commit on.  Bounded in members and in groups; lives as long as its realm.
"""

from __future__ import annotations

MEMBERS = 1024
MOST_GROUPS = 64
"""Who is in more is worked out each time: one such member could take more than all others."""

Names = tuple[str, ...]


class EffectiveGroups:
    """The names of members' groups, of one mark."""

    def __init__(self, members: int = MEMBERS) -> None:
        self._limit = members
        self._mark: int | None = None
        self._names: dict[str, Names] = {}

    def of(self, member: str, mark: int | None) -> Names | None:
        """Its groups at ``mark``, if they are known."""
        if mark is None or mark != self._mark:
            return None
        return self._names.get(member)

    def keep(self, member: str, names: Names, mark: int | None) -> None:
        """Remember what was worked out while the folder had this mark, and no other."""
        if mark is None or len(names) > MOST_GROUPS:
            return
        if mark != self._mark:
            self._names.clear()
            self._mark = mark
        if len(self._names) >= self._limit:
            del self._names[next(iter(self._names))]
        self._names[member] = names
