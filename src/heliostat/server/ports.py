"""Free TCP ports for a new platform, so that two homes can live on one machine.

Chosen once, at the first start, and written to the settings; from then on a
taken port is an error that names it.
"""

from __future__ import annotations

import errno
import socket

from heliostat.core.errors import PermanentError
from heliostat.core.files import atomic_write
from heliostat.server.home import Home
from heliostat.server.settings import Settings

TRIES = 100
STEP = 10


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose(home: Home, settings: Settings) -> None:
    """Write free ports to the settings file of a home that has none yet."""
    if home.config.exists():
        return
    for offset in range(0, TRIES * STEP, STEP):
        api, agents = settings.api.port + offset, settings.agents.port + offset
        lists = settings.agents.port + 1 + offset
        taken_by = ((settings.api.host, api), (settings.agents.host, agents))
        if all(is_free(*each) for each in (*taken_by, (settings.api.host, lists))):
            text = (
                "# Settings of this platform; docs/reference/settings.md lists all of them.\n"
                f"[api]\nport = {api}\n\n[agents]\nport = {agents}\n\n"
                f"[identity.authority]\nport = {lists}\n"
            )
            atomic_write(home.config, text.encode())
            return
    raise PermanentError(
        "PortTaken", f"No three free ports between {settings.api.port} and {api} on this machine."
    )


def taken(host: str, port: int, setting: str) -> PermanentError:
    """The error for a configured port that somebody else listens on."""
    return PermanentError(
        "PortTaken",
        f"Port {port} on {host} is in use by another program.",
        hint=f"Stop that program, or set another {setting} in heliostat.toml.",
    )
