"""One image, two machines: by BIOS and by UEFI, from virtio and from NVMe; each its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.testing.bootable import nvme, virtio
from heliostat.testing.clouds.disks import nocloud
from heliostat.testing.editions import Key, edition_image, order
from heliostat.testing.machines import Firmware, Shape, booted, overlay


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(200)
@pytest.mark.timeout(2400)
async def test_machines_of_one_image_are_two(cache: Path, key: Key, tmp_path: Path) -> None:
    image = edition_image("minimal", cache)
    shapes = {
        "bios": Shape(firmware=Firmware.BIOS, attach=virtio, memory_mib=768),
        "uefi": Shape(firmware=Firmware.UEFI, attach=nvme, memory_mib=768),
    }
    identities = []
    for name, shape in shapes.items():
        folder = tmp_path / name
        folder.mkdir()
        disk = overlay(image, folder / "disk", "6G")
        seed = nocloud(folder / "seed", order(key))
        async with booted(disk, folder, shape, seed=seed) as machine:
            assert await machine.settled() == "running"
            firmware = await machine.run("test -d /sys/firmware/efi && echo uefi || echo bios")
            assert firmware.strip() == name
            identities.append(
                (
                    await machine.run("cat /etc/machine-id"),
                    await machine.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
                )
            )
    (first_id, first_key), (second_id, second_key) = identities
    assert first_id != second_id
    assert first_key.split()[1] != second_key.split()[1]
