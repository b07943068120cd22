"""What rpm and ``--rpmdefine`` say to one another.

rpm would write to the process's own outputs, which are ``Output``'s: what it says goes to
memory and is told from there.
"""

from __future__ import annotations

import os

import rpm

from heliostat.os.tdnf.errors import INVALID_PARAMETER, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LEVELS = {
    "emergency": rpm.RPMLOG_EMERG,
    "alert": rpm.RPMLOG_ALERT,
    "critical": rpm.RPMLOG_CRIT,
    "error": rpm.RPMLOG_ERR,
    "warning": rpm.RPMLOG_WARNING,
    "notice": rpm.RPMLOG_NOTICE,
    "info": rpm.RPMLOG_INFO,
    "debug": rpm.RPMLOG_DEBUG,
}


def verbosity(name: str) -> int:
    """rpm's level that ``--rpmverbosity`` names.  Raises ``TdnfError`` 1622."""
    wanted = name.lower()
    for known, level in _LEVELS.items():
        if wanted and (known.startswith(wanted) or wanted.startswith(known[:5])):
            return int(level)
    told = f"--rpmverbosity={name} is none of {', '.join(_LEVELS)}."
    raise TdnfError(INVALID_PARAMETER, told)


def define(macros: Iterable[str]) -> None:
    """``--rpmdefine``: each ``NAME VALUE``.  Raises ``TdnfError`` 1622."""
    for each in macros:
        name, _, value = each.strip().partition(" ")
        if not name or not value:
            told = f"--rpmdefine={each} is not 'NAME VALUE'."
            raise TdnfError(INVALID_PARAMETER, told, "As in --rpmdefine '_install_langs C'.")
        rpm.addMacro(name, value.strip())


def settle_accounts() -> None:
    """Debian's rpm names a program that none of its packages has, and fails for want of it.

    Packages that bring accounts would be refused; systemd's own program is what rpm means.
    """
    program = rpm.expandMacro("%{?__systemd_sysusers}")
    if program and not os.path.exists(program):
        ours = "/usr/bin/systemd-sysusers"
        rpm.addMacro("__systemd_sysusers", ours if os.path.exists(ours) else "%{nil}")


class Words:
    """What rpm says within ``with``, line by line: rpm writes to memory, not to our outputs."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.memfd_create("rpm"), "w")
        self._read = 0

    def __enter__(self) -> Words:
        rpm.setLogFile(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        with open(2, "w", closefd=False) as errors:
            rpm.setLogFile(errors)
        self._file.close()

    def take(self) -> list[str]:
        """Lines since the last call."""
        found = os.pread(self._file.fileno(), 1 << 20, self._read)
        self._read += len(found)
        text = found.decode("utf-8", "replace")
        return [line for line in text.splitlines() if line.strip()]
