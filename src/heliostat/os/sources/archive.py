"""Which Debian archive packages are taken from: settings, and the sources they mean.

The mirror is the host's unless a setting names another; the suite need not be the
host's own.  A release is three suites (itself, updates, security), as everywhere
in Debian.  No address is written in this project.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.os.sources.host import KEYRING, Source, host_apt_options, host_release, host_sources


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``distro/archive.yaml``, and the options of the commands that override it."""

    suite: str = "trixie"
    """Code name of the release."""
    components: tuple[str, ...] = ("main",)
    architecture: str = "amd64"
    mirror: str | None = None
    """URL of the archive; the one of the host's apt configuration if none is given."""
    security_mirror: str | None = None
    """URL of the security archive; the host's if ``mirror`` isn't given either, else none."""
    keyring: str = str(KEYRING)
    """The keys that may sign the indexes."""
    snapshot: str | None = None
    """A point in time that ``snapshot_pattern`` can name, such as ``20260101T000000Z``."""
    snapshot_pattern: str | None = None
    """URL of an archive at a point in time, with ``{archive}`` (the last part of the
    mirror's path: ``debian``, ``debian-security``) and ``{snapshot}`` in it."""
    apt_options: tuple[str, ...] = ()
    """Further lines of apt's configuration, e.g. a proxy; the host's are taken anyway."""


@dataclass(frozen=True, slots=True)
class Archive:
    """The sources that make up one release of one archive, and how apt reaches them."""

    sources: tuple[Source, ...]
    architecture: str = "amd64"
    apt_options: tuple[str, ...] = ()

    @property
    def suite(self) -> str:
        """The release: the suite of the first source."""
        return self.sources[0].suite

    @property
    def identity(self) -> str:
        """Names the archive in the cache: 16 hexadecimal digits."""
        lines = "\n".join((self.architecture, *(source.line() for source in self.sources)))
        return hashlib.sha256(lines.encode()).hexdigest()[:16]


def archive_of(settings: ArchiveSettings, root: Path = Path("/")) -> Archive:
    """The archive that the settings and the host's apt (below ``root``) name."""
    pairs = _mirrors(settings, root)
    options = _source_options(settings)
    sources = tuple(
        Source(_at_snapshot(uri, settings), suite, settings.components, options)
        for uri, suite in pairs
    )
    return Archive(sources, settings.architecture, (*host_apt_options(), *settings.apt_options))


def _mirrors(settings: ArchiveSettings, root: Path) -> tuple[tuple[str, str], ...]:
    """URL and suite of each part of the release."""
    suite = settings.suite
    if settings.mirror is not None:
        security = settings.security_mirror
        tail = ((security, f"{suite}-security"),) if security else ()
        return ((settings.mirror, suite), *tail)
    release = host_release(root)
    found = {
        (source.uri, source.suite.replace(release, suite, 1))
        for source in host_sources(release, root)
    }
    if settings.security_mirror is not None:
        found = {pair for pair in found if not pair[1].endswith("-security")}
        found.add((settings.security_mirror, f"{suite}-security"))
    return _ordered(found)


def _ordered(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The release first: shorter names before those with a suffix."""
    return tuple(sorted(pairs, key=lambda pair: (len(pair[1]), pair[1], pair[0])))


def _source_options(settings: ArchiveSettings) -> tuple[tuple[str, str], ...]:
    options: tuple[tuple[str, str], ...] = (("signed-by", settings.keyring),)
    if settings.snapshot is not None:
        # an index of the past is expired by nature
        options = (*options, ("check-valid-until", "no"))
    return options


def _at_snapshot(uri: str, settings: ArchiveSettings) -> str:
    if settings.snapshot is None:
        return uri
    if settings.snapshot_pattern is None:
        raise HeliostatError(
            "InvalidSetting",
            f"The snapshot {settings.snapshot} is asked for, but no snapshot_pattern is set.",
            hint="Set `snapshot_pattern` in distro/archive.yaml, e.g. "
            "`http://HOST/archive/{archive}/{snapshot}`.",
        )
    name = uri.rstrip("/").rpartition("/")[2]
    try:
        return settings.snapshot_pattern.format(archive=name, snapshot=settings.snapshot)
    except (LookupError, ValueError) as error:
        raise HeliostatError(
            "InvalidSetting",
            f"snapshot_pattern is {settings.snapshot_pattern}, which can't be filled in: {error}.",
            hint="Only {archive} and {snapshot} may stand in braces.",
        ) from error
