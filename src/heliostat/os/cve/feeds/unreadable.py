"""The one error of importers: which file, what is wrong with it, where."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from heliostat.core.errors import HeliostatError

T = TypeVar("T")


def unreadable(name: str, why: str) -> HeliostatError:
    return HeliostatError("KnowledgeUnreadable", f"{name} was not imported: {why}.")


def decoded(content: bytes, kind: type[T], name: str, what: str) -> T:
    """JSON as ``kind``; a truncated file and one of another form are told apart."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise unreadable(name, f"it is not {what} ({_small(str(error))})") from error
    except msgspec.DecodeError as error:
        why = "it ends in the middle" if "truncated" in str(error) else f"it is not JSON ({error})"
        raise unreadable(name, why) from error


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
