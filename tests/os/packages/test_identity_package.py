"""The package of member machines: whole with what tdnf brings, and beside all of Heliostat."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.installation import installation
from heliostat.os.packages.own import own_package_named
from heliostat.os.packages.rpm.file import opened

MODULES = "/usr/lib/python3/dist-packages"
PROGRAM = """
import runpy, sys
sys.path[:0] = [{folder!r}]
import heliostat
assert heliostat.__file__.startswith({folder!r}), heliostat.__file__
if {walk}:
    import importlib, pkgutil
    import heliostat.member as member
    for each in pkgutil.walk_packages(member.__path__, "heliostat.member."):
        importlib.import_module(each.name)
sys.argv = ["helio", *{words!r}]
runpy.run_path({launcher!r}, run_name="__main__")
"""
STACKS = sorted((locate_distro() / "packages/heliostat-identity/files").rglob("common-*"))
HARD = locate_distro() / "packages/heliostat-pam/files/etc/pam.d"
OF_SSSD = {"pam_sss.so", "pam_localuser.so", "pam_mkhomedir.so"}


def _laid_out(names: Iterable[str], folder: Path) -> Path:
    """Files of packages of ours below ``folder``, each once."""
    for name in names:
        for each in own_package_named(name).files:
            path = folder / each.path.lstrip("/")
            if stat.S_ISREG(each.mode):
                assert not path.exists(), f"{each.path} is in two packages"
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened(each.content) as content:
                    path.write_bytes(content.read())
    return folder


def _helio(system: Path, *words: str, walk: bool = False) -> subprocess.CompletedProcess[str]:
    text = PROGRAM.format(
        folder=f"{system}{MODULES}", launcher=f"{system}/usr/bin/helio", words=words, walk=walk
    )
    return subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "HELIO_MACHINE_ROOT": str(system)},
        check=False,
    )


def test_members_have_all_that_their_commands_load(tmp_path: Path) -> None:
    system = _laid_out(("tdnf", "heliostat-identity"), tmp_path)
    done = _helio(system, "--help", walk=True)
    assert (done.returncode, "cert" in done.stdout, "tenant" in done.stdout) == (0, True, False)
    refused = _helio(system, "identity", "membership")
    assert (refused.returncode, "Code:  StateError" in refused.stderr) == (1, True), refused
    assert _helio(system, "cert", "store", "list", "-o", "json").returncode == 0


def test_beside_all_of_heliostat_nothing_is_there_twice_or_missing(tmp_path: Path) -> None:
    names = ("tdnf", "tdnf-automatic", "heliostat-upgrade", "heliostat-identity", "heliostat")
    system = _laid_out(names, tmp_path)
    missing = [name for name, _ in installation() if not (tmp_path / MODULES[1:] / name).exists()]
    assert missing == []
    done = _helio(system, "--help")
    assert (done.returncode, "tenant" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name)
def test_members_stacks_are_the_hard_ones_with_sssd_in_them(stack: Path) -> None:
    """Without its lines, and with jumps that much shorter, they are the same."""
    ours = _lines(stack)
    kept = [
        _shortened(line, ours[number + 1 :])
        for number, line in enumerate(ours)
        if line[2] not in OF_SSSD
    ]
    assert kept == _lines(HARD / stack.name)
    assert "pam_sss.so" in [module for _, _, module, _ in ours]


def test_every_stack_that_asks_for_people_has_sssd_in_it() -> None:
    asked = {"common-account", "common-auth", "common-password", "common-session"}
    assert {path.name for path in STACKS} == asked


Line = tuple[str, str, str, str]


def _lines(path: Path) -> list[Line]:
    """Group, control, module and arguments of each line."""
    found = []
    for text in path.read_text().splitlines():
        if text and not text.startswith("#"):
            group, rest = text.split(maxsplit=1)
            control, rest = (
                (rest[: rest.index("]") + 1], rest[rest.index("]") + 1 :])
                if rest.startswith("[")
                else rest.split(maxsplit=1)
            )
            module, _, arguments = rest.strip().partition(" ")
            found.append((group, control, module, arguments))
    return found


def _shortened(line: Line, after: list[Line]) -> Line:
    """Its jump on success by as many lines as are only ours."""
    group, control, module, arguments = line
    for jump in range(1, len(after) + 1):
        over = sum(each[2] in OF_SSSD for each in after[:jump])
        control_without = control.replace(f"success={jump} ", f"success={jump - over} ")
        if control_without != control:
            return (group, control_without, module, arguments)
    return line
