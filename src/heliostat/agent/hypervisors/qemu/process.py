"""QEMU processes that outlive the agent, and what became of them.

A guest's QEMU is the child of a ten-line warden (``/bin/sh``) in a session of its
own.  The warden notes its identity (pid, start time, boot) before QEMU starts and
QEMU's exit code after it, so an agent that was away learns how a guest ended.
Both hold a lock on the folder's ``lock`` file, inherited at the start: whoever
can't take the lock knows that the guest lives, without trusting a pid; two QEMUs
on one folder are impossible.  A pid is only ever signalled if its start time fits.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.agent.hypervisors.contract import End
from heliostat.agent.hypervisors.qemu.command_line import MEMORY_FD, PID_FILE
from heliostat.agent.hypervisors.qemu.qmp import HypervisorFailed

LOCK, IDENTITY, EXIT_CODE, QEMU_LOG = "lock", "process", "exit-code", "qemu.log"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOCK_FD = 8

# $1 is the folder, the rest QEMU's argument list; nothing here is interpolated.
_WARDEN = """
cd "$1" || exit 1
shift
read -r boot < /proc/sys/kernel/random/boot_id
read -r stat < "/proc/$$/stat"
printf '%s\\n%s\\n' "$boot" "$stat" > process.new && mv process.new process
"$@" < /dev/null >> qemu.log 2>&1
echo "$?" > exit-code.new && mv exit-code.new exit-code
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that can't be mistaken for another one with the same pid."""

    pid: int
    start_ticks: int
    boot_id: str

    @property
    def alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        return BOOT_ID.read_text().strip() == self.boot_id and (
            _start_ticks(self.pid) == self.start_ticks
        )


def spawn(folder: Path, argv: Sequence[str], memory: Path | None) -> int:
    """Start QEMU under a warden; the warden's pid.  ``HypervisorFailed`` if it runs already."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HypervisorFailed(f"A QEMU already runs in {folder}.") from error
        for name in (EXIT_CODE, IDENTITY, PID_FILE):
            (folder / name).unlink(missing_ok=True)
        actions: list[tuple[int | str, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, lock, _LOCK_FD),
        ]
        if memory is not None:
            actions.append((os.POSIX_SPAWN_OPEN, MEMORY_FD, str(memory), os.O_RDONLY, 0))
        # posix_spawn and not subprocess: the child is meant to outlive us
        return os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _WARDEN, "heliostat-guest", str(folder), *argv],
            os.environ,
            file_actions=actions,
            setsid=True,
        )
    finally:
        os.close(lock)


def is_alive(folder: Path) -> bool:
    """Whether a QEMU (or its warden) holds the folder's lock."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)


def how_it_ended(folder: Path) -> End:
    """How the last run ended; asks only files, so it is right after any absence."""
    try:
        return End.CLEAN if (folder / EXIT_CODE).read_text().strip() == "0" else End.CRASH
    except FileNotFoundError:
        pass
    warden = identity(folder)
    if warden is None:
        return End.NONE
    return End.CRASH if warden.boot_id == BOOT_ID.read_text().strip() else End.HOST


def identity(folder: Path) -> Identity | None:
    """The warden of the folder's last run, as it noted itself."""
    try:
        boot, stat = (folder / IDENTITY).read_text().splitlines()
    except (FileNotFoundError, ValueError):
        return None
    fields = stat.rpartition(")")[2].split()
    return Identity(int(stat.split(" ", 1)[0]), int(fields[19]), boot)


def qemu_pid(folder: Path) -> int | None:
    """QEMU's own pid, if it is still a child of the warden or was left by it."""
    try:
        pid = int((folder / PID_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
    warden = identity(folder)
    start = _start_ticks(pid)
    # started after its warden on this boot and while the lock is held: it is ours
    if warden is None or start is None or start < warden.start_ticks or not is_alive(folder):
        return None
    return pid


def kill(folder: Path) -> None:
    """Send SIGKILL to QEMU; the warden then notes its end."""
    pid = qemu_pid(folder)
    if pid is None:
        warden = identity(folder)
        pid = warden.pid if warden is not None and warden.alive else None
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def until_ended(folder: Path) -> None:
    """Return when nothing of the guest runs any more."""
    while is_alive(folder):
        warden = identity(folder)
        pid = warden.pid if warden is not None and warden.alive else qemu_pid(folder)
        if pid is None or not await _until_exit(pid):
            await asyncio.sleep(0.05)  # between lock and identity: the warden is just starting
    reap(folder)


def reap(folder: Path) -> None:
    """Collect the warden if it was our own child."""
    warden = identity(folder)
    if warden is not None:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(warden.pid, os.WNOHANG)


async def _until_exit(pid: int) -> bool:
    """Wait on a pidfd, which works for any process, child or not."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(handle, readable)
    try:
        await ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


def _start_ticks(pid: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def note_host_stop(folder: Path) -> None:
    """Let the end of the last run count as the host's (``End.HOST``), not the guest's own."""
    (folder / IDENTITY).write_text("stopped-with-its-host\n0 (sh) S" + " 0" * 19 + "\n")
    (folder / EXIT_CODE).unlink(missing_ok=True)
