"""The digest of a tree: every file's path, type, mode, owner, attributes, time and content.

Two composes are equal exactly when their digests are.  Pure but for reading.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def fingerprint(root: Path) -> str:
    """SHA-256 over the lines of ``lines_of``, in hexadecimal."""
    digest = hashlib.sha256()
    for line in lines_of(root):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def lines_of(root: Path) -> Iterator[str]:
    """One line a file, in the order of paths; a hard link names the first of its paths.

    Files are read several at once, since hashing lets other threads run.
    """
    paths = list(_walk(str(root)))
    infos = [os.lstat(path) for path in paths]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        contents = pool.map(_content, paths, infos)
        first_path: dict[int, str] = {}
        for path, info, content in zip(paths, infos, contents, strict=True):
            name = path[len(str(root)) :] or "/"
            linked = first_path.setdefault(info.st_ino, name) if info.st_nlink > 1 else name
            same = "" if linked == name or stat.S_ISDIR(info.st_mode) else f"= {linked}"
            yield " ".join(
                [
                    name,
                    f"{info.st_mode:o} {info.st_uid}:{info.st_gid} {info.st_mtime_ns}",
                    _attributes(path),
                    same or content,
                ]
            )


def _walk(root: str) -> Iterator[str]:
    yield root
    for name in sorted(os.listdir(root)):
        path = f"{root}/{name}"
        if stat.S_ISDIR(os.lstat(path).st_mode):
            yield from _walk(path)
        else:
            yield path


def _attributes(path: str) -> str:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return ",".join(
        f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in names
    )


def _content(path: str, info: os.stat_result) -> str:
    if stat.S_ISLNK(info.st_mode):
        return f"-> {os.readlink(path)}"
    if stat.S_ISCHR(info.st_mode) or stat.S_ISBLK(info.st_mode):
        return f"device {info.st_rdev}"
    if not stat.S_ISREG(info.st_mode):
        return ""
    with open(path, "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
