"""One key, some packages and an empty repository for every test of repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.testing.packages import signer_of_tests


@pytest.fixture
def signer() -> Signer:
    return signer_of_tests()


@pytest.fixture
def trust(signer: Signer) -> Trust:
    return Trust(signer.keyring)


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "repos" / "base", Settings(name="base"))
