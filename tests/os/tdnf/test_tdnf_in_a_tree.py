"""tdnf as it is in our systems: their Python and their rpm, which are newer than this machine's.

A small tree is composed of what minimal is made of; then many of the quick tests run once
more, and every program they start is the tree's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.core.process import run
from heliostat.os.monitor import SilentMonitor
from heliostat.os.solve import PackageFolder
from heliostat.os.supply import open_supply
from heliostat.os.tree import Tree, compose, load_edition
from heliostat.os.tree.chroot import devices
from heliostat.os.tree.edition import Units
from heliostat.testing.tdnf_system import TREE_ENV

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root"),
    pytest.mark.timeout(1800),
]
HERE = Path(__file__).parent
FAMILIES = (
    "change/test_tdnf_behaviours.py",
    "change/test_tdnf_bounds.py",
    "change/test_tdnf_install.py",
    "change/test_tdnf_signatures.py",
    "change/test_tdnf_turns.py",
    "commands/test_tdnf_repoquery.py",
    "history/test_tdnf_history.py",
    "history/test_tdnf_history_replay.py",
    "history/test_tdnf_unneeded.py",
    "history/test_tdnf_updateinfo.py",
    "metadata/test_tdnf_refresh.py",
    "transfer/test_tdnf_ways.py",
)


@pytest.fixture(scope="module")
def tree(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("tree")
    minimal = load_edition("minimal")
    edition = replace(minimal, packages=("tdnf", "rpm"), units=Units())
    supply = open_supply(cache / "os")
    taken = supply.take(supply.plan((), [edition]))
    offered = folder / "packages"
    offered.mkdir()
    for path in taken.own:
        (offered / path.name).symlink_to(path.resolve())
    for each in taken.imported:
        (offered / each.file_name).symlink_to(each.path.resolve())
    return compose(edition, (PackageFolder("archive", offered),), folder / "root", SilentMonitor())


@pytest.fixture(scope="module")
def field(tree: Tree, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the tree has, too, at the same place."""
    folder = tmp_path_factory.mktemp("field")
    within = tree.root / str(folder).lstrip("/")
    within.mkdir(parents=True)
    with ExitStack() as stack:
        stack.enter_context(devices(tree.root))
        for options, place in ((["--bind", str(folder)], within), (["-t", "proc", "proc"], "proc")):
            mount = str(tree.root / place)
            run(["mount", *options, mount], timeout_s=60)
            stack.callback(run, ["umount", "--lazy", mount], timeout_s=60)
        yield folder


@pytest.mark.takes(60)
def test_python_and_rpm_are_the_trees(tree: Tree, field: Path) -> None:
    assert field.exists()
    told = run(["chroot", str(tree.root), "/usr/bin/python3", "--version"], timeout_s=60).stdout
    assert told.startswith("Python 3.13")
    assert "4.20" in run(["chroot", str(tree.root), "rpm", "--version"], timeout_s=60).stdout


@pytest.mark.takes(60)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_quick_tests_pass_in_the_tree(tree: Tree, field: Path, family: str) -> None:
    base = field / Path(family).stem
    options = ["-q", "-p", "no:cacheprovider", "-m", "not slow", f"--basetemp={base}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(HERE / family)],
        env={**os.environ, TREE_ENV: str(tree.root)},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
