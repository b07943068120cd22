"""Disks that are full or read-only at each step of a change: told, and nothing half-made.

Each place that a change writes to lies on a disk of its own: downloads, history with lock
and journal, the system itself.  With room again, the same command works.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.testing.mirror import mirror
from heliostat.testing.package_set import PackageSet, package
from heliostat.testing.small_disk import small_disk
from heliostat.testing.tdnf_runs import forked
from heliostat.testing.tdnf_system import TdnfSystem

FILL = """
local file = io.open("/fill", "w")
file:setvbuf("no")
while file:write(string.rep("x", 4096)) do end
file:close()
"""
CACHE, STATE = "var/cache/tdnf", "var/lib/tdnf"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    made = PackageSet(tmp_path_factory.mktemp("base"))
    noise = bytes(each * 7 % 251 for each in range(3 << 20)).decode("latin-1")
    made.add(
        package("app", "1-1"),
        package("app", "2-1"),
        package("large", files={"/usr/share/large": noise}),
        package("huge", files={"/usr/share/huge": "x" * (40 << 20)}),
        package("greedy", scripts={"pre": FILL}, files={"/usr/share/greedy": noise}),
        package("hungry", scripts={"post": FILL}),
        signed=False,
    )
    made.publish()
    return made


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def system(tmp_path: Path, base: PackageSet, stack: ExitStack) -> TdnfSystem:
    """Its packages have to be fetched: those of a folder are used where they lie."""
    made = TdnfSystem(tmp_path / "system")
    server = stack.enter_context(mirror(base.folder))
    made.enable(base, baseurl=server.url, gpgcheck=0, retries=0)
    return made


def disk_at(system: TdnfSystem, place: str, stack: ExitStack, size_mib: int) -> Path:
    """A disk of its own for a folder of the system."""
    mount = system.root / place
    mount.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(small_disk(mount, size_mib))


def fill(disk: Path) -> None:
    """Till nothing goes in any more, for root either."""
    with (disk / "fill").open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            return


def remount(disk: Path, how: str) -> None:
    run(["mount", "-o", f"remount,{how}", str(disk)], timeout_s=60)


def refused(system: TdnfSystem, number: int, *words: str) -> str:
    """A run that changes nothing; what it said."""
    before = system.installed()
    ran = forked(system, *words)
    assert ran.error == number, ran
    assert system.installed() == before
    assert not (system.root / STATE / "transaction.json").exists()
    return ran.stderr


def works(system: TdnfSystem, *words: str) -> None:
    ran = forked(system, *words)
    assert ran.exit_code == 0, ran


def test_no_room_for_what_is_to_be_fetched(system: TdnfSystem, stack: ExitStack) -> None:
    disk = disk_at(system, CACHE, stack, 4)
    works(system, "makecache")
    fill(disk)
    # what was kept still answers
    works(system, "list", "available")
    assert str(disk) in refused(system, 1036, "install", "large")
    (disk / "fill").unlink()
    works(system, "install", "app")


def test_downloads_on_a_read_only_disk(system: TdnfSystem, stack: ExitStack) -> None:
    disk = disk_at(system, CACHE, stack, 8)
    works(system, "makecache")
    remount(disk, "ro")
    assert "cachedir" in refused(system, 1305, "install", "app")
    remount(disk, "rw")
    works(system, "install", "app")


@pytest.mark.parametrize(
    ("words", "number"), [("install app", 1801), ("erase app", 1628), ("mark remove app", 1801)]
)
def test_no_room_for_history_and_journal(
    system: TdnfSystem, stack: ExitStack, words: str, number: int
) -> None:
    disk = disk_at(system, STATE, stack, 1)
    if words != "install app":
        works(system, "install", "app")
    fill(disk)
    assert STATE in refused(system, number, *words.split())
    (disk / "fill").unlink()
    works(system, *words.split())


@pytest.mark.parametrize("words", ["update", "erase app", "mark remove app", "history update"])
def test_a_history_that_is_read_only(system: TdnfSystem, stack: ExitStack, words: str) -> None:
    disk = disk_at(system, STATE, stack, 1)
    works(system, "install", "app-1")
    remount(disk, "ro")
    assert "Read-only" in refused(system, 1630, *words.split())
    works(system, "list", "installed")
    works(system, "history", "list")
    remount(disk, "rw")
    works(system, *words.split())


def test_no_room_for_the_packages_themselves(system: TdnfSystem, stack: ExitStack) -> None:
    disk_at(system, "usr", stack, 16)
    assert "needs" in refused(system, 1515, "install", "huge")
    works(system, "install", "app")


def test_the_system_itself_is_read_only(system: TdnfSystem, stack: ExitStack) -> None:
    disk = disk_at(system, "usr", stack, 16)
    works(system, "install", "app-1")
    remount(disk, "ro")
    for words in ("install app", "erase app", "history undo 2"):
        assert "Read-only" in refused(system, 1630, *words.split())
    # what only fetches may
    works(system, "--downloadonly", "install", "large")
    remount(disk, "rw")
    works(system, "update")


@pytest.mark.parametrize("name", ["greedy", "hungry"])
def test_a_disk_that_gets_full_on_the_way(
    tmp_path: Path, base: PackageSet, stack: ExitStack, name: str
) -> None:
    """A script fills it: too late to refuse.  It is told, and the way back is open."""
    disk = stack.enter_context(small_disk(tmp_path / "disk", 24))
    system = TdnfSystem(disk / "system")
    system.enable(base, gpgcheck=0)
    works(system, "install", "app-1")
    ran = forked(system, "install", name, "app")
    assert ran.error in (1525, 1801), ran
    assert "full" in ran.stderr
    (system.root / "fill").unlink()
    # rpm's database is whole, and whatever was left behind is told
    assert {each.partition("-")[0] for each in system.installed()} >= {"app"}
    if (system.root / STATE / "transaction.json").exists():
        assert "was cut off" in forked(system, "list", "installed").stderr
        works(system, "history", "undo", "--last")
        assert system.installed() == ["app-1-1.noarch"]
    works(system, "--setopt=tsflags=noscripts", "update")
    works(system, "check")
    assert "app-2-1.noarch" in system.installed()
