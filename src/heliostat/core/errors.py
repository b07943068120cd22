"""The error tree.

::

    HeliostatError            code, message, hint, data; status comes from the code
    ├── TemporaryError        trying again later may succeed (retry_after_s)
    ├── PermanentError        trying again cannot succeed
    └── (subclasses that parts add, e.g. cloudstore's GuardFailed)

Every error a user can see has a stable code from :mod:`heliostat.core.codes`,
one sentence and one hint.  Retry intent is in the type: a step that raises
``TemporaryError`` is run again, any other error makes its task undo itself.
"""

from __future__ import annotations

from typing import Any

from heliostat.core.codes import CODES


class HeliostatError(Exception):
    """An error with a stable code, one sentence and a hint (what to run next)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint if hint is not None else CODES[code].hint
        self.data: dict[str, Any] = data or {}

    @property
    def status(self) -> int:
        """The HTTP status that belongs to the code."""
        return CODES[self.code].status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class TemporaryError(HeliostatError):
    """The same call may succeed later."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        data: dict[str, Any] | None = None,
        retry_after_s: float = 1.0,
    ) -> None:
        super().__init__(code, message, hint=hint, data=data)
        self.retry_after_s = retry_after_s


class PermanentError(HeliostatError):
    """The same call cannot succeed, however often it is tried."""
