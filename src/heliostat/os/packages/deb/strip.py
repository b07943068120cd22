"""Cutting symbol tables and debugging data off programs that Debian ships with them.

binutils does it; the result depends only on the program and on the version of binutils,
which therefore is part of the identity of a conversion that strips.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from heliostat.core.process import run
from heliostat.os.packages.rpm.file import Content, opened

_ELF = b"\x7fELF"
TIMEOUT_S = 300.0


def strip_elf(content: Content) -> Content:
    """The program without symbols; anything else unchanged."""
    with opened(content) as stream:
        if stream.read(4) != _ELF:
            return content
    with tempfile.TemporaryDirectory(prefix="strip-") as folder:
        path = Path(folder) / "program"
        with opened(content) as stream, path.open("wb") as out:
            shutil.copyfileobj(stream, out)
        run(["strip", "--strip-unneeded", "--enable-deterministic-archives", str(path)],
            timeout_s=TIMEOUT_S)  # fmt: skip
        return path.read_bytes()


@cache
def strip_version() -> str:
    """Which strip this is, in its own words."""
    return run(["strip", "--version"], timeout_s=TIMEOUT_S).stdout.partition("\n")[0]
