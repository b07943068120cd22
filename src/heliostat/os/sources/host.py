"""The Debian archive that the build host's own apt configuration names.

Both forms are read (one-line ``.list`` and deb822 ``.sources``), options
included, and only entries of the host's own release are taken: third-party
archives do not belong in an image.  Format: sources.list(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)
_OPTION_NAMES = {"architectures": "arch", "languages": "lang", "targets": "target"}
_NO_OPTIONS = frozenset({"types", "uris", "suites", "components", "enabled"})
_APT_OPTIONS = (
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::ForceIPv",
    "Acquire::Retries",
    "Acquire::http::",
    "Acquire::https::",
)


@dataclass(frozen=True, slots=True)
class Source:
    """One archive, suite and set of components, with its options (as in one-line form)."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def line(self, kind: str = "deb") -> str:
        """The one-line form, of packages or (``deb-src``) of their sources."""
        options = " ".join(f"{name}={value}" for name, value in self.options)
        bracketed = (f"[{options}]",) if options else ()
        return " ".join((kind, *bracketed, self.uri, self.suite, *self.components))


def host_release(root: Path = Path("/")) -> str:
    """Code name of the release that the build host runs, e.g. ``bookworm``."""
    release = root / "etc" / "os-release"
    pairs = re.findall(r'^(\w+)="?([^"\n]*)"?$', release.read_text(), re.MULTILINE)
    values: dict[str, str] = dict(pairs)
    if values.get("ID") != "debian" or "VERSION_CODENAME" not in values:
        raise HeliostatError(
            "BuildFailed",
            f"Images are built on Debian; this is {values.get('PRETTY_NAME', 'something else')}.",
            hint="Build on a Debian host, or in a Debian chroot.",
        )
    return values["VERSION_CODENAME"]


def host_sources(release: str, root: Path = Path("/")) -> tuple[Source, ...]:
    """The Debian archive as the host's apt knows it; ``BuildFailed`` if it knows none."""
    wanted = {release, f"{release}-updates", f"{release}-security"}
    found = [
        _signed(source)
        for source in _configured(root / "etc" / "apt")
        if source.suite in wanted and "main" in source.components and _is_debian(source)
    ]
    if not any(source.suite == release for source in found):
        raise HeliostatError(
            "BuildFailed",
            f"apt on this machine is not configured for the Debian release {release}.",
            hint="Add the release to /etc/apt/sources.list and run `apt-get update`.",
        )
    return tuple(dict.fromkeys(found))


def host_apt_options() -> tuple[str, ...]:
    """Options of the host's apt that say how to reach its mirror (proxies, dates), as lines."""
    dump = run(["apt-config", "dump"], timeout_s=30).stdout
    return tuple(
        line
        for line in dump.splitlines()
        if line.startswith(_APT_OPTIONS) and not line.endswith(' "";')
    )


def parse_one_line(text: str) -> Iterator[Source]:
    """Sources in a ``.list`` file; ``deb-src`` and comments are passed over."""
    for line in text.splitlines():
        match = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if match:
            pairs = (option.partition("=") for option in (match["options"] or "").split())
            options = tuple((name.lower(), value) for name, _, value in pairs)
            components = tuple(match["rest"].split())
            yield Source(match["uri"], match["suite"], components, options)


def parse_deb822(text: str) -> Iterator[Source]:
    """Sources in a ``.sources`` file, one for each URI and suite of an enabled stanza."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split():
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        options = tuple(_stanza_options(fields))
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, components, options)


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}"
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _stanza_options(fields: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        # a key written into the stanza has no one-line form; Debian's keyring takes its place
        if name and name not in _NO_OPTIONS and "\n" not in value and value:
            yield _OPTION_NAMES.get(name, name), ",".join(value.split())


def _configured(folder: Path) -> Iterator[Source]:
    main = folder / "sources.list"
    parts = sorted((folder / "sources.list.d").glob("*"))
    for path in (main, *parts):
        if path.is_file() and path.suffix == ".list":
            yield from parse_one_line(path.read_text())
        elif path.is_file() and path.suffix == ".sources":
            yield from parse_deb822(path.read_text())


def _is_debian(source: Source) -> bool:
    keyring = dict(source.options).get("signed-by", "")
    return not keyring or "debian-archive" in keyring


def _signed(source: Source) -> Source:
    if "signed-by" in dict(source.options) or not KEYRING.is_file():
        return source
    options = (*source.options, ("signed-by", str(KEYRING)))
    return Source(source.uri, source.suite, source.components, options)
