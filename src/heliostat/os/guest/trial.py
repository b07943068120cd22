"""An image tried as a machine: booted, judged by every gate, switched off; bounded in time.

With ``auto``, KVM is used where ``/dev/kvm`` opens.  That it opens proves nothing: there are
hosts where guests hang in their first instructions.  So a guest that has said nothing on its
serial line for ``SILENT_S`` is started again under emulation.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from heliostat.os.guest import gates
from heliostat.os.guest.box import busybox_archive
from heliostat.os.guest.insider import (
    Insider,
    KernelPanicked,
    ScriptFailed,
    arguments,
    insider,
)
from heliostat.os.guest.panic import last_words, panicked, watched
from heliostat.os.guest.qemu import (
    Accelerator,
    Hardware,
    Started,
    child_of,
    command,
    prepare,
    read_only_disk,
    started,
)
from heliostat.os.monitor import Monitor
from heliostat.os.tree.verdict import Verdict

SILENT_S = 30.0
_TOLD_EVERY_S = 10.0
_OFF_S = 120.0
_CONSOLE_LINES = 12
_DEATH_LINES = 60  # a kernel takes that many to die
_DISK_GIB = 8
_ESCAPE = re.compile(r"\x1b[\[(][0-9;?]*[A-Za-z]")
_OFF = "(sleep 1; systemctl poweroff) </dev/null >/dev/null 2>&1 &"


@dataclass(frozen=True, slots=True)
class Wish:
    """How an image is tried; ``accelerator`` None: KVM if it works."""

    hardware: Hardware = field(default_factory=Hardware)
    accelerator: Accelerator | None = None
    timeout_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it."""

    image: Path
    hardware: Hardware
    verdicts: tuple[Verdict, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        return all(each.passed for each in self.verdicts)


class _Silent(Exception):
    """Nothing came from the guest: its accelerator doesn't work here."""


async def try_image(image: Path, wish: Wish, monitor: Monitor) -> Report:
    """Boot ``image`` and judge it; raises ``BuildFailed`` or ``NotASystem`` if it can't be tried.

    Verdicts end with the first one after which nothing more can be asked.
    """
    begun = time.monotonic()
    for accelerator in _accelerators(wish):
        hardware = replace(wish.hardware, accelerator=accelerator)
        last = accelerator is Accelerator.TCG or wish.accelerator is not None

        def remaining_s() -> float:
            return max(0.0, begun + wish.timeout_s - time.monotonic())

        try:
            silent_s = None if last else SILENT_S
            verdicts = await _tried(image, hardware, remaining_s, silent_s, monitor)
        except _Silent:
            monitor.progress(f"nothing happens under {accelerator}: started again, emulated")
            continue
        return Report(image, hardware, verdicts, time.monotonic() - begun)
    raise AssertionError("emulation is never given up as silent")


def _accelerators(wish: Wish) -> tuple[Accelerator, ...]:
    if wish.accelerator is not None:
        return (wish.accelerator,)
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        return (Accelerator.KVM, Accelerator.TCG)
    return (Accelerator.TCG,)


async def _tried(
    image: Path,
    hardware: Hardware,
    remaining_s: Callable[[], float],
    silent_s: float | None,
    monitor: Monitor,
) -> tuple[Verdict, ...]:
    verdicts: list[Verdict] = []
    async with AsyncExitStack() as stack:
        with monitor.step(f"boot {image.name} ({hardware.accelerator}, {hardware.firmware})"):
            guest, shell = await stack.enter_async_context(_machine(image, hardware))
            async with _telling(guest, monitor):
                up = await _boots(guest, shell, remaining_s(), silent_s)
            verdicts.append(up)
        if not up.passed:
            return tuple(verdicts)
        verdicts += await judge(guest, gates.Inside(shell, remaining_s), monitor)
    return tuple(verdicts)


async def judge(guest: Started, inside: gates.Inside, monitor: Monitor) -> list[Verdict]:
    """What the gates say of a guest that takes scripts, and how it is switched off.

    Of a guest that is gone the last verdict says so: gates that nobody asked are not passed.
    """
    verdicts: list[Verdict] = []
    for gate in gates.GATES:
        with monitor.step(_sentence(gate)):
            async with _telling(guest, monitor):
                verdicts.append(await _judged(gate, inside, guest))
        if guest.ended or last_words(guest.console()):
            if verdicts[-1].passed:
                why = _death(guest) or "the guest ended before it was told to"
                verdicts.append(Verdict("alive", False, why, _last_words(guest, _DEATH_LINES)))
            return verdicts
    with monitor.step("switch it off"):
        verdicts.append(await _switches_off(guest, inside))
    return verdicts


@asynccontextmanager
async def _machine(image: Path, hardware: Hardware) -> AsyncIterator[tuple[Started, Insider]]:
    """The image as a machine in a folder of its own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="heliostat-trial-") as name:
        folder = Path(name)
        prepare(hardware, folder)
        disk = child_of(image, folder / "disk", _DISK_GIB)
        archive = busybox_archive(folder / "archive", gates.IMAGE)
        argv = command(hardware, disk, folder)
        argv += [*arguments(folder / "insider"), *read_only_disk(archive, gates.ARCHIVE)]
        async with (
            insider(folder / "insider") as shell,
            started(argv, folder) as guest,
            watched(shell, guest.console),
        ):
            yield guest, shell


async def _boots(guest: Started, shell: Insider, limit_s: float, silent_s: float | None) -> Verdict:
    """Whether the system inside gets so far that it takes scripts."""
    begun = time.monotonic()
    ready = asyncio.ensure_future(shell.ready(timeout_s=limit_s))
    ended = asyncio.ensure_future(guest.end())
    try:
        if silent_s is not None:
            await asyncio.wait({ready, ended}, timeout=silent_s, return_when="FIRST_COMPLETED")
            if ended.done() or not (ready.done() or guest.console()):
                raise _Silent
        await asyncio.wait({ready, ended}, return_when="FIRST_COMPLETED")
        if ready.done() and ready.exception() is None:
            seconds = time.monotonic() - begun
            return Verdict("boot", True, f"it took its first script after {seconds:.0f} s")
        why = _death(guest) or (ready.exception() if ready.done() else "QEMU ended")
        words = _last_words(guest, _DEATH_LINES)
        told = "its console ended with:" if words else "nothing came on its console"
        return Verdict("boot", False, f"{why}; {told}", words)
    finally:
        for task in (ready, ended):
            task.cancel()
            with suppress(asyncio.CancelledError, ScriptFailed):
                await task


async def _judged(gate: gates.Gate, inside: gates.Inside, guest: Started) -> Verdict:
    """The gate's verdict; a script that fails or never ends is one too."""
    name = gate.__name__.replace("_", "-")
    try:
        return await gate(inside)
    except KernelPanicked as error:
        return Verdict(name, False, str(error), _last_words(guest, _DEATH_LINES))
    except ScriptFailed as error:
        evidence = (*str(error).splitlines()[-_CONSOLE_LINES:], *_last_words(guest))
        return Verdict(name, False, "the system inside did not answer as it should", evidence)


async def _switches_off(guest: Started, inside: gates.Inside) -> Verdict:
    limit_s = min(_OFF_S, inside.remaining_s())
    end = asyncio.ensure_future(guest.end())
    death = asyncio.ensure_future(panicked(guest.console))
    reason = f"it was still on {limit_s:.0f} s after it was told to switch off"
    try:
        await inside.run(_OFF)
        await asyncio.wait({end, death}, timeout=limit_s, return_when="FIRST_COMPLETED")
        if end.done() and not _death(guest):  # a kernel that dies may end QEMU too
            code = end.result()
            return Verdict(
                "switch-off", code == 0, f"it switched itself off; QEMU ended with {code}"
            )
    except ScriptFailed as error:
        reason = f"it didn't take the order to switch off: {error}"
    finally:
        for task in (end, death):
            task.cancel()
        await asyncio.wait({end, death})
    return Verdict("switch-off", False, _death(guest) or reason, _last_words(guest))


def _death(guest: Started) -> str | None:
    words = last_words(guest.console())
    return f"the guest's kernel died: {words}" if words else None


@asynccontextmanager
async def _telling(guest: Started, monitor: Monitor) -> AsyncIterator[None]:
    """Meanwhile, tell from time to time what the console last said."""

    async def tell() -> None:
        told = ""
        while True:
            await asyncio.sleep(_TOLD_EVERY_S)
            line = (_last_words(guest) or ("nothing on the console yet",))[-1]
            if line != told:
                monitor.progress(f"console: {line}")
            told = line

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _last_words(guest: Started, count: int = _CONSOLE_LINES) -> tuple[str, ...]:
    """The end of its console, or QEMU's own complaint, without control characters."""
    text = guest.console() or guest.complaints()
    text = _ESCAPE.sub("", text)
    plain = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return tuple(lines[-count:])


def _sentence(gate: gates.Gate) -> str:
    return (gate.__doc__ or gate.__name__).partition("\n")[0].rstrip(".")
