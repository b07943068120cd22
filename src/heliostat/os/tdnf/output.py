"""The only place that prints: columns for people, or exactly one JSON value.

Results go to standard output, everything said about the work (progress, warnings,
errors) to standard error.  ``close`` gives a run with ``-j`` that had nothing to tell an
empty value, so that what reads it always gets JSON.
"""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TextIO

    from heliostat.os.tdnf.errors import TdnfError

_WIDTH_WITHOUT_TERMINAL = 80


class Output:
    """Where a run's words go.  ``json`` and ``quiet`` are the options of that name."""

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        results: TextIO | None = None,
        remarks: TextIO | None = None,
    ) -> None:
        self.json = json
        self.quiet = quiet
        self.results = results or _writable(sys.stdout)
        self.remarks = remarks or _writable(sys.stderr)
        self._valued = False
        self._status = False

    @property
    def width(self) -> int:
        """Columns of the terminal, 80 where there is none."""
        try:
            return os.get_terminal_size(self.results.fileno()).columns or _WIDTH_WITHOUT_TERMINAL
        except (OSError, ValueError):
            return _WIDTH_WITHOUT_TERMINAL

    @property
    def interactive(self) -> bool:
        """Whether somebody watches: progress is drawn only then."""
        return not self.json and not self.quiet and self.remarks.isatty()

    def line(self, text: str = "") -> None:
        """A line of the result; with ``-j`` nothing, because ``value`` is the result."""
        if not self.json:
            self.results.write(text + "\n")

    def lines(self, texts: Iterable[str]) -> None:
        """Many lines of the result in one write."""
        if not self.json:
            whole = "\n".join(texts)
            if whole:
                self.results.write(whole + "\n")

    def value(self, value: Any) -> None:
        """The JSON value of this run; the first one counts."""
        if self.json and not self._valued:
            import json

            self.results.write(json.dumps(value, indent=None) + "\n")
            self._valued = True

    def remark(self, text: str) -> None:
        """Something worth knowing beside the result; not with ``-q``."""
        if not self.quiet:
            self.warning(text)

    def status(self, text: str) -> None:
        """How far the work is: one line that the next one replaces; empty takes it away.

        Drawn only where somebody watches.
        """
        if self._status or (text and self.interactive):
            self._status = bool(text)
            self.remarks.write("\r\x1b[K" + text[: self.width - 1])
            self.remarks.flush()

    def warning(self, text: str) -> None:
        """Something that must not be overlooked."""
        self.status("")
        # in a log, too, what was told before stands before it
        self.results.flush()
        self.remarks.write(text + "\n")
        self.remarks.flush()

    def error(self, error: TdnfError) -> None:
        """The contract's line, and ours with what to do below it."""
        if self.json:
            if error.exit_code:
                self.value(
                    {"Error": error.number, "ErrorMessage": error.sentence, "Hint": error.hint}
                )
            return
        told = f"Error({error.number}) : {error.sentence}" if error.exit_code else error.sentence
        self.warning(f"{told}\n{error.hint}" if error.exit_code else told)

    def close(self) -> None:
        """Ends the run: with ``-j`` there has been a value."""
        self.value({})
        self.results.flush()

    def abandon(self) -> None:
        """Results can't be written: what is left goes nowhere, and errors are for people."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        self.json = False

    def columns(self, percents: Sequence[int]) -> list[int]:
        """Widths of columns that take these shares of the terminal."""
        width = self.width
        return [width * each // 100 for each in percents]


def _writable(stream: TextIO | None) -> TextIO:
    """``stream``, which takes whatever metadata holds; nowhere, if the caller has closed it."""
    if stream is None:
        return open(os.devnull, "w")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


SIZES = ("b", "k", "M", "G", "T")


def size_told(size_bytes: int) -> str:
    """``1.50M``: two places and a unit of 1024, as the C tdnf writes them."""
    size = float(size_bytes)
    for unit in SIZES:
        if size < 1024 or unit == SIZES[-1]:
            return f"{size:.2f}{unit}"
        size /= 1024
    raise AssertionError
