"""A kernel that comes by RPM into a running system: started, gone back from, taken away again."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from heliostat.core.process import run
from heliostat.os.guest.qemu import read_only_disk
from heliostat.os.packages.openpgp.signer import PUBLIC_NAME
from heliostat.os.packages.rpm.extract import entries
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.writer import write
from heliostat.testing.editions import edition_image
from heliostat.testing.machines import LONG_S, Firmware, Machine, Shape, booted, overlay
from heliostat.testing.rpms import BUILT, signer, tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.qemu,
    pytest.mark.takes(500),
    pytest.mark.timeout(2400),
]

GOOD, BAD = "9999.1-good", "9999.2-bad"
MENU = "cat /boot/grub/grub.cfg"
STARTED = "tr ' ' '\\n' < /proc/cmdline | sed -n 's/^BOOT_IMAGE=//p'"


def path_of(release: str) -> str:
    return f"/usr/lib/modules/{release}/vmlinuz"


def kernel_rpm(folder: Path, release: str, kernel: bytes, builtin: bytes) -> Path:
    """``kernel`` as a package of another release; it needs no drivers to find its root."""
    base = f"/usr/lib/modules/{release}"
    files = (
        File.folder(base, mtime=BUILT),
        File.regular(f"{base}/vmlinuz", kernel, mtime=BUILT),
        File.regular(f"{base}/modules.builtin", builtin, mtime=BUILT),
    )
    package = tiny("linux-virt", version=release.replace("-", "."), files=files)
    return write(package, folder, signer=signer()).path


def ours(cache: Path) -> dict[str, bytes]:
    """Kernel and list of what is in it, from the newest ``linux-virt`` that was built."""
    found = sorted((cache / "os" / "rebuilt" / "linux-virt").glob("*.rpm"), key=os.path.getmtime)
    if not found:
        pytest.skip("there is no kernel that needs no initrd: `make kernel`")
    wanted = ("vmlinuz", "modules.builtin")
    return {
        name: entry.body.read()
        for entry in entries(found[-1])
        if (name := Path(entry.path).name) in wanted
    }


@pytest.fixture
def packages(cache: Path, tmp_path: Path) -> Path:
    """A good kernel, one that is none, and the key that signed them, as a tar on a disk."""
    held = ours(cache)
    good = kernel_rpm(tmp_path, GOOD, held["vmlinuz"], held["modules.builtin"])
    bad = kernel_rpm(tmp_path, BAD, b"no kernel " * 9999, held["modules.builtin"])
    key = tmp_path / PUBLIC_NAME
    key.write_bytes(signer().public_text)
    out = tmp_path / "packages.tar"
    with tarfile.open(out, "w") as tar:
        for path, name in ((good, "good.rpm"), (bad, "bad.rpm"), (key, PUBLIC_NAME)):
            tar.add(path, name)
    run(["truncate", "-s", "%512", str(out)], timeout_s=9)
    return out


class Story:
    """One disk, and machines that boot from it one after the other."""

    def __init__(self, disk: Path, folder: Path, devices: Sequence[str]) -> None:
        self._disk = disk
        self._folder = folder
        self._devices = devices
        self._boots = 0

    def boot(self, firmware: Firmware) -> AbstractAsyncContextManager[Machine]:
        self._boots += 1
        folder = self._folder / f"boot-{self._boots}"
        folder.mkdir()
        shape = Shape(firmware=firmware, memory_mib=768, devices=self._devices)
        return booted(self._disk, folder, shape)


async def test_a_kernel_is_tried_kept_and_taken_away(
    cache: Path, packages: Path, tmp_path: Path
) -> None:
    disk = overlay(edition_image("minimal", cache), tmp_path / "disk", "6G")
    story = Story(disk, tmp_path, read_only_disk(packages, "packages"))

    async with story.boot(Firmware.BIOS) as machine:
        await machine.settled()
        first = (await machine.run(STARTED)).strip()
        menu = await machine.run(MENU)
        assert first in menu
        await machine.run("cd /var/tmp && tar -xf /dev/disk/by-id/virtio-packages")
        await machine.run(f"rpm --import /var/tmp/{PUBLIC_NAME}")
        said = await machine.ask("rpm -i /var/tmp/good.rpm", timeout_s=LONG_S)
        assert (said.code, said.out + said.err) == (0, "")
        assert f"linux {path_of(GOOD)} root=" in await machine.run(MENU)
        assert (await machine.run("stat -c %s /boot/grub/grubenv")).strip() == "1024"
        await machine.switch_off()

    async with story.boot(Firmware.UEFI) as machine:
        assert await machine.settled() == "running"
        assert (await machine.run(STARTED)).strip() == path_of(GOOD)
        await machine.run("systemctl start heliostat-boot-good; test ! -e /boot/grub/grubenv")
        assert "heliostat_tried" not in await machine.run(MENU)
        await machine.run("rpm -i /var/tmp/bad.rpm", timeout_s=LONG_S)
        await machine.switch_off()

    for firmware in (Firmware.BIOS, Firmware.UEFI):  # GRUB can't read it, then doesn't try again
        async with story.boot(firmware) as machine:
            await machine.settled()
            assert (await machine.run(STARTED)).strip() == path_of(GOOD)
            told = await machine.run("journalctl -b -u heliostat-boot-good -o cat")
            assert f"Linux {BAD} was started and did not come up" in told
            if firmware is Firmware.UEFI:
                await machine.run("cd /usr/lib/modules; rpm -e $(rpm -qf *-bad *-good)")
                assert await machine.run(MENU) == menu
            await machine.switch_off()

    async with story.boot(Firmware.BIOS) as machine:
        assert await machine.settled() == "running"
        assert (await machine.run(STARTED)).strip() == first
        assert await machine.run("ls /boot/grub") == "grub.cfg\n"
