"""The root file system of an image: packages, then data on top.

mmdebstrap installs the packages (apt verifies signatures with the host's
keyring).  What is then written comes from the manifest; nothing of the build
host's identity stays: no machine id, no host keys, no logs, no host name.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.image.distro import locate_distro
from heliostat.os.image.manifest import Manifest
from heliostat.os.image.programs import resolve, run_reporting
from heliostat.os.monitor import Monitor
from heliostat.os.sources import host as sources

_INSTALL_TIMEOUT_S = 3600
_INITRD = "/boot/heliostat-initrd"
_STAGE = re.compile(r"^I: (.+)$|^(?:Setting up|Unpacking) (\S+)")
_HOST_TRACES = (
    "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/ssh/ssh_host_*",
    "etc/hostname",
    "var/cache/apt/*.bin",
    "var/cache/debconf/*-old",
    "var/lib/apt/lists/*_*",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/*-old",
    "var/log/*.log",
    "var/log/apt/*",
)


def install_packages(manifest: Manifest, release: str, root: Path, monitor: Monitor) -> None:
    """Fill ``root`` with the packages of the manifest."""
    lines = "".join(f"{source.line()}\n" for source in sources.host_sources(release))
    argv = [resolve("mmdebstrap"), "--mode=root", "--variant=minbase", "--format=directory"]
    argv += [f"--aptopt={option}" for option in sources.host_apt_options()]
    argv += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    argv += [f"--dpkgopt=path-exclude={pattern}" for pattern in manifest.exclude]
    argv += [f"--dpkgopt=path-include={pattern}" for pattern in manifest.include]
    argv += [f"--include={','.join(manifest.packages)}", release, str(root), "-"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    run_reporting(
        argv,
        timeout_s=_INSTALL_TIMEOUT_S,
        stdin=lines.encode(),
        env=environment,
        on_line=lambda line: _report(line, monitor),
    )


def configure(manifest: Manifest, root: Path, root_partition_id: str) -> None:
    """Write the manifest's data over the installed packages."""
    for overlay in manifest.overlays:
        _copy_overlay(locate_distro() / "overlay" / overlay, root)
    for path, target in manifest.links.items():
        _link(root / path.lstrip("/"), target)
    _switch_units(manifest, root)
    if manifest.initrd_modules:
        _make_initrd(manifest, root)
    _write_boot_menu(manifest, root, root_partition_id)
    _remove(root, (*manifest.remove, *_HOST_TRACES))
    # "uninitialized" is what makes systemd treat the next boot as the first
    (root / "etc" / "machine-id").write_text("uninitialized\n")


def installed_packages(root: Path) -> dict[str, str]:
    """Package names and versions in ``root``."""
    argv = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W"]
    listed = run([*argv, "-f", "${Package} ${Version}\n"], timeout_s=60).stdout
    return dict(line.split(" ", 1) for line in listed.splitlines())


def overlay_files(overlay: Path) -> list[Path]:
    """Files of an overlay folder, in a fixed order."""
    return sorted(path for path in overlay.rglob("*") if path.is_file() or path.is_symlink())


def _report(line: str, monitor: Monitor) -> None:
    match = _STAGE.match(line)
    if match:
        monitor.progress(match[1] or match[2])


def _copy_overlay(overlay: Path, root: Path) -> None:
    if not overlay.is_dir():
        raise HeliostatError(
            "BuildFailed", f"The manifest names an overlay that is not there: {overlay.name}."
        )
    for source in overlay_files(overlay):
        target = root / source.relative_to(overlay)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _switch_units(manifest: Manifest, root: Path) -> None:
    for verb, units in (("enable", manifest.enable), ("disable", manifest.disable)):
        if units:
            run(["chroot", str(root), "systemctl", verb, *units], timeout_s=120)
    _write_preset(manifest, root)
    for unit in manifest.mask:
        _link(root / "etc" / "systemd" / "system" / unit, "/dev/null")


def _write_preset(manifest: Manifest, root: Path) -> None:
    """Keep the first boot, which applies presets, from enabling every unit there is."""
    lines = [f"enable {unit}" for unit in manifest.enable]
    lines += [f"disable {unit}" for unit in manifest.disable]
    folder = root / "etc" / "systemd" / "system-preset"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "10-heliostat.preset").write_text("\n".join([*lines, "disable *", ""]))


def _make_initrd(manifest: Manifest, root: Path) -> None:
    """By the image's own script, which its kernel hooks run too when a kernel is upgraded."""
    script = "/usr/lib/heliostat/make-initrd"
    if not (root / script.lstrip("/")).is_file():
        raise HeliostatError(
            "BuildFailed", f"The manifest has initrd_modules, but no overlay brings {script}."
        )
    (root / "usr/lib/heliostat/initrd/modules").write_text(
        "".join(f"{name}\n" for name in manifest.initrd_modules)
    )
    run(["chroot", str(root), script], timeout_s=120)


def _write_boot_menu(manifest: Manifest, root: Path, root_partition_id: str) -> None:
    options = " ".join((f"root=PARTUUID={root_partition_id}", *manifest.kernel_options))
    # /vmlinuz is a link that Debian keeps on the newest installed kernel
    initrd = f"initrd {_INITRD}\n" if manifest.initrd_modules else ""
    menu = f"set timeout=0\nlinux /vmlinuz {options}\n{initrd}boot\n"
    folder = root / "boot" / "grub"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "grub.cfg").write_text(menu)


def _remove(root: Path, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        for path in sorted(root.glob(pattern.lstrip("/"))):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
