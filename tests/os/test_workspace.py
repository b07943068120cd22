"""Work folders: left-overs go, and never through a mount."""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.os.image.workspace import mounts_below, remove, workspace


def broken_build(out: Path) -> None:
    with workspace(out) as folder:
        assert [path.name for path in out.iterdir()] == [folder.name]
        (folder / "root").mkdir()
        raise ValueError("broken")


def test_the_folder_goes_however_the_build_ends(tmp_path: Path) -> None:
    (tmp_path / "work-dead" / "root").mkdir(parents=True)
    with pytest.raises(ValueError, match="broken"):
        broken_build(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_mounts_are_found_below_only(tmp_path: Path) -> None:
    line = "36 35 98:0 / {} rw master:1 - ext3 /dev/root rw\n"
    inside = [tmp_path / "w" / "proc", tmp_path / "w" / "a b"]
    escaped = str(inside[1]).replace(" ", "\\040")
    names = ("/", str(inside[0]), escaped, f"{tmp_path}/work")
    info = "".join(line.format(name) for name in names)
    assert mounts_below(tmp_path / "w", info) == inside


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_what_is_mounted_stays_whole(tmp_path: Path) -> None:
    host, out = tmp_path / "host", tmp_path / "out"
    target = out / "work-killed" / "root" / "dev"
    for folder in (host, target):
        folder.mkdir(parents=True)
    (host / "precious").touch()
    mounted = subprocess.run(["mount", "--bind", host, target], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    with workspace(out):
        assert not target.exists()
    assert (host / "precious").exists()


def test_removing_follows_no_link_and_needs_no_order(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    (outside / "precious").touch()
    (folder / "deep" / "deeper").mkdir(parents=True)
    for number in range(100):
        (folder / "deep" / f"{number}").write_text("x")
    (folder / "deep" / "out").symlink_to(outside)
    (folder / "precious").symlink_to(outside / "precious")
    (folder / "nowhere").symlink_to("nowhere/at/all")
    os.mkfifo(folder / "deep" / "deeper" / "pipe")
    remove(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["outside", "precious"]


@contextlib.contextmanager
def as_a_user() -> Iterator[Path]:
    """A folder that belongs to who is no root, and whose permissions count."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() != 0:
            yield folder
            return
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(folder, nobody, -1)
        os.seteuid(nobody)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_folders_without_permissions_are_no_obstacle_to_their_owner() -> None:
    with as_a_user() as above:
        folder, outside = above / "folder", above / "outside"
        (folder / "closed" / "deep").mkdir(parents=True)
        (folder / "closed" / "deep" / "file").touch()
        outside.mkdir(mode=0o500)
        (folder / "closed" / "out").symlink_to(outside)
        for closed in (folder / "closed" / "deep", folder / "closed", folder):
            closed.chmod(0o000)
        remove(folder)
        assert not folder.exists()
        assert outside.stat().st_mode & 0o777 == 0o500
