"""Carrying downloads out with libcurl's multi interface.

A file grows as ``<target>.part`` and gets its name when it is whole and verified; what is
there of one that broke off is gone on with.  Every failure is told with address and
status; the last one is raised when no mirror is left.
"""

from __future__ import annotations

import os

import pycurl

from heliostat.os.tdnf.errors import CURL, SIZE_MISMATCH, TdnfError, system_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO, Protocol

    from heliostat.os.tdnf.transfer.download import Download, Wire

    class Progress(Protocol):
        """Who shows how far the downloads are."""

        def started(self, download: Download) -> None: ...
        def advanced(self, download: Download, now: int, whole: int) -> None: ...
        def finished(self, download: Download) -> None: ...
        def failed(self, download: Download, error: TdnfError) -> None: ...


_AGENT = "tdnf/3.6.0 (Heliostat)"
_CONNECT_S = 30
_STALL_S = 60
# answers after which asking the same address again may help
_PASSING = (408, 429, 500, 502, 503, 504)


class _Attempt:
    """One download at one address."""

    def __init__(self, download: Download, addresses: list[str], retries: int) -> None:
        self.download = download
        self.addresses = addresses
        self.retries = retries
        self.handle = pycurl.Curl()
        self.file: BinaryIO | None = None
        self.start = 0

    @property
    def part(self) -> str:
        return self.download.target + ".part"

    def begin(self, progress: Progress | None) -> None:
        """Prepares libcurl's handle for the first of ``addresses``."""
        wire, handle = self.download.wire, self.handle
        handle.reset()
        os.makedirs(os.path.dirname(self.download.target), exist_ok=True)
        self.start = _size(self.part) if self.download.size is not None else 0
        if self.start and self.start >= (self.download.size or 0):
            self.start = 0
        self.file = open(self.part, "ab" if self.start else "wb")  # noqa: SIM115 - closed in end()
        handle.setopt(pycurl.URL, self.addresses[0])
        handle.setopt(pycurl.WRITEDATA, self.file)
        handle.setopt(pycurl.RESUME_FROM_LARGE, self.start)
        _settle(handle, wire)
        limit = self.download.size if self.download.size is not None else self.download.limit
        if limit is not None:
            handle.setopt(pycurl.MAXFILESIZE_LARGE, limit)
        if progress is not None:
            handle.setopt(pycurl.NOPROGRESS, False)
            handle.setopt(
                pycurl.XFERINFOFUNCTION,
                lambda whole, now, _up, _done: progress.advanced(
                    self.download, self.start + int(now), self.download.size or int(whole)
                ),
            )

    def end(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def fetch(
    downloads: Sequence[Download], *, parallel: int = 6, progress: Progress | None = None
) -> dict[Download, TdnfError]:
    """Fetches all, ``parallel`` at a time; what failed everywhere, with its last error."""
    waiting = [_Attempt(each, each.addresses(), each.wire.retries) for each in downloads]
    failed: dict[Download, TdnfError] = {}
    multi = pycurl.CurlMulti()
    running: dict[pycurl.Curl, _Attempt] = {}
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                attempt = waiting.pop(0)
                attempt.begin(progress)
                if progress is not None:
                    progress.started(attempt.download)
                multi.add_handle(attempt.handle)
                running[attempt.handle] = attempt
            multi.perform()
            for attempt, error in _ended(multi, running):
                if error is None:
                    if progress is not None:
                        progress.finished(attempt.download)
                elif _again(attempt, error):
                    waiting.insert(0, attempt)
                else:
                    failed[attempt.download] = error
                    if progress is not None:
                        progress.failed(attempt.download, error)
            if running:
                multi.select(1.0)
    finally:
        for handle, attempt in running.items():
            multi.remove_handle(handle)
            attempt.end()
        multi.close()
    return failed


def _ended(
    multi: pycurl.CurlMulti, running: dict[pycurl.Curl, _Attempt]
) -> list[tuple[_Attempt, TdnfError | None]]:
    found: list[tuple[_Attempt, TdnfError | None]] = []
    while True:
        queued, good, bad = multi.info_read()
        for handle in good:
            found.append((running[handle], None))
        for handle, code, words in bad:
            found.append((running[handle], _told(running[handle], code, words)))
        if queued == 0:
            break
    settled: list[tuple[_Attempt, TdnfError | None]] = []
    for attempt, error in found:
        multi.remove_handle(attempt.handle)
        del running[attempt.handle]
        attempt.end()
        settled.append((attempt, error or _accept(attempt)))
    return settled


def _accept(attempt: _Attempt) -> TdnfError | None:
    """Size and content are looked at before the file gets its name."""
    download = attempt.download
    size = _size(attempt.part)
    try:
        if download.size is not None and size != download.size:
            told = f"{attempt.addresses[0]} has {size:,} bytes, not {download.size:,}."
            raise TdnfError(SIZE_MISMATCH, told)
        if download.verify is not None:
            download.verify(attempt.part)
        os.replace(attempt.part, download.target)
    except TdnfError as error:
        os.unlink(attempt.part)
        return error
    except OSError as error:
        return system_error(error, f"Keeping {download.target}")
    return None


def _told(attempt: _Attempt, code: int, words: str) -> TdnfError:
    address = attempt.addresses[0]
    status = attempt.handle.getinfo(pycurl.RESPONSE_CODE)
    if code == pycurl.E_HTTP_RETURNED_ERROR:
        return TdnfError(CURL + code, f"{address} answered {status}.")
    if code == pycurl.E_FILESIZE_EXCEEDED:
        return TdnfError(SIZE_MISMATCH, f"{address} is larger than its metadata says.")
    return TdnfError(CURL + code, f"{address} can't be had: {words or pycurl_words(code)}.")


def pycurl_words(code: int) -> str:
    """libcurl's name of ``code`` where it says nothing more."""
    return f"libcurl's code {code}"


def _again(attempt: _Attempt, error: TdnfError) -> bool:
    """Whether the download is tried once more: at the same address, or at the next."""
    code = error.number - CURL
    status = attempt.handle.getinfo(pycurl.RESPONSE_CODE)
    passing = status in _PASSING or code in (
        pycurl.E_PARTIAL_FILE,
        pycurl.E_RECV_ERROR,
        pycurl.E_SEND_ERROR,
        pycurl.E_GOT_NOTHING,
        pycurl.E_OPERATION_TIMEDOUT,
    )
    if len(attempt.addresses) > 1:
        attempt.addresses.pop(0)
        return True
    if passing and attempt.retries > 0:
        attempt.retries -= 1
        return True
    return False


def _settle(handle: pycurl.Curl, wire: Wire) -> None:
    handle.setopt(pycurl.USERAGENT, _AGENT)
    handle.setopt(pycurl.FAILONERROR, True)
    handle.setopt(pycurl.FOLLOWLOCATION, True)
    handle.setopt(pycurl.MAXREDIRS, 8)
    handle.setopt(pycurl.NOSIGNAL, True)
    handle.setopt(pycurl.CONNECTTIMEOUT, wire.timeout_s or _CONNECT_S)
    handle.setopt(pycurl.LOW_SPEED_LIMIT, wire.minrate_bps or 1)
    handle.setopt(pycurl.LOW_SPEED_TIME, wire.timeout_s or _STALL_S)
    if wire.throttle_bps:
        handle.setopt(pycurl.MAX_RECV_SPEED_LARGE, wire.throttle_bps)
    if wire.ipv4 != wire.ipv6:
        handle.setopt(pycurl.IPRESOLVE, pycurl.IPRESOLVE_V4 if wire.ipv4 else pycurl.IPRESOLVE_V6)
    if wire.username:
        handle.setopt(pycurl.USERPWD, f"{wire.username}:{wire.password}")
    if wire.proxy:
        handle.setopt(pycurl.PROXY, wire.proxy)
    if wire.proxy_username:
        handle.setopt(pycurl.PROXYUSERPWD, f"{wire.proxy_username}:{wire.proxy_password}")
    handle.setopt(pycurl.SSL_VERIFYPEER, 1 if wire.sslverify else 0)
    handle.setopt(pycurl.SSL_VERIFYHOST, 2 if wire.sslverify else 0)
    for option, value in (
        (pycurl.CAINFO, wire.sslcacert),
        (pycurl.SSLCERT, wire.sslclientcert),
        (pycurl.SSLKEY, wire.sslclientkey),
    ):
        if value:
            handle.setopt(option, value)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
