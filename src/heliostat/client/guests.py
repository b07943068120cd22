"""Whether a guest answers: its SSH server, asked through the platform.

An accepted connection proves nothing (the host's side accepts for the guest);
only the server's own banner does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from heliostat.core.errors import HeliostatError

if TYPE_CHECKING:
    from heliostat.client.client import Client

BANNER = b"SSH-"
ANSWER_WITHIN_S = 10.0
PAUSE_S = 1.0


def wait_for_ssh(
    client: Client,
    vm_id: str,
    *,
    timeout_s: float,
    port: int = 22,
    sleep: Callable[[float], None] = time.sleep,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> None:
    """Return once the guest's SSH server greets; raises ``GuestUnreachable`` in the end."""
    deadline = monotonic_s() + timeout_s
    while True:
        why = ""
        try:
            if greets(client, vm_id, port=port):
                return
        except HeliostatError as error:
            if error.code not in ("GuestUnreachable", "Unreachable", "AgentUnavailable"):
                raise
            why = f" ({error.message.rstrip('.')})"
        if monotonic_s() >= deadline:
            raise HeliostatError(
                "GuestUnreachable",
                f"The guest's SSH server did not answer within {timeout_s:g} s{why}.",
            )
        sleep(PAUSE_S)


def greets(client: Client, vm_id: str, *, port: int = 22) -> bool:
    """Whether an SSH server answers with its banner now."""
    tunnel = client.vms.port(vm_id, port)
    # A booting guest accepts late or never: closing wakes the reader below.
    timer = threading.Timer(ANSWER_WITHIN_S, tunnel.close)
    timer.daemon = True
    timer.start()
    try:
        return tunnel.read().startswith(BANNER)
    finally:
        timer.cancel()
        tunnel.close()
