"""The peer: Debian with the same packages, made by mmdebstrap, on a disk made by mke2fs.

Debian's packages are kept beside, as mmdebstrap's manual does it, so that no round but the
first downloads any.  What Debian does at installation it does here too: its scripts run, its
services are enabled, its initrd is Debian's own.  Only what makes it boot under our menu is
added.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.os.parts import stated
from benchmarks.os.site import shared_cache

from heliostat.core.process import ENDING_WITH_US, run
from heliostat.core.units import MIB
from heliostat.os.image import disk, ext4
from heliostat.os.image.built import BuiltImage
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.deb.policy import load_policy
from heliostat.os.sources.archive import archive_of
from heliostat.os.sources.settings import archive_settings
from heliostat.os.sources.suite import open_suite

_LIMIT_S = 900
_OURS = "heliostat-"
_KERNELS = ("linux-virt", "linux-image-")
_KERNEL = ("linux-image-cloud-amd64", "initramfs-tools")
_OPTIONS = (
    *("rw", "rootwait", "rootfstype=ext4", "console=tty0", "console=ttyS0", "no_timer_check"),
    *("lpj=4000000", "net.ifnames=0", "panic=-1", "quiet", "loglevel=4"),
)
_DHCP = "[Match]\nType=ether\nKind=!*\n[Network]\nDHCP=yes\n"


def peer_packages(image: BuiltImage) -> list[str]:
    """Names of the image's packages that Debian has too, its kernel and its initrd's maker.

    What we took apart is whole there; what we built from source under a name of our own is
    part of one of Debian's.
    """
    suite = open_suite(archive_of(archive_settings(locate_distro())), shared_cache())
    policy = load_policy(locate_distro() / "policy")
    names = {policy.whole_of(each.name) for each in image.record.packages}
    wanted = {name for name in names if not name.startswith((_OURS, *_KERNELS))}
    if unknown := sorted(wanted - suite.newest.keys()):
        stated(f"Debian has no {', '.join(unknown)}")
    return sorted(wanted & suite.newest.keys() | set(_KERNEL))


def kept_debs() -> set[str]:
    """Names of Debian's packages that are there without asking the network."""
    folder = _kept_debs()
    return set(os.listdir(folder)) if folder.is_dir() else set()


def make_tree(packages: list[str], root: Path) -> None:
    """Debian's tree of these packages in ``root``."""
    kept = _kept_debs()
    kept.mkdir(parents=True, exist_ok=True)
    archive = '"$1"/var/cache/apt/archives'
    # mounts and processes of its own: both end with us, however we end
    argv = [*ENDING_WITH_US, "unshare", "--mount", "--pid", "--fork", "--kill-child"]
    argv += ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    argv += ["--skip=download/empty", "--skip=essential/unlink"]
    argv += [f"--setup-hook=mkdir -p {archive}; cp -l {kept}/*.deb {archive}/ || true"]
    argv += [f"--customize-hook=cp -ln {archive}/*.deb {kept}/"]
    argv += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    # as ours it need not outlive a crash of the host
    argv += ["--dpkgopt=force-unsafe-io"]
    for path in ("man", "locale", "doc"):
        argv += [f"--dpkgopt=path-exclude=/usr/share/{path}/*"]
    suite = archive_settings(locate_distro()).suite
    argv += [f"--include={','.join(packages)}", suite, str(root)]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run(argv, timeout_s=_LIMIT_S, env=environment)


def make_disk(root: Path, raw: Path, work: Path) -> None:
    """A raw disk that boots ``root`` by the same loader as ours."""
    (root / "etc/machine-id").write_text("uninitialized\n")
    for key in root.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "etc/fstab").write_text("/dev/root / ext4 defaults 0 0\n")
    networks = root / "etc/systemd/network"
    networks.mkdir(parents=True, exist_ok=True)
    (networks / "80-dhcp.network").write_text(_DHCP)
    run(["chroot", str(root), "systemctl", "enable", "systemd-networkd"], timeout_s=60)
    size = disk.whole_disk(ext4.size_for(root, 256 * MIB), MIB)
    layout = disk.Layout("peer", size, "peer", 1_750_000_000)
    options = " ".join((f"root=PARTUUID={layout.root_partition_id}", *_OPTIONS))
    menu = f"set timeout=0\nlinux /vmlinuz {options}\ninitrd /initrd.img\nboot\n"
    disk.assemble(disk.Content(root, {"/boot/grub/grub.cfg": menu.encode()}), layout, raw, work)


def _kept_debs() -> Path:
    return shared_cache() / "benchmarks" / "peer-debs"
