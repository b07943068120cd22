"""The furniture of these tests itself: what it makes is what other programs read."""

from __future__ import annotations

from pathlib import Path

from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.packages import published_records
from heliostat.testing.tdnf_system import TdnfSystem


def test_other_programs_read_all_that_packages_say(tmp_path: Path) -> None:
    made = PackageSet(tmp_path / "base")
    app = package(
        "app",
        "2:1.0~rc1^git1-3",
        "x86_64",
        requires=["lib >= 1", "(a or b)"],
        recommends=["extra"],
        enhances=["shell"],
        scripts={"post": 'error("no")'},
        changes=["Second.", "First."],
    )
    made.add(app)
    made.add_source("app", "2:1.0-3", requires=["compiler"])
    made.advise("A-1", app, severity="Important", cves=["CVE-2026-1"], reboot=True)
    made.publish()
    records = {each.arch: each for each in published_records(made.folder)}
    assert set(records) == {"x86_64", "src"}
    assert made.paths["app-2:1.0-3.src"].exists()
    index = (made.folder / "repodata" / "repomd.xml").read_text()
    assert "updateinfo" in index


def test_a_system_remembers_its_past_and_the_program_answers(tmp_path: Path) -> None:
    made = published(tmp_path / "base", package("app", "1-1"), package("app", "2-1"))
    system = TdnfSystem(tmp_path / "system")
    system.enable(made)
    system.holds(made, "app-1-1.noarch")
    assert system.installed() == ["app-1-1.noarch"]
    ran = system.run("-j", "--assumeno", "update")
    assert (ran.error, ran.steps("Upgrade")) == (0, ["app-2-1.noarch"])
