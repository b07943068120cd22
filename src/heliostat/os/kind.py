"""What an entry of a file system is, by its ``mode``: for all that list files.

``mode`` is the whole ``st_mode``, type and the twelve bits of permissions.
"""

from __future__ import annotations

import stat


class Kinded:
    """Something with a ``mode``; a link is a link, whatever it leads to."""

    __slots__ = ()

    mode: int

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def permissions(self) -> int:
        """The twelve bits, set-uid, set-gid and sticky included."""
        return stat.S_IMODE(self.mode)
