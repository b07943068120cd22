"""``search``: any word that a package says of itself, from kept words and without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import solv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heliostat.os.packages.rpm.package import Package
from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_system import TdnfSystem


def saying(name: str, summary: str, description: str, url: str = "") -> Package:
    return replace(package(name), summary=summary, description=description, url=url)


OFFERED = (
    saying("anvil", "Drops from Above", "An IRON thing.\nHeavy."),
    saying("bird", "Runs", "Says beep.", "https://acme.example/b"),
    saying("cactus", "", ""),
    saying("zip", "the last", "ends with iron", "https://zip.example"),
)


@pytest.fixture(scope="module")
def offered(tmp_path_factory: pytest.TempPathFactory) -> tuple[TdnfSystem, PackageSet]:
    folder = tmp_path_factory.mktemp("search")
    made = published(folder / "base", *OFFERED)
    system = TdnfSystem(folder / "system")
    system.enable(made)
    system.install_by_rpm(
        *published(
            folder / "past", replace(package("relic"), description="Iron age.")
        ).paths.values()
    )
    system.done("makecache")
    return system, made


@pytest.fixture
def system(offered: tuple[TdnfSystem, PackageSet]) -> TdnfSystem:
    return offered[0]


def names(system: TdnfSystem, *words: str) -> list[str]:
    return [each["Name"] for each in system.run("-j", "search", *words).json]


def kept(system: TdnfSystem) -> list[Path]:
    return sorted((system.root / "var/cache/tdnf").rglob("*-words.solvx"))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["anvil"], ["anvil"]),
        (["ABOVE"], ["anvil"]),
        (["iron"], ["anvil", "relic", "zip"]),
        (["thing.\nheavy"], ["anvil"]),
        (["acme.example"], ["bird"]),
        (["zip.example"], ["zip"]),
        (["ends with iron"], ["zip"]),
        (["beep", "cact"], ["bird", "cactus"]),
        (["zipthe last"], []),
        (["the lasthttps"], []),
        (["nothing of it"], []),
    ],
)
def test_words_are_found_wherever_a_package_says_them(
    system: TdnfSystem, words: list[str], found: list[str]
) -> None:
    assert names(system, *words) == found


@pytest.mark.parametrize("damage", ["gone", "empty", "short", "of another state"])
def test_kept_words_that_are_not_whole_are_made_anew(system: TdnfSystem, damage: str) -> None:
    (path,) = kept(system)
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "short": whole[:3]}.get(damage, b"\1\0\0\0" + whole[4:]))
    assert names(system, "iron") == ["anvil", "relic", "zip"]
    assert path.read_bytes() == whole


def test_a_newer_index_brings_other_words(tmp_path: Path) -> None:
    made = published(tmp_path / "base", replace(package("old"), description="iron"))
    system = TdnfSystem(tmp_path / "system")
    system.enable(made)
    system.done("makecache")
    assert names(system, "iron") == ["old"]
    made.add(replace(package("new"), description="more iron"))
    made.publish()
    system.done("makecache")
    assert names(system, "iron") == ["new", "old"]
    assert len(kept(system)) == 1


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=4))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_same_is_found_as_by_libsolv(system: TdnfSystem, word: str) -> None:
    if word.startswith("-") or not word.strip():
        return
    pool = solv.Pool()
    repo = pool.add_repo("base")
    (cached,) = (
        path
        for path in (system.root / "var/cache/tdnf").rglob("*.solv")
        if path.with_name(f"{path.stem}-words.solvx").exists()
    )
    repo.add_solv(solv.xfopen(str(cached)))
    flags = solv.Dataiterator.SEARCH_SUBSTRING | solv.Dataiterator.SEARCH_NOCASE
    keys = (solv.SOLVABLE_NAME, solv.SOLVABLE_SUMMARY, solv.SOLVABLE_URL, solv.SOLVABLE_DESCRIPTION)
    expected = {each.solvable.name for key in keys for each in repo.Dataiterator(key, word, flags)}
    assert set(names(system, word)) - {"relic"} == expected
