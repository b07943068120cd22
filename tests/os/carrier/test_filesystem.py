"""Files of an ext4: all of them with what the copy loses, and none outside of the folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os import extraction
from heliostat.os.carrier import refusal
from heliostat.os.carrier.debugfs import Debugfs
from heliostat.os.carrier.disk import file_systems

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="owners are restored by root only")


def _disk(tmp_path: Path, *requests: str) -> Path:
    """An ext4 with a few files, changed by ``debugfs`` afterwards."""
    tree, disk = tmp_path / "tree", tmp_path / "disk"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/su").write_bytes(b"\x7fELF")
    (tree / "usr/bin/su").chmod(0o4755)
    (tree / "etc").mkdir()
    (tree / 'etc/a "quoted" name').write_text("x")
    _make(tree, disk)
    if requests:
        script = "".join(f"{each}\n" for each in requests).encode()
        run(["debugfs", "-w", "-f", "/dev/stdin", str(disk)], timeout_s=60, stdin=script)
    return disk


def _make(tree: Path, disk: Path, features: str = "^metadata_csum") -> None:
    """Without check sums, so that what was forged looks sound."""
    options = ["-t", "ext4", "-O", features, "-d", str(tree)]
    run(["mke2fs", "-q", *options, str(disk), "8M"], timeout_s=60)


def _refusal(disk: Path) -> str:
    with pytest.raises(HeliostatError) as caught, extraction.opened(disk):
        pass
    assert caught.value.code == "NotASystem"
    return caught.value.message


def test_everything_is_listed_before_it_is_copied(tmp_path: Path) -> None:
    disk = _disk(tmp_path)
    work = tmp_path / "work"
    work.mkdir()
    listed = {each.path: each for each in Debugfs(disk, disk, 0, work).walk()}
    assert {'/etc/a "quoted" name', "/usr/bin/su", "/lost+found"} <= set(listed)
    assert stat.S_IMODE(listed["/usr/bin/su"].mode) == 0o4755
    with extraction.opened(disk) as system:
        assert (system.root / "usr/bin/su").stat().st_mode == listed["/usr/bin/su"].mode
        assert (system.root / 'etc/a "quoted" name').read_text() == "x"


def test_a_name_that_is_there_twice_leads_nowhere(tmp_path: Path) -> None:
    """Copied as it stands, the file would be written through the link of the same name."""
    victim = tmp_path / "victim"
    victim.write_text("before")
    disk = _disk(
        tmp_path, f"symlink /etc/x {victim}", "write /etc/hostname /etc/y", "link /etc/y /etc/z"
    )
    disk.write_bytes(_renamed(disk.read_bytes(), b"z", b"x"))
    assert "is there twice" in _refusal(disk)
    assert victim.read_text() == "before"


def _renamed(content: bytes, old: bytes, new: bytes) -> bytes:
    """The entry of a folder (length 1, a regular file) under another name."""
    entry = bytes([1, 1])
    at = content.index(entry + old + b"\0")
    return content[: at + 2] + new + content[at + 3 :]


def test_a_name_with_a_slash_is_refused(tmp_path: Path) -> None:
    disk = _disk(tmp_path, "write /etc/hostname z")
    disk.write_bytes(_renamed(disk.read_bytes(), b"z", b"/"))
    assert "no line of text" in _refusal(disk)


def test_a_folder_that_cannot_be_read_is_not_taken_for_empty(tmp_path: Path) -> None:
    disk = _disk(tmp_path)
    (tmp_path / "tree/usr/z").touch()
    _make(tmp_path / "tree", disk, "metadata_csum")
    disk.write_bytes(_renamed(disk.read_bytes(), b"z", b"x"))
    assert "checksum" in _refusal(disk)


def test_a_folder_within_itself_is_refused(tmp_path: Path) -> None:
    assert "there twice" in _refusal(_disk(tmp_path, "link /usr /usr/bin/again"))


def test_a_name_that_would_be_a_request_is_refused(tmp_path: Path) -> None:
    disk = _disk(tmp_path)
    (tmp_path / "tree/etc/x\n!touch planted").write_text("")
    _make(tmp_path / "tree", disk)
    assert "no line of text" in _refusal(disk)
    assert not Path("planted").exists()


def test_a_file_that_claims_more_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _disk(tmp_path, "set_inode_field /usr/bin/su size 0x1000000000")
    monkeypatch.setattr(refusal, "MOST_BYTES", 1 << 30)
    assert "it unpacks to 64 GiB" in _refusal(disk)


def test_a_disk_that_would_fill_ours_is_told_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2))
    with pytest.raises(HeliostatError) as caught, extraction.opened(_disk(tmp_path)):
        pass
    assert caught.value.code == "DiskFull"


def test_single_files_are_taken_by_paths_only(tmp_path: Path) -> None:
    disk, work, out = _disk(tmp_path), tmp_path / "work", tmp_path / "out"
    work.mkdir()
    (files,) = file_systems(disk, work, disk)
    files.take({"usr/bin/su", "nothing", "../../planted", "usr/../usr/bin/su"}, out)
    assert [path.name for path in sorted(out.rglob("*")) if path.is_file()] == ["su"]
