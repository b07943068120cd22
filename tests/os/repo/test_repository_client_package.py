"""The package that makes a system a client: dnf takes its word, and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.own import own_package_named
from heliostat.os.packages.rpm.extract import extract
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.client import KEY_PATH, NAME, client_package
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import SHIPPED, Settings
from heliostat.testing.dnf import Dnf
from heliostat.testing.packages import BUILT_AT, small_package

# dnf is slow where much else runs
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def plain() -> Package:
    return own_package_named(NAME)


def test_dnf_installs_with_what_the_package_brings(
    plain: Package, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    for name in SHIPPED:
        repository = Repository.create(shelf / name, Settings(name=name))
        package = write(small_package(f"from-{name}"), tmp_path / "in").path
        take_in(repository, [package], signer, cache_dir)
    system = tmp_path / "system"
    made = client_package(plain, signer, shelf.as_uri())
    extract(write(made, tmp_path).path, system)
    dnf = Dnf.of_system(tmp_path / "dnf", system, KEY_PATH)
    listed = dnf("repolist", "--all").stdout
    assert all(f"heliostat-{name}" in listed for name in SHIPPED)
    dnf("install", "from-base", "from-updates")
    assert sorted(dnf.installed()) == ["from-base", "from-updates"]


def test_publishing_puts_our_key_in(
    plain: Package, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(name="base", url="https://repos.example.invalid/base")
    repository = Repository.create(tmp_path / "base", settings)
    done = take_in(repository, [write(plain, tmp_path / "in").path], signer, cache_dir)
    (published,) = done.difference.added
    extract(repository.root / published.location, tmp_path / "system")
    assert (tmp_path / f"system{KEY_PATH}").read_bytes() == signer.public_text
    address = (tmp_path / "system/etc/dnf/vars/heliostat_repos").read_text()
    assert address == "https://repos.example.invalid\n"
    again = take_in(repository, [write(plain, tmp_path / "in").path], signer, cache_dir)
    assert not again.changed


def test_a_later_key_is_an_update(plain: Package, signer: Signer) -> None:
    later = Signer.generate("Later <later@example.invalid>", BUILT_AT + 1, bits=2048)
    assert client_package(plain, signer).evr < client_package(plain, later).evr
    assert client_package(plain, signer) == client_package(plain, signer)
