"""A small file system of its own, so that a test can fill it."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run


@contextlib.contextmanager
def small_disk(mount: Path, size_mib: int) -> Iterator[Path]:
    """An ext4 of ``size_mib`` mounted at ``mount``; skips the test where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("mounting a file system needs root and mkfs.ext4")
    image = mount.with_suffix(".ext4")
    with image.open("wb") as stream:
        stream.truncate(size_mib << 20)
    run(["mkfs.ext4", "-q", str(image)], timeout_s=60)
    mount.mkdir()
    try:
        run(["mount", "-o", "loop", str(image), str(mount)], timeout_s=60)
    except HeliostatError as error:
        pytest.skip(f"this machine mounts nothing: {error}")
    try:
        yield mount
    finally:
        run(["umount", "--lazy", str(mount)], timeout_s=60)
        image.unlink()
