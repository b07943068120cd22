"""How changes are carried out: scripts, versions side by side, downloads, sources, turns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.small_disk import small_disk
from heliostat.testing.tdnf_system import TdnfSystem


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("carrying") / "base")
    fixed, minor = package("app", "2-1"), package("lib", "2-1")
    made.add(
        package("app", "1-1"),
        fixed,
        package("lib", "1-1"),
        minor,
        package("need", "1-1", requires=["lib"]),
        package("clash", "1-1", files={"/usr/share/app/data": "not the app's"}),
        package("large", "1-1", files={"/usr/share/large": "x" * (30 << 20)}),
        package("talks", "1-1", scripts={"post": 'print("words of its own")'}),
        package("bad", "1-1", scripts={"pre": 'error("no")'}),
        package("warns", "1-1", scripts={"post": 'error("no")'}),
    )
    made.add(*(package("kern", f"{each}-1", files={f"/boot/{each}": ""}) for each in range(1, 5)))
    made.add_source("app", "2-1", requires=["lib"])
    made.advise("A-1", fixed, severity="Important")
    made.advise("A-2", minor, severity="Low")
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, base: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.configure(installonlypkgs="kern", installonly_limit=3)
    made.enable(base)
    return made


def test_what_scripts_say_is_told_with_whose_it_is(system: TdnfSystem) -> None:
    ran = system.done("-j", "install", "talks")
    assert ran.steps("Install") == ["talks-1-1.noarch"]
    assert "talks %post: words of its own" in ran.stderr


def test_scripts_that_fail_are_told_by_package(system: TdnfSystem) -> None:
    ran = system.run("-y", "install", "bad", "lib")
    assert ran.error == 1525
    assert "bad-1-1.noarch" in ran.stderr
    assert system.installed() == ["lib-2-1.noarch"]
    assert "script warning in %post" in system.done("install", "warns").stderr
    system.done("--setopt=tsflags=noscripts", "--setopt=tsflags=nodocs", "install", "bad")
    assert system.run("-y", "--setopt=tsflags=typo", "install", "app").error == 1516


def test_files_of_two_packages_are_refused_before_anything_changes(system: TdnfSystem) -> None:
    ran = system.run("-y", "install", "app", "clash")
    assert ran.error == 1515
    assert "/usr/share/app/data" in ran.stderr
    assert system.installed() == []


def test_as_many_versions_as_allowed_stay_and_the_first_one_goes(system: TdnfSystem) -> None:
    for version in (2, 1, 3):
        system.done("install", f"kern-{version}-1")
    assert len(system.installed()) == 3
    system.done("update")
    assert "kern-4-1.noarch" in system.installed()
    assert len(system.installed()) == 3


def test_downloads_alone_with_all_or_nothing_of_what_is_needed(
    system: TdnfSystem, tmp_path: Path
) -> None:
    system.done("install", "lib")
    options = ["--downloadonly", "--downloaddir", str(tmp_path / "down")]
    system.done("install", *options, "--nodeps", "need")
    assert os.listdir(tmp_path / "down") == ["need-1-1.noarch.rpm"]
    system.done("install", *options, "--alldeps", "need")
    assert sorted(os.listdir(tmp_path / "down")) == ["lib-2-1.noarch.rpm", "need-1-1.noarch.rpm"]
    assert system.installed() == ["lib-2-1.noarch"]


def test_sources_are_unpacked_and_what_they_need_is_installed(
    system: TdnfSystem, base: PackageSet
) -> None:
    system.done("--nogpgcheck", "install", "--source", "app")
    assert list(system.root.rglob("app.spec"))
    assert system.installed() == []
    system.done("install", "--builddeps", "app")
    assert system.installed() == ["lib-2-1.noarch"]
    assert system.run("-y", "install", str(base.paths["app-2-1.src"])).error == 902


def test_files_are_verified_by_keys_that_rpm_has(system: TdnfSystem, base: PackageSet) -> None:
    path = base.paths["app-1-1.noarch"]
    assert system.run("-y", "install", str(path)).error == 1474
    system.rpm("--import", str(base.key))
    system.done("install", path.as_uri())
    assert system.installed() == ["app-1-1.noarch"]


@pytest.mark.parametrize(
    ("option", "updated"),
    [
        ("--security", ["app-2-1.noarch", "lib-2-1.noarch"]),
        ("--sec-severity=7", ["app-2-1.noarch"]),
    ],
)
def test_updates_may_be_those_that_advisories_are_about(
    system: TdnfSystem, base: PackageSet, option: str, updated: list[str]
) -> None:
    system.holds(base, "app-1-1.noarch", "lib-1-1.noarch", "kern-1-1.noarch")
    assert system.run("-j", "--assumeno", option, "update").steps("Upgrade") == updated


def test_check_names_what_cannot_be_together(system: TdnfSystem, tmp_path: Path) -> None:
    assert system.run("check").exit_code == 0
    lonely = PackageSet(tmp_path / "lonely")
    lonely.add(package("lonely", requires=["nowhere"]))
    ran = system.run("check-local", str(tmp_path / "lonely" / "Packages"))
    assert ran.error == 1301
    assert "nothing provides nowhere needed by lonely" in ran.stderr
    assert system.run("check-local").error == 906


def test_a_full_or_read_only_disk_is_told_before_anything_changes(
    tmp_path: Path, base: PackageSet
) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        system = TdnfSystem(disk / "system")
        system.enable(base)
        ran = system.run("-y", "install", "large")
        assert ran.error == 1515
        assert "needs" in ran.stderr
        system.done("install", "app")
        run(["mount", "-o", "remount,ro", str(disk)], timeout_s=60)
        ran = system.run("-y", "erase", "app")
        assert ran.error == 1630
        assert system.installed() == ["app-2-1.noarch"]


def test_debugsolver_keeps_what_the_solver_was_given(system: TdnfSystem) -> None:
    system.run("--debugsolver", "--assumeno", "install", "need")
    kept = system.folder / "debugdata/testcase.t"
    assert "job install oneof need-1-1.noarch@base" in kept.read_text()


def test_a_damaged_file_that_nobody_verifies_is_told(
    system: TdnfSystem, base: PackageSet, tmp_path: Path
) -> None:
    whole = base.paths["app-2-1.noarch"].read_bytes()
    path = tmp_path / "damaged.rpm"
    # within the header, past what libsolv reads of it
    at = whole.rindex(b"app.example.invalid")
    path.write_bytes(whole[:at] + b"?" + whole[at + 1 :])
    ran = system.run("-y", "--nogpgcheck", "install", str(path))
    assert (ran.error, "rpm -K" in ran.stderr) == (1515, True), ran.stderr
    assert system.installed() == []


def test_a_damaged_payload_is_found_before_anything_is_changed(
    system: TdnfSystem, base: PackageSet, tmp_path: Path
) -> None:
    """Who does without signatures still gets what was packed; only --skipdigest does without."""
    path = tmp_path / "damaged.rpm"
    path.write_bytes(base.paths["app-2-1.noarch"].read_bytes()[:-20] + b"?" * 20)
    for option in ("--nogpgcheck", "--skipsignature"):
        ran = system.run("-y", option, "install", str(path), "lib")
        assert ran.error == 1515, ran.stderr
        assert system.installed() == []
    ran = system.run("-y", "--nogpgcheck", "--skipdigest", "install", str(path))
    assert ran.error == 1525, ran.stderr
