"""Real changes of a real root: what rpm's database says afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_system import TdnfSystem


@pytest.fixture
def base(tmp_path: Path) -> PackageSet:
    return published(
        tmp_path / "base",
        package("app", "1-1", requires=["lib"]),
        package("lib", "1-1"),
        package("lib", "2:1-1", "x86_64"),
        package("alone", "1-1"),
    )


@pytest.fixture
def system(tmp_path: Path, base: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(base)
    return made


def test_what_is_installed_and_taken_away_is_in_the_database(system: TdnfSystem) -> None:
    told = system.done("install", "app").stdout
    assert "Installing/Updating: app-1-1.noarch" in told
    assert system.installed() == ["app-1-1.noarch", "lib-2:1-1.x86_64"]
    assert (system.root / "usr/share/app/data").read_text() == "app\n"
    assert "Removing: lib-2:1-1.x86_64" in system.done("erase", "lib").stdout
    assert system.installed() == []


def test_json_is_one_value_whatever_rpm_does(system: TdnfSystem) -> None:
    ran = system.done("-j", "install", "app")
    assert ran.steps("Install") == ["app-1-1.noarch", "lib-2:1-1.x86_64"]


def test_nothing_changes_when_only_testing(system: TdnfSystem) -> None:
    system.done("install", "--testonly", "app")
    assert system.installed() == []
