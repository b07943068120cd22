"""``clean`` in all its kinds, ``makecache``, and ``reposync`` with its options."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.tdnf.errors import (
    CLEAN_NEEDS_OPTION,
    CLEAN_UNSUPPORTED,
    INVALID_PARAMETER,
    KEY_NO_MATCH,
)
from heliostat.testing.mirror import Mirror, mirror
from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.rpms import signer
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import Ran, TdnfSystem


class Place:
    """A repository behind a server, and a system whose runs need no processes."""

    def __init__(self, folder: Path, made: PackageSet, server: Mirror) -> None:
        self.folder, self.made, self.server = folder, made, server
        self.system = TdnfSystem(folder / "system")
        self.system.enable(made, baseurl=server.url)
        self.copy = folder / "copy"

    def run(self, *words: str) -> Ran:
        return in_process(self.system, *words)

    def done(self, *words: str) -> Ran:
        ran = self.run(*words)
        assert ran.exit_code == 0, ran.stderr
        return ran

    def synced(self, *words: str) -> list[str]:
        """Names of the packages that a run of reposync left in the copy."""
        self.done("reposync", f"--download-path={self.copy}", *words)
        return sorted(each.name for each in self.copy.rglob("*.rpm"))

    def kept(self) -> set[str]:
        """What the cache has of the repository, but for what is empty."""
        found = (self.system.root / "var/cache/tdnf").glob("base-*/*")
        return {each.name for each in found if not each.is_dir() or any(each.iterdir())}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    packages = [package("app", "1-1"), package("app", "2-1"), package("tool", arch="x86_64")]
    made = published(tmp_path / "base", *packages)
    with mirror(made.folder) as server:
        yield Place(tmp_path, made, server)


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("all", set()),
        ("packages", {"repodata", "solvcache", "lastrefresh", "keys"}),
        ("metadata", {"rpms", "keys"}),
        ("dbcache", {"repodata", "lastrefresh", "rpms", "keys"}),
        ("keys", {"repodata", "solvcache", "lastrefresh", "rpms"}),
        ("expire-cache", {"repodata", "solvcache", "rpms", "keys"}),
    ],
)
def test_clean_takes_away_what_it_names(place: Place, kind: str, left: set[str]) -> None:
    place.done("makecache")
    (folder,) = (place.system.root / "var/cache/tdnf").glob("base-*")
    for name in ("rpms", "keys"):
        (folder / name).mkdir()
        (folder / name / "file").write_text("kept")
    assert place.kept() == {"repodata", "solvcache", "lastrefresh", "rpms", "keys"}
    place.done("clean", kind)
    assert place.kept() == left
    place.done("clean", kind)


def test_clean_says_what_it_needs(place: Place) -> None:
    assert place.run("clean").error == CLEAN_NEEDS_OPTION
    assert place.run("clean", "plugins").error == CLEAN_UNSUPPORTED
    assert place.run("clean", "everything").error == CLEAN_UNSUPPORTED
    assert place.run("-j", "clean", "all").json == {"Repositories": [], "Bytes": 0}


def test_clean_leaves_what_tdnf_didnt_put_there(place: Place) -> None:
    place.done("makecache")
    cache = place.system.root / "var/cache/tdnf"
    (cache / "notes").mkdir()
    (cache / "notes" / "repodata").write_text("somebody's")
    place.done("clean", "all")
    assert (cache / "notes" / "repodata").exists()
    place.done("makecache")
    place.done("--disablerepo=*", "clean", "all")
    assert place.kept()


def test_makecache_leaves_nothing_to_be_fetched_or_parsed(place: Place) -> None:
    place.done("makecache")
    (parsed,) = (place.system.root / "var/cache/tdnf").glob("base-*/solvcache/*.solv")
    before = parsed.stat().st_mtime_ns
    asked = len(place.server.asked)
    place.done("list", "available")
    assert (parsed.stat().st_mtime_ns, len(place.server.asked)) == (before, asked)
    place.made.add(package("app", "3-1"))
    place.made.publish()
    place.done("makecache")
    place.done("list", "available")
    now, words = sorted(parsed.parent.iterdir(), key=lambda path: path.suffix)
    assert words.name == f"{now.stem}-words.solvx"
    assert now.name != parsed.name


def test_reposync_copies_a_repository_that_others_can_use(place: Place) -> None:
    place.made.advise("A-1", package("app", "2-1"))
    place.made.publish()
    names = ["app-1-1.noarch.rpm", "app-2-1.noarch.rpm", "tool-1-1.x86_64.rpm"]
    assert place.synced("--download-metadata") == names
    again = ["--disablerepo=*", f"--repofrompath=copy,{place.copy / 'base'}"]
    seen = run(
        ["dnf", "-q", *again, "--setopt=cachedir=" + str(place.folder / "dnf"), "repoquery"],
        timeout_s=100,
    ).stdout.split()
    assert sorted(seen) == ["app-0:1-1.noarch", "app-0:2-1.noarch", "tool-0:1-1.x86_64"]
    assert list((place.copy / "base/repodata").glob("*updateinfo*"))


def test_reposync_fetches_only_what_isnt_there(place: Place) -> None:
    place.synced()
    (path,) = place.copy.rglob("tool*.rpm")
    path.write_bytes(path.read_bytes()[:-1])
    del place.server.asked[:]
    place.synced()
    assert place.server.asked == ["/Packages/tool-1-1.x86_64.rpm"]


def test_reposync_chooses(place: Place) -> None:
    place.made.add_source("app")
    place.made.publish()
    assert place.synced("--newest-only") == ["app-2-1.noarch.rpm", "tool-1-1.x86_64.rpm"]
    place.copy = place.folder / "arch"
    assert place.synced("--arch=x86_64", "--arch=baroque") == ["tool-1-1.x86_64.rpm"]
    place.copy = place.folder / "source"
    assert place.synced("--source") == ["app-1-1.src.rpm"]


def test_reposync_deletes_when_told_to(place: Place) -> None:
    place.synced()
    (place.copy / "base" / "gone-1-1.noarch.rpm").write_text("gone")
    assert "gone-1-1.noarch.rpm" in place.synced()
    assert "gone-1-1.noarch.rpm" not in place.synced("--delete")


def test_reposync_without_the_repositorys_name(place: Place, tmp_path: Path) -> None:
    place.synced("--norepopath")
    assert (place.copy / "Packages" / "app-1-1.noarch.rpm").exists()
    assert place.run("reposync", "--norepopath", "--delete").error == INVALID_PARAMETER
    place.system.enable(published(tmp_path / "other", package("x"), name="other"))
    assert place.run("reposync", "--norepopath").error == INVALID_PARAMETER


def test_reposync_tells_addresses(place: Place) -> None:
    ran = place.done("reposync", "--urls", f"--download-path={place.copy}")
    assert f"{place.server.url}/Packages/app-1-1.noarch.rpm" in ran.stdout.split()
    assert not place.copy.exists()
    ran = place.done("-j", "reposync", "--urls")
    assert {each["Nevra"] for each in ran.json} >= {"app-1-1.noarch"}


def test_reposync_removes_what_nobody_vouches_for(place: Place) -> None:
    stranger = signer("Stranger <stranger@example.invalid>")
    place.made.add(package("odd"), signer=stranger)
    place.made.publish()
    ran = place.run("reposync", "--gpgcheck", f"--download-path={place.copy}")
    assert ran.error == KEY_NO_MATCH
    names = sorted(each.name for each in place.copy.rglob("*.rpm"))
    assert ("odd-1-1.noarch.rpm" in names, len(names)) == (False, 3)


def test_reposync_never_leaves_its_folder(place: Place) -> None:
    primary = next((place.made.folder / "repodata").glob("*primary.xml.gz"))
    outside = place.folder / "app-1-1.noarch.rpm"
    (place.made.folder / "Packages" / "app-1-1.noarch.rpm").rename(outside)
    assert primary.exists()
    run(
        ["createrepo_c", "--quiet", "--location-prefix=../..", str(place.made.folder)],
        timeout_s=60,
    )
    ran = place.run("reposync", f"--download-path={place.copy}")
    assert (bool(ran.error), "has a package at ../.." in ran.stderr) == (True, True)
    assert not os.path.exists(place.copy)
