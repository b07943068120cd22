"""Small root trees for tests of what looks into systems: files by path, as text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ACCOUNTS = {
    "/etc/passwd": (
        "root:x:0:0:root:/root:/bin/bash\n"
        "daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
        "helio:x:1000:1000::/home/helio:/bin/bash\n"
    ),
    "/etc/group": "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nhelio:x:1000:helio\n",
    "/etc/shadow": "root:!*:20000::::::\ndaemon:!*:20000::::::\nhelio:!:20000::::::\n",
}


def planted(
    root: Path,
    files: Mapping[str, str | bytes],
    *,
    modes: Mapping[str, int] | None = None,
    links: Mapping[str, str] | None = None,
) -> Path:
    """``files`` by absolute path, with folders as needed, below ``root``; returns ``root``."""
    for path, content in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(0o644)
    for path, destination in (links or {}).items():
        link = root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(destination)
    for path, mode in (modes or {}).items():
        os.chmod(root / path.lstrip("/"), mode)
    return root
