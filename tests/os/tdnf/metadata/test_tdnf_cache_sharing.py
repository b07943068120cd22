"""One cache for many runs: full, read-only, rotten, stopped half-way, and at the same time."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.tdnf.errors import ABORTED, CACHE_OUT_OF_DISK, CACHE_UNWRITABLE, TdnfError
from heliostat.os.tdnf.metadata.holding import Hold
from heliostat.os.tdnf.transfer.download import Download
from heliostat.testing.mirror import Mirror, Stall, mirror
from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.small_disk import small_disk
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import Ran, TdnfSystem


class Place:
    """A repository behind a server, and a system that knows it."""

    def __init__(self, folder: Path, made: PackageSet, server: Mirror) -> None:
        self.folder, self.made, self.server = folder, made, server
        self.system = TdnfSystem(folder / "system")
        self.system.enable(made, baseurl=server.url, retries=0)

    def run(self, *words: str) -> Ran:
        return in_process(self.system, *words)

    def offered(self, *words: str) -> list[str]:
        ran = self.run(*words, "repoquery", "--available")
        assert ran.exit_code == 0, ran.stderr
        return sorted(ran.stdout.split())

    @property
    def cache(self) -> Path:
        (found,) = (self.system.root / "var/cache/tdnf").glob("base-*")
        return found

    def start(self, *words: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.system.argv(*words),
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=self.system.environment,
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = published(tmp_path / "base", package("app", "1-1"))
    with mirror(made.folder) as server:
        yield Place(tmp_path, made, server)


def test_a_full_disk_is_told_before_anything_is_fetched(place: Place) -> None:
    cache = place.system.root / "var/cache"
    cache.mkdir(parents=True)
    with small_disk(cache / "tdnf", 4) as disk:
        fill(disk)
        ran = place.run("makecache")
        assert ran.error == CACHE_OUT_OF_DISK
        assert str(disk) in ran.stderr
        (disk / "fill").unlink()
        assert place.offered() == ["app-1-1.noarch"]


def fill(disk: Path) -> None:
    """Till nothing goes in any more, for root either."""
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def test_a_disk_without_room_for_the_packages(place: Place) -> None:
    from heliostat.os.tdnf.transfer.fetch import check_space

    target = str(place.folder / "not" / "yet" / "there")
    huge = Download(None, (), "file", target, size=1 << 60)  # type: ignore[arg-type]
    with pytest.raises(TdnfError) as raised:
        check_space([huge])
    assert raised.value.number == CACHE_OUT_OF_DISK


def test_a_read_only_cache_serves_till_it_is_too_old(place: Place) -> None:
    cache = place.system.root / "var/cache"
    cache.mkdir(parents=True)
    with small_disk(cache / "tdnf", 8) as disk:
        place.offered()
        run(["mount", "-o", "remount,ro", str(disk)], timeout_s=60)
        assert place.offered() == ["app-1-1.noarch"]
        ran = place.run("--refresh", "repoquery")
        assert (ran.error, "Read-only" in ran.stderr) == (CACHE_UNWRITABLE, True)
        assert place.offered("-C") == ["app-1-1.noarch"]


@pytest.mark.parametrize("victim", ["solvcache/*", "repodata/repomd.xml", "repodata/*primary*"])
@pytest.mark.parametrize("content", [b"", b"rotten"])
def test_what_has_rotted_is_made_anew(place: Place, victim: str, content: bytes) -> None:
    place.offered()
    for path in place.cache.glob(victim):
        path.write_bytes(content)
    if victim.startswith("repodata"):
        for path in place.cache.glob("solvcache/*"):
            path.unlink()
    assert place.offered() == ["app-1-1.noarch"]


def test_parsed_metadata_of_before_is_swept(place: Place) -> None:
    place.offered()
    (before,) = place.cache.glob("solvcache/*.solv")
    names = set(os.listdir(place.cache / "repodata"))
    (place.cache / "solvcache" / "left.1.part").write_text("killed")
    place.made.add(package("app", "2-1"))
    place.made.publish()
    assert len(place.offered("--refresh")) == 2
    (now,) = place.cache.glob("solvcache/*")
    assert now != before
    assert names & set(os.listdir(place.cache / "repodata")) == {"repomd.xml"}


def test_what_another_reads_is_not_swept(place: Place) -> None:
    place.offered()
    names = set(os.listdir(place.cache / "repodata"))
    reader = Hold(str(place.cache / "repodata"))
    reader.share()
    place.made.add(package("app", "2-1"))
    place.made.publish()
    place.offered("--refresh")
    assert names <= set(os.listdir(place.cache / "repodata"))
    reader.release()
    place.offered("--refresh")
    assert not names <= set(os.listdir(place.cache / "repodata"))


def test_the_second_of_two_waits_and_finds_the_work_done(place: Place) -> None:
    place.offered()
    asked = len(place.server.asked)
    first = Hold(str(place.cache))
    assert first.claim()
    second = place.start("makecache")
    assert second.stderr is not None
    assert b"Waiting for another tdnf" in second.stderr.readline()
    os.utime(place.cache / "lastrefresh")
    first.release()
    second.communicate(timeout=100)
    assert (second.returncode, len(place.server.asked)) == (0, asked)


def test_a_run_stopped_by_the_keyboard_is_gone_on_with(place: Place) -> None:
    place.server.faults["primary.xml.gz"] = Stall(100)
    stopped = place.start("makecache")
    while not place.server.count("primary.xml.gz") or not part(place):
        assert stopped.poll() is None
    stopped.send_signal(signal.SIGINT)
    _, told = stopped.communicate(timeout=100)
    assert (stopped.returncode, b"Traceback" in told) == (ABORTED % 256, False)
    place.server.faults.clear()
    assert place.offered() == ["app-1-1.noarch"]
    assert any(each.endswith("bytes=100-") for each in place.server.asked)


def part(place: Place) -> bool:
    """Whether the beginning of the packages' list has come."""
    parts = list(place.cache.glob("repodata/*primary*.part"))
    return bool(parts) and parts[0].stat().st_size == 100


def test_progress_is_drawn_on_a_terminal_and_nowhere_else(place: Place) -> None:
    ours, theirs = pty.openpty()
    drawing = place.start("makecache", stderr=theirs)
    os.close(theirs)
    drawn = b""
    while True:
        try:
            some = os.read(ours, 4096)
        except OSError:
            break
        if not some:
            break
        drawn += some
    os.close(ours)
    assert drawing.wait(timeout=100) == 0
    assert b"100% [" in drawn
    place.run("clean", "all")
    ran = place.run("makecache")
    assert ran.stderr == "Refreshing metadata for: 'The repository base'\n"
    assert place.run("-q", "--refresh", "makecache").stderr == ""
