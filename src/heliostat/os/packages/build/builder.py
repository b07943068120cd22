"""Who builds, and what he sees besides the files: the same on every machine."""

from __future__ import annotations

BUILDER_ID = 64_917
"""The builder: an id that no user or service has (Debian Policy 9.2.2 leaves 60000 to 64999 to
packages that ask for one, and none asks for this)."""

FIXED_ENVIRONMENT = {
    "HOME": "/build",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LOGNAME": "builder",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "SHELL": "/bin/sh",
    "TZ": "UTC",
    "USER": "builder",
}
"""What every build sees; nothing of the caller's environment is handed on."""
