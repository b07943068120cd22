"""A member asks by the hour what to trust, and for a new certificate when one is due.  Pure.

A timer of systemd's, so that nothing of ours runs in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from heliostat.member.joining.changes import Change, CommandChange, FileChange

UNIT = "heliostat-membership"
_SERVICE = """\
[Unit]
Description=What this machine trusts, and its certificate
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={python} -m heliostat.member identity refresh
ProtectHome=yes
PrivateTmp=yes
"""
_TIMER = """\
[Unit]
Description=What this machine trusts, by the hour

[Timer]
OnBootSec=5min
OnUnitActiveSec=1h
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target
"""


def upkeep(python: str) -> Iterator[Change]:
    """The timer, and what switches it on; ``python`` is the interpreter that has this package."""
    folder = "etc/systemd/system"
    why = "what the machine trusts is asked for by the hour"
    yield FileChange(f"{folder}/{UNIT}.service", _SERVICE.format(python=python), 0o644, why)
    yield FileChange(f"{folder}/{UNIT}.timer", _TIMER, 0o644, why)
    yield CommandChange(("systemctl", "daemon-reload"), ("systemctl", "daemon-reload"), why)
    timer = f"{UNIT}.timer"
    yield CommandChange(
        ("systemctl", "enable", "--now", timer), ("systemctl", "disable", "--now", timer), why
    )
