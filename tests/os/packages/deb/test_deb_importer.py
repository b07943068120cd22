"""From a mirror to RPMs: closure, cache, refusals, and the command that does it all."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from heliostat.core.errors import HeliostatError
from heliostat.os.commands.importing import import_command
from heliostat.os.packages.deb import importer as importing
from heliostat.os.packages.deb.importer import Importer
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.policy_schema import Defaults, PackagePolicy
from heliostat.os.packages.deb.primary import primary_of
from heliostat.os.packages.deb.store import Store
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.solve import PackageFolder, Unsolvable, solve
from heliostat.os.sources.download import fetch
from heliostat.os.sources.suite import open_suite
from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb
from heliostat.testing.small_disk import small_disk

APP = TinyDeb(
    "app",
    "1.0-1",
    files={"/usr/bin/app": "app\n"},
    fields={"Depends": "lib (>= 2), mail | mailer, tools (>= 1)"},
)
LIB = TinyDeb("lib", "2:2.0-1", files={"/usr/lib/lib.so": "lib\n"})
MAILER = TinyDeb("smtp", fields={"Provides": "mailer"}, files={"/usr/bin/smtp": "smtp\n"})
TOOLS = TinyDeb("tools", "9-1", fields={"Depends": "debconf"})
BROKEN = TinyDeb("broken", fields={"Depends": "lib (>= 3:1)"})
SCRIPTED = TinyDeb("scripted", scripts={"postinst": "#!/bin/sh\nwget evil\n"})
POLICY = Policy(
    defaults=Defaults(folders=("/usr", "/usr/bin", "/usr/lib")),
    replaced={"tools": "heliostat-tools"},
)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TinyArchive]:
    with tiny_archive(tmp_path / "archive") as made:
        made.publish(APP, LIB, MAILER, TOOLS, BROKEN, SCRIPTED)
        yield made


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def importer(archive: TinyArchive, cache: Path, policy: Policy = POLICY) -> Importer:
    return Importer(open_suite(archive.archive, cache, max_age_s=0), policy, cache)


def test_the_plan_is_the_closure_with_reasons(archive: TinyArchive, cache: Path) -> None:
    plan = importer(archive, cache).plan(["app"])
    assert {each.entry.name: each.why for each in plan} == {
        "app": "named by the list of packages",
        "lib": "app-1.0-1.x86_64 needs lib >= 2-0",
        "smtp": "app-1.0-1.x86_64 needs (mail or mailer)",
    }


def test_planning_downloads_nothing(archive: TinyArchive, cache: Path) -> None:
    importer(archive, cache).plan(["app"])
    assert not any(asked.endswith(".deb") for asked in archive.mirror.asked)


def test_what_cannot_be_met_is_told_as_a_chain(archive: TinyArchive, cache: Path) -> None:
    with pytest.raises(Unsolvable, match=r"broken.*needs lib >= 3:1-0.*there is lib-2:2\.0-1"):
        importer(archive, cache).plan(["broken"])


def test_what_is_taken_can_be_solved_and_installed(archive: TinyArchive, cache: Path) -> None:
    taken = importer(archive, cache).take_names(["app"])
    assert sorted(each.file_name for each in taken) == [
        "app-1.0-1.x86_64.rpm",
        "lib-2.0-1.x86_64.rpm",
        "smtp-1.0-1.x86_64.rpm",
    ]
    for each in taken:
        argv = ["rpm", "-K", "--nosignature", str(each.path)]
        assert subprocess.run(argv, capture_output=True).returncode == 0
    folder = cache / "folder"
    folder.mkdir()
    for each in taken:
        (folder / each.file_name).hardlink_to(each.path)
    with pytest.raises(Unsolvable, match="tools"):
        solve([PackageFolder("made", folder)], ["app"])


def test_what_was_converted_is_not_converted_again(archive: TinyArchive, cache: Path) -> None:
    first = importer(archive, cache).take_names(["app"])
    times = {each.path: each.path.stat().st_mtime_ns for each in first}
    archive.mirror.asked.clear()
    again = importer(archive, cache).take_names(["app"])
    assert [each.path for each in again] == [each.path for each in first]
    assert times == {each.path: each.path.stat().st_mtime_ns for each in again}
    assert not any(asked.endswith(".deb") for asked in archive.mirror.asked)


def test_another_decision_is_another_conversion(archive: TinyArchive, cache: Path) -> None:
    other = Policy(packages={"lib": PackagePolicy(drop=("/usr/lib/lib.so",))})
    suite = open_suite(archive.archive, cache, max_age_s=0)
    store, lib = Store(cache), suite.find("lib")
    assert store.folder_of(lib, POLICY) != store.folder_of(lib, other)
    assert store.folder_of(suite.find("app"), POLICY) != store.folder_of(lib, POLICY)


def test_all_refusals_are_told_and_the_rest_is_kept(archive: TinyArchive, cache: Path) -> None:
    worse = TinyDeb("worse", scripts={"preinst": "#!/bin/sh\nreboot\n"})
    archive.publish(worse)
    one = importer(archive, cache)
    entries = [one.suite.find(name) for name in ("scripted", "lib", "worse")]
    with pytest.raises(HeliostatError, match="2 packages are refused") as raised:
        one.take(entries)
    assert raised.value.code == "ImportRefused"
    assert raised.value.data["lines"] == {
        "scripted": ["postinst: wget evil"],
        "worse": ["preinst: reboot"],
    }
    assert str(raised.value.data["entry"]).count("digests") == 2
    assert Store(cache).find(one.suite.find("lib"), POLICY) is not None


def test_a_broken_conversion_of_the_cache_is_made_anew(archive: TinyArchive, cache: Path) -> None:
    (made,) = importer(archive, cache).take_names(["lib"])
    (Path(made.folder) / "record.json").write_text("{")
    (again,) = importer(archive, cache).take_names(["lib"])
    assert again.path.is_file()


def test_several_processes_convert_the_same(archive: TinyArchive, cache: Path) -> None:
    big = [
        TinyDeb(f"big{n}", files={f"/usr/lib/b{n}": os.urandom(2_200_000)}, compression="none")
        for n in range(2)
    ]
    archive.publish(*big)
    one = importer(archive, cache)
    entries = [one.suite.find(each.name) for each in big]
    taken = Importer(one.suite, POLICY, cache, workers=2).take(entries)
    assert [each.name for each in taken] == ["big0", "big1"]


def test_a_full_disk_is_told_and_leaves_nothing_half(archive: TinyArchive, tmp_path: Path) -> None:
    archive.publish(
        TinyDeb("large", files={"/usr/lib/large": os.urandom(5 << 20)}, compression="none")
    )
    with small_disk(tmp_path / "small", 24) as cache:
        one = importer(archive, cache)
        large = one.suite.find("large")
        ballast = cache / "ballast"
        ballast.write_bytes(bytes(14 << 20))
        with pytest.raises(HeliostatError) as raised:
            one.take([large])
        assert raised.value.code == "DiskFull"
        assert Store(cache).find(large, POLICY) is None
        ballast.unlink()
        assert [each.name for each in one.take([large])] == ["large"]
        assert list((cache / "converted" / "work").iterdir()) == []


HELIO = (sys.executable, "-m", "heliostat.cli.main", "os")


def test_an_upgrade_that_clients_would_not_see_is_refused(
    archive: TinyArchive, cache: Path
) -> None:
    archive.publish(TinyDeb("odd", "1.0+~cs1.0-1"))
    plain = importer(archive, cache)
    one = dataclasses.replace(plain, published={"odd": Evr.parse("1.0-1")})
    with pytest.raises(HeliostatError, match=r"RPM orders 1\.0\+~cs1\.0-1 before 1\.0-1") as raised:
        one.take_names(["odd"])
    assert "raise_epoch: 1" in raised.value.hint
    raised_once = Policy(packages={"odd": PackagePolicy(raise_epoch=1)})
    (made,) = dataclasses.replace(one, policy=raised_once).take_names(["odd"])
    assert Evr.parse(made.evr) > Evr.parse("1.0-1")


def helio(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "HELIO_HOME": str(home), "HELIO_CACHE": str(home / "cache")}
    return subprocess.run(
        [*HELIO, "import", "--distro", str(home / "distro"), *argv],
        capture_output=True,
        text=True,
        env=environ,
    )


@pytest.fixture
def home(archive: TinyArchive, tmp_path: Path) -> Path:
    """A home with data of its own: a policy of one line, one package of ours."""
    ours = tmp_path / "home" / "distro" / "packages" / "heliostat-tools"
    ours.mkdir(parents=True)
    (ours / "package.yaml").write_text(
        "name: heliostat-tools\nversion: '1'\ndate: 2026-01-01\nsummary: Tools\n"
        "description: Takes the place of tools.\nprovides: [tools = 99]\n"
    )
    policy = tmp_path / "home" / "distro" / "policy"
    policy.mkdir()
    (policy / "all.yaml").write_text("replaced: {tools: heliostat-tools}\n")
    (tmp_path / "home" / "distro" / "archive.yaml").write_text(
        f"suite: testing\nmirror: {archive.mirror.url}\nkeyring: {archive.keyring}\n"
    )
    return tmp_path / "home"


def test_a_package_of_which_nothing_can_be_read_keeps_no_other_out(
    archive: TinyArchive, cache: Path
) -> None:
    lib = importer(archive, cache).find("lib")
    odd = msgspec.structs.replace(lib, name="odd", depends="lib (>=)")
    written = primary_of([odd, lib], POLICY).decode()
    assert "<name>lib</name>" in written
    assert "<name>odd</name>" not in written


def test_the_command_plans_and_says_why(home: Path) -> None:
    done = helio(home, "app", "--dry-run", "-o", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["name"]: row["converted"] for row in rows} == {
        "app": False, "lib": False, "smtp": False,
    }  # fmt: skip
    assert rows[1]["why"] == "app-1.0-1.x86_64 needs lib >= 2-0"


def test_the_command_publishes_what_can_be_solved(home: Path) -> None:
    done = helio(home, "app", "--repo", "base")
    assert done.returncode == 0, done.stderr
    assert "3 packages imported" in done.stdout
    base = home / "os" / "repos" / "base"
    packages = sorted(path.name for path in base.rglob("*.rpm"))
    assert packages == [
        "app-1.0-1.x86_64.rpm",
        "heliostat-tools-1-1.noarch.rpm",
        "lib-2.0-1.x86_64.rpm",
        "smtp-1.0-1.x86_64.rpm",
    ]
    names = solve([PackageFolder("base", base)], ["app"]).names
    assert names == {"app", "lib", "smtp", "heliostat-tools"}


def test_the_command_shows_scripts_and_refuses_them(home: Path) -> None:
    shown = helio(home, "scripted", "--show-scripts")
    assert "NOT READ" in shown.stdout
    assert "    wget evil" in shown.stdout
    done = helio(home, "scripted")
    assert done.returncode != 0
    assert "hand-written code" in done.stderr
    assert "packages:\n" in done.stderr


def test_a_conversion_that_a_power_cut_emptied_is_made_again(
    archive: TinyArchive, cache: Path
) -> None:
    (made,) = importer(archive, cache).take_names(["lib"])
    whole = made.path.read_bytes()
    made.path.write_bytes(b"")
    (again,) = importer(archive, cache).take_names(["lib"])
    assert again.path.read_bytes() == whole


def test_using_a_conversion_tells_the_cache(archive: TinyArchive, cache: Path) -> None:
    (made,) = importer(archive, cache).take_names(["lib"])
    record = made.path.with_name("record.json")
    os.utime(record, (1, 1))
    importer(archive, cache).take_names(["lib"])
    assert record.stat().st_mtime > 1
    universe = importer(archive, cache).universe.primary
    os.utime(universe, (1, 1))
    importer(archive, cache).plan(["lib"])
    assert universe.stat().st_mtime > 1


def test_what_a_killed_conversion_left_goes_after_a_day(archive: TinyArchive, cache: Path) -> None:
    left, running = cache / "converted/work/1-dead", cache / "converted/work/2-alive"
    for folder in (left, running):
        folder.mkdir(parents=True)
    os.utime(left, (1, 1))
    importer(archive, cache).take_names(["lib"])
    assert not left.exists()
    assert running.exists()


def test_a_worker_that_is_ended_is_told(
    archive: TinyArchive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_ALONE_BELOW_BYTES", 0)
    monkeypatch.setattr(importing, "_start_worker", os._exit)
    many = dataclasses.replace(importer(archive, cache), workers=2)
    with pytest.raises(HeliostatError, match="ended from outside") as raised:
        many.take_names(["app", "lib"])
    assert "is kept" in raised.value.hint


def test_after_a_fault_the_rest_is_not_converted(
    archive: TinyArchive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest comes first, and here can't be read; a hundred others wait behind it."""
    monkeypatch.setattr(importing, "_ALONE_BELOW_BYTES", 0)
    names = [f"n{number}" for number in range(100)]
    large = TinyDeb("large", files={"/usr/share/large": os.urandom(1 << 16)})
    archive.publish(large, *(TinyDeb(each, files={f"/usr/lib/{each}": each}) for each in names))
    many = dataclasses.replace(importer(archive, cache), workers=2)
    entries = [many.find(each) for each in ("large", *names)]
    debs = fetch(many.suite.archive, entries, cache)
    debs[entries[0].sha256].write_bytes(b"?" * entries[0].size_bytes)
    with pytest.raises(HeliostatError, match="no whole Debian package"):
        many.take(entries)
    assert len(list((cache / "converted").glob("*/*/record.json"))) < len(names)


def test_an_edition_is_nothing_alone() -> None:
    refused = CliRunner().invoke(import_command, ["--edition", "minimal", "--alone"])
    assert refused.exit_code == 2
    assert "no --edition" in refused.output
