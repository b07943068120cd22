"""A Debian archive of a few packages, served over HTTP by a mirror that can misbehave.

The packages are built by ``dpkg-deb``, the index is signed by ``gpg`` with a key made for
the test, and what reads it is apt itself: only the mirror's faults are ours.
"""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.os.sources.archive import Archive
from heliostat.os.sources.host import Source
from heliostat.testing.debs import TinyDeb, build_deb
from heliostat.testing.mirror import Mirror, mirror

SUITE = "testing"


@dataclass
class TinyArchive:
    """The archive's folder, its key, and the mirror that serves it."""

    root: Path
    mirror: Mirror

    @property
    def archive(self) -> Archive:
        """As settings would name it."""
        options = (("signed-by", str(self.keyring)),)
        return Archive((Source(self.mirror.url, SUITE, ("main",), options),))

    @property
    def keyring(self) -> Path:
        return self.root / "keyring.gpg"

    def publish(self, *debs: TinyDeb, valid_for: datetime.timedelta | None = None) -> None:
        """Write pool and index anew, and sign it; an expired index has a negative time."""
        pool = self.root / "www" / "pool"
        pool.mkdir(parents=True, exist_ok=True)
        built = [build_deb(deb, self.root / "build") for deb in debs if not self._is_built(deb)]
        for path in built:
            path.rename(pool / path.name)
        self.index(valid_for=valid_for)

    def index(self, *, valid_for: datetime.timedelta | None = None) -> None:
        """The index of what is in the pool, signed."""
        entries = "\n".join(
            _stanza(path) for path in sorted((self.root / "www/pool").glob("*.deb"))
        )
        folder = self.root / "www" / "dists" / SUITE
        packages = folder / "main" / "binary-amd64" / "Packages"
        packages.parent.mkdir(parents=True, exist_ok=True)
        packages.write_text(entries)
        digest = hashlib.sha256(packages.read_bytes()).hexdigest()
        now = datetime.datetime.now(datetime.UTC)
        dated = f"Date: {_rfc(now - datetime.timedelta(days=2))}\n"
        if valid_for is not None:
            dated += f"Valid-Until: {_rfc(now + valid_for)}\n"
        (folder / "Release").write_text(
            f"Origin: Test\nSuite: {SUITE}\nCodename: {SUITE}\n{dated}"
            f"Architectures: amd64\nComponents: main\nSHA256:\n"
            f" {digest} {packages.stat().st_size} main/binary-amd64/Packages\n"
        )
        self._sign(folder)

    def _is_built(self, deb: TinyDeb) -> bool:
        name = f"{deb.name}_{deb.version.rpartition(':')[2]}_{deb.architecture}.deb"
        return (self.root / "www" / "pool" / name).is_file()

    def make_key(self) -> None:
        """A key of its own, without a password, and its public part as a keyring."""
        home = self.root / "gnupg"
        home.mkdir(mode=0o700)
        self._gpg("--quick-gen-key", "--pinentry-mode=loopback", "--passphrase=",
                  "archive@example.org", "ed25519", "sign", "never")  # fmt: skip
        self._gpg("--export", "--output", str(self.keyring))

    def _sign(self, folder: Path) -> None:
        (folder / "InRelease").unlink(missing_ok=True)
        self._gpg("--clearsign", "--output", str(folder / "InRelease"), str(folder / "Release"))
        (folder / "Release").unlink()

    def _gpg(self, *argv: str) -> None:
        home = str(self.root / "gnupg")
        done = subprocess.run(
            ["gpg", "--homedir", home, "--batch", "--yes", "--quiet", *argv], capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()


def _rfc(moment: datetime.datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")


def _stanza(path: Path) -> str:
    fields = subprocess.run(["dpkg-deb", "-f", str(path)], capture_output=True, check=True)
    data = path.read_bytes()
    return (
        fields.stdout.decode()
        + f"Filename: pool/{path.name}\nSize: {len(data)}\n"
        + f"SHA256: {hashlib.sha256(data).hexdigest()}\n"
    )


@contextmanager
def tiny_archive(root: Path) -> Iterator[TinyArchive]:
    """An empty archive with a key and a running mirror."""
    (root / "build").mkdir(parents=True)
    (root / "www").mkdir()
    with mirror(root / "www") as running:
        archive = TinyArchive(root, running)
        archive.make_key()
        try:
            yield archive
        finally:
            home = str(root / "gnupg")
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)
