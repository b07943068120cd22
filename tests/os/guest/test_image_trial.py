"""Trying an image: what gates say of a system that answers so, and of a disk that never starts."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from heliostat.cli.main import run as helio
from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.guest import gates
from heliostat.os.guest.insider import insider
from heliostat.os.guest.qemu import Bus, Hardware, Started, child_of, command, image_format
from heliostat.os.guest.trial import judge
from heliostat.os.monitor import SilentMonitor
from heliostat.os.tree.verdict import Verdict
from heliostat.testing.editions import edition_image


class System:
    """Programs of a system that isn't there, as shell scripts; scripts run on this host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()

    def has(self, name: str, script: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    @asynccontextmanager
    async def inside(self) -> AsyncIterator[gates.Inside]:
        place = self.folder / "insider"
        async with insider(place) as shell:
            answering = asyncio.create_task(self._answer(place))
            await shell.ready(timeout_s=5)
            yield gates.Inside(shell, lambda: 2.0)
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _answer(self, place: Path) -> None:
        reader, writer = await asyncio.open_unix_connection(str(place))
        try:
            writer.write(b"ready\n")
            while line := await reader.readline():
                number, script = line.decode().split()
                code, out, err = await self._run(base64.b64decode(script).decode())
                writer.write(f"{number} {code} +{out} +{err}\n".encode())
        finally:
            writer.close()

    async def _run(self, script: str) -> tuple[int | None, str, str]:
        env = {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", script, stdout=pipe, stderr=pipe, env=env
        )
        out, err = (base64.b64encode(each).decode() for each in await process.communicate())
        return process.returncode, out, err


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


async def verdict(system: System, gate: gates.Gate) -> Verdict:
    async with system.inside() as inside:
        return await gate(inside)


async def test_failed_units_are_named_with_their_last_words(system: System) -> None:
    system.has("systemctl", "echo 'one.service loaded failed failed One'")
    system.has("journalctl", "echo it broke; echo and stayed so")
    told = await verdict(system, gates.failed_units)
    assert not told.passed
    assert told.reason == "1 units have failed"
    assert told.evidence == ("one.service: it broke / and stayed so",)


async def test_a_system_that_never_settles_says_which_jobs_it_waits_for(system: System) -> None:
    jobs = "echo 7 slow.service start running"
    system.has("systemctl", f"case $1 in is-system-running) sleep 3;; *) {jobs};; esac")
    told = await verdict(system, gates.running)
    assert not told.passed
    assert told.evidence == ("7 slow.service start running",)


@pytest.mark.parametrize(
    ("says", "evidence"),
    [
        ("echo inside; echo lo", ()),
        ("echo inside; echo eth0; echo lo", ("docker: the container said inside eth0 lo",)),
        ("echo no such driver >&2; exit 1", ("docker: no such driver",)),
    ],
)
async def test_a_container_has_to_run_and_to_have_no_network(
    system: System, monkeypatch: pytest.MonkeyPatch, says: str, evidence: tuple[str, ...]
) -> None:
    monkeypatch.setattr(gates, "_UNPACKED", str(system.folder / "box.tar"))
    system.has("docker", f"case $1 in run) {says};; esac")
    system.has("cat", "")
    told = await verdict(system, gates.containers)
    assert (told.passed, told.evidence) == (not evidence, evidence)


@pytest.mark.parametrize(
    ("program", "console", "reason"),
    [
        ("true", "", "ended before it was told to"),
        ("cat", "] Kernel panic - not syncing: Fatal exception\n", "the guest's kernel died"),
    ],
)
async def test_gates_that_a_dead_guest_was_not_asked_are_not_passed(
    system: System, program: str, console: str, reason: str
) -> None:
    """The first gate passes; the guest is gone before the second."""
    system.has("systemctl", "echo running")
    (system.folder / "console").write_text(console)
    (system.folder / "qemu").write_text("")
    guest = await asyncio.create_subprocess_exec(program, stdin=asyncio.subprocess.PIPE)
    if program == "true":
        await guest.wait()
    async with system.inside() as inside:
        told = await judge(Started(guest, system.folder), inside, SilentMonitor())
    await guest.communicate(b"")
    assert [(each.gate, each.passed) for each in told] == [("running", True), ("alive", False)]
    assert reason in told[-1].reason


def test_the_machine_has_no_way_out_and_the_disk_on_the_bus_that_was_asked_for() -> None:
    argv = command(Hardware(bus=Bus.NVME), Path("disk"), Path("/work"))
    assert "user,model=virtio-net-pci,restrict=on" in argv
    assert "nvme,drive=boot,serial=boot,bootindex=0" in argv


def test_what_is_no_disk_is_refused_with_what_would_be() -> None:
    assert image_format(Path("a.vhd")) == "vpc"
    with pytest.raises(HeliostatError, match="not a disk") as caught:
        image_format(Path("a.ova"))
    assert ".qcow2" in caught.value.hint


def test_an_image_that_leads_to_other_files_is_not_started(tmp_path: Path) -> None:
    secret, image = tmp_path / "secret", tmp_path / "image.qcow2"
    secret.write_bytes(bytes(1 << 20))
    backed = ["-b", str(secret), "-F", "raw"]
    run(["qemu-img", "create", "-q", "-f", "qcow2", *backed, str(image)], timeout_s=60)
    with pytest.raises(HeliostatError, match="can't be started: it has a backing file"):
        child_of(image, tmp_path / "child", 1)
    assert not (tmp_path / "child").exists()


@pytest.mark.qemu
def test_a_disk_that_does_not_start_is_given_up_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "nothing.raw"
    with disk.open("wb") as stream:
        stream.truncate(1 << 20)
    options = ["--accelerator", "tcg", "--timeout", "3", "-o", "json"]
    assert helio(["os", "image", "test", str(disk), *options]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["passed"]
    (boot,) = told["gates"]
    assert boot["gate"] == "boot"
    assert "took no script within" in boot["reason"]


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.takes(200)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("options", [[], ["--firmware", "uefi", "--bus", "nvme"]])
def test_the_minimal_image_passes_every_gate(
    cache: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """KVM where it works; a guest that says nothing under it is started again, emulated."""
    image = edition_image("minimal", cache)
    assert helio(["os", "image", "test", str(image), *options, "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["gate"] for each in told["gates"]] == [
        *("boot", "running", "failed-units", "journal", "kernel", "identity", "containers"),
        "switch-off",
    ]
    assert "docker" in told["gates"][6]["reason"]
