"""Running the system's ssh through ``helio vm tunnel`` as its proxy.

A guest is known by its VM's id, not by an address that the next VM may get, and
each platform has a file of known keys of its own.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError


@dataclass(frozen=True, slots=True)
class Login:
    """Where to sign in, as whom, and with which key."""

    session: Session
    vm_id: str
    user: str
    identity: Path | None
    port: int


def run(login: Login, command: Sequence[str]) -> int:
    """Run ssh in this terminal; returns its exit code."""
    program = shutil.which("ssh")
    if program is None:
        raise HeliostatError(
            "CommandFailed",
            "ssh is not installed.",
            hint="Install OpenSSH's client, or use `helio vm console`.",
        )
    known_hosts = _known_hosts(login.session)
    known_hosts.parent.mkdir(parents=True, exist_ok=True)
    argv = arguments(program, login, known_hosts, _proxy(login), command)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to ssh
    try:
        return subprocess.run(argv, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def arguments(
    program: str, login: Login, known_hosts: Path, proxy: Sequence[str], command: Sequence[str]
) -> list[str]:
    """The command line of ssh; options are quoted as ssh's own configuration is."""
    options = {
        "ProxyCommand": quoted_command(proxy, windows=os.name == "nt").replace("%", "%%"),
        "HostKeyAlias": login.vm_id,
        "UserKnownHostsFile": f'"{str(known_hosts).replace("%", "%%")}"',
        "StrictHostKeyChecking": "accept-new",
        "LogLevel": "ERROR",
    }
    argv = [program, "-l", login.user, "-p", str(login.port)]
    for name, value in options.items():
        argv += ["-o", f"{name}={value}"]
    if login.identity is not None:
        argv += ["-i", str(login.identity.expanduser()), "-o", "IdentitiesOnly=yes"]
    argv.append(f"vm-{login.vm_id}")
    return [*argv, "--", *command] if command else argv


def quoted_command(argv: Sequence[str], *, windows: bool) -> str:
    """One string for the shell that runs a proxy command."""
    return subprocess.list2cmdline(argv) if windows else shlex.join(argv)


def _proxy(login: Login) -> list[str]:
    choices = login.session.choices
    argv = [sys.executable, "-m", "heliostat.cli"]
    if choices.target:
        argv += ["--target", choices.target]
    if choices.profile:
        argv += ["--profile", choices.profile]
    return [*argv, "vm", "tunnel", login.vm_id, str(login.port)]


def _known_hosts(session: Session) -> Path:
    platform = hashlib.sha256(session.place().target.encode()).hexdigest()[:16]
    return session.config_file.path.parent / "known_hosts" / platform
