"""apt, run on folders of our own: it fetches and verifies what an archive publishes.

apt already knows what a mirror may do wrong (unsigned, expired or half-written
indexes, indexes that change while they are read, proxies, passwords, resumed
downloads), so nothing of it is written again here.  The host's package state is
neither read nor touched; of the host's configuration only what says how to reach
mirrors is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError, TemporaryError
from heliostat.core.files import atomic_write
from heliostat.core.process import CommandFailed, Output, run
from heliostat.os.sources.archive import Archive

HELPER = "/usr/lib/apt/apt-helper"
TIMEOUT_S = 1800.0
_TOGETHER = 500  # a command line ends at two megabytes

# The first that matches tells the fault: code, sentence, hint.  apt's words are in
# apt-pkg/acquire-item.cc, apt-pkg/deb/debmetaindex.cc and methods/*.cc of its source.
_FAULTS: tuple[tuple[str, str, str, str], ...] = (
    (
        r"No space left on device",
        "DiskFull",
        "The disk of the cache is full.",
        "Free space, or point HELIO_CACHE to a larger disk, and run the same again.",
    ),
    (
        r"Release file for (\S+) is expired \((.*?)\)",
        "ArchiveUntrusted",
        "The index {0} is too old: {1}.",
        "Use a mirror that is kept current; for an archive of the past set `snapshot`.",
    ),
    (
        r"Release file for (\S+) is not valid yet \((.*?)\)",
        "ArchiveUntrusted",
        "The index {0} is of the future: {1}.",
        "Set this machine's clock.",
    ),
    (
        r"(\S+) \S+ InRelease'?: .*BADSIG",
        "ArchiveUntrusted",
        "The signature of the index of {0} is wrong: its content was changed after signing.",
        "Use another mirror (`--mirror`); this one, or the way to it, can't be trusted.",
    ),
    (
        r"(\S+) \S+ InRelease'?: .*NO_PUBKEY (\w+)",
        "ArchiveUntrusted",
        "The index of {0} is signed by the key {1}, which isn't in the keyring.",
        "Install the archive's keyring package, or name its file as `keyring`.",
    ),
    (
        r"Clearsigned file isn't valid",
        "ArchiveUntrusted",
        "An index of the archive is not a signed file: something else answers in its place.",
        "Check the address of the mirror, and whether this network demands a login.",
    ),
    (
        r"The repository '(\S+) (\S+) \S+' is not signed",
        "ArchiveUntrusted",
        "The suite {1} of {0} is not signed.",
        "Use an archive with a signed index; unsigned ones are never taken.",
    ),
    (
        r"The repository '(\S+) (\S+) \S+' does (?:no longer|not) have a Release file",
        "ArchiveUnreachable",
        "{0} has no suite {1}.",
        "Check `suite` and `mirror`: `helio os source show`.",
    ),
    (
        r"Failed to fetch (\S+)\s+(?:Hash Sum mismatch|Hash sum mismatch|File has unexpected size)",
        "DigestMismatch",
        "{0} isn't the file that the signed index names.",
        "Try again in some minutes (mirrors are updated in place), else use another mirror.",
    ),
    (
        r"Hash Sum mismatch|Hash sum mismatch|File has unexpected size",
        "DigestMismatch",
        "A file of the archive isn't the one that its signed index names.",
        "Try again in some minutes (mirrors are updated in place), else use another mirror.",
    ),
    (
        r"(?:Failed to fetch|Err:\d+) (\S+).*?404 +Not Found",
        "ArchiveUnreachable",
        "The mirror has no {0} (404).",
        "Run `helio os source update`; if it stays away, use another mirror.",
    ),
    (
        r"Failed to fetch (\S+)\s+(.*)",
        "ArchiveUnreachable",
        "{0} can't be fetched: {1}.",
        "See that the mirror can be reached from here: `helio os source show`.",
    ),
)


@dataclass(frozen=True, slots=True)
class Apt:
    """apt with a state of its own in ``folder``."""

    folder: Path
    archive: Archive
    source_packages: bool = False
    """Whether the indexes of source packages are taken too."""

    def update(self) -> None:
        """Get the indexes anew and verify them; raises on the first that can't be."""
        self._prepare()
        # any: an index that couldn't be had is an error, not a warning about an old one
        self._call(["apt-get", "-q", "update", "--error-on=any"])

    def download(self, files: Sequence[tuple[str, Path, str]]) -> None:
        """Get files: URL, path, SHA-256.  One that is there in part is resumed."""
        self._prepare()
        for start in range(0, len(files), _TOGETHER):
            triples = [
                part
                for url, path, sha256 in files[start : start + _TOGETHER]
                for part in (url, str(path), f"SHA256:{sha256}")
            ]
            self._call([HELPER, "-q", "download-file", *triples])

    def run(self, argv: list[str], cwd: Path | None = None) -> Output:
        """Any program of apt's on this state; raises as ``update`` does."""
        self._prepare()
        return self._call(argv, cwd)

    def indexes(self) -> list[Path]:
        """The ``Packages`` files as they are after ``update``."""
        return sorted(self._lists.glob("*_Packages"))

    def releases(self) -> list[Path]:
        """The signed files that name the indexes by digest."""
        return sorted(self._lists.glob("*Release"))

    def index_of(self, uri: str, suite: str, component: str) -> Path:
        """Where apt keeps one index; the naming is that of ``URItoFileName``."""
        path = f"dists/{suite}/{component}/binary-{self.archive.architecture}/Packages"
        return self._lists / uri_to_file_name(f"{uri.rstrip('/')}/{path}")

    def sources_of(self, uri: str, suite: str, component: str) -> Path:
        """Where apt keeps one index of source packages."""
        path = f"dists/{suite}/{component}/source/Sources"
        return self._lists / uri_to_file_name(f"{uri.rstrip('/')}/{path}")

    def release_of(self, uri: str, suite: str) -> Path:
        """Where apt keeps the verified ``InRelease``, or the ``Release`` of old archives."""
        base = f"{uri.rstrip('/')}/dists/{suite}"
        inline = self._lists / uri_to_file_name(f"{base}/InRelease")
        return inline if inline.is_file() else self._lists / uri_to_file_name(f"{base}/Release")

    @property
    def _lists(self) -> Path:
        return self.folder / "state" / "lists"

    def _prepare(self) -> None:
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        kinds = ("deb", "deb-src") if self.source_packages else ("deb",)
        sources = self.archive.sources
        lines = "".join(f"{source.line(kind)}\n" for kind in kinds for source in sources)
        _write_if_changed(self.folder / "sources.list", lines)
        _write_if_changed(self.folder / "apt.conf", self._configuration())

    def _configuration(self) -> str:
        """Read before all else by way of APT_CONFIG: nothing of the host's is read after it."""
        architecture = self.archive.architecture
        settings = {
            "Dir::Etc::Parts": "/dev/null",
            "Dir::Etc::Main": "/dev/null",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::SourceList": f"{self.folder}/sources.list",
            "Dir::State": f"{self.folder}/state",
            "Dir::State::status": f"{self.folder}/status",
            "Dir::Cache": f"{self.folder}/cache",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Architecture": architecture,
            "APT::Architectures::": architecture,
            # apt's own user could not write into folders of ours
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::GzipIndexes": "false",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
        }
        lines = [f'{name} "{value}";' for name, value in settings.items()]
        return "\n".join((*lines, *self.archive.apt_options)) + "\n"

    def _call(self, argv: list[str], cwd: Path | None = None) -> Output:
        env = {**os.environ, "APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C.UTF-8"}
        try:
            return run(argv, timeout_s=TIMEOUT_S, env=env, cwd=str(cwd) if cwd else None)
        except CommandFailed as error:
            raise fault_of(error) from error


def fault_of(error: CommandFailed) -> HeliostatError:
    """What apt complains about, as an error with a code, a sentence and a hint."""
    said = f"{error.stdout}\n{error.stderr}"
    for pattern, code, sentence, hint in _FAULTS:
        match = re.search(pattern, said)
        if match:
            message = sentence.format(*(group.strip(" .'") for group in match.groups()))
            kind = TemporaryError if code == "ArchiveUnreachable" else HeliostatError
            return kind(code, message, hint=hint, data=error.data)
    return HeliostatError("ArchiveUnreachable", error.message, data=error.data)


def uri_to_file_name(uri: str) -> str:
    """The name that apt gives to a file of ``uri`` (``URItoFileName`` in strutl.cc)."""
    path = re.sub(r"^[a-z+]+:(//)?", "", uri)
    path = re.sub(r"^[^/@]*@", "", path)
    quoted = "".join(
        f"%{ord(char):02x}" if char in '\\|{}[]<>"^~_=!@#$%^&*' else char for char in path
    )
    return quoted.replace("/", "_")


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text() != text:
        atomic_write(path, text.encode())
