"""The one shape of an error, in every non-2xx answer and inside tasks."""

from __future__ import annotations

from typing import Any

from heliostat.core.errors import HeliostatError
from heliostat.wire.body import Response


class ApiError(Response):
    """``code`` is stable, ``data`` always an object, ``hint`` says what to do next."""

    code: str
    message: str
    data: dict[str, Any]
    hint: str = ""

    @classmethod
    def of(cls, error: HeliostatError) -> ApiError:
        return cls(code=error.code, message=error.message, data=error.data, hint=error.hint)
