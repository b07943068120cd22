"""Kinds of checks: the key that a rule has for each, and the function that looks.

A check is pure in what it says: the same tree and parameters give the same finding.  It
reads the tree and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from heliostat.os.harden.checks import (
    auditing,
    binaries,
    configuration,
    files,
    firewall,
    identities,
    kernel,
    mounting,
    pam,
    ssh,
    sysctls,
    units,
)
from heliostat.os.harden.checks.finding import Finding
from heliostat.os.harden.tree import Tree

Check = Callable[[Tree, Any], Finding]

CHECKS: dict[str, Check] = {
    "elf": binaries.every_file,
    "elf_share": binaries.share,
    "modes": files.modes,
    "set_id": files.set_id,
    "capabilities": files.file_capabilities,
    "world_writable": files.world_writable,
    "unowned": files.unowned,
    "owners": files.owners,
    "absent": files.absent,
    "present": files.present,
    "signed_packages": files.signed_packages,
    "accounts": identities.judge,
    "sysctl": sysctls.judge,
    "ssh": ssh.judge,
    "ssh_algorithms": ssh.algorithms,
    "pam": pam.judge,
    "pam_forbidden": pam.forbidden,
    "pam_modules": pam.installed,
    "settings": configuration.values,
    "lines": configuration.lines,
    "units": units.state,
    "enabled_units": units.only_allowed,
    "listening": units.listening,
    "audit_rules": auditing.judge,
    "firewall": firewall.judge,
    "kernel_options": kernel.options,
    "command_line": kernel.command_line,
    "mounts": mounting.judge,
    "certificates": mounting.certificates,
}
