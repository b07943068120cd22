"""Images boot: in QEMU, under emulation, by themselves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, run, run_async
from heliostat.os.image.tiny import ADDRESS, HOSTNAME, POWER_BUTTON, READY, UP, build_tiny
from heliostat.testing.bootable import Attach, guest, nvme, seed, virtio
from heliostat.testing.editions import edition_image

NETWORK = ("-nic", "user,model=virtio-net-pci")


def overlay(image: Path, out: Path, size: str) -> Path:
    """A copy-on-write child of ``image``, as hosts make them."""
    run(
        ["qemu-img", "create", "-f", "qcow2", "-b", str(image), "-F", "qcow2", str(out), size],
        timeout_s=30,
    )
    return out


@pytest.mark.qemu
@pytest.mark.timeout(600)
async def test_the_tiny_guest_boots_from_kernel_and_initramfs(cache: Path, tmp_path: Path) -> None:
    tiny = build_tiny(cache)
    kernel = ("-kernel", str(tiny.kernel), "-initrd", str(tiny.initrd))
    options = (*kernel, "-append", tiny.kernel_options, "-m", "192", *NETWORK)
    async with guest(tmp_path, options) as machine:
        await machine.wait_for(UP, timeout_s=200)
        assert await machine.wait_for(ADDRESS, timeout_s=200) == "10.0.2.15"


@pytest.mark.qemu
@pytest.mark.timeout(600)
async def test_the_tiny_disk_boots_by_itself_and_heeds_the_power_button(
    cache: Path, tmp_path: Path
) -> None:
    disk = overlay(build_tiny(cache).disk, tmp_path / "disk", "1G")
    meta = seed(tmp_path / "seed", {"meta-data": '{"local-hostname": "mirror-7"}', "user-data": ""})
    devices = [*nvme(disk, "boot", boot=True), *nvme(meta, "seed", image_format="raw")]
    async with guest(tmp_path, [*devices, "-m", "192", *NETWORK]) as machine:
        assert await machine.wait_for(HOSTNAME, timeout_s=200) == "mirror-7"
        await machine.wait_for(READY, timeout_s=200)
        await machine.press_power_button()
        assert await machine.exit_code(timeout_s=100) == 0
        assert POWER_BUTTON in machine.text


def test_the_tiny_guest_is_built_once_and_is_small(cache: Path) -> None:
    tiny = build_tiny(cache)
    made = tiny.disk.stat().st_mtime_ns
    assert build_tiny(cache) == tiny
    assert tiny.disk.stat().st_mtime_ns == made
    assert tiny.disk.stat().st_size < 40 << 20


async def ssh(key: Path, port: int, *command: str) -> str:
    argv = ["ssh", "-i", str(key), "-p", str(port), "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]
    argv += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    argv += ["-o", "ConnectTimeout=90", "root@127.0.0.1", *command]
    return (await run_async(argv, timeout_s=240)).stdout


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(150)
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("attach", [nvme, virtio])
async def test_the_minimal_image_is_a_machine_with_an_identity(
    cache: Path, tmp_path: Path, attach: Attach
) -> None:
    """Build, boot with a seed and a twin of the disk, log in with its key, look around."""
    image = edition_image("minimal", cache)
    assert image.stat().st_size < 350 << 20
    key = tmp_path / "key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], timeout_s=30)
    public = key.with_suffix(".pub").read_text().strip()
    config = f"#cloud-config\nssh_authorized_keys: ['{public}']\nruncmd: [[touch, /run/ran]]\n"
    meta = '{"instance-id": "i-1", "local-hostname": "mirror-8"}'
    iso = seed(tmp_path / "seed", {"meta-data": meta, "user-data": config})
    disk = overlay(image, tmp_path / "disk", "6G")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    twin = overlay(image, tmp_path / "twin", "1G")
    devices = [*attach(twin, "twin"), *attach(disk, "boot", boot=True)]
    devices += attach(iso, "seed", image_format="raw")
    network = ("-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22")
    async with guest(tmp_path, [*devices, *network, "-m", "768"]) as machine:
        await machine.wait_for("Cloud-init v. ", timeout_s=900)
        await machine.wait_for("finished at", timeout_s=900)
        status = await ssh(key, port, "cloud-init status --long; hostname; ls /run/ran")
        assert "status: done" in status
        assert "mirror-8\n/run/ran" in status
        assert "running" in await ssh(key, port, "systemctl is-system-running --wait")
        size_kib = int((await ssh(key, port, "df --output=size / | tail -1")).strip())
        assert size_kib > 5 << 20
        shadow = await ssh(key, port, "cut -d: -f2 /etc/shadow | sort -u")
        assert "$" not in shadow
        assert len((await ssh(key, port, "cat /etc/machine-id")).strip()) == 32
        with pytest.raises(CommandFailed):
            await ssh(tmp_path / "no-key", port, "true")
        print(await ssh(key, port, "systemd-analyze; systemd-analyze blame | head -20"))
        await machine.press_power_button()
        assert await machine.exit_code(timeout_s=240) == 0
