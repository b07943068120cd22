"""Both commands of the README, run from nothing in a minimal Debian.

The system is a chroot with git, make and Python 3.11 and nothing else, in
namespaces of its own: what is left running at the end is seen, and ended.  Its root
is a mount, as that of every machine is: namespaces of mounts can't be made without.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
SECOND_UP_LIMIT_S = 120
ENTER = """
set -eu
mount --bind "$1" "$1"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount -t tmpfs tmpfs "$1/tmp"
mkdir -p "$1/dev/shm"
exec chroot "$1" /bin/sh -euc "$2"
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a chroot needs root"),
    pytest.mark.timeout(3000),
]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A minimal Debian with a clone of this checkout in /root/heliostat."""
    root = tmp_path_factory.mktemp("machine") / "root"
    sources = [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]
    mirrors = [str(path) for path in sources if path.is_file() and path.stat().st_size]
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--include=git,make,python3",
         "bookworm", str(root), *mirrors],
        check=True,
    )  # fmt: skip
    _copy_network_configuration(root)
    subprocess.run(
        ["git", "clone", "--quiet", str(CHECKOUT), str(root / "root/heliostat")], check=True
    )
    yield root
    shutil.rmtree(root)


def _copy_network_configuration(root: Path) -> None:
    """Names, the machine's extra certificate authorities and its package index settings."""
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    if Path("/etc/pip.conf").exists():
        shutil.copy("/etc/pip.conf", root / "etc/pip.conf")
    if LOCAL_AUTHORITIES.is_dir():
        target = root / LOCAL_AUTHORITIES.relative_to("/")
        shutil.copytree(LOCAL_AUTHORITIES, target, dirs_exist_ok=True)


def _inside(root: Path, script: str, timeout_s: float) -> str:
    """Run ``script`` in the machine; everything it started ends with it."""
    keep = ("PATH", "TERM", "CI", "PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
    environ = {name: value for name, value in os.environ.items() if name in keep}
    environ |= {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private",
         "/bin/sh", "-c", ENTER, "enter", str(root), "cd /root/heliostat\n" + script],
        env=environ, timeout=timeout_s, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.takes(600)
def test_up_twice_and_down_on_a_bare_machine(machine: Path) -> None:
    started = time.monotonic()
    told = _inside(
        machine,
        """
        make up
        date +first=%s; make up; date +second=%s
        .venv/bin/helio status
        .venv/bin/helio -o json vm list --project demo --tenant demo
        make down
        echo still running:; cat /proc/[0-9]*/comm | sort | uniq -c
        ls -l /root/.heliostat
        """,
        2400,
    )
    first, second = (int(re.search(rf"{name}=(\d+)", told)[1]) for name in ("first", "second"))  # type: ignore[index]
    print(f"all of it took {time.monotonic() - started:.0f} s, the second up {second - first} s")
    assert second - first <= SECOND_UP_LIMIT_S
    left = told.rpartition("still running:")[2]
    assert "qemu" not in left
    assert "python" not in left


@pytest.mark.takes(1100)
def test_the_test_command_on_a_bare_machine(machine: Path) -> None:
    told = _inside(machine, "make test", 1500)
    assert re.search(r"\d+ passed", told)
