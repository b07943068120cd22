"""History of real changes in real roots: kept as the C tdnf reads it, taken back, done again."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from heliostat.os.packages.rpm.relation import Relation, Sense
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.tdnf_system import Ran, TdnfSystem

# name and columns of each table that the C tdnf reads, in its order
TABLES = {
    "rpms": ["Id", "nevra"],
    "names": ["Id", "name"],
    "flag_set": ["Id", "trans_id", "name_id", "value"],
    "transactions": ["Id", "cookie", "cmdline", "timestamp", "type"],
    "trans_items": ["Id", "trans_id", "type", "rpm_id"],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("base"))
    made.add(
        package("app", "1-1", requires=["lib"]),
        package("app", "2:2-1", requires=["lib"]),
        package("lib", "1-1"),
        package("lib", "2-1"),
        package("alone", "1-1"),
        package("past", "1-1"),
        package("heir", "1-1", obsoletes=["past"]),
    )
    made.publish()
    return made


@pytest.fixture
def system(tmp_path: Path, base: PackageSet) -> TdnfSystem:
    made = TdnfSystem(tmp_path / "system")
    made.enable(base)
    return made


def database(system: TdnfSystem) -> Path:
    return system.root / "var/lib/tdnf/history.db"


def listed(system: TdnfSystem, *words: str) -> list[tuple[str, int, int]]:
    """Command line without options, and how many came and went."""
    return [
        (each["CmdLine"].partition("root ")[2], each["AddedCount"], each["RemovedCount"])
        for each in history(system, *words).json
    ]


def history(system: TdnfSystem, *words: str) -> Ran:
    return system.run("-j", "history", "list", *words)


def automatic(system: TdnfSystem) -> set[str]:
    asked = system.run("repoquery", "--userinstalled", "--qf", "%{name}").stdout.split()
    return {each.rpartition("-")[0].rpartition("-")[0] for each in system.installed()} - set(asked)


def test_tables_are_those_of_the_c_tdnf(system: TdnfSystem) -> None:
    system.done("install", "app-1-1")
    connection = sqlite3.connect(database(system))
    for table, columns in TABLES.items():
        rows = connection.execute(f"pragma table_info({table})")
        assert [row[1] for row in rows] == columns
    done = connection.execute("select type, cmdline from transactions order by Id").fetchall()
    assert [row[0] for row in done] == [0, 1]
    assert done[0][1] == "(set)"
    items = "select trans_id, type, nevra from trans_items join rpms on rpms.Id = rpm_id"
    assert set(connection.execute(items)) == {(2, 1, "app-1-1.noarch"), (2, 1, "lib-2-1.noarch")}
    flags = "select trans_id, name, value from flag_set join names on names.Id = name_id"
    assert set(connection.execute(flags)) == {(2, "lib", 1)}
    connection.close()


def test_what_was_there_before_is_the_beginning(system: TdnfSystem, base: PackageSet) -> None:
    assert history(system).error == 1802
    system.holds(base, "past-1-1.noarch", "lib-1-1.noarch")
    system.done("history", "init")
    first = history(system, "--info").json[0]
    assert (first["Id"], first["CmdLine"], first["RemovedCount"]) == (1, "(set)", 0)
    assert first["Added"] == ["lib-1-1.noarch", "past-1-1.noarch"]


def test_what_rpm_did_by_itself_is_taken_in(system: TdnfSystem, base: PackageSet) -> None:
    system.done("install", "app-1-1")
    system.rpm("-e", "app")
    system.holds(base, "alone-1-1.noarch")
    system.done("history", "update")
    assert history(system).json[-1]["CmdLine"] == "(unknown)"
    last = history(system, "--info").json[-1]
    assert (last["Added"], last["Removed"]) == (["alone-1-1.noarch"], ["app-1-1.noarch"])
    assert len(history(system).json) == 3
    system.done("history", "update")
    assert len(history(system).json) == 3


def test_list_has_ranges_both_ways(system: TdnfSystem) -> None:
    for name in ("alone", "past-1-1", "heir"):
        system.done("install", name)
    ids = [each["Id"] for each in history(system).json]
    assert ids == [1, 2, 3, 4]
    assert [each["Id"] for each in history(system, "2-3", "--reverse").json] == [3, 2]
    assert [each["Id"] for each in history(system, "--from", "3", "--to", "4").json] == [3, 4]
    assert [each["Id"] for each in history(system, "3").json] == [3]
    assert history(system, "many").error == 1622
    lines = system.run("history", "list", "--info").stdout.splitlines()
    assert lines[0].split() == ["ID", "cmd", "line", "date/time", "+add", "/", "-rem"]
    assert "added: heir-1-1.noarch" in lines
    assert "removed: past-1-1.noarch" in lines


def test_an_update_is_undone_and_redone(system: TdnfSystem) -> None:
    system.done("install", "app-1-1", "lib-1-1")
    system.done("update")
    assert system.installed() == ["app-2:2-1.noarch", "lib-2-1.noarch"]
    system.done("history", "undo", "--from", "3")
    assert system.installed() == ["app-1-1.noarch", "lib-1-1.noarch"]
    system.done("history", "redo", "3")
    assert system.installed() == ["app-2:2-1.noarch", "lib-2-1.noarch"]
    system.done("history", "rollback", "--to", "1")
    assert system.installed() == []
    assert [each["Id"] for each in history(system).json] == [1, 2, 3, 4, 5, 6]


def test_only_the_named_transactions_are_undone(system: TdnfSystem) -> None:
    for name in ("alone", "past-1-1", "app"):
        system.done("install", name)
    system.done("history", "undo", "--from", "2", "--to", "3")
    assert system.installed() == ["app-2:2-1.noarch", "lib-2-1.noarch"]
    assert system.run("-y", "history", "undo", "1").error == 1622
    assert system.run("-y", "history", "redo", "--from", "9").error == 1622
    assert system.run("-y", "history", "rollback").error == 1622
    assert system.run("-y", "history", "forget").error == 902


def test_what_was_replaced_comes_back(system: TdnfSystem) -> None:
    system.done("install", "past-1-1")
    system.done("install", "heir")
    assert system.installed() == ["heir-1-1.noarch"]
    system.done("history", "undo", "3")
    assert system.installed() == ["past-1-1.noarch"]


def test_what_nobody_offers_is_listed(system: TdnfSystem, base: PackageSet, tmp_path: Path) -> None:
    lost = PackageSet(tmp_path / "lost", "lost")
    lost.add(package("rare", "1-1"), package("rarer", "1-1"))
    system.holds(lost, "rare-1-1.noarch", "rarer-1-1.noarch")
    system.done("install", "alone")
    system.done("erase", "rare", "rarer", "alone")
    ran = system.run("-y", "history", "undo", "3")
    assert ran.error == 1011
    assert "  rare-1-1.noarch\n  rarer-1-1.noarch\n" in ran.stderr
    assert system.installed() == []
    system.done("--skip-broken", "history", "undo", "3")
    assert system.installed() == ["alone-1-1.noarch"]


def test_who_was_asked_for_is_taken_back_too(system: TdnfSystem) -> None:
    system.done("install", "app")
    assert automatic(system) == {"lib"}
    system.done("mark", "install", "lib")
    assert automatic(system) == set()
    system.done("history", "undo", "3")
    assert automatic(system) == {"lib"}
    system.done("history", "rollback", "--to", "3")
    assert automatic(system) == set()
    system.done("mark", "remove", "app", "lib")
    assert automatic(system) == {"app", "lib"}
    assert system.run("mark", "install", "none").error == 1011
    assert system.run("mark", "keep", "app").error == 902
    assert system.run("mark", "install").error == 1622


def test_asking_for_what_came_for_others_marks_it(system: TdnfSystem) -> None:
    system.done("install", "app")
    system.run("-y", "install", "lib")
    assert automatic(system) == set()


def test_the_old_file_is_taken_over_once(system: TdnfSystem, base: PackageSet) -> None:
    system.holds(base, "app-1-1.noarch", "lib-1-1.noarch")
    folder = system.root / "var/lib/tdnf"
    folder.mkdir(parents=True)
    (folder / "autoinstalled").write_text("lib\n")
    assert automatic(system) == {"lib"}
    system.done("history", "init")
    assert automatic(system) == {"lib"}
    system.done("mark", "install", "lib")
    assert automatic(system) == set()


def test_a_damaged_database_stops_changes_and_is_left_alone(system: TdnfSystem) -> None:
    system.done("install", "alone")
    broken = b"SQLite format 3\0" + bytes(2000)
    database(system).write_bytes(broken)
    for words in (("install", "app"), ("history", "list"), ("history", "undo", "2")):
        assert system.run("-y", *words).error == 1801
    assert system.installed() == ["alone-1-1.noarch"]
    assert database(system).read_bytes() == broken


def test_what_scripts_need_is_needed(tmp_path: Path) -> None:
    """libsolv keeps it apart from other requirements, and dnf counts it as well."""
    needs = (
        Relation.parse("lib"),
        Relation.parse("early", Sense.SCRIPT_PRE),
        Relation.parse("late", Sense.SCRIPT_PREUN | Sense.SCRIPT_POSTUN),
    )
    made = PackageSet(tmp_path / "set")
    made.add(
        replace(package("app"), requires=needs),
        *(package(each) for each in ("lib", "early", "late")),
        package("other", requires=["early", "late"]),
    )
    made.publish()
    system = TdnfSystem(tmp_path / "system")
    system.enable(made)
    system.done("install", "app", "other")
    assert system.run("-y", "-j", "autoremove").json == {}
    ran = system.run("-y", "-j", "autoremove", "other")
    assert ran.steps("Remove") == ["other-1-1.noarch"]
    assert len(system.installed()) == 4
