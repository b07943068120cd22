"""The editions themselves, composed from what the archive has, and asked by their own programs."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from heliostat.core.process import CommandFailed, run
from heliostat.os.inventory.installed import installed
from heliostat.os.monitor import SilentMonitor
from heliostat.os.solve import PackageFolder
from heliostat.os.supply import open_supply
from heliostat.os.tree import Tree, choose, compose, fingerprint, load_edition
from heliostat.os.tree.chroot import Chroot, devices
from heliostat.os.tree.size import sizes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="composing a tree needs root"),
]


def packages(edition: str, cache: Path, folder: Path) -> PackageFolder:
    """What the edition takes: imported if need be, linked into ``folder``."""
    supply = open_supply(cache / "os")
    taken = supply.take(supply.plan((), [load_edition(edition)]))
    folder.mkdir()
    for path in taken.own:
        (folder / path.name).symlink_to(path.resolve())
    for each in taken.imported:
        (folder / each.file_name).symlink_to(each.path.resolve())
    return PackageFolder("archive", folder)


def made(edition: str, source: PackageFolder, root: Path) -> Tree:
    return compose(load_edition(edition), (source,), root, SilentMonitor())


@pytest.fixture(scope="module")
def source(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> PackageFolder:
    """What minimal is composed of, with what was built from source here, as images are."""
    folder = tmp_path_factory.mktemp("source") / "packages"
    packages("minimal", cache, folder)
    for path in (cache / "os/rebuilt").glob("*/*.rpm"):
        (folder / path.name).symlink_to(path.resolve())
    return PackageFolder("archive", folder)


@pytest.fixture(scope="module")
def minimal(source: PackageFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chroot]:
    tree = made("minimal", source, tmp_path_factory.mktemp("minimal") / "root")
    chroot = Chroot(tree.root, tree.epoch)
    with devices(tree.root):
        yield chroot


def ask(chroot: Chroot, *argv: str) -> str:
    done = chroot.run(argv, timeout_s=120)
    return done.stdout + done.stderr


@pytest.mark.takes(240)
def test_every_gate_lets_minimal_out_and_its_programs_take_their_settings(minimal: Chroot) -> None:
    """That it was composed at all says that every gate was passed."""
    ask(minimal, "/usr/sbin/nft", "--check", "--file", "/usr/lib/heliostat/firewall-site.nft")
    assert "parsed OK" in ask(minimal, "/usr/sbin/visudo", "--check")
    ask(minimal, "/usr/bin/systemd-analyze", "verify", "--man=no", "multi-user.target")
    assert "Key ID" not in ask(minimal, "/usr/bin/rpm", "-Va", "--nofiles")
    assert sum(share.bytes for share in sizes(minimal.root)) < 450 << 20


@pytest.mark.takes(10)
def test_tdnf_and_all_that_only_it_asks_for_take_less_than_30_mb(
    minimal: Chroot, source: PackageFolder
) -> None:
    """On disk, compiled Python included.  `pytest -rP` prints it."""
    edition = load_edition("minimal")
    others = tuple(name for name in edition.packages if name != "tdnf")
    with_it, without = (
        {each.name for each in choose(wanted, (source,)).packages}
        for wanted in (edition, replace(edition, packages=others))
    )
    added = with_it - without
    shares = [(share.bytes, share.name) for share in sizes(minimal.root) if share.name in added]
    shares.append((_compiled_bytes(minimal.root, added), "compiled Python"))
    total = sum(size for size, _ in shares)
    for size, name in [*shares, (total, f"in {len(added)} packages")]:
        print(f"{size / 1e6:6.2f} MB  {name}")
    assert {"tdnf", "python3-solv", "python3-rpm", "python3-pycurl"} <= added
    assert total < 30e6


@pytest.mark.takes(10)
def test_sshd_of_minimal_lets_no_password_in(minimal: Chroot) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    ask(minimal, "/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    (minimal.root / "run/sshd").mkdir(exist_ok=True)
    told = ask(minimal, "/usr/sbin/sshd", "-T").splitlines()
    for line in ("passwordauthentication no", "permitrootlogin without-password", "usepam yes"):
        assert line in told


@pytest.mark.takes(10)
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short1A", "shorter than 12 characters"),
        ("1Chrysanthemum", "dictionary word"),
        ("Root-is-here-99-root", "user name"),
        ("aaaaaaaaaaaaaaaa1B", "same characters consecutively"),
    ],
)
def test_a_weak_password_of_root_is_refused_with_the_reason(
    minimal: Chroot, password: str, reason: str
) -> None:
    with pytest.raises(CommandFailed) as caught:
        _set_password(minimal, password)
    assert reason in caught.value.stdout + caught.value.stderr


@pytest.mark.takes(10)
def test_a_good_password_of_root_is_taken(minimal: Chroot) -> None:
    _set_password(minimal, "Tr0ub4dor-und-3-Pferde")
    assert (minimal.root / "etc/shadow").read_text().startswith("root:$y$")
    assert stat.S_IMODE((minimal.root / "etc/shadow").stat().st_mode) == 0o640


def _compiled_bytes(root: Path, packages: Collection[str]) -> int:
    """What is in `__pycache__` on disk for the modules of these packages."""
    modules = {
        Path(path)
        for package in installed(root)
        if package.name in packages
        for path in package.entries
        if path.endswith(".py")
    }
    compiled = (each for path in modules for each in _beside(root, path))
    return sum(each.stat().st_blocks * 512 for each in compiled)


def _beside(root: Path, module: Path) -> Iterator[Path]:
    folder = root / module.parent.relative_to("/") / "__pycache__"
    return folder.glob(f"{module.stem}.*.pyc")


def _set_password(chroot: Chroot, password: str) -> None:
    argv = ["chroot", str(chroot.root), "/usr/sbin/chpasswd"]
    run(argv, timeout_s=60, stdin=f"root:{password}\n".encode())


@pytest.mark.takes(120)
def test_two_composes_of_nano_are_equal(cache: Path, tmp_path: Path) -> None:
    source = packages("nano", cache, tmp_path / "packages")
    first = fingerprint(made("nano", source, tmp_path / "one").root)
    before = os.umask(0o077)
    try:
        second = fingerprint(made("nano", source, tmp_path / "deep/two").root)
    finally:
        os.umask(before)
    assert first == second


@pytest.mark.takes(400)
def test_every_gate_lets_full_out(cache: Path, tmp_path: Path) -> None:
    tree = made("full", packages("full", cache, tmp_path / "packages"), tmp_path / "root")
    assert all(verdict.passed for verdict in tree.verdicts)
