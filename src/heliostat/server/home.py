"""Where a platform keeps its state: everything lies below one folder.

A socket's path may have 107 bytes at most (the kernel's limit), which bounds how
deep a home may lie.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.cache import cache_folder
from heliostat.core.errors import PermanentError
from heliostat.server.settings import CONFIG_NAME

SOCKET_PATH_BYTES = 107
PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one platform."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / CONFIG_NAME

    @property
    def store(self) -> Path:
        return self.path / "store" / "heliostat.db"

    @property
    def content(self) -> Path:
        return self.path / "content"

    @property
    def authority(self) -> Path:
        """The certificate authority's key and certificate."""
        return self.path / "authority"

    @property
    def socket(self) -> Path:
        """The public API for the owner of this machine."""
        return self.path / "run" / "controller.sock"

    @property
    def agent(self) -> Path:
        """State of the agent on this machine: its certificate, guests, disks, images."""
        return self.path / "agent"

    @property
    def cache(self) -> Path:
        """Built images; the environment may name another place."""
        return cache_folder(os.environ, self.path)

    @property
    def backup(self) -> Path:
        """Copies of the store."""
        return self.path / "backup"

    @property
    def ldap(self) -> Path:
        """What the LDAP server of the directory needs while it runs."""
        return self.path / "run" / "ldap"

    def pid_file(self, role: str) -> Path:
        return self.path / "run" / f"{role}.pid"

    def log(self, role: str) -> Path:
        return self.path / "log" / f"{role}.log"

    def prepare(self) -> None:
        """Make the folders; raises ``InvalidSetting`` or ``StoreReadOnly``."""
        length = len(bytes(self.socket))
        if length > SOCKET_PATH_BYTES:
            raise PermanentError(
                "InvalidSetting",
                f"HELIO_HOME is too deep: the socket's path would have {length} bytes, "
                f"and {SOCKET_PATH_BYTES} is the system's limit.",
                hint="Choose a shorter HELIO_HOME.",
            )
        try:
            for folder in (self.path, self.store.parent, self.socket.parent, self.path / "log"):
                folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
            self.path.chmod(PRIVATE)
        except OSError as error:
            raise PermanentError(
                "StoreReadOnly",
                f"HELIO_HOME can't be prepared: {error.strerror}: {error.filename}.",
                hint="Choose a HELIO_HOME that you may write.",
            ) from error
