"""Gates that only a running system can be judged by; each asks the shell inside of it.

A gate gives its verdict with the evidence, one line a fault.  None needs a network: the
container comes from an archive on a disk of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heliostat.os.guest.insider import Insider, ScriptFailed
from heliostat.os.tree.verdict import Verdict, judged

ARCHIVE = "archive"
"""Serial number of the disk that is the container archive."""

IMAGE = "heliostat.invalid/box:1"
"""Name of the image in it."""

_SCRIPT_S = 120.0
_CONTAINER_S = 400.0
_UNPACKED = "/var/tmp/heliostat-box.tar"  # noqa: S108 - in a guest that only we are in
_INSIDE = "sh -c 'echo inside; ls /sys/class/net'"

# What each engine is told; all of them print what the container printed last
_ENGINES = {
    "docker": f"docker load -q -i {_UNPACKED} >&2\n"
    f"docker run --rm --network none {IMAGE} {_INSIDE}",
    "podman": f"podman load -q -i {_UNPACKED} >&2\n"
    f"podman run --rm --network none {IMAGE} {_INSIDE}",
    "ctr": f"systemctl start containerd\nctr images import {_UNPACKED} >&2\n"
    f"ctr run --rm {IMAGE} heliostat-box {_INSIDE}",
}


@dataclass(frozen=True, slots=True)
class Inside:
    """A booted system: its shell, and until when it is waited for at most."""

    shell: Insider
    remaining_s: Callable[[], float]

    async def run(self, script: str, limit_s: float = _SCRIPT_S) -> str:
        """What the script printed; ``ScriptFailed`` when it failed or took too long."""
        return await self.shell.run(script, timeout_s=min(limit_s, self.remaining_s()))


async def running(inside: Inside) -> Verdict:
    """`systemctl is-system-running` says `running` once no job is left."""
    try:
        state = await inside.run("systemctl is-system-running --wait; true", inside.remaining_s())
    except ScriptFailed:
        jobs = await inside.shell.run("systemctl list-jobs --no-legend --plain", timeout_s=30)
        waited = tuple(jobs.splitlines())
        return Verdict("running", False, "it is still starting: jobs are waited for", waited)
    word = state.strip()
    evidence = () if word == "running" else (f"systemctl is-system-running: {word}",)
    return Verdict("running", word == "running", f"the system's state is `{word}`", evidence)


async def failed_units(inside: Inside) -> Verdict:
    """No unit has failed; of those that have, the last words."""
    names = (await inside.run("systemctl --failed --plain --no-legend | cut -d' ' -f1")).split()
    faults = []
    for name in names:
        last = await inside.run(f"journalctl -b -u {name} -o cat --no-pager -n 3")
        faults.append(f"{name}: {' / '.join(last.split(chr(10))).strip(' /')}")
    return judged("failed-units", faults, "no unit has failed", "{n} units have failed")


async def journal(inside: Inside) -> Verdict:
    """The journal of this boot has no errors."""
    told = await inside.run("journalctl -b -p err -o short-monotonic --no-pager -q")
    return judged("journal", told.splitlines(), "the journal has no errors", "{n} errors in it")


async def untainted(inside: Inside) -> Verdict:
    """The kernel runs nothing that it doesn't trust, and nothing in it has failed."""
    flags = (await inside.run("cat /proc/sys/kernel/tainted")).strip()
    evidence = () if flags == "0" else (f"/proc/sys/kernel/tainted: {flags}",)
    release = (await inside.run("uname -r")).strip()
    reason = f"Linux {release} is {'not tainted' if flags == '0' else 'tainted'}"
    return Verdict("kernel", flags == "0", reason, evidence)


async def identity(inside: Inside) -> Verdict:
    """The first boot has made this machine one of its own, which no password opens."""
    faults = []
    machine = (await inside.run("cat /etc/machine-id")).strip()
    if len(machine) != 32:
        faults.append(f"/etc/machine-id: {machine}")
    if not (await inside.run("ls /etc/ssh/ssh_host_*_key 2>/dev/null; true")).strip():
        faults.append("/etc/ssh: no host key")
    open_to = await inside.run("awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow")
    faults += [f"{name} has a password" for name in open_to.split()]
    return judged("identity", faults, "the machine has one, and no password opens it", "{n} faults")


async def containers(inside: Inside) -> Verdict:
    """Each container engine starts a container from an archive, which has no network."""
    there = await inside.run(f"command -v {' '.join(_ENGINES)}; true")
    engines = [name for name in _ENGINES if f"/{name}\n" in there]
    if not engines:
        return Verdict("containers", True, "the edition has no container engine")
    await inside.run(f"cat /dev/disk/by-id/virtio-{ARCHIVE} > {_UNPACKED}")
    faults = []
    for name in engines:
        try:
            said = (await inside.run(f"set -e\n{_ENGINES[name]}", _CONTAINER_S)).split()
        except ScriptFailed as error:
            faults.append(f"{name}: {_last_line(error)}")
            continue
        if said != ["inside", "lo"]:
            faults.append(f"{name}: the container said {' '.join(said) or 'nothing'}")
    fine = f"{', '.join(engines)}: a container of an archive ran, without a network"
    return judged("containers", faults, fine, "{n} engines did not run a container")


Gate = Callable[[Inside], Awaitable[Verdict]]

GATES: tuple[Gate, ...] = (
    running,
    failed_units,
    journal,
    untainted,
    identity,
    containers,
)


def _last_line(error: ScriptFailed) -> str:
    return [line for line in str(error).splitlines() if line.strip()][-1]
