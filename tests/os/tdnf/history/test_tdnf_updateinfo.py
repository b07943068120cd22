"""Advisories for what is installed: what is still to do, what is done, how bad it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_system import TdnfSystem


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    folder: Path = tmp_path_factory.mktemp("updateinfo")
    base = PackageSet(folder / "base")
    app, lib, old = package("app", "2-1"), package("lib", "2-1"), package("lib", "1-1")
    strange = package("strange", "2-1")
    base.add(package("app", "1-1"), app, lib, old, strange, signed=False)
    base.advise("A-1", app, severity="Important", reboot=True)
    base.advise("A-2", lib, kind="bugfix")
    base.advise("A-3", old, severity="Low")
    base.advise("A-4", strange, severity="Critical")
    base.publish()
    made = TdnfSystem(folder / "system")
    made.enable(base, gpgcheck=0)
    made.holds(base, "app-1-1.noarch", "lib-1-1.noarch")
    return made


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("", ["A-1", "A-2"]),
        ("updates", ["A-1", "A-2"]),
        ("--available", ["A-1", "A-2"]),
        ("installed", ["A-3"]),
        ("all", ["A-1", "A-2", "A-3"]),
        ("recent", []),
        ("extras", []),
        ("all lib", ["A-2", "A-3"]),
        ("--security", ["A-1"]),
        ("all --security", ["A-1", "A-3"]),
        ("all --sec-severity 4", ["A-1"]),
        ("all --sec-severity low", ["A-1", "A-3"]),
        ("--reboot-required", ["A-1"]),
    ],
)
def test_scopes_and_severities(system: TdnfSystem, words: str, ids: list[str]) -> None:
    found = system.run("-j", "updateinfo", "list", *words.split()).json
    assert [each["UpdateID"] for each in found] == ids


def test_one_advisory_in_each_form(system: TdnfSystem) -> None:
    told = system.run("-j", "updateinfo", "info", "app").json[0]
    assert (told["Type"], told["NeedsReboot"]) == ("Security", True)
    assert (told["Packages"], told["Description"]) == (
        ["app-2-1.noarch.rpm"],
        "What A-1 is about.",
    )
    counts = {"Unknown": 0, "Security": 1, "Bugfix": 1, "Enhancement": 0}
    assert system.run("-j", "updateinfo").json == counts
    lines = system.run("updateinfo", "list").stdout.splitlines()
    assert lines[0] == "A-1 Security app-2-1.noarch.rpm"
    assert "  Update ID : A-1" in system.run("updateinfo", "--info").stdout.splitlines()


def test_names_that_mean_nothing_and_updates_for_security(system: TdnfSystem) -> None:
    assert system.run("updateinfo", "list", "none").error == 1011
    assert system.run("updateinfo", "--sec-severity", "bad").error == 1622
    assert [each["Name"] for each in system.run("-j", "check-update").json] == ["app", "lib"]
    found = system.run("-j", "check-update", "--security").json
    assert [each["Name"] for each in found] == ["app"]


def test_nothing_open_is_nothing_for_the_message_at_sign_in(tmp_path: Path) -> None:
    """The script that writes it takes any word for an advisory."""
    system = TdnfSystem(tmp_path / "none")
    system.enable(published(tmp_path / "set", package("app")))
    system.done("install", "app")
    assert system.run("-q", "updateinfo", "summary").stdout == ""
    assert "0 updates." in system.run("updateinfo", "summary").stdout
