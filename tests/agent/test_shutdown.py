"""Taking a host down ends every guest, also one that ignores its button, and not for good."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from heliostat.agent.hypervisors.contract import End, GuestSpec, Life
from heliostat.agent.hypervisors.qemu import QemuHypervisor
from heliostat.agent.places import Places
from heliostat.agent.settings import AgentSettings
from heliostat.agent.shutdown import running_guests, stop_guests
from heliostat.core.clock import SystemClock
from heliostat.testing.guests import tiny_guest


@pytest.mark.qemu
async def test_a_booting_guest_is_ended_and_that_is_no_crash(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.make()
    hypervisor = QemuHypervisor(tmp_path, AgentSettings(accelerator="tcg"))
    vm_id = str(uuid.uuid4())
    folder = places.vm(vm_id)
    folder.mkdir()
    await hypervisor.create_disk(folder / "boot.qcow2", 1 << 26, tiny_guest().disk)
    spec = GuestSpec(id=vm_id, name="x", cpu_count=1, memory_mib=128, boot_disk="boot.qcow2")
    await hypervisor.start(spec, folder)
    await hypervisor.close()
    assert running_guests(places) == [vm_id]
    assert await stop_guests(tmp_path, SystemClock(), grace_s=0.5) == 1
    assert running_guests(places) == []
    look = await hypervisor.look(vm_id, folder)
    assert (look.life, look.end) == (Life.ABSENT, End.HOST)
    assert await stop_guests(tmp_path / "nothing", SystemClock(), grace_s=0.5) == 0
