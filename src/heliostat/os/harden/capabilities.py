"""File capabilities: the extended attribute ``security.capability``, told as ``getcap`` does.

Format: ``struct vfs_ns_cap_data`` of the kernel's ``linux/capability.h``, revisions 1 to 3.
"""

from __future__ import annotations

import errno
import os
import struct

ATTRIBUTE = "security.capability"
_NAMES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid"),
    *("setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw"),
    *("ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct"),
    *("sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod"),
    *("lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog"),
    *("wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore"),
)
_EFFECTIVE = 1


def of_file(path: str) -> str:
    """Capabilities of one file; empty if it has none or the file system keeps none."""
    try:
        return told(os.getxattr(path, ATTRIBUTE, follow_symlinks=False))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP, errno.EPERM, errno.ENOENT):
            return ""
        raise


def told(raw: bytes) -> str:
    """The attribute's value as text, e.g. ``cap_net_raw=ep``."""
    if len(raw) < 12:
        return "unreadable"
    magic, permitted, inheritable = struct.unpack_from("<III", raw)
    if magic >> 24 > 1 and len(raw) >= 20:
        upper_permitted, upper_inheritable = struct.unpack_from("<II", raw, 12)
        permitted |= upper_permitted << 32
        inheritable |= upper_inheritable << 32
    flags = "e" if magic & _EFFECTIVE else ""
    groups: dict[str, list[str]] = {}
    for number in range((permitted | inheritable).bit_length()):
        sets = "i" * (inheritable >> number & 1) + "p" * (permitted >> number & 1)
        if sets:
            groups.setdefault(flags + sets, []).append(_name(number))
    return " ".join(f"{','.join(names)}={sets}" for sets, names in groups.items())


def _name(number: int) -> str:
    return f"cap_{_NAMES[number]}" if number < len(_NAMES) else f"cap_{number}"
