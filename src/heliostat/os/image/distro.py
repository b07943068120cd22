"""Where the operating system's data (editions, policy, files) lies.

In a checkout it is ``distro/`` beside ``src/``; an installed wheel carries it
inside the package as ``heliostat/distro/``.
"""

from __future__ import annotations

from pathlib import Path

import heliostat
from heliostat.core.errors import HeliostatError


def locate_distro() -> Path:
    """The folder of that data; ``BuildFailed`` if this installation has none."""
    package = Path(heliostat.__file__).resolve().parent
    for candidate in (package / "distro", package.parent.parent / "distro"):
        if (candidate / "tiny" / "init").is_file():
            return candidate
    raise HeliostatError(
        "BuildFailed",
        "This installation carries no distro/ folder with its data.",
        hint="Install heliostat[os], or run from a checkout.",
    )
