"""What a list of packages takes, and the chain that is told when it can't be had."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.solve import PrimaryFile, Unsolvable, solve


def relation(text: str) -> str:
    """``name``, ``name = 1-1`` or a rich dependency, as metadata writes it."""
    name, _, rest = text.partition(" ")
    if not rest or text.startswith("("):
        return f"<rpm:entry name={quoteattr(text)}/>"
    sign, _, version = rest.partition(" ")
    ver, _, rel = version.partition("-")
    flags = {"=": "EQ", ">=": "GE", "<": "LT", "<=": "LE", ">": "GT"}[sign]
    release = f' rel="{rel}"' if rel else ""
    return f'<rpm:entry name="{name}" flags="{flags}" epoch="0" ver="{ver}"{release}/>'


def package(name: str, version: str = "1", arch: str = "x86_64", **relations: list[str]) -> str:
    relations.setdefault("provides", []).append(f"{name} = {version}-1")
    told = "".join(
        f"<rpm:{kind}>{''.join(relation(each) for each in items)}</rpm:{kind}>"
        for kind, items in relations.items()
    )
    return (
        f'<package type="rpm"><name>{name}</name><arch>{arch}</arch>'
        f'<version epoch="0" ver="{version}" rel="1"/>'
        f'<checksum type="sha256" pkgid="YES">{"ab" * 32}</checksum>'
        f"<summary>{name}</summary><size package='10' installed='20' archive='30'/>"
        f'<location href="Packages/{name}-{version}-1.{arch}.rpm"/>'
        f"<format><rpm:sourcerpm>{name}-{version}-1.src.rpm</rpm:sourcerpm>{told}</format></package>"
    )


class Shelf:
    """Packages that exist as metadata only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def of(self, *packages: str, priority: int = 0) -> PrimaryFile:
        self._made += 1
        path = self._folder / f"{self._made}-primary.xml"
        space = 'xmlns="http://linux.duke.edu/metadata/common"'
        rpm = 'xmlns:rpm="http://linux.duke.edu/metadata/rpm"'
        path.write_text(f"<metadata {space} {rpm}>{''.join(packages)}</metadata>")
        return PrimaryFile(f"shelf{self._made}", path, Path("/pool"), priority)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def chains(shelf: PrimaryFile, *wanted: str, excluded: Sequence[str] = ()) -> list[str]:
    with pytest.raises(Unsolvable) as caught:
        solve([shelf], wanted, excluded=excluded)
    assert caught.value.code == "DependencyUnmet"
    return ["; ".join(chain) for chain in caught.value.chains]


def test_a_closure_with_the_reason_of_each_package(shelf: Shelf) -> None:
    found = solve(
        [shelf.of(package("app", requires=["lib >= 1"]), package("lib", "2"), package("other"))],
        ["app"],
    )
    assert [each.name for each in found.packages] == ["app", "lib"]
    assert found["app"].why == "named by the list of packages"
    assert found["lib"].why == "app-1-1.x86_64 needs lib >= 1"


def test_what_is_known_of_a_chosen_package(shelf: Shelf) -> None:
    chosen = solve([shelf.of(package("app", "1.5"))], ["app"])["app"]
    assert (chosen.evr, chosen.nevra) == ("1.5-1", "app-1.5-1.x86_64")
    assert chosen.path == Path("/pool/Packages/app-1.5-1.x86_64.rpm")
    assert (chosen.sha256, chosen.size_bytes, chosen.installed_bytes) == ("ab" * 32, 10, 20)
    assert chosen.source_rpm == "app-1.5-1.src.rpm"


def test_packages_of_every_architecture_and_what_they_provide_count(shelf: Shelf) -> None:
    source = shelf.of(
        package("data", arch="noarch", provides=["words"]), package("app", requires=["words"])
    )
    assert solve([source], ["app"]).names == {"app", "data"}


def test_versions_are_compared_as_rpm_does(shelf: Shelf) -> None:
    old, new = shelf.of(package("app", "1.0~rc1")), shelf.of(package("app", "1.0"))
    found = solve([old, new], ["app"])["app"]
    assert (found.version, found.source) == ("1.0", new.name)


def test_a_higher_priority_hides_the_newer_version(shelf: Shelf) -> None:
    new, pinned = shelf.of(package("app", "2")), shelf.of(package("app", "1"), priority=10)
    assert solve([new, pinned], ["app"])["app"].version == "1"


def test_a_preferred_alternative_is_taken(shelf: Shelf) -> None:
    source = shelf.of(package("app", requires=["(mawk or gawk)"]), package("mawk"), package("gawk"))
    for name in ("mawk", "gawk"):
        assert solve([source], ["app"], preferred=[name]).names == {"app", name}


def test_one_of_several_names_may_be_wanted(shelf: Shelf) -> None:
    source = shelf.of(package("own"), package("archive"))
    for name in ("own", "archive"):
        assert solve([source], ["(own or archive)"], preferred=[name]).names == {name}
    assert solve([shelf.of(package("archive"))], ["(own or archive)"]).names == {"archive"}
    assert chains(shelf.of(package("x")), "(own or archive)") == [
        "the list of packages needs (own or archive), which no package is called or provides"
    ]


def test_what_is_recommended_stays_away(shelf: Shelf) -> None:
    source = shelf.of(package("app", recommends=["extra"]), package("extra"))
    assert solve([source], ["app"]).names == {"app"}


def test_something_missing_is_told_as_the_chain_that_leads_there(shelf: Shelf) -> None:
    source = shelf.of(
        package("docker", requires=["engine"]),
        package("moby", provides=["engine"], requires=["runc >= 2"]),
        package("runc", "1.1"),
    )
    assert chains(source, "docker") == [
        "the list of packages needs docker; "
        "docker-1-1.x86_64 needs engine, which moby-1-1.x86_64 provides; "
        "moby-1-1.x86_64 needs runc >= 2, which no package provides (there is runc-1.1-1.x86_64)"
    ]


def test_a_conflict_names_both_packages(shelf: Shelf) -> None:
    source = shelf.of(
        package("app", requires=["one"]),
        package("one", conflicts=["two"]),
        package("two"),
    )
    (told,) = chains(source, "app", "two")
    assert told.startswith("the list of packages needs app; app-1-1.x86_64 needs one")
    assert told.endswith("one-1-1.x86_64 conflicts with two-1-1.x86_64")


def test_names_that_nothing_is_called_are_all_told_with_the_nearest(shelf: Shelf) -> None:
    source = shelf.of(package("containerd"))
    assert chains(source, "contanerd", "zzz") == [
        "the list of packages needs contanerd, which no package is called or provides; "
        "did you mean containerd?",
        "the list of packages needs zzz, which no package is called or provides",
    ]


def test_an_excluded_package_that_is_needed_is_told_as_excluded(shelf: Shelf) -> None:
    source = shelf.of(package("app", requires=["perl"]), package("perl"))
    assert chains(source, "app", excluded=["perl"]) == [
        "the list of packages needs app; app-1-1.x86_64 needs perl, and perl is excluded"
    ]


def test_metadata_that_is_not_there_or_broken_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "primary.xml"
    broken.write_text("<metadata><package")
    for path in (tmp_path / "none.xml", broken):
        with pytest.raises(HeliostatError) as caught:
            solve([PrimaryFile("base", path)], ["app"])
        assert caught.value.code == "RepositoryUnusable"
        assert "base" in caught.value.message
