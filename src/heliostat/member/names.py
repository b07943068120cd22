"""Names of stores and of what lies in them: they are names of folders, too."""

from __future__ import annotations

import re

from heliostat.core.errors import PermanentError

MAX_LENGTH = 63
_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_LENGTH - 1}}}", re.ASCII)


def checked(name: str, what: str) -> str:
    """``name`` if it may name ``what``; raises ``InvalidName``."""
    if _NAME.fullmatch(name) is None or name.endswith("."):
        raise PermanentError(
            "InvalidName",
            f"{name[:MAX_LENGTH]!r} can't name {what}.",
            hint=f"Use up to {MAX_LENGTH} of a-z, 0-9, '.', '_' and '-', a letter or digit first.",
        )
    return name
