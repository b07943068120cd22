"""Where what was built once is kept: images, the guest of the tests.

``HELIO_CACHE`` if it is set, else below the platform's home, else below ``~/.heliostat``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEFAULT_HOME = ".heliostat"


def cache_folder(environ: Mapping[str, str], home: Path | None = None) -> Path:
    """The folder; ``home`` is the platform's if its caller knows it."""
    if chosen := environ.get("HELIO_CACHE"):
        return Path(chosen)
    named = environ.get("HELIO_HOME")
    return (home or (Path(named) if named else Path.home() / DEFAULT_HOME)) / "cache"
