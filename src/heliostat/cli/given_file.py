"""A text file that was named on the command line; ``-`` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from heliostat.core.errors import PermanentError

MAX_BYTES = 1 << 20


def content(path: Path) -> str:
    """All of it; raises ``PathNotFound`` for what can't be read, ``InvalidEntity`` for no text."""
    try:
        if str(path) == "-":
            return sys.stdin.read(MAX_BYTES)
        with path.open(encoding="utf-8") as stream:
            return stream.read(MAX_BYTES)
    except OSError as error:
        raise PermanentError(
            "PathNotFound", f"{path} can't be read: {error.strerror}.", hint="Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise PermanentError("InvalidEntity", f"{path} is no text file.") from error
