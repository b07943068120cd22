"""All packages of the minimal edition, from the archive: judged by createrepo_c and dnf."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from heliostat.core.process import run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.record import RELATIONS, PackageRecord
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.verify import verify
from heliostat.os.supply import open_supply
from heliostat.os.tree import load_edition
from heliostat.testing.dnf import Dnf
from heliostat.testing.packages import published_records
from heliostat.testing.web import served


@pytest.mark.slow
@pytest.mark.takes(150)
@pytest.mark.timeout(1200)
def test_the_minimal_edition_is_published_as_others_would_have_it(
    cache: Path, signer: Signer, tmp_path: Path
) -> None:
    supply = open_supply(cache / "os")
    taken = supply.take(supply.plan([], [load_edition("minimal")]))
    repository = Repository.create(tmp_path / "shelf" / "base", Settings(name="base"))
    done = take_in(repository, taken.paths, signer, tmp_path / "cache")
    assert len(done.difference.added) == len(taken.paths) > 200
    assert verify(repository, Trust(signer.keyring)) == []

    theirs = tmp_path / "theirs"
    shutil.copytree(repository.layout.packages, theirs / "Packages")
    run(["createrepo_c", "-q", str(theirs)], timeout_s=300)
    assert _comparable(repository.root) == _comparable(theirs)

    with served(repository.root.parent) as server:
        dnf = Dnf.of(tmp_path / "dnf", "base", f"{server.url}base/", repository.layout.key)
        dnf("install", "openssh-server", "heliostat-repos", "--nodocs")
        assert {"openssh-server", "systemd", "heliostat-repos"} <= dnf.installed().keys()


def _comparable(root: Path) -> dict[str, PackageRecord]:
    """By name; relations and files in any order."""
    return {
        each.name: msgspec.structs.replace(
            each, **{name: tuple(sorted(getattr(each, name))) for name in (*RELATIONS, "files")}
        )
        for each in published_records(root)
    }
