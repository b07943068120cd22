"""What agents answer, checked: an answer that makes no sense is the agent's fault, not ours."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from heliostat.core.errors import TemporaryError

T = TypeVar("T")


def member(answer: Any, key: str, type_: type[T], host_id: str) -> T:
    """``answer[key]`` as ``type_``; raises ``AgentError`` if it is not there or no such thing."""
    try:
        return msgspec.convert(answer[key], type_)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise TemporaryError(
            "AgentError", f"The agent of host {host_id} gave an answer without a readable {key}."
        ) from error
