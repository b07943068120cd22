"""VNC viewers that are installed here, and how each is told where to look."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable

from heliostat.core.errors import HeliostatError

_DISPLAY_0 = 5900
_VIEWERS: dict[str, Callable[[str, int], str]] = {
    "vncviewer": lambda address, port: f"{address}::{port}",
    "xtigervncviewer": lambda address, port: f"{address}::{port}",
    "xtightvncviewer": lambda address, port: f"{address}::{port}",
    "gvncviewer": lambda address, port: f"{address}:{port - _DISPLAY_0}",
    "remmina": lambda address, port: f"vnc://{address}:{port}",
    "vinagre": lambda address, port: f"vnc://{address}:{port}",
}


def installed() -> str:
    """The first viewer on the path; raises ``CommandFailed`` if there is none."""
    for program in _VIEWERS:
        if shutil.which(program) is not None:
            return program
    raise HeliostatError(
        "CommandFailed",
        "No VNC viewer is installed here.",
        hint=f"Install one of {', '.join(_VIEWERS)}, or leave out --open and name the port.",
    )


def start(program: str, address: str, port: int, *, ended: Callable[[], None]) -> None:
    """Run a viewer beside us; ``ended`` is called when its window is closed."""
    viewer = subprocess.Popen([program, _VIEWERS[program](address, port)])

    def wait() -> None:
        viewer.wait()
        ended()

    threading.Thread(target=wait, name="helio-viewer", daemon=True).start()
