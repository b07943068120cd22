"""Settings of the archive: ``distro/archive.yaml``, overridden by options and environment.

``HELIO_OS_MIRROR``, ``HELIO_OS_SECURITY_MIRROR``, ``HELIO_OS_SUITE`` and
``HELIO_OS_SNAPSHOT`` override the file; options of a command override both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from heliostat.os.data import load
from heliostat.os.sources.archive import ArchiveSettings

_VARIABLES = {
    "mirror": "HELIO_OS_MIRROR",
    "security_mirror": "HELIO_OS_SECURITY_MIRROR",
    "suite": "HELIO_OS_SUITE",
    "snapshot": "HELIO_OS_SNAPSHOT",
}


def archive_settings(
    distro: Path, *, environ: Mapping[str, str] | None = None, **options: str | None
) -> ArchiveSettings:
    """The settings of ``distro``; ``options`` are fields of them, None where nothing was said."""
    path = distro / "archive.yaml"
    settings = load(path, ArchiveSettings) if path.is_file() else ArchiveSettings()
    told = os.environ if environ is None else environ
    said = {name: told[variable] for name, variable in _VARIABLES.items() if told.get(variable)}
    said.update({name: value for name, value in options.items() if value})
    return msgspec.structs.replace(settings, **said)
