"""The curator's stories: what is newer gets in with an advisory, or stays out with a reason."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.package import Change, Package
from heliostat.os.packages.rpm.writer import write
from heliostat.os.repo.advisory import Advisory, AdvisoryKind, Severity, parse_updateinfo
from heliostat.os.repo.curate.curation import Curator
from heliostat.os.repo.curate.offer import Brought, Offer
from heliostat.os.repo.curate.rules import Hold, Rules, load_rules
from heliostat.os.repo.curate.supplies import FolderSupply
from heliostat.os.repo.history import rollback
from heliostat.os.repo.intake import take_in
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repomd import parse_repomd, unpack
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import remove
from heliostat.testing.dnf import Dnf
from heliostat.testing.packages import BUILT_AT, small_package

# dnf is slow where much else runs
pytestmark = pytest.mark.timeout(600)

RULES = Rules(reboot=("core",), cve_reference="https://example.invalid/{id}")
NOW = 1_790_000_000


class Site:
    """``base`` with three packages, an empty ``updates``, and a folder of newer packages."""

    def __init__(self, folder: Path, signer: Signer) -> None:
        self.folder, self.signer = folder, signer
        self.cache = folder / "cache"
        self.base = Repository.create(folder / "repos/base", Settings(name="base"))
        self.updates = Repository.create(folder / "repos/updates", Settings(name="updates"))
        self.newer = folder / "newer"
        old = [
            _made("core", provides=("libcore = 1",)),
            _made("tool", requires=("libcore = 1", "other")),
            _made("other"),
        ]
        paths = [write(each, folder / "old").path for each in old]
        take_in(self.base, paths, signer, self.cache)

    def offer(self, *packages: Package) -> None:
        for each in packages:
            write(each, self.newer)

    def curator(self, rules: Rules = RULES, **changes: object) -> Curator:
        curator = Curator(
            target=self.updates,
            beside=(self.base,),
            supplies=(FolderSupply(self.newer, "trixie"),),
            rules=rules,
            signer=self.signer,
            cache=self.cache,
            now=NOW,
            year=2026,
        )
        return dataclasses.replace(curator, **changes)  # type: ignore[arg-type]

    def visible(self) -> list[str]:
        return [each.nevra for each in self.updates.published()]


@pytest.fixture
def site(tmp_path: Path, signer: Signer) -> Site:
    return Site(tmp_path, signer)


def _made(
    name: str,
    version: str = "1.0",
    release: str = "1",
    *,
    source: str = "",
    news: Mapping[str, str] | None = None,
    **more: tuple[str, ...],
) -> Package:
    """``news``: text of the changelog by version, newest first."""
    package = small_package(name, version, release, **more)  # type: ignore[arg-type]
    changes = tuple(
        Change(BUILT_AT, f"A <a@example.invalid> - {evr}", text)
        for evr, text in (news or {}).items()
    )
    return dataclasses.replace(
        package,
        source_rpm=f"{source or name}-{version}-{release}.src.rpm",
        changelog=changes,
    )


FIX = {"1.0-2": "* Fix CVE-2026-0002.\n* Not affected by CVE-2026-0009.", "1.0-1": "CVE-2025-1"}


def test_a_fix_is_promoted_with_an_advisory(site: Site) -> None:
    site.offer(_made("core", release="2", news=FIX, provides=("libcore = 1",)))
    report = site.curator(rate=lambda _: Severity.IMPORTANT).run()
    assert site.visible() == ["core-1.0-2.x86_64"]
    (promoted,) = report.promoted
    assert (promoted.source, promoted.advisory) == ("core", "HSA-2026-0001")
    assert promoted.packages == ("core 1.0-1 -> 1.0-2",)
    (advisory,) = site.updates.journal.latest()
    assert advisory.kind is AdvisoryKind.SECURITY
    assert advisory.severity is Severity.IMPORTANT
    assert advisory.cves == ("CVE-2026-0002",)
    assert advisory.references[0].url == "https://example.invalid/CVE-2026-0002"
    assert advisory.reboot
    assert advisory.issued == NOW


def test_a_second_run_promotes_nothing(site: Site) -> None:
    site.offer(_made("other", release="2", news={"1.0-2": "Tidied."}))
    first = site.curator().run()
    second = site.curator().run()
    assert first.generation == second.generation == 1
    assert not second.promoted
    assert len(site.updates.journal.entries()) == 1


def test_kinds_follow_from_versions(site: Site) -> None:
    site.offer(_made("other", release="2"), _made("tool", "1.1", requires=("other",)))
    site.curator().run()
    kinds = {each.packages[0].name: each.kind for each in site.updates.journal.latest()}
    assert kinds == {"other": AdvisoryKind.BUGFIX, "tool": AdvisoryKind.ENHANCEMENT}


def test_packages_of_one_source_are_announced_and_held_together(site: Site) -> None:
    site.offer(
        _made("other", "2.0", source="suite"),
        _made("tool", "2.0", source="suite", requires=("nothing-has-this",)),
    )
    report = site.curator().run()
    assert site.visible() == []
    (held,) = report.held
    assert held.packages == ("other", "tool")
    assert any("nothing-has-this" in reason for reason in held.reasons)


def test_what_would_break_another_package_is_held(site: Site) -> None:
    site.offer(_made("core", "2.0", provides=("libcore = 2",)), _made("other", "1.1"))
    report = site.curator().run()
    assert site.visible() == ["other-1.1-1.x86_64"]
    (held,) = report.held
    assert held.source == "core"
    assert "tool" in held.reasons[0]
    assert "libcore = 1" in held.reasons[0]


def test_what_moves_together_gets_in_together(site: Site) -> None:
    site.offer(
        _made("core", "2.0", provides=("libcore = 2",)),
        _made("tool", "2.0", requires=("libcore = 2", "other")),
    )
    site.curator().run()
    assert site.visible() == ["core-2.0-1.x86_64", "tool-2.0-1.x86_64"]


def test_a_file_of_another_package_holds_an_update(site: Site) -> None:
    newer = _made("other", "2.0")
    clash = File.regular("/usr/bin/tool", b"mine now\n", 0o755, mtime=BUILT_AT)
    site.offer(dataclasses.replace(newer, files=(*newer.files, clash)))
    report = site.curator().run()
    assert report.held[0].reasons == (
        "file conflicts: /usr/bin/tool is also in tool-1.0-1.x86_64, and differs",
    )


def _with_program(package: Package, path: str, program: Path) -> Package:
    weak = File.regular(path, program.read_bytes(), 0o755, mtime=BUILT_AT)
    return dataclasses.replace(package, files=(*package.files, weak))


@pytest.fixture(scope="module")
def weak_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    weak = tmp_path_factory.mktemp("weak") / "weak"
    flags = ["-no-pie", "-Wl,-z,norelro", "-Wl,-z,lazy"]
    source = "int main(void){return 0;}"
    subprocess.run(["gcc", "-xc", "-", "-o", weak, *flags], input=source, text=True, check=True)
    return weak


def test_a_program_that_is_hardened_less_holds_an_update(site: Site, weak_program: Path) -> None:
    site.offer(_with_program(_made("other", "2.0"), "/usr/bin/weak", weak_program))
    report = site.curator().run()
    assert any("/usr/bin/weak is loaded at a fixed address" in r for r in report.held[0].reasons)


def test_a_fault_from_before_holds_no_update(site: Site, weak_program: Path) -> None:
    old = _with_program(_made("lib"), "/usr/lib/libx.so.1.12", weak_program)
    take_in(site.base, [write(old, site.folder / "old").path], site.signer, site.cache)
    site.offer(_with_program(_made("lib", "1.1"), "/usr/lib/libx.so.1.13", weak_program))
    report = site.curator().run()
    assert not report.held
    assert site.visible() == ["lib-1.1-1.x86_64"]


def test_the_rules_hold_a_source(site: Site) -> None:
    site.offer(_made("other", "2.0"))
    rules = Rules(hold=(Hold("oth*", "Wait for the release."),))
    report = site.curator(rules).run()
    assert report.held[0].reasons == ("Wait for the release.",)
    assert site.visible() == []


def test_planning_changes_nothing(site: Site) -> None:
    site.offer(_made("other", "2.0"))
    report = site.curator().plan()
    assert report.planned
    assert report.promoted[0].packages == ("other 1.0-1 -> 2.0-1",)
    assert site.updates.number() is None


def test_a_refused_package_holds_its_source_only(site: Site) -> None:
    class Picky(FolderSupply):
        def bring(self, offers: Sequence[Offer]) -> Brought:
            found = FolderSupply.bring(self, offers)
            paths = {name: path for name, path in found.paths.items() if name != "core"}
            return Brought(paths, {"core": "its postinst was not read yet"})

    site.offer(_made("other", "2.0"), _made("core", "1.1", provides=("libcore = 1",)))
    report = site.curator(supplies=(Picky(site.newer, "trixie"),)).run()
    assert site.visible() == ["other-2.0-1.x86_64"]
    assert report.held[0].reasons == ("its postinst was not read yet",)


def test_an_interrupted_run_is_finished_with_the_same_advisory(site: Site) -> None:
    site.offer(_made("other", "2.0"))
    curator = site.curator()
    scene, _ = curator._through_gates(curator._brought(curator._wanted(curator.have())[0])[0])
    staged = {each.digest: each for each in site.updates.staged().packages}
    with site.updates.claimed():
        curator._issued(scene, {}, staged)  # and then the process dies
    report = site.curator().run()
    assert [each.advisory for each in report.promoted] == ["HSA-2026-0001"]
    assert len(site.updates.journal.entries()) == 1


def test_an_advisory_goes_back_with_its_packages_and_returns_with_them(site: Site) -> None:
    """What is published next doesn't promise again what a rollback took back."""
    take_in(site.updates, [write(_made("first"), site.folder).path], site.signer, site.cache)
    site.offer(_made("other", "2.0"))
    site.curator().run()
    rollback(site.updates)
    assert not site.updates.plan()
    take_in(site.updates, [write(_made("later"), site.folder).path], site.signer, site.cache)
    assert _told(site) == []
    assert [each.advisory for each in site.curator().run().promoted] == ["HSA-2026-0001"]
    assert _told(site) == ["HSA-2026-0001"]
    withdrawn = _withdrawn(site)
    site.updates.journal.append([withdrawn])
    remove(site.updates, ["other"])
    publish(site.updates, site.signer, site.cache)
    assert _told(site) == ["HSA-2026-0001"], "who saw it learns that it doesn't hold any more"


def _withdrawn(site: Site) -> Advisory:
    (one,) = site.updates.journal.latest()
    return msgspec.structs.replace(one, version=2, withdrawn=True)


def _told(site: Site) -> list[str]:
    """Ids in the metadata that clients read."""
    rows = parse_repomd((site.updates.root / "repodata/repomd.xml").read_bytes(), "updates")
    if "updateinfo" not in rows:
        return []
    row = rows["updateinfo"]
    packed = (site.updates.root / row.location).read_bytes()
    return [each.id for each in parse_updateinfo(unpack(row, packed, "updates"), "updates")]


def test_what_somebody_else_staged_is_not_published_along(site: Site) -> None:
    take_in(site.updates, [write(_made("extra"), site.folder).path], site.signer, site.cache)
    remove(site.updates, ["extra"])
    site.offer(_made("other", "2.0"))
    with pytest.raises(HeliostatError, match="extra") as caught:
        site.curator().run()
    assert caught.value.code == "PromotionRefused"


def test_dnf_tells_the_advisory(site: Site, tmp_path: Path) -> None:
    dnf = Dnf.of(tmp_path / "dnf", "base", site.base.root.as_uri(), site.base.layout.key)
    dnf("install", "core")
    site.offer(_made("core", release="2", news=FIX, provides=("libcore = 1",)))
    site.curator(rate=lambda _: Severity.CRITICAL).run()
    later = Dnf.of(tmp_path / "dnf2", "updates", site.updates.root.as_uri(), site.base.layout.key)
    later = dataclasses.replace(later, root=dnf.root)
    said = later("updateinfo", "list", "--with-cve").stdout
    assert "CVE-2026-0002" in said
    assert "Critical/Sec." in said
    told = later("updateinfo", "info", "HSA-2026-0001").stdout
    assert "core 1.0-2 fixes CVE-2026-0002" in told
    later("upgrade", "--security")
    assert later.installed()["core"] == "1.0-2"


def test_our_own_rules_are_valid() -> None:
    from heliostat.os.image.distro import locate_distro

    rules = load_rules(locate_distro())
    assert rules.needs_reboot("linux-image-6.12.1-cloud-amd64")
    assert not rules.needs_reboot("bash")


def test_two_curations_at_once_promote_once(site: Site) -> None:
    site.offer(_made("core", "1.1", provides=("libcore = 1",)), _made("other", "1.1"))
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: site.curator().run(), range(2)))
    assert sorted(len(each.promoted) for each in reports) == [0, 2]
    assert len(site.visible()) == 2
    assert site.updates.numbers() == [1]


@pytest.mark.parametrize("told", ["https://example.invalid/", "https://example.invalid/{cve}"])
def test_a_reference_without_a_place_for_the_id_is_refused(tmp_path: Path, told: str) -> None:
    (tmp_path / "curation.yaml").write_text(f"hold: []\ncve_reference: '{told}'\n")
    with pytest.raises(HeliostatError, match=r"yaml:2: .*is not an address with {id} in it"):
        load_rules(tmp_path)
