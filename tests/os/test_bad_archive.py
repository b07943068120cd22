"""``helio os import`` from a mirror that lies, breaks off or has nothing: what a person sees,
and that nothing is published until all of it is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb
from heliostat.testing.desk import Desk
from heliostat.testing.mirror import Cut
from heliostat.testing.small_disk import small_disk

APP = TinyDeb("app", files={"/usr/bin/app": "app\n"}, fields={"Depends": "lib"})
LIB = TinyDeb("lib", files={"/usr/lib/lib.so": "lib\n" * 4000})
NEEDY = TinyDeb("needy", files={"/usr/bin/needy": "n\n"}, fields={"Depends": "app, lib (>= 9)"})


@dataclass(frozen=True, slots=True)
class Importing:
    """A desk, an archive, and data that names the archive."""

    desk: Desk
    archive: TinyArchive
    distro: Path

    def command(self, *names: str) -> tuple[object, ...]:
        return "import", *names, "--repo", "base", "--distro", self.distro, "--refresh"

    def nothing_published(self) -> bool:
        return not (self.desk.repository / "repodata/repomd.xml").exists()

    def published(self) -> list[str]:
        """Names of the packages in ``base``."""
        rows = self.desk.told("repo", "show", "base")["packages"]
        return sorted(row["name"] for row in rows)


@pytest.fixture
def importing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Importing]:
    distro = tmp_path / "distro"
    (distro / "packages").mkdir(parents=True)
    (distro / "policy").mkdir()
    (distro / "policy/all.yaml").write_text("defaults: {folders: [/usr, /usr/bin, /usr/lib]}\n")
    with tiny_archive(tmp_path / "archive") as archive:
        archive.publish(APP, LIB, NEEDY)
        (distro / "archive.yaml").write_text(
            f"suite: testing\nmirror: {archive.mirror.url}\nkeyring: {archive.keyring}\n"
        )
        yield Importing(Desk.at(tmp_path, monkeypatch, capsys), archive, distro)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (404, "ArchiveUnreachable"),
        (500, "ArchiveUnreachable"),
        (Cut(200), "ArchiveUnreachable"),
        (b"<html>Sign in to this network</html>", "DigestMismatch"),
    ],
)
def test_a_package_that_the_mirror_does_not_give_is_named_and_fetched_next_time(
    importing: Importing, fault: int | bytes | Cut, code: str
) -> None:
    importing.archive.mirror.faults["lib_1.0-1_amd64.deb"] = fault
    told = importing.desk.refused(*importing.command("app"))
    assert told["code"] == code
    assert "lib_1.0-1_amd64.deb" in told["message"]
    assert importing.nothing_published()
    importing.archive.mirror.faults.clear()
    importing.desk.helio(*importing.command("app"))
    assert importing.published() == ["app", "lib"]


@pytest.mark.parametrize("spoil", ["unsigned", "changed", "another key"])
def test_an_index_that_is_not_the_archives_is_refused(importing: Importing, spoil: str) -> None:
    release = importing.archive.root / "www/dists/testing/InRelease"
    if spoil == "unsigned":
        lines = release.read_text().split("\n\n", 1)[1].partition("-----BEGIN PGP SIGN")[0]
        release.with_name("Release").write_text(lines)
        release.unlink()
    elif spoil == "changed":
        release.write_text(release.read_text().replace("Origin: Test", "Origin: Best"))
    else:
        with tiny_archive(importing.archive.root / "other") as other:
            importing.archive.keyring.write_bytes(other.keyring.read_bytes())
    told = importing.desk.refused(*importing.command("app"))
    assert told["code"] == "ArchiveUntrusted"
    assert importing.nothing_published()


def test_what_cannot_be_met_is_told_as_a_chain(importing: Importing) -> None:
    told = importing.desk.refused(*importing.command("needy"))
    assert told["code"] == "DependencyUnmet"
    (chain,) = told["data"]["chains"]
    assert chain[0] == "the list of packages needs needy"
    assert chain[-1] == (
        "needy-1.0-1.x86_64 needs lib >= 9-0, which no package provides (there is lib-1.0-1.x86_64)"
    )
    assert importing.nothing_published()


def test_a_policy_that_names_an_unknown_package_tells_the_line_and_the_nearest(
    importing: Importing,
) -> None:
    policy = importing.distro / "policy/mine.yaml"
    policy.write_text("packages:\n  app: {}\n  need: {drop: [/usr/share/x]}\n")
    told = importing.desk.refused(*importing.command("app"))
    assert told["code"] == "InvalidSetting"
    assert f"{policy}:3" in told["message"]
    assert "Did you mean needy?" in told["message"]


def test_a_policy_with_an_unknown_key_tells_the_line_and_the_nearest(importing: Importing) -> None:
    policy = importing.distro / "policy/mine.yaml"
    policy.write_text("packages:\n  app:\n    dropp: [/usr/share/x]\n")
    told = importing.desk.refused(*importing.command("app"))
    assert told["code"] == "InvalidSetting"
    assert f"{policy}:3" in told["message"]
    assert "drop" in told["message"]


def test_a_full_disk_publishes_nothing_and_the_same_command_goes_on(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(importing.desk.folder / "disk", 4) as disk:
        monkeypatch.setenv("HELIO_CACHE", str(disk))
        (disk / "full").write_bytes(b"\1" * 1024)
        with (disk / "full").open("ab") as stream:
            try:
                while True:
                    stream.write(b"\1" * 65536)
                    stream.flush()
            except OSError:
                pass
        told = importing.desk.refused(*importing.command("app"))
        assert told["code"] == "DiskFull", told
        assert importing.nothing_published()
        (disk / "full").unlink()
        importing.desk.helio(*importing.command("app"))
        assert importing.published() == ["app", "lib"]


def test_of_two_imports_at_once_both_end_well(importing: Importing) -> None:
    argv = [sys.executable, "-m", "heliostat.cli", "os", *map(str, importing.command("app"))]
    pipe = subprocess.PIPE
    both = [subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for each in both:
        _, said = each.communicate()
        assert each.returncode == 0, said
    assert importing.published() == ["app", "lib"]
    importing.desk.helio("repo", "verify", "base")
