"""From a Debian archive that moves on to ``updates``: what is newer, needed, refused, rebuilt."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.build.rebuilds import Rebuild
from heliostat.os.packages.deb.importer import Importer
from heliostat.os.packages.deb.policy import Policy
from heliostat.os.packages.deb.policy_schema import Defaults
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.curate.curation import Curator
from heliostat.os.repo.curate.offer import Supply, newest
from heliostat.os.repo.curate.rebuilding import Build, rebuild
from heliostat.os.repo.curate.report import Report
from heliostat.os.repo.curate.rules import Rules
from heliostat.os.repo.curate.scene import published_sources
from heliostat.os.repo.curate.supplies import ArchiveSupply, BuiltSupply, FolderSupply
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.sources.suite import open_suite
from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb
from heliostat.testing.packages import small_package

POLICY = Policy(defaults=Defaults(folders=("/usr", "/usr/bin", "/usr/share", "/usr/share/doc")))


def _deb(name: str, version: str, news: str = "", **more: object) -> TinyDeb:
    entry = f"{name} ({version}) testing; urgency=medium\n\n  * {news or 'Built.'}\n\n"
    entry += " -- A Person <a@example.invalid>  Mon, 02 Nov 2026 10:00:00 +0000\n"
    packed = gzip.compress(entry.encode(), mtime=0)
    files = {f"/usr/bin/{name}": f"{name} {version}\n"}
    files_and_news = {**files, f"/usr/share/doc/{name}/changelog.Debian.gz": packed}
    return TinyDeb(name, version, files=files_and_news, **more)  # type: ignore[arg-type]


class Site:
    """``base`` imported from the archive as it is first, ``updates`` empty."""

    def __init__(self, archive: TinyArchive, folder: Path, signer: Signer) -> None:
        self.archive, self.cache, self.signer = archive, folder / "cache", signer
        self.base = Repository.create(folder / "base", Settings(name="base"))
        self.updates = Repository.create(folder / "updates", Settings(name="updates"))
        made = self.importer().take_names(["app", "lib", "built"])
        take_in(self.base, [each.path for each in made], signer, self.cache)

    def importer(self) -> Importer:
        suite = open_suite(self.archive.archive, self.cache, max_age_s=0)
        return Importer(suite, POLICY, self.cache)

    def supply(self) -> ArchiveSupply:
        beside = published_sources((self.base, self.updates))
        return ArchiveSupply(self.importer(), beside, {"built": Rebuild(packages=("built",))})

    def curator(self, *supplies: Supply) -> Curator:
        return Curator(
            target=self.updates,
            beside=(self.base,),
            supplies=supplies or (self.supply(),),
            rules=Rules(cve_reference="https://example.invalid/{id}"),
            signer=self.signer,
            cache=self.cache,
            now=1_790_000_000,
            year=2026,
        )

    def curate(self) -> Report:
        return self.curator().run()

    def visible(self) -> list[str]:
        return [each.nevra for each in self.updates.published()]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TinyArchive]:
    with tiny_archive(tmp_path / "archive") as made:
        made.publish(_deb("app", "1.0-1"), _deb("lib", "1:2.0-1"), _deb("built", "1.0-1"))
        yield made


@pytest.fixture
def site(archive: TinyArchive, tmp_path: Path, signer: Signer) -> Site:
    return Site(archive, tmp_path, signer)


def test_a_fix_in_the_archive_reaches_updates(site: Site) -> None:
    site.archive.publish(_deb("lib", "1:2.0-1+deb13u1", "Fix CVE-2026-4242."))
    report = site.curate()
    assert site.visible() == ["lib-1:2.0-1+deb13u1.x86_64"]
    assert report.promoted[0].cves == ("CVE-2026-4242",)
    assert report.promoted[0].origin == "testing"
    assert not site.curate().promoted


def test_what_an_update_newly_needs_comes_along(site: Site) -> None:
    needs = _deb("app", "1.1-1", fields={"Depends": "fresh"})
    site.archive.publish(needs, _deb("fresh", "0.1-1"))
    report = site.curate()
    assert site.visible() == ["app-1.1-1.x86_64", "fresh-0.1-1.x86_64"]
    assert report.promoted[1].packages == ("fresh (new) -> 0.1-1",)


def test_what_is_refused_holds_only_itself(site: Site) -> None:
    evil = _deb("app", "1.1-1", scripts={"postinst": "#!/bin/sh\nwget evil\n"})
    unmet = _deb("lib", "1:2.1-1", fields={"Depends": "nothing-of-the-kind"})
    other = _deb("built", "1.0-1")
    site.archive.publish(evil, unmet, other)
    report = site.curate()
    held = {each.source: each.reasons[0] for each in report.held}
    assert "postinst" in held["app"]
    assert "nothing-of-the-kind" in held["lib"]
    assert site.visible() == []
    site.archive.publish(_deb("lib", "1:2.2-1"))
    site.curate()
    assert site.visible() == ["lib-1:2.2-1.x86_64"]


def test_a_hyphen_in_a_version_makes_no_news(
    archive: TinyArchive, tmp_path: Path, signer: Signer
) -> None:
    """RPM allows none in a version; as the ``+`` that it becomes Debian sorts it lower."""
    archive.publish(_deb("lib", "1:2.1-2026-3"))
    site = Site(archive, tmp_path, signer)
    have = newest([site.base.published()])
    published = {name: each.order for name, each in have.items()}
    told = dataclasses.replace(site.importer(), published=published)
    assert dataclasses.replace(site.supply(), importer=told).offers(have) == []
    assert told.take_names(["lib"])


def test_what_is_rebuilt_here_waits_for_its_build(site: Site) -> None:
    site.archive.publish(_deb("built", "1.1-1"))
    have = newest(each.published() for each in (site.base, site.updates))
    assert [str(each.evr) for each in site.supply().to_rebuild(have, {})] == ["1.1-1"]
    assert not site.curate().promoted


class Bench:
    """Builds ``built`` as the archive has it, into a folder of ready packages."""

    def __init__(
        self, site: Site, folder: Path, version: str, requires: tuple[str, ...] = ()
    ) -> None:
        self.site, self.ready = site, FolderSupply(folder)
        self._version, self._requires = version, requires
        folder.mkdir()

    def build(self, source: str) -> None:
        made = small_package(
            source,
            self._version,
            "1+bhs1",
            provides=(f"{source} = 1.1-1",),
            requires=self._requires,
        )
        write(dataclasses.replace(made, source_rpm=f"{source}-1.1-1.src.rpm"), self.ready.folder)

    def curate(self, build: Build | None) -> Report:
        supply = self.site.supply()
        have = newest([self.site.base.published(), self.site.updates.published()])
        lacking = supply.to_rebuild(have, self.ready.versions())
        waiting = rebuild(lacking, build, self.ready.versions)
        supply = dataclasses.replace(supply, waiting={each.source for each in waiting})
        curator = self.site.curator(supply, BuiltSupply(self.ready, supply))
        return dataclasses.replace(curator, waiting=waiting).run()


@pytest.fixture
def moved_on(site: Site) -> Site:
    """The archive has ``built`` newer, and with it another package of that source."""
    for version in ("1.0-1", "1.1-1"):
        fields = {"Source": "built", "Depends": f"built (= {version})"}
        site.archive.publish(_deb("built", version), _deb("beside", version, fields=fields))
        if version == "1.0-1":
            made = site.importer().take_names(["beside"])
            take_in(site.base, [each.path for each in made], site.signer, site.cache)
    return site


def test_a_source_that_is_built_here_gets_in_with_its_other_packages(
    moved_on: Site, tmp_path: Path
) -> None:
    bench = Bench(moved_on, tmp_path / "ready", "1.1")
    report = bench.curate(bench.build)
    assert not report.held
    assert moved_on.visible() == ["beside-1.1-1.x86_64", "built-1.1-1+bhs1.x86_64"]


def test_what_a_build_of_ours_newly_needs_comes_from_the_archive(
    moved_on: Site, tmp_path: Path
) -> None:
    moved_on.archive.publish(_deb("fresh", "0.1-1"))
    bench = Bench(moved_on, tmp_path / "ready", "1.1", ("fresh",))
    assert not bench.curate(bench.build).held
    assert "built-1.1-1+bhs1.x86_64" in moved_on.visible()
    assert "fresh-0.1-1.x86_64" in moved_on.visible()


def test_a_build_of_ours_that_needs_what_nobody_has_is_held_with_the_chain(
    moved_on: Site, tmp_path: Path
) -> None:
    bench = Bench(moved_on, tmp_path / "ready", "1.1", ("nothing-of-the-kind",))
    (held,) = bench.curate(bench.build).held
    assert any("nothing-of-the-kind" in reason for reason in held.reasons)
    assert moved_on.visible() == []


def test_a_build_of_ours_that_nothing_makes_installable_holds_only_itself(
    site: Site, tmp_path: Path
) -> None:
    """Not even what is published can be installed any more, so there is nothing to keep to."""
    unmet = ("nothing-of-the-kind",)
    for version, folder in (("1.0", "published"), ("1.1", "ready")):
        write(small_package("alone", version, requires=unmet), tmp_path / folder)
    take_in(site.base, [*(tmp_path / "published").glob("*.rpm")], site.signer, site.cache)
    site.archive.publish(_deb("lib", "1:2.0-2"))
    supply = site.supply()
    ours = BuiltSupply(FolderSupply(tmp_path / "ready"), supply)
    (held,) = site.curator(supply, ours).run().held
    assert "nothing-of-the-kind" in held.reasons[0]
    assert site.visible() == ["lib-1:2.0-2.x86_64"]


def test_a_source_that_waits_for_its_build_waits_as_a_whole(moved_on: Site, tmp_path: Path) -> None:
    report = Bench(moved_on, tmp_path / "ready", "1.1").curate(None)
    assert moved_on.visible() == []
    (held,) = report.held
    assert (held.source, held.packages) == ("built", ("built",))
    assert "helio os build built" in held.reasons[0]


def test_a_build_that_fails_holds_its_source_only(moved_on: Site, tmp_path: Path) -> None:
    def fail(source: str) -> None:
        raise HeliostatError("BuildFailed", f"{source} 1.1 could not be built.", hint="See.")

    moved_on.archive.publish(_deb("lib", "1:2.0-2"))
    report = Bench(moved_on, tmp_path / "ready", "1.1").curate(fail)
    assert moved_on.visible() == ["lib-1:2.0-2.x86_64"]
    assert "could not be built" in report.held[0].reasons[0]


def test_a_source_that_lags_behind_its_packages_is_told(moved_on: Site, tmp_path: Path) -> None:
    bench = Bench(moved_on, tmp_path / "ready", "0.9")
    assert "came to no newer built" in bench.curate(bench.build).held[0].reasons[0]


def test_rebuilds_of_the_same_source_make_no_work(site: Site, tmp_path: Path) -> None:
    """The archive compiles a source again, as it is; what we built from it stays."""
    have = {"built": newest([site.base.published()])["built"]}
    rebuilt = {"built": msgspec.structs.replace(have["built"], release="1+bhs1")}
    site.archive.publish(_deb("built", "1.0-1+b4"))
    assert site.supply().to_rebuild(have, {})
    assert not site.supply().to_rebuild(rebuilt, {})
    site.archive.publish(_deb("built", "1.0-1+deb13u1"))
    assert site.supply().to_rebuild(rebuilt, {})
