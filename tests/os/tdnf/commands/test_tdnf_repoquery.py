"""repoquery as people and scripts call it, on real repositories and a real rpm database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_system import TdnfSystem

RELATIONS = (
    "conflicts",
    "enhances",
    "obsoletes",
    "provides",
    "recommends",
    "requires",
    "suggests",
    "supplements",
)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> TdnfSystem:
    folder = tmp_path_factory.mktemp("repoquery")
    relations: dict[str, Any] = {kind: {kind: ["thing >= 1"]} for kind in RELATIONS}
    made = PackageSet(folder / "base")
    made.add(
        *(package(f"with-{kind}", **named) for kind, named in relations.items()),
        package("thing", "1-1", changes=["A needle in a haystack.", "First."]),
        package("thing", "2-1"),
        package("old", "1-1"),
        package("kin", "1-1", source="srcs-1-1.src.rpm", scripts={"post": "x = 1"}),
        package("machine", "1:3-4", "x86_64", files={"/opt/deep/inside": "x"}),
    )
    made.publish()
    system = TdnfSystem(folder / "system")
    system.enable(made)
    alone = PackageSet(folder / "alone", "alone")
    alone.add(package("stray"))
    system.install_by_rpm(*alone.paths.values())
    system.holds(made, "thing-1-1.noarch", "old-1-1.noarch")
    system.done("makecache")
    return system


def lines(system: TdnfSystem, *words: str) -> list[str]:
    """What one repoquery prints."""
    ran = system.run("repoquery", *words)
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@pytest.mark.parametrize("kind", RELATIONS)
def test_each_relation_is_found_from_both_of_its_ends(system: TdnfSystem, kind: str) -> None:
    name = f"with-{kind}"
    assert "thing >= 1" in lines(system, f"--{kind}", name)
    assert f"{name}-1-1.noarch" in lines(system, f"--what{kind}", "nothing,thing")
    (told,) = system.run("-j", "repoquery", f"--{kind}", name).json
    assert (told["Nevra"], told["Repo"]) == (f"{name}-1-1.noarch", "base")
    assert "thing >= 1" in told[kind.capitalize()]


def test_depending_is_any_way_of_needing_or_wanting(system: TdnfSystem) -> None:
    wanting = ("enhances", "recommends", "requires", "suggests", "supplements")
    expected = [f"with-{kind}-1-1.noarch" for kind in wanting]
    assert lines(system, "--whatdepends", "thing") == expected
    assert lines(system, "--depends", "with-suggests") == ["thing >= 1"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--available", "thing"), ["thing-2-1.noarch", "thing-1-1.noarch"]),
        (("--installed", "thing"), ["thing-1-1.noarch"]),
        (("--installed", "--available", "old"), ["old-1-1.noarch"] * 2),
        (("--upgrades",), ["thing-2-1.noarch"]),
        (("--extras",), ["stray-1-1.noarch"]),
        (("--duplicates",), []),
        (("--arch", "x86_64"), ["machine-3-4.x86_64"]),
        (("--whatrequires", "thing > 5"), ["with-requires-1-1.noarch"]),
        (("--whatrequires", "thing < 1"), []),
        (("--whatprovides", "th[ij]ng = 2-1"), ["thing-2-1.noarch", "with-provides-1-1.noarch"]),
        (("--file", "/opt/deep/inside"), ["machine-3-4.x86_64"]),
        (("--file", "/opt/*/inside"), ["machine-3-4.x86_64"]),
        (("nothing",), []),
    ],
)
def test_selections_and_names_leave_what_fits_all_of_them(
    system: TdnfSystem, words: tuple[str, ...], expected: list[str]
) -> None:
    assert lines(system, *words) == expected


def test_files_changes_and_sources_are_told(system: TdnfSystem) -> None:
    (told,) = system.run("-j", "repoquery", "--list", "machine").json
    assert told["Files"] == ["/opt/deep/inside"]
    assert lines(system, "--list", "machine") == ["/opt/deep/inside"]
    assert "A needle in a haystack." in "\n".join(lines(system, "--changelogs", "thing-1-1"))
    assert "First." in lines(system, "--changelogs", "--installed", "thing")
    assert lines(system, "--source", "kin") == ["srcs-1-1.src"]
    (told,) = system.run("-j", "repoquery", "--changelogs", "thing-1-1").json
    assert [set(each) for each in told["ChangeLogs"]] == [{"Time", "Author", "Text"}] * 2


def test_a_format_has_every_tag_and_relation(system: TdnfSystem) -> None:
    form = "%{name} %{arch} %{version} %{release} %{evr} %{reponame} %{sourcename}\\t%{license}\\n"
    assert lines(system, "--qf", form, "machine") == [
        "machine x86_64 3 4 1:3-4 base machine\tApache-2.0",
        "",
    ]
    assert lines(system, "--qf", "%{name}: %{requires}", "with-requires") == [
        "with-requires: thing >= 1"
    ]
    assert lines(system, "--qf", "100%\\\\n", "old") == ["100%\\n"]


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (("one", "two"), 902),
        (("--requires", "--provides"), 914),
        (("--qf", "%{name}", "--list"), 917),
        (("--qf", "%{nam}"), 1622),
        (("--qf", "%{name"), 1622),
        (("--requies",), 908),
    ],
)
def test_what_is_not_clear_is_refused_by_its_number(
    system: TdnfSystem, words: tuple[str, ...], number: int
) -> None:
    told = system.run("repoquery", *words)
    assert (told.error, told.exit_code, told.stdout) == (number, number % 256, "")
    assert len(told.stderr.splitlines()) == 2
    as_json = system.run("-j", "repoquery", *words)
    assert (as_json.json["Error"], as_json.stderr) == (number, "")


def test_the_nearest_tag_is_named(system: TdnfSystem) -> None:
    assert "Did you mean %{name}?" in system.run("repoquery", "--qf", "%{nam}").stderr


def test_published_set_is_asked_without_a_system(tmp_path: Path) -> None:
    made = published(tmp_path / "other", package("far"))
    system = TdnfSystem(tmp_path / "system")
    ran = system.run(f"--repofrompath=other,{made.url}", "--repo=other", "repoquery")
    assert (ran.exit_code, ran.stdout) == (0, "far-1-1.noarch\n")
