"""What rpm tells while it works: a line a package, what scripts say, what went wrong.

rpm ends the process if its callback raises, in the middle of a transaction; so the
callback never does, and the keyboard and a hang-up wait until rpm is through.
"""

from __future__ import annotations

import ctypes
import os
import sys

import rpm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from heliostat.os.tdnf.change.words import Words
    from heliostat.os.tdnf.output import Output

# by the number of the script's tag; those of triggers have no name in Python
_SCRIPTS = {
    rpm.RPMTAG_PREIN: "%pre",
    rpm.RPMTAG_POSTIN: "%post",
    rpm.RPMTAG_PREUN: "%preun",
    rpm.RPMTAG_POSTUN: "%postun",
    rpm.RPMTAG_PRETRANS: "%pretrans",
    rpm.RPMTAG_POSTTRANS: "%posttrans",
}
_TRIGGER = "%trigger"


class Watch:
    """rpm's callback for one run of a transaction, used as ``with watch:`` around it.

    ``failed`` are packages that rpm gave up, ``reasons`` why; ``quiet`` for a test.
    """

    def __init__(
        self,
        out: Output,
        words: Words,
        *,
        quiet: bool = False,
    ) -> None:
        self.out = out
        self.failed: list[str] = []
        self.reasons: list[str] = []
        self._words = words
        self._quiet = quiet
        self._file: BinaryIO | None = None
        self._said = os.memfd_create("scripts")
        self._heard = 0
        self._number = self._total = 0
        self._stdout = -1
        self._results = out.results
        self._signals: dict[int, Any] = {}

    @property
    def script_output(self) -> int:
        """The descriptor that scripts write to."""
        return self._said

    def __enter__(self) -> Watch:
        self._hold_signals()
        # Lua scripts print to the process's own output, which may have to be one JSON value
        self.out.results.flush()
        self._stdout = os.dup(1)
        os.dup2(self._said, 1)
        self._results = self.out.results
        if self._results is sys.stdout:
            self.out.results = os.fdopen(os.dup(self._stdout), "w", 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._hear()
        shown, self.out.results = self.out.results, self._results
        try:
            if shown is not self._results:
                shown.close()
        finally:
            os.dup2(self._stdout, 1)
            os.close(self._stdout)
            self._restore_signals()

    def _hold_signals(self) -> None:
        """What would end the run does nothing.

        A terminal's signals go to scripts as well, and are ignored there, too.  The others are
        not ignored but answered by nothing: what scripts start can be ended by them.
        """
        import signal

        try:
            for number in (signal.SIGINT, signal.SIGHUP):
                self._signals[number] = signal.signal(number, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGPIPE):
                self._signals[number] = signal.signal(number, lambda *_: None)
                # rpm's calls go on as if nothing had come
                signal.siginterrupt(number, False)
        except ValueError:
            # a thread of a program that imports us: signals are its main thread's
            return

    def _restore_signals(self) -> None:
        import signal

        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._signals.clear()

    def close(self) -> None:
        """Tells what is left to tell."""
        self._tell_rpm()
        self.out.status("")
        os.close(self._said)

    def __call__(self, element: Any, reason: int, amount: int, total: int, _: Any) -> int | None:
        try:
            return self._handle(reason, amount, total, element)
        except Exception as error:
            # raised on, it would end the process inside of rpm
            self.reasons.append(str(error) or type(error).__name__)
            return -1 if reason == rpm.RPMCALLBACK_INST_OPEN_FILE else None

    def _handle(self, reason: int, amount: int, total: int, element: Any) -> int | None:
        if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
            self._file = open(element.Key(), "rb")  # noqa: SIM115 - closed when rpm says so
            return self._file.fileno()
        if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE and self._file is not None:
            self._file.close()
        elif reason == rpm.RPMCALLBACK_ELEM_PROGRESS:
            self._number, self._total = amount + 1, total
        elif reason in (rpm.RPMCALLBACK_INST_START, rpm.RPMCALLBACK_UNINST_START):
            self._begin(element, reason == rpm.RPMCALLBACK_INST_START)
        elif reason in (rpm.RPMCALLBACK_INST_PROGRESS, rpm.RPMCALLBACK_UNINST_PROGRESS):
            self._advance(element, amount, total)
        elif reason in (rpm.RPMCALLBACK_UNPACK_ERROR, rpm.RPMCALLBACK_CPIO_ERROR):
            self._fail(element, "unpacking failed")
        elif reason == rpm.RPMCALLBACK_SCRIPT_STOP:
            self._tell_script(element, amount)
        elif reason == rpm.RPMCALLBACK_SCRIPT_ERROR:
            self._tell_script(element, amount)
            self._script_failed(element, amount, warning=total == 0)
        return None

    def _begin(self, element: Any, comes: bool) -> None:
        self._tell_rpm()
        if not self._quiet and not self.out.quiet:
            verb = "Installing/Updating" if comes else "Removing"
            self.out.status("")
            self.out.line(f"{verb}: {element.NEVRA()}")

    def _advance(self, element: Any, amount: int, total: int) -> None:
        if not self._quiet and total:
            done = f"[{self._number}/{self._total}] {amount * 100 // total:3}%"
            self.out.status(f"{done} {element.NEVRA()}")

    def _fail(self, element: Any, reason: str) -> None:
        name = element.NEVRA()
        self.failed.append(name)
        self.reasons.append(f"{name}: {reason}")

    def _script_failed(self, element: Any, tag: int, *, warning: bool) -> None:
        script = _SCRIPTS.get(tag, _TRIGGER)
        name = element.NEVRA() if element is not None else "rpm"
        if warning:
            self.out.warning(f"package {name}: script warning in {script}")
        else:
            self._fail(element, f"{script} failed")

    def _tell_script(self, element: Any, tag: int) -> None:
        """What a script has said, with the name of whose it is."""
        found = self._hear()
        if not found:
            return
        name = element.N() if element is not None else "rpm"
        for line in found.decode("utf-8", "replace").splitlines():
            self.out.remark(f"{name} {_SCRIPTS.get(tag, _TRIGGER)}: {line}")

    def _hear(self) -> bytes:
        # C's own buffer has the last of what Lua printed
        ctypes.CDLL(None).fflush(None)
        found = os.pread(self._said, 1 << 20, self._heard)
        self._heard += len(found)
        return found

    def _tell_rpm(self) -> None:
        for line in self._words.take():
            kind, _, told = line.partition(": ")
            if kind == "error":
                self.reasons.append(told)
            else:
                self.out.remark(line)
