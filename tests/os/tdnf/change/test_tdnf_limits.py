"""Scripts of packages start with as many open files as ``openmax`` allows."""

from __future__ import annotations

import resource
import subprocess

import pytest

from heliostat.os.tdnf.change.limits import FewFiles


def allowed() -> tuple[int, int]:
    told = subprocess.run(
        ["sh", "-c", "ulimit -Sn; ulimit -Hn"], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(told[0]), int(told[1])


@pytest.mark.parametrize(("most", "expected"), [(100, 100), (0, 300), (1 << 30, 300)])
def test_what_a_change_starts_holds_few_files(most: int, expected: int) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
    try:
        with FewFiles(most):
            assert allowed() == (expected, before[1])
        assert allowed()[0] == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
