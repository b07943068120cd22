"""Switches that change one thing each: exit codes, what a check overlooks, variables, macros."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import Ran, TdnfSystem


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("switches") / "base")
    needs = (Relation.parse("lib"), Relation.parse("early", Sense.SCRIPT_PRE))
    made.add(
        *(package("app", f"{each}-1") for each in (1, 2, 3)),
        replace(package("needy"), requires=needs),
        *(package(each) for each in ("lib", "early", "old")),
        package("clash", conflicts=["lib"]),
        package("new", obsoletes=["old"]),
    )
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, base: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(base)
    made.holds(base, "app-1-1.noarch")
    return made


def test_scripts_learn_of_updates_by_the_exit_code_if_they_want(system: TdnfSystem) -> None:
    assert in_process(system, "check-update").exit_code == 0
    compatible = "--setopt=dnf_check_update_compat=1"
    assert in_process(system, compatible, "check-update").exit_code == 100
    assert in_process(system, compatible, "-j", "check-update").exit_code == 100
    assert in_process(system, compatible, "check-update", "lib").exit_code == 0


def test_count_is_one_number(system: TdnfSystem) -> None:
    assert in_process(system, "count").stdout == "Package count = 10\n"
    assert in_process(system, "-j", "count").json == 10


@pytest.mark.parametrize(
    ("words", "conflict", "obsolete"),
    [
        ((), True, True),
        (("--skipconflicts",), False, True),
        (("--skipobsoletes",), True, False),
        (("--skipconflicts", "--skipobsoletes"), False, False),
    ],
)
def test_a_check_overlooks_what_it_is_told_to(
    system: TdnfSystem, words: tuple[str, ...], conflict: bool, obsolete: bool
) -> None:
    ran = in_process(system, *words, "check")
    assert ("conflicts with" in ran.stderr, "obsoletes" in ran.stderr) == (conflict, obsolete)
    assert ran.error == (1301 if conflict or obsolete else 0)


def test_variables_are_files_of_their_name(system: TdnfSystem, base: PackageSet) -> None:
    folder = system.folder / "vars"
    (system.root / folder.relative_to("/")).mkdir(parents=True)
    (system.root / folder.relative_to("/") / "place").write_text(f"{base.folder}\nrest\n")
    system.configure(varsdir=folder)
    system.enable(base, baseurl="file://${place}")
    assert "lib.noarch" in in_process(system, "list", "available").stdout


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("--rpmdefine=_install_langs C", 0),
        ("--rpmdefine=nothing", 1622),
        ("--rpmverbosity=debug", 0),
        ("--rpmverbosity=loud", 1622),
        ("--setopt=tsflags=nodocs", 0),
        ("--setopt=tsflags=nothing", 1516),
    ],
)
def test_what_rpm_is_told_has_to_be_known(system: TdnfSystem, option: str, number: int) -> None:
    ran = system.run("-y", option, "install", "lib")
    assert ran.error == number, ran.stderr
    assert ("lib-1-1.noarch" in system.installed()) == (number == 0)


def queried(system: TdnfSystem, *words: str) -> Ran:
    return in_process(system, "repoquery", *words)


def test_what_scripts_need_is_asked_for_apart(system: TdnfSystem) -> None:
    assert queried(system, "--requires-pre", "needy").stdout == "early\n"
    assert queried(system, "--requires", "needy").stdout == "early\nlib\n"
    asked = in_process(system, "-j", "repoquery", "--requires-pre", "needy").json
    assert asked[0]["RequiresPre"] == ["early"]


def test_a_format_has_two_names(system: TdnfSystem) -> None:
    for option in ("--qf", "--queryformat"):
        assert queried(system, option, "%{name}-%{version}", "lib").stdout == "lib-1\n"


@pytest.mark.parametrize("command", ["update-to", "upgrade-to"])
def test_an_update_may_name_its_version(system: TdnfSystem, command: str) -> None:
    assert system.plan(command, "app-2").steps("Upgrade") == ["app-2-1.noarch"]
