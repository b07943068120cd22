"""Images of a system of a few files, through the real composer: stages, records, formats."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.image.built import built_images, find_image
from heliostat.os.image.order import Finished, carry_out
from heliostat.os.image.prune import prune_images
from heliostat.os.monitor import SilentMonitor
from heliostat.testing.tiny_system import TinySystem, tiny_system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root")


@pytest.fixture
def system(tmp_path: Path) -> TinySystem:
    return tiny_system(tmp_path / "system")


def make(system: TinySystem, *formats: str, **changes: Any) -> Finished:
    return carry_out(system.order(*formats, **changes), SilentMonitor())


def reasons(finished: Finished) -> dict[str, str]:
    return {each.name: each.reason for each in finished.outcomes if not each.reused}


def test_an_image_is_built_once_and_recorded(system: TinySystem) -> None:
    finished = make(system, "raw", "qcow2")
    image = finished.image
    assert not image.cached
    assert image.path.name == f"small-{image.identity[:16]}.raw"
    assert hashlib.sha256(image.path.read_bytes()).hexdigest() == image.digest
    assert image.virtual_size_bytes == image.size_bytes == 1 << 30
    assert image.packages == {"filesystem": "1.0-1", "linux": "6.12-1", "tool": "1.0-1"}
    assert all(len(each.sha256) in (0, 64) for each in image.record.packages)
    again = make(system, "raw", "qcow2")
    assert again.image.cached
    assert again.image.record == image.record
    assert reasons(again) == {}
    assert find_image(image.path.parent, image.identity[:10]).record == image.record
    with pytest.raises(HeliostatError, match="No image elsewhere"):
        find_image(image.path.parent, "elsewhere")


def test_one_changed_package_is_told_as_the_reason(system: TinySystem) -> None:
    make(system)
    system.put("tool", "1.1", {"/usr/bin/tool": b"#!/bin/sh\necho 1.1\n"}, 0o755)
    why = reasons(make(system))
    assert "package tool: 1.0-1.noarch" in why["small/tree"]
    assert "-> 1.1-1.noarch" in why["small/tree"]
    assert "tree:" in why["small/disk"]
    assert len(built_images(system.folder / "images")) == 2
    assert len(prune_images(system.folder / "images", keep=1)) == 1
    (left,) = built_images(system.folder / "images")
    assert left.packages["tool"] == "1.1-1"


def test_a_setting_of_the_disk_leaves_the_tree_alone(system: TinySystem) -> None:
    first = make(system, "raw", "qcow2").image
    second = make(system, free_mib=5)
    why = reasons(second)
    assert why["small/disk"] == "free space: 0 MiB -> 5 MiB"
    assert list(why) == ["small/disk", "small/qcow2"]
    # another disk is another image: the raw file of the first isn't a format of it
    assert second.image.identity != first.identity
    assert list(second.image.record.files) == ["qcow2"]
    assert hashlib.sha256(first.path.read_bytes()).hexdigest() == first.digest


def test_two_builds_elsewhere_are_the_same_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(tiny_system(tmp_path / "one")).image
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    before = os.umask(0o077)
    try:
        second = make(tiny_system(tmp_path / "another place")).image
    finally:
        os.umask(before)
    assert second.record.files == first.record.files


def test_the_disk_has_a_menu_that_starts_the_kernel(system: TinySystem) -> None:
    image = make(system, "raw", kernel={"options": ["quiet", "rw"]}).image
    where = f"{image.path}?offset={18 << 20}"
    menu = run(["debugfs", "-R", "cat /boot/grub/grub.cfg", where], timeout_s=30).stdout
    assert "linux /boot/vmlinuz-6.12 root=PARTUUID=$partition quiet rw" in menu


def test_a_tree_without_kernel_is_refused(system: TinySystem) -> None:
    with pytest.raises(HeliostatError, match="no kernel"):
        make(system, "raw", packages=("filesystem", "tool"))


def test_an_unknown_format_names_the_nearest(system: TinySystem) -> None:
    with pytest.raises(HeliostatError, match="did you mean qcow2"):
        make(system, "qcow")
