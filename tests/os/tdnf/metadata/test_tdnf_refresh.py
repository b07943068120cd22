"""Metadata from servers that lag, mix generations, answer rubbish, or aren't there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.os.tdnf.errors import (
    BASEURL_MISSING,
    CACHE_UNREADABLE,
    CHECKSUM_MISMATCH,
    CURL,
    METADATA_SIGNATURE,
    METALINK_CHECKSUM,
    METALINK_INVALID,
    NO_CACHE,
    NO_KEY_CONFIGURED,
)
from heliostat.testing.mirror import Cut, Mirror, Redirect, mirror
from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.packages import BUILT_AT
from heliostat.testing.rpms import signer
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import Ran, TdnfSystem

INDEX = "repodata/repomd.xml"
NOT_FOUND = CURL + 22


class Place:
    """A repository, a server for it, and a system that knows it by address."""

    def __init__(self, folder: Path, server: Mirror, made: PackageSet) -> None:
        self.folder = folder
        self.server = server
        self.made = made
        self.system = TdnfSystem(folder / "system")
        self.settle()

    def settle(self, **keys: object) -> None:
        """Its ``.repo`` file with these keys."""
        self.system.enable(self.made, **{"baseurl": self.server.url, "retries": 0, **keys})

    def plugins(self, *names: str) -> None:
        """Switches plugins on as the C tdnf's users do."""
        place = self.folder / "pluginconf.d"
        place.mkdir(exist_ok=True)
        for name in names:
            (place / f"{name}.conf").write_text("[main]\nenabled=1\n")
        self.system.configure(plugins=1, pluginconfpath=place)

    @property
    def cache(self) -> Path:
        (found,) = (self.system.root / "var/cache/tdnf").glob("base-????????")
        return found

    def run(self, *words: str) -> Ran:
        """As ``system.run``, but without a process: most of these cases need none."""
        return in_process(self.system, *words)

    def done(self, *words: str) -> Ran:
        """A run that must end well."""
        ran = self.run(*words)
        assert ran.exit_code == 0, ran.stderr
        return ran

    def seen(self, *words: str) -> list[str]:
        """What the repository offers, by the run that must end well."""
        ran = self.run(*words, "repoquery", "--available")
        assert ran.exit_code == 0, ran.stderr
        return sorted(ran.stdout.split())

    def grow(self, *evrs: str) -> None:
        """The repository's next state."""
        self.made.add(*(package("app", each) for each in evrs))
        self.made.publish()

    def copy(self, name: str) -> Path:
        """The repository as it is now, elsewhere."""
        target = self.folder / name
        shutil.copytree(self.made.folder, target)
        return target

    def refused(self, *words: str) -> Ran:
        ran = self.run(*(words or ("makecache",)))
        assert ran.error
        return ran


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = published(tmp_path / "base", package("app", "1-1"))
    with mirror(made.folder) as server:
        yield Place(tmp_path, server, made)


def test_fresh_metadata_is_used_without_asking(place: Place) -> None:
    assert place.seen() == ["app-1-1.noarch"]
    asked = len(place.server.asked)
    place.grow("2-1")
    assert place.seen() == ["app-1-1.noarch"]
    assert len(place.server.asked) == asked
    assert place.seen("--refresh") == ["app-1-1.noarch", "app-2-1.noarch"]


def test_what_hasnt_changed_is_not_fetched_again(place: Place) -> None:
    place.seen()
    del place.server.asked[:]
    place.seen("--refresh")
    assert place.server.asked == ["/" + INDEX]
    assert place.server.headers[-1]["cache-control"] == "no-cache"


def test_old_metadata_expires(place: Place) -> None:
    place.settle(metadata_expire="1h")
    place.seen()
    place.grow("2-1")
    os.utime(place.cache / "lastrefresh", (0, 0))
    assert len(place.seen()) == 2
    os.utime(place.cache / "lastrefresh", (0, 0))
    place.settle(metadata_expire="never")
    place.grow("3-1")
    assert len(place.seen()) == 2


def test_the_cache_is_enough_with_cacheonly(place: Place) -> None:
    assert place.refused("-C", "makecache").error == NO_CACHE
    place.seen()
    place.server.faults[""] = 500
    os.utime(place.cache / "lastrefresh", (0, 0))
    assert place.seen("-C") == ["app-1-1.noarch"]


def test_what_isnt_there_is_told_with_its_address(place: Place) -> None:
    place.settle(baseurl=place.server.url + "/nowhere")
    ran = place.refused()
    assert ran.error == NOT_FOUND
    assert f"{place.server.url}/nowhere/{INDEX} answered 404" in ran.stderr
    assert "baseurl" in ran.stderr


def test_a_repository_that_may_be_missing_is_left_out(place: Place, tmp_path: Path) -> None:
    other = published(tmp_path / "other", package("tool"), name="other")
    place.system.enable(other)
    place.settle(skip_if_unavailable=1)
    place.server.faults[INDEX] = 500
    ran = place.run("repoquery", "--available")
    assert ran.stdout.split() == ["tool-1-1.noarch"]
    assert "Disabling Repo: 'The repository base'" in ran.stderr


def test_the_next_mirror_is_tried(place: Place) -> None:
    place.settle(baseurl=f"{place.server.url}/nowhere {place.server.url}")
    ran = place.done("makecache")
    assert f"failed to download {place.server.url}/nowhere/{INDEX}" in ran.stderr
    assert "trying next base URL" in ran.stderr


@pytest.mark.parametrize("rubbish", [b"<html>Sign in</html>", b"", b"<repomd>"])
def test_a_portal_is_no_index(place: Place, rubbish: bytes) -> None:
    place.server.faults[INDEX] = rubbish
    ran = place.refused()
    assert ran.error == CACHE_UNREADABLE
    assert place.server.url in ran.stderr
    with mirror(place.made.folder) as other:
        place.settle(baseurl=f"{place.server.url} {other.url}")
        assert place.seen() == ["app-1-1.noarch"]


def test_a_failed_refresh_keeps_what_was_there(place: Place) -> None:
    place.seen()
    place.grow("2-1")
    place.server.faults["primary.xml.gz"] = b"tampered"
    assert place.refused().error == CHECKSUM_MISMATCH - 1  # its size is told first
    assert place.seen("-C") == ["app-1-1.noarch"]
    body = (place.made.folder / "repodata").glob("*primary.xml.gz").__next__().read_bytes()
    place.server.faults["primary.xml.gz"] = body[:-1] + b"!"
    assert place.refused().error == CHECKSUM_MISMATCH
    assert place.seen("-C") == ["app-1-1.noarch"]
    place.server.faults.clear()
    assert len(place.seen("--refresh")) == 2


def test_a_download_that_broke_off_goes_on_in_the_next_run(place: Place) -> None:
    place.server.faults["primary.xml.gz"] = Cut(100)
    place.refused()
    place.server.faults.clear()
    del place.server.asked[:]
    place.seen()
    assert any("primary" in each and each.endswith("bytes=100-") for each in place.server.asked)


def test_an_index_that_changed_meanwhile_is_fetched_once_more(place: Place) -> None:
    """Published between index and files: the index of before names files that are gone."""
    with mirror(place.copy("before")) as before:
        place.grow("2-1")
        place.settle(baseurl=before.url)
        once = Redirecting(before, place.server)
        assert place.seen() == ["app-1-1.noarch", "app-2-1.noarch"]
        assert once.asked == 2


class Redirecting:
    """A cache on the way that remembers the first index, and has files of today."""

    def __init__(self, front: Mirror, today: Mirror) -> None:
        self._front = front
        for name in sorted((today.folder / "repodata").iterdir()):
            if name.name != "repomd.xml":
                front.faults[name.name] = Redirect(f"{today.url}/repodata/{name.name}")
        for name in (front.folder / "repodata").iterdir():
            if name.name != "repomd.xml":
                name.unlink()
                front.faults[name.name] = 404
        index = (today.folder / INDEX).read_bytes()
        stale = (front.folder / INDEX).read_bytes()
        front.remembers[INDEX] = (stale, index)

    @property
    def asked(self) -> int:
        return self._front.count(INDEX)


def test_files_of_another_generation_are_never_mixed_in(place: Place) -> None:
    """The same names with other content, as with --simple-md-filenames."""
    place.seen()
    index = (place.made.folder / INDEX).read_bytes()
    place.grow("2-1")
    (place.made.folder / INDEX).write_bytes(index)
    place.run("clean", "all")
    ran = place.refused()
    assert ran.error == NOT_FOUND
    assert not (place.cache / INDEX).exists()


def test_a_mirror_that_lags_is_passed_over(place: Place) -> None:
    before = place.copy("before")
    stamped(before, BUILT_AT)
    stamped(place.made.folder, BUILT_AT + 10)
    place.seen()
    with mirror(before) as lagging:
        place.settle(baseurl=f"{lagging.url} {place.server.url}", metadata_expire="1")
        shutil.rmtree(place.system.root / "var/cache/tdnf")
        place.settle(baseurl=place.server.url)
        place.seen()
        kept = (place.cache / INDEX).read_bytes()
        moved = place.cache
        place.settle(baseurl=f"{lagging.url} {place.server.url}")
        # the first address names the folder
        from binascii import crc32

        moved.rename(moved.with_name(f"base-{crc32(lagging.url.encode()):08x}"))
        place.done("makecache")
        assert (place.cache / INDEX).read_bytes() == kept
        assert lagging.count(INDEX) == 1


def stamped(folder: Path, when: int) -> None:
    """The repository as if its metadata had been made at ``when``."""
    index = folder / INDEX
    lines = index.read_text().splitlines(keepends=True)
    index.write_text(
        "".join(
            f"    <timestamp>{when}</timestamp>\n" if "<timestamp>" in each else each
            for each in lines
        )
    )


def test_weak_checksums_are_refused(place: Place, tmp_path: Path) -> None:
    from heliostat.core.process import run

    run(["createrepo_c", "--quiet", "--checksum=sha1", str(place.made.folder)], timeout_s=60)
    ran = place.refused()
    assert (ran.error, "SHA1" in ran.stderr) == (CHECKSUM_MISMATCH, True)


def test_a_package_described_by_sha1_is_refused(place: Place) -> None:
    """Only the package's own checksum is weak."""
    from heliostat.os.tdnf.errors import TdnfError
    from heliostat.os.tdnf.transfer.checksum import refuse_weak

    with pytest.raises(TdnfError, match="MD5"):
        refuse_weak("md5:" + "0" * 32, "app")
    refuse_weak("sha256:" + "0" * 64, "app")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("skip_md_filelists", "filelists"),
        ("skip_md_other", "other"),
        ("skip_md_updateinfo", "updateinfo"),
    ],
)
def test_what_nobody_wants_is_not_fetched(place: Place, key: str, name: str) -> None:
    place.made.advise("A-1", package("app", "1-1"))
    place.made.publish()
    place.done(f"--setopt=*.{key}=1", "makecache")
    assert not [each for each in place.server.asked if name in each]
    place.done("makecache")
    assert [each for each in place.server.asked if name in each]


def test_a_mirror_list(place: Place) -> None:
    lines = ["# mirrors", f"{place.server.url}/nowhere/", "", f"{place.server.url}/"]
    (place.made.folder / "list").write_text("\n".join(lines))
    place.settle(baseurl="", mirrorlist=place.server.url + "/list")
    assert place.seen() == ["app-1-1.noarch"]
    # packages come from there too, without another look at the list
    place.system.done("install", "app")
    assert (place.server.count("/list"), place.server.count("app-1-1.noarch.rpm")) == (1, 2)


def test_a_mirror_list_that_is_gone_is_remembered(place: Place) -> None:
    (place.made.folder / "list").write_text(place.server.url)
    place.settle(baseurl="", mirrorlist=place.server.url + "/list")
    place.seen()
    place.server.faults["/list"] = 404
    assert place.seen("--refresh") == ["app-1-1.noarch"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "not an address\n"])
def test_a_mirror_list_without_mirrors(place: Place, text: str) -> None:
    (place.made.folder / "list").write_text(text)
    place.settle(baseurl="", mirrorlist=place.server.url + "/list")
    assert place.refused().error == BASEURL_MISSING


METALINK = """\
<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" xmlns:mm0="http://alternates/">
 <files>
  <file name="repomd.xml">
   <size>{size}</size>
   <verification>{hashes}</verification>
   <mm0:alternates><mm0:alternate><verification><hash type="sha256">{old}</hash></verification>
   </mm0:alternate></mm0:alternates>
   <resources maxconnections="1">
    <url protocol="http" preference="1">{worse}/repodata/repomd.xml</url>
    <url protocol="rsync" preference="100">rsync://nowhere/repodata/repomd.xml</url>
    <url protocol="http" preference="99">{better}/repodata/repomd.xml</url>
   </resources>
  </file>
 </files>
</metalink>
"""


def linked(place: Place, *kinds: str, wrong: str = "") -> None:
    """A metalink for the repository, with hashes of these kinds; of ``wrong`` a false one."""
    body = (place.made.folder / INDEX).read_bytes()
    digests = {each: hashlib.new(each, body).hexdigest() for each in kinds}
    if wrong:
        digests[wrong] = hashlib.new(wrong, b"another").hexdigest()
    (place.made.folder / "metalink").write_text(
        METALINK.format(
            size=len(body),
            hashes="".join(f'<hash type="{kind}">{hex}</hash>' for kind, hex in digests.items()),
            old=hashlib.sha256(b"old").hexdigest(),
            better=place.server.url,
            worse=place.server.url + "/nowhere",
        )
    )
    place.settle(baseurl="", metalink=place.server.url + "/metalink")
    place.plugins("tdnfmetalink")


@pytest.mark.parametrize("kinds", [("sha256",), ("md5", "sha1", "sha512"), ("sha512", "sha256")])
def test_a_metalink_names_mirrors_and_proves_the_index(
    place: Place, kinds: tuple[str, ...]
) -> None:
    linked(place, *kinds)
    assert place.seen() == ["app-1-1.noarch"]
    assert place.server.asked[:2] == ["/metalink", "/" + INDEX]


def test_the_strongest_hash_of_a_metalink_counts(place: Place) -> None:
    linked(place, "md5", "sha256", wrong="sha512")
    assert place.refused().error == METALINK_CHECKSUM
    linked(place, "sha512", wrong="md5")
    place.seen()


@pytest.mark.parametrize("kinds", [(), ("md5",), ("md5", "sha1")])
def test_a_metalink_without_a_hash_that_proves_anything(
    place: Place, kinds: tuple[str, ...]
) -> None:
    linked(place, *kinds)
    assert place.refused().error == METALINK_INVALID


@pytest.mark.parametrize(
    "text",
    ["", "no xml", "<metalink/>", '<!DOCTYPE m [<!ENTITY a "b">]><metalink>&a;</metalink>'],
)
def test_what_is_no_metalink(place: Place, text: str) -> None:
    linked(place, "sha256")
    (place.made.folder / "metalink").write_text(text)
    assert place.refused().error == METALINK_INVALID


def test_a_metalink_needs_its_plugin(place: Place) -> None:
    linked(place, "sha256")
    for words in (["--noplugins"], ["--disableplugin=*"], ["--disableplugin=tdnfmetalink"]):
        assert place.refused(*words, "makecache").error == BASEURL_MISSING
    place.done("--disableplugin=*", "--enableplugin=*metalink", "makecache")
    place.system.configure(plugins=0)
    assert place.refused().error == BASEURL_MISSING


def test_a_plugin_that_isnt_ours_is_told_of(place: Place) -> None:
    place.plugins("stranger")
    ran = place.run("repolist")
    assert (ran.exit_code, ran.stderr.startswith("Error loading plugin: stranger")) == (0, True)
    assert place.run("repolist", "--disableplugin=strange*").stderr == ""
    assert place.run("repolist", "--noplugins").stderr == ""


def signed(place: Place, owner: str = "") -> None:
    """The index with its owner's signature, or another's."""
    by = signer(owner) if owner else place.made.signer
    body = (place.made.folder / INDEX).read_bytes()
    (place.made.folder / (INDEX + ".asc")).write_bytes(by.sign_detached(body, BUILT_AT + 1))


def test_a_signed_index_is_verified(place: Place) -> None:
    place.plugins("tdnfrepogpgcheck")
    place.settle(repo_gpgcheck=1)
    ran = place.refused()
    assert (ran.error, "shows no signature" in ran.stderr) == (METADATA_SIGNATURE, True)
    signed(place)
    assert place.seen() == ["app-1-1.noarch"]
    signed(place, "Somebody <else@example.invalid>")
    assert place.refused().error == METADATA_SIGNATURE
    signed(place)
    with (place.made.folder / INDEX).open("a") as file:
        file.write("<!-- added -->")
    assert place.refused().error == METADATA_SIGNATURE
    assert place.seen("-C") == ["app-1-1.noarch"]


def test_a_mirror_without_the_owners_signature_is_passed_over(place: Place) -> None:
    place.plugins("tdnfrepogpgcheck")
    signed(place, "Somebody <else@example.invalid>")
    forged = place.copy("forged")
    signed(place)
    with mirror(forged) as other:
        place.settle(baseurl=f"{other.url} {place.server.url}", repo_gpgcheck=1)
        assert place.seen() == ["app-1-1.noarch"]


def test_metadata_from_before_the_check_is_not_trusted_by_it(place: Place) -> None:
    place.plugins("tdnfrepogpgcheck")
    place.seen()
    place.settle(repo_gpgcheck=1)
    assert place.refused("repoquery").error == METADATA_SIGNATURE
    assert place.refused("-C", "repoquery").error == NO_CACHE


def test_a_check_without_plugin_or_key_is_not_silent(place: Place) -> None:
    place.settle(repo_gpgcheck=1)
    assert "does nothing without the plugin" in place.done("makecache").stderr
    place.plugins("tdnfrepogpgcheck")
    place.settle(repo_gpgcheck=1, gpgkey="")
    assert place.refused().error == NO_KEY_CONFIGURED


def test_a_key_that_is_elsewhere_is_fetched_once(place: Place) -> None:
    place.plugins("tdnfrepogpgcheck")
    signed(place)
    place.settle(repo_gpgcheck=1, gpgkey=f"{place.server.url}/{place.made.key.name}")
    place.seen()
    place.seen("--refresh")
    assert place.server.count(place.made.key.name) == 1


def test_packages_in_a_folder_are_a_repository(place: Place) -> None:
    folder = place.made.folder / "Packages"
    option = f"--repofromdir=here,{folder}"
    ran = place.run(option, "--repo=here", "repoquery", "--available")
    assert ran.stdout.split() == ["app-1-1.noarch"]
    place.grow("2-1")
    ran = place.run(option, "--repo=here", "repoquery", "--available")
    assert sorted(ran.stdout.split()) == ["app-1-1.noarch", "app-2-1.noarch"]
    place.system.done(option, "--repo=here", "--nogpgcheck", "install", "app")
    assert place.system.installed() == ["app-2-1.noarch"]
    assert place.server.asked == []


def test_a_path_with_odd_letters_is_a_repository(place: Place) -> None:
    odd = place.copy("odd name #1")
    ran = place.run(f"--repofrompath=odd,{odd}", "--repo=odd", "repoquery", "--available")
    assert ran.stdout.split() == ["app-1-1.noarch"]
