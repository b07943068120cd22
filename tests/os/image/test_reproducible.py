"""A whole edition in every format, twice: elsewhere, later, under other settings; equal bytes.

What is compared is what people download: every file, the lists, and the signatures, which
have no chance in them either.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.image.from_nothing import variants_of
from heliostat.os.image.outputs import output_names
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.supply import open_supply
from heliostat.os.tree import load_edition

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root"),
]

EDITION = os.environ.get("HELIO_TEST_EDITION", "nano")
LATER = "+33d"
"""For faketime: another day, month and second, before any exception of the audit lapses."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A folder to build in, and how whoever builds there has set up his shell."""

    folder: Path
    umask: str
    environment: Mapping[str, str]
    later: str = ""

    def helio(self, *words: str) -> None:
        """The command, as a process of its own."""
        temporary = self.folder / "temporary files"
        temporary.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "heliostat.cli.main", *words]
        if self.later and shutil.which("faketime"):
            argv = ["faketime", "-f", self.later, *argv]
        script = f'umask {self.umask}; exec "$@"'
        environment = {
            "PATH": os.environ["PATH"],
            "HELIO_HOME": str(self.folder / "home"),
            "HELIO_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(temporary),
            "NO_FAKE_STAT": "1",  # the clock is another; what files say stays true
            "FAKE_UTIME": "0",
            **self.environment,
        }
        run(["sh", "-c", script, "sh", *argv], timeout_s=3600, env=environment)

    def released(self, packages: list[Path], keys: Path) -> dict[str, str]:
        """Packages signed here, the edition built in every format; digests by path."""
        signer = Signer.open(keys)
        base = Repository.create(self.folder / "repos" / "base", Settings(name="base"))
        take_in(base, packages, signer, self.folder / "cache" / "os")
        shutil.copytree(keys, self.folder / "home" / "os" / "keys")
        out = ("--out", str(self.folder / "images"))
        formats = ",".join(output_names())
        self.helio(
            "os", "image", "build", EDITION, "--repo", str(base.root), "--format", formats, *out
        )
        self.helio("os", "image", "publish", str(self.folder / "site"), *out)
        return digests(self.folder / "site")


def digests(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[str(path.relative_to(folder))] = digest
    return found


@pytest.fixture
def packages(cache: Path) -> list[Path]:
    """What the edition takes in any format, unsigned."""
    supply = open_supply(cache / "os")
    taken = supply.take(supply.plan((), variants_of(load_edition(EDITION), output_names())))
    return taken.paths


@pytest.mark.takes(400)
@pytest.mark.timeout(7200)
def test_every_format_is_the_same_to_the_bit_wherever_it_is_built(
    packages: list[Path], tmp_path: Path
) -> None:
    Signer.create(tmp_path / "keys")
    here = Workplace(tmp_path / "here", "022", {"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    there = Workplace(
        tmp_path / "another place" / "ünïcode" / "deep",
        "077",
        {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Apia", "HOME": "/nowhere"},
        LATER,
    )
    first = here.released(packages, tmp_path / "keys")
    shutil.rmtree(here.folder)
    second = there.released(packages, tmp_path / "keys")
    assert len([path for path in first if path.startswith(f"{EDITION}/")]) >= len(output_names())
    assert {
        path for path in first.keys() | second.keys() if first.get(path) != second.get(path)
    } == set()
