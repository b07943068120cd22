"""Carrying downloads out, several at once, with libcurl's multi interface.

A failure that may pass is tried again after a growing pause, at the next mirror first; one
that stays so makes the next mirror's turn.  When no mirror is left, the last one is told,
or the first that was about what a mirror sent.
"""

from __future__ import annotations

import os
from time import monotonic

import pycurl

from heliostat.os.tdnf.errors import CACHE_OUT_OF_DISK, TdnfError
from heliostat.os.tdnf.transfer.attempt import Attempt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from heliostat.os.tdnf.transfer.download import Download
    from heliostat.os.tdnf.transfer.failure import Failure

    class Progress(Protocol):
        """Who shows how far the downloads are."""

        def begun(self, downloads: Sequence[Download]) -> None: ...
        def advanced(self, download: Download, now: int) -> None: ...
        def finished(self, download: Download) -> None: ...
        def troubled(self, address: str, error: TdnfError, further: str) -> None: ...
        def ended(self) -> None: ...


class _Nobody:
    """Nobody looks."""

    def begun(self, downloads: Sequence[Download]) -> None:
        pass

    def advanced(self, download: Download, now: int) -> None:
        pass

    def finished(self, download: Download) -> None:
        pass

    def troubled(self, address: str, error: TdnfError, further: str) -> None:
        pass

    def ended(self) -> None:
        pass


def fetch(
    downloads: Sequence[Download], *, parallel: int = 6, progress: Progress | None = None
) -> dict[Download, TdnfError]:
    """Fetches all, ``parallel`` at a time; what failed everywhere, with its last error.

    Raises ``TdnfError`` 1036 before anything is fetched if the disk can't hold it.
    """
    if not downloads:
        return {}
    check_space(downloads)
    watcher = progress or _Nobody()
    watcher.begun(downloads)
    try:
        return _Fetching(downloads, max(1, parallel), watcher).run()
    finally:
        watcher.ended()


class _Fetching:
    """One call of ``fetch``: what waits, what pauses, what runs."""

    def __init__(self, downloads: Sequence[Download], parallel: int, progress: Progress) -> None:
        self._waiting = [Attempt(each) for each in reversed(downloads)]
        self._pausing: list[tuple[float, Attempt]] = []
        self._running: dict[pycurl.Curl, Attempt] = {}
        self._failed: dict[Download, TdnfError] = {}
        self._parallel = parallel
        self._progress = progress
        self._multi = pycurl.CurlMulti()

    def run(self) -> dict[Download, TdnfError]:
        try:
            while self._waiting or self._pausing or self._running:
                self._wake()
                self._start()
                self._multi.perform()
                self._collect()
                self._wait()
        finally:
            # also when the person stops it: parts stay for the next time
            for handle, attempt in self._running.items():
                self._multi.remove_handle(handle)
                attempt.close()
            self._multi.close()
        return self._failed

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._parallel:
            attempt = self._waiting.pop()
            try:
                handle = attempt.begin(self._progress.advanced)
            except TdnfError as error:
                attempt.close()
                self._failed[attempt.download] = error
                continue
            self._multi.add_handle(handle)
            self._running[handle] = attempt

    def _collect(self) -> None:
        while True:
            queued, good, bad = self._multi.info_read()
            for handle in good:
                self._settle(handle, 0, "")
            for handle, code, words in bad:
                self._settle(handle, code, words)
            if queued == 0:
                return

    def _settle(self, handle: pycurl.Curl, code: int, words: str) -> None:
        attempt = self._running.pop(handle)
        self._multi.remove_handle(handle)
        address = attempt.address
        failed = attempt.end(code, words)
        if failed is None:
            self._progress.finished(attempt.download)
        elif attempt.another(failed):
            self._put_off(attempt, failed, address)
        else:
            self._failed[attempt.download] = attempt.error or failed.error

    def _put_off(self, attempt: Attempt, failed: Failure, address: str) -> None:
        further = "trying again" if attempt.address == address else "trying next base URL"
        if attempt.pause_s:
            further += f" in {attempt.pause_s:g} s"
        self._progress.troubled(address, failed.error, further)
        if attempt.pause_s:
            self._pausing.append((monotonic() + attempt.pause_s, attempt))
        else:
            self._waiting.append(attempt)

    def _wake(self) -> None:
        now = monotonic()
        self._waiting += [attempt for when, attempt in self._pausing if when <= now]
        self._pausing = [each for each in self._pausing if each[0] > now]

    def _wait(self) -> None:
        soonest = min((when for when, _ in self._pausing), default=None)
        most_s = 1.0 if soonest is None else max(0.0, min(1.0, soonest - monotonic()))
        if self._running:
            self._multi.select(most_s)
        elif soonest is not None and not self._waiting:
            import time

            time.sleep(most_s)


def check_space(downloads: Iterable[Download]) -> None:
    """Raises ``TdnfError`` 1036 if a disk has less room than its downloads need."""
    needed: dict[int, int] = {}
    places: dict[int, str] = {}
    for each in downloads:
        folder = _existing(os.path.dirname(each.target))
        device = os.stat(folder).st_dev
        places.setdefault(device, folder)
        needed[device] = needed.get(device, 0) + max(0, (each.size or 0) - _size(each.part))
    for device, folder in places.items():
        state = os.statvfs(folder)
        free = state.f_bavail * state.f_frsize
        if needed[device] > free:
            told = f"{folder} has {free:,} bytes free, and {needed[device]:,} are to be fetched."
            raise TdnfError(CACHE_OUT_OF_DISK, told)


def _existing(folder: str) -> str:
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder or "."


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
