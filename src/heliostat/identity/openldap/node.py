"""A node: one slapd that holds a copy of the whole directory.

``number`` is its server id (RFC 4533 cookies, CSNs): never given to another node again,
because the changes that it numbered stay.  ``host`` and ``port`` are where others reach it.
"""

from __future__ import annotations

import msgspec

FIRST_NUMBER, LAST_NUMBER = 1, 999  # a replication id has three digits


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A member of the directory."""

    name: str
    number: int
    host: str
    port: int
    site: str = "default"
    local: bool = False
    """Started by the controller on its own machine."""
    joined: bool = False
    """It had every change once, and is asked since."""
    created_ms: int = 0
    schema: int = 1

    @property
    def identity(self) -> str:
        """What its certificate names: another one once it was replaced."""
        return f"{self.name}-{self.number}"

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ldaps://{host}:{self.port}"
