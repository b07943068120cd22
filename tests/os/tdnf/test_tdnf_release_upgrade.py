"""heliostat-upgrade: the next release as a whole, or nothing; and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_system import TdnfSystem


class Site:
    """A system of release 1, with the repositories of 1 and 2 below one address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        releases = {
            number: published(
                folder / "site" / number,
                package("release", f"{number}-1", provides=[f"system-release = {number}"]),
                package("app", f"{number}-1"),
                package("both", "1-1"),
            )
            for number in ("1", "2")
        }
        self.first: PackageSet = releases["1"]
        self.second: PackageSet = releases["2"]
        self.system = TdnfSystem(folder / "system")
        address = (folder / "site").resolve().as_uri()
        self.system.enable(self.first, baseurl=f"{address}/$releasever")
        self.system.configure(distroverpkg="system-release")
        self.system.done("install", "release", "app", "both", "--releasever=1")

    def upgrade(self, *words: str) -> subprocess.CompletedProcess[str]:
        program = "import sys; from heliostat.os.tdnf.release_upgrade import main; sys.exit(main())"
        where = ["-c", str(self.system.configuration), "--installroot", str(self.system.root)]
        return subprocess.run(
            [sys.executable, "-c", program, *where, *words],
            capture_output=True,
            text=True,
            timeout=100,
            env=self.system.environment,
            input="",
            check=False,
        )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


BEFORE = ["app-1-1.noarch", "both-1-1.noarch", "release-1-1.noarch"]
AFTER = ["app-2-1.noarch", "both-1-1.noarch", "release-2-1.noarch"]


def test_a_system_goes_to_the_next_release(site: Site) -> None:
    plan = site.upgrade("--plan", "-j")
    told = json.loads(plan.stdout)
    assert (plan.returncode, told["From"], told["To"]) == (0, "1", "2")
    assert [each["Name"] for each in told["Upgrade"]] == ["app", "release"]
    assert site.system.installed() == BEFORE
    done = site.upgrade("-y")
    assert done.returncode == 0, done.stderr
    assert site.system.installed() == AFTER


def test_the_last_upgrade_is_undone(site: Site) -> None:
    assert site.upgrade("-y").returncode == 0
    back = site.upgrade("--back", "-y")
    assert back.returncode == 0, back.stderr
    assert site.system.installed() == BEFORE
    again = site.upgrade("--back", "-y")
    assert "No upgrade is remembered" in again.stderr


def test_the_next_release_may_be_elsewhere(site: Site) -> None:
    variables = site.system.root / "etc" / "tdnf" / "vars"
    variables.mkdir(parents=True)
    address = site.second.url.rpartition("/")[0]
    (variables / "heliostat_repos").write_text("file:///nowhere\n")
    site.system.enable(site.first, baseurl="$heliostat_repos/$releasever")
    assert site.upgrade("-y").returncode != 0
    assert site.system.installed() == BEFORE
    moved = site.upgrade("-y", "--repos", address)
    assert moved.returncode == 0, moved.stderr
    assert site.system.installed() == AFTER
    assert (variables / "heliostat_repos").read_text() == f"{address}\n"


def test_without_an_answer_nothing_is_changed(site: Site) -> None:
    assert site.upgrade().returncode == 1032 % 256
    assert site.system.installed() == BEFORE


def test_what_is_missing_is_found_before_anything_changes(site: Site) -> None:
    for words, told in (
        (["1"], "release 1 already"),
        (["3"], ""),
        (["2", "3"], "not understood"),
    ):
        ran = site.upgrade("-y", *words)
        assert ran.returncode != 0
        assert told in ran.stderr
    site.first.key.unlink()
    assert "key" in site.upgrade("-y").stderr.lower()
    assert site.system.installed() == BEFORE


def test_repositories_that_stayed_behind_are_told(site: Site) -> None:
    site.second.remove("release-2-1.noarch")
    site.second.publish()
    ran = site.upgrade("-y")
    assert "don't have release 2" in ran.stderr
    assert site.system.installed() == BEFORE


def test_going_back_asks_first(site: Site) -> None:
    assert site.upgrade("-y").returncode == 0
    for words in (["--back"], ["--back", "-j"]):
        assert site.upgrade(*words).returncode == 1032 % 256
        assert site.system.installed() == AFTER


def test_a_system_that_came_as_an_image_goes_and_comes_back(site: Site, tmp_path: Path) -> None:
    """Nothing has been done to it by tdnf: it has no history."""
    site.system = TdnfSystem(tmp_path / "image")
    site.system.enable(site.first, baseurl=f"{site.first.url.rpartition('/')[0]}/$releasever")
    site.system.configure(distroverpkg="system-release")
    site.system.holds(site.first, *BEFORE)
    assert site.upgrade("-y").returncode == 0
    assert site.system.installed() == AFTER
    assert site.upgrade("--back", "-y").returncode == 0
    assert site.system.installed() == BEFORE


def test_an_upgrade_that_changed_nothing_leaves_nothing_to_undo(site: Site) -> None:
    (site.second.folder / "Packages/app-2-1.noarch.rpm").unlink()
    assert site.upgrade("-y").returncode != 0
    back = site.upgrade("--back", "-y")
    assert "ended before it changed anything" in back.stderr
    assert "No upgrade is remembered" in site.upgrade("--back", "-y").stderr
    assert site.system.installed() == BEFORE
