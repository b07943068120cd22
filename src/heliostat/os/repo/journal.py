"""The journal of advisories: append-only, every line chained to the one before.

A new version of an advisory is a new line; nothing is ever rewritten.  A line that
a crash left half-written is no line, and the next append takes its place.  A
generation records how many lines belong to it, so going back goes back here too.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from heliostat.core.errors import HeliostatError
from heliostat.core.files import sync_directory
from heliostat.os.repo.advisory import Advisory


class _Line(msgspec.Struct, frozen=True):
    """One line; ``before`` is the SHA-256 of the line before, empty in the first."""

    before: str
    advisory: Advisory


class Journal:
    """Advisories in the order in which they were issued."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        """How many lines there are."""
        return len(self._lines())

    def entries(self, first: int | None = None) -> list[Advisory]:
        """Every version of every advisory; ``first`` lines only, if given.

        Raises ``RepositoryCorrupt`` where a line was changed or is missing.
        """
        found: list[Advisory] = []
        before = ""
        for number, raw in enumerate(self._lines()[:first], 1):
            try:
                line = msgspec.json.decode(raw, type=_Line)
            except msgspec.DecodeError as error:
                raise self._broken(number, str(error)) from error
            if line.before != before:
                raise self._broken(number, "it doesn't follow the line before it")
            before = hashlib.sha256(raw).hexdigest()
            found.append(line.advisory)
        if first is not None and len(found) < first:
            raise self._broken(len(found) + 1, f"it is missing; {first} lines were published")
        return found

    def latest(self, first: int | None = None) -> list[Advisory]:
        """The newest version of each advisory, in the order of their ids."""
        newest = {each.id: each for each in self.entries(first)}
        return [newest[name] for name in sorted(newest)]

    def append(self, advisories: list[Advisory]) -> None:
        """Add lines durably; the caller has the repository's claim."""
        lines = self._lines()
        self.entries()
        before = hashlib.sha256(lines[-1]).hexdigest() if lines else ""
        whole = sum(len(line) + 1 for line in lines)
        with self._path.open("ab") as stream:
            stream.truncate(whole)
            for each in advisories:
                raw = msgspec.json.encode(_Line(before, each))
                before = hashlib.sha256(raw).hexdigest()
                stream.write(raw + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        sync_directory(self._path.parent)

    def _lines(self) -> list[bytes]:
        """Whole lines, without their ends."""
        try:
            return self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return []

    def _broken(self, number: int, why: str) -> HeliostatError:
        return HeliostatError("RepositoryCorrupt", f"{self._path}:{number}: {why}.")


def next_id(advisories: list[Advisory], year: int) -> str:
    """``HSA-<year>-<nnnn>``, counted from 1 in each year."""
    prefix = f"HSA-{year}-"
    taken = [int(each.id[len(prefix) :]) for each in advisories if each.id.startswith(prefix)]
    return f"{prefix}{max(taken, default=0) + 1:04d}"
