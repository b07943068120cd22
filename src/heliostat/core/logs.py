"""Log lines: text for people or JSON for programs, with what they belong to.

``bind(task=…)`` adds a field to every later line of the same asyncio task and
of the tasks it starts; so a line tells its request, task, operation and host
without anybody passing them along.  Both forms carry the same fields:

::

    2026-11-21T08:00:00.123Z INFO heliostat.tasks.runner: placed [task=… request=…]
    {"time": "…", "level": "INFO", "logger": "…", "message": "…", "task": "…"}

Lines go to standard error.  Where ``helio up`` made that a file it is rotated;
elsewhere keeping lines is the init system's job.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import msgspec

from heliostat.core.log_rotation import LOG_FILE_ENV, RotatingStream

LARGEST_MESSAGE = 8192
LARGEST_FIELD = 200
FORMATS = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039 - never changed, always replaced


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Log lines of controllers and agents."""

    format: str = "text"
    """``text`` for people, ``json`` for programs: one object a line."""
    level: str = "INFO"
    """The least level that is written: DEBUG, INFO, WARNING or ERROR."""
    access: bool = True
    """Whether every request to the API writes a line: who asked for what, and the answer."""
    largest_bytes: int = 16 << 20
    """Bytes of a log file in HELIO_HOME after which it is rotated (about; less than twice)."""
    kept: int = 4
    """Rotated files that are kept beside it."""


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...


def bind(**fields: str) -> None:
    """Add fields to the lines of this asyncio task, to its end."""
    _fields.set({**_fields.get(), **fields})


class bound:  # in lower case as a function is: entering it costs a request less than a generator
    """Add fields to the lines written inside."""

    __slots__ = ("_more", "_token")

    def __init__(self, **fields: str) -> None:
        self._more = fields

    def __enter__(self) -> None:
        self._token = _fields.set({**_fields.get(), **self._more})

    def __exit__(self, *_raised: object) -> None:
        _fields.reset(self._token)


def fields() -> Mapping[str, str]:
    """What the lines of this asyncio task carry now."""
    return _fields.get()


def entry(
    level: str, logger: str, message: str, more: Mapping[str, Any], at_s: float
) -> dict[str, Any]:
    """A line as an object, every part of bounded size."""
    return {
        "time": moment(at_s),
        "level": level,
        "logger": logger,
        "message": message[:LARGEST_MESSAGE],
        **{name: bounded(value) for name, value in more.items()},
    }


def as_json(line: Mapping[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def as_text(line: Mapping[str, Any]) -> str:
    """The same for people; a message with several lines stays one, its traceback follows."""
    suffix = " ".join(
        [f"{name}={word(value)}" for name, value in line.items() if name not in _LEADING]
    )
    head = f"{line['time']} {line['level']} {line['logger']}: {one_line(line['message'])}"
    text = f"{head} [{suffix}]" if suffix else head
    return f"{text}\n{line['exception']}" if "exception" in line else text


_PLAIN = re.compile(r'[^\s"\[\]=]+\Z')
_LEADING = frozenset({"time", "level", "logger", "message", "exception"})


class LineFormatter(logging.Formatter):
    """Records as lines, with the fields that are bound where they were made."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._write = as_json if form == "json" else as_text

    def format(self, record: logging.LogRecord) -> str:
        more: dict[str, Any] = dict(_fields.get())
        line = entry(record.levelname, record.name, record.getMessage(), more, record.created)
        if record.exc_info and record.exc_info[0] is not None:
            told = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            line["exception"] = told[-LARGEST_MESSAGE:]
        return self._write(line)


def configure(settings: LogSettings) -> Stream:
    """Write this process's lines to standard error, as the settings say; where they go."""
    stream: Stream = sys.stderr
    file = os.environ.get(LOG_FILE_ENV)
    if file:
        stream = RotatingStream(
            sys.stderr, Path(file), largest_bytes=settings.largest_bytes, kept=settings.kept
        )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(settings.format))
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    return stream


@lru_cache(maxsize=4)
def _second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


def moment(at_s: float) -> str:
    """A time as lines show it."""
    second = int(at_s)
    return f"{_second(second)}.{int((at_s - second) * 1000):03d}Z"


def bounded(value: Any) -> Any:
    """A field's value, cut to what a line holds of it."""
    return value[:LARGEST_FIELD] if isinstance(value, str) else value


def one_line(text: str) -> str:
    """What a stranger sent can't begin a line of its own."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def word(value: Any) -> str:
    """A field's value as lines for people show it: in quotes unless it is plain."""
    text = one_line(value) if isinstance(value, str) else str(value)
    return text if _PLAIN.match(text) else f'"{text}"'
