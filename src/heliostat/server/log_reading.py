"""Reading the logs in HELIO_HOME: both forms, filtered by what their lines belong to.

A line that begins no entry (of a traceback, or of a program's own words) belongs
to the entry before it.  Reading is a pass over the file; following goes on from
there, from the start again when the file was cut.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from heliostat.core.errors import PermanentError
from heliostat.core.logs import LEVELS, as_text

PAUSE_S = 0.3
_HEAD = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (?P<level>[A-Z]+) \S+: ")
_FIELDS = re.compile(r" \[(?P<fields>[^\[\]]*)\]$")


@dataclass(slots=True)
class Entry:
    """One entry as it is shown, and what it belongs to."""

    text: str
    level: str = "INFO"
    belongs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to show; empty: all."""

    task: str = ""
    request: str = ""
    level: str = "DEBUG"

    def takes(self, entry: Entry) -> bool:
        known = LEVELS.index(entry.level) if entry.level in LEVELS else len(LEVELS)
        return (
            known >= LEVELS.index(self.level)
            and self.task in ("", entry.belongs.get("task", ""))
            and self.request in ("", entry.belongs.get("request", ""))
        )


def parse(line: str) -> Entry | None:
    """The entry that a line begins; ``None`` for one that continues another."""
    if line.startswith("{"):
        return _of_json(line)
    head = _HEAD.match(line)
    if head is None:
        return None
    told = _FIELDS.search(line)
    pairs = [pair.partition("=") for pair in told["fields"].split(" ")] if told else []
    return Entry(line, head["level"], {name: value for name, _, value in pairs})


def _of_json(line: str) -> Entry | None:
    try:
        raw: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        return Entry(
            as_text(raw), str(raw["level"]), {name: str(value) for name, value in raw.items()}
        )
    except (msgspec.MsgspecError, KeyError):
        return None


def entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Lines put together to entries."""
    current: Entry | None = None
    for line in lines:
        begun = parse(line)
        if begun is not None:
            if current is not None:
                yield current
            current = begun
        elif current is not None:
            current.text += f"\n{line}"
        else:
            current = Entry(line)
    if current is not None:
        yield current


def show(
    path: Path,
    wanted: Wanted,
    *,
    tail: int,
    follow: bool,
    write: Callable[[str], object],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Write the last ``tail`` wanted entries, and then, if asked, those that come."""
    if not path.exists():
        raise PermanentError("NotRunning", f"There is no log {path}.")
    with path.open(encoding="utf-8", errors="replace") as log:
        found = (each for each in entries(_lines(log.read())) if wanted.takes(each))
        for each in deque(found, maxlen=tail):
            write(each.text)
        while follow:
            if path.stat().st_size < log.tell():
                log.seek(0)
            for each in entries(_lines(_whole_lines(log))):
                if wanted.takes(each):
                    write(each.text)
            sleep(PAUSE_S)


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


def _whole_lines(log: Any) -> str:
    """What came, up to the last line end; the rest is read next time."""
    at = log.tell()
    text: str = log.read()
    whole = text[: text.rfind("\n") + 1]
    if len(whole) < len(text):
        log.seek(at)
        log.read(len(whole))
    return whole
