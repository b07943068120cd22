"""Media of real guests on a whole platform: ISOs, screens, images made of VMs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from heliostat.client.client import Client
from heliostat.os.image.tiny import READY, TinyGuest
from heliostat.testing.platform import Site, TestPlatform, furnish, made, until, wait
from heliostat.wire.vms import Vm


def boot(client: Client, site: Site, name: str = "one", image_id: str = "") -> Vm:
    """A VM that is up."""
    spec = site.vm(name)
    spec.source_image_id = image_id or spec.source_image_id
    vm = client.vms.get(made(wait(client, client.vms.create(site.project_id, spec).submit())))
    wait(client, client.vms.power(vm.id, "start").submit())
    until(lambda: READY in client.vms.log(vm.id).text, f"{name} to be up")
    return vm


def says(client: Client, vm: Vm, line: str, text: str, *, times: int = 1) -> None:
    """Type ``line`` at the guest's serial console; wait for ``text``, which is not in ``line``.

    The console stays open meanwhile: a serial line takes a few bytes at a time.
    """
    console = client.vms.console(vm.id)
    try:
        console.write(line.encode() + b"\n")
        until(lambda: client.vms.log(vm.id).text.count(text) == times, text, timeout_s=60)
    except AssertionError:
        raise AssertionError(f"{text!r} is not in {client.vms.log(vm.id).text[-2000:]}") from None
    finally:
        console.close()


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(500)
def test_a_guest_reads_its_iso_whatever_comes_between(
    platform: TestPlatform, tiny: TinyGuest, tmp_path: Path
) -> None:
    """Attached while it runs, read after suspend and after another agent; gone when detached."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "hello.txt").write_text("first disc: hello")
    iso = tmp_path / "first.iso"
    subprocess.run(["genisoimage", "-quiet", "-o", iso, tmp_path / "root"], check=True)
    raw = tmp_path / "second.bin"
    raw.write_bytes(b"second disc: bytes".ljust(1 << 20, b"."))
    find = "while [ ! -b /dev/sr0 ]; do usleep 100000; done; mkdir -p /d; "
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm = boot(client, site)
        wait(client, client.vms.attach_iso(vm.id, iso, name=iso.name).submit())
        assert [each.name for each in client.vms.get(vm.id).attached_isos] == ["first.iso"]
        says(client, vm, f"{find} mount -t iso9660 /dev/sr0 /d && cat /d/*", "first disc: hello")
        wait(client, client.vms.power(vm.id, "suspend").submit())
        wait(client, client.vms.power(vm.id, "resume").submit())
        platform.kill("agent")
        platform.up()
        says(client, vm, "cat /d/* | tr a-z A-Z", "FIRST DISC: HELLO")
        wait(client, client.vms.detach_iso(vm.id).submit())  # it is mounted all the same
        discs = platform.home.agent / "discs"
        until(lambda: not list(discs.glob("*.iso")), "the host to forget the ISO")
        task = wait(client, client.vms.attach_iso(vm.id, raw, name=raw.name).submit())
        assert "neither ISO 9660 nor UDF" in task.steps[0].warnings[0].message
        read = "dd if=/dev/sr0 bs=2048 count=1 | head -c 18 | tr a-z A-Z"
        says(client, vm, f"umount /d; {read}", "SECOND DISC: BYTES")
        wait(client, client.vms.power(vm.id, "stop").submit())
        wait(client, client.vms.power(vm.id, "start").submit())
        until(lambda: client.vms.log(vm.id).text.count(READY) == 2, "the guest to be up again")
        says(client, vm, f"{find} {read}", "SECOND DISC: BYTES", times=2)
        wait(client, client.vms.power(vm.id, "stop").submit())
        wait(client, client.vms.delete(vm.id).submit())
    until(lambda: not list(discs.glob("*.iso")), "the host to forget the second disc")


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(40)
@pytest.mark.timeout(400)
def test_a_viewer_nobody_here_wrote_sees_the_screen(
    platform: TestPlatform, tiny: TinyGuest, tmp_path: Path
) -> None:
    platform.up()
    with platform.client() as client:
        vm = boot(client, furnish(client, tiny.disk))
        argv = [sys.executable, "-m", "heliostat.cli", "vm", "vnc", vm.id]
        carrier = subprocess.Popen(argv, env=platform.environ, stderr=subprocess.PIPE, text=True)
        try:
            assert carrier.stderr is not None
            found = re.search(r"127\.0\.0\.1:(\d+)", carrier.stderr.readline())
            assert found is not None
            display = int(found[1]) - 5900
            assert 0 <= display < 100, "where viewers look for displays"
            shot = tmp_path / "screen.jpg"
            command = ["vncsnapshot", "-quiet", f"127.0.0.1:{display}", str(shot)]
            subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)
        finally:
            carrier.terminate()
            carrier.communicate()
    picture = shot.read_bytes()
    assert picture.startswith(b"\xff\xd8\xff"), "a JPEG"
    assert len(picture) > 5000, "with something on it"


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(60)
@pytest.mark.timeout(500)
def test_an_image_of_a_vm_has_what_was_changed(platform: TestPlatform, tiny: TinyGuest) -> None:
    """Written on the first one's disk, read on the second one's, which boots from the image."""
    platform.up()
    with platform.client() as client:
        site = furnish(client, tiny.disk)
        vm = boot(client, site)
        at = "bs=1M seek=600 conv=notrunc"
        write = f"echo changed before | dd of=/dev/vda {at}; sync; echo w'rit'ten"
        says(client, vm, write, "written")
        wait(client, client.vms.power(vm.id, "stop").submit())
        told = platform.helio("vm", "create-image", vm.id, "golden")
        assert told.exit_code == 0, told
        (image,) = client.images.list(name="golden")
        assert (image.state, image.scope.kind, image.format) == ("READY", "project", "qcow2")
        assert list((platform.home.agent / "captures").iterdir()) == []
        wait(client, client.vms.delete(vm.id).submit())
        copy = boot(client, site, "two", image.id)
        read = "dd if=/dev/vda bs=1M skip=600 count=1 | head -c 14 | tr a-z A-Z"
        says(client, copy, read, "CHANGED BEFORE")
