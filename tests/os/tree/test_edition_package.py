"""The package that an edition is: rpm reads the whole of what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.packages.rpm.file import opened
from heliostat.os.tree import load_edition
from heliostat.os.tree.meta import edition_package


@pytest.mark.parametrize("count", [0, 1, 300, 3000])
def test_rpm_reads_every_path_that_is_left_out_however_many(count: int, tmp_path: Path) -> None:
    shared = [f"/usr/lib/x86_64-linux-gnu/gconv/CHARSET-{number:04}.so" for number in range(count)]
    path = "/usr/lib/rpm/macros.d/macros.heliostat-minimal"
    package = edition_package(load_edition("minimal"), shared, 1_700_000_000)
    with opened(next(file for file in package.files if file.path == path).content) as stream:
        (tmp_path / "macros").write_bytes(stream.read())
    argv = ["rpm", f"--load={tmp_path / 'macros'}", "--eval", "%{?_netsharedpath}"]
    assert run(argv, timeout_s=30).stdout.strip() == ":".join(shared)
