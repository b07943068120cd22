"""One download at one address after the other, by libcurl's easy interface.

The file grows as ``<target>….part``, locked so that no other process writes to it, and
gets its name when it is whole and verified.  What is there of one that broke off is gone
on with; a server that sends all of it again writes it anew.
"""

from __future__ import annotations

import fcntl
import os
from time import monotonic

import pycurl

from heliostat.os.tdnf.errors import (
    CACHE_OUT_OF_DISK,
    CACHE_UNWRITABLE,
    CURL,
    SIZE_MISMATCH,
    SSL_SETTINGS,
    TdnfError,
)
from heliostat.os.tdnf.transfer.checksum import verify
from heliostat.os.tdnf.transfer.connection import STALL_S, settle
from heliostat.os.tdnf.transfer.failure import Failure, failure, seconds_until, without_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.os.tdnf.transfer.download import Download

_LONGEST_PAUSE_S = 8.0
# another mirror would not help
_LOCAL = (CACHE_OUT_OF_DISK, CACHE_UNWRITABLE, SSL_SETTINGS)


class Attempt:
    """``download`` at the first of ``addresses``; what fails for good leaves the list."""

    def __init__(self, download: Download) -> None:
        self.download = download
        self.addresses = download.addresses()
        self.retries = download.wire.retries
        self.pause_s = 0.0
        self.error: TdnfError | None = None
        self.have = 0
        self._round = 0
        self._before = 0
        self._most = 0
        self._from_scratch = False
        self._answered = False
        self._status = 0
        self._later = b""
        # what servers may ask for altogether; and when each may be asked again
        self._patience_s: float = download.wire.timeout_s or STALL_S
        self._free_at: dict[str, float] = {}
        self._descriptor = -1
        self._part = ""
        self._trouble: Failure | None = None
        self._handle: pycurl.Curl | None = None

    @property
    def address(self) -> str:
        """What is asked now, as it may be shown."""
        return without_password(self.addresses[0][1]) if self.addresses else self.download.location

    def begin(self, advanced: Callable[[Download, int], None]) -> pycurl.Curl:
        """A handle of libcurl that is ready to run.  Raises ``TdnfError``."""
        download = self.download
        if not self.addresses:
            raise TdnfError(CURL + pycurl.E_URL_MALFORMAT, f"{download.label} has no address.")
        self._trouble, self._answered, self._status = None, False, 0
        self._open()
        handle = self._handle = pycurl.Curl()
        settle(handle, download.wire, self.addresses[0][1])
        if self.have:
            handle.setopt(pycurl.RANGE, f"{self.have}-")
        if download.current:
            handle.setopt(pycurl.HTTPHEADER, ["Cache-Control: no-cache", "Pragma: no-cache"])

        def write(data: bytes) -> int:
            if not self._write(data):
                return 0
            advanced(download, self.have)
            return len(data)

        handle.setopt(pycurl.WRITEFUNCTION, write)
        handle.setopt(pycurl.HEADERFUNCTION, self._header)
        return handle

    def _open(self) -> None:
        """The part, this process's alone; from its beginning unless it can be gone on with."""
        download = self.download
        try:
            os.makedirs(os.path.dirname(download.target), exist_ok=True)
            self._part = download.part
            self._descriptor = _opened(self._part)
            if not _claimed(self._descriptor, self._part):
                # another tdnf fetches the same: both are right, one of them later
                os.close(self._descriptor)
                self._part = f"{download.part[:-5]}.{os.getpid()}.part"
                self._descriptor = _opened(self._part)
            self.have = os.fstat(self._descriptor).st_size
            going_on = download.size is not None and bool(download.checksum)
            if self._from_scratch or not going_on or self.have >= (download.size or 0):
                self.have = 0
                os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, self.have, os.SEEK_SET)
        except OSError as error:
            raise unwritable(error, download.target) from None
        self._before = self.have

    def _header(self, line: bytes) -> None:
        """libcurl can't be asked for the status before the end; the last line of it counts."""
        words = line.split()
        if line.startswith(b"HTTP/") and len(words) > 1 and words[1].isdigit():
            self._status, self._later = int(words[1]), b""
        elif line[:12].lower() == b"retry-after:":
            self._later = line[12:].strip()

    def _write(self, data: bytes) -> bool:
        download = self.download
        try:
            if not self._answered:
                self._answered = True
                if self.have and self._status == 200:
                    # the server doesn't know ranges and sends the whole
                    self.have = self._before = 0
                    os.ftruncate(self._descriptor, 0)
                    os.lseek(self._descriptor, 0, os.SEEK_SET)
            self.have += len(data)
            most = download.size if download.size is not None else download.limit
            if most is not None and self.have > most:
                told = f"{self.address} is larger than {most:,} bytes, which it should have."
                self._trouble = Failure(TdnfError(SIZE_MISMATCH, told))
                return False
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            self._trouble = Failure(unwritable(error, download.target))
            return False
        return True

    def end(self, code: int = 0, words: str = "") -> Failure | None:
        """After libcurl has ended with ``code``: keeps the file, or says why not."""
        download, status = self.download, self._status
        try:
            if self._trouble is not None:
                return self._trouble
            if code == pycurl.E_HTTP_RETURNED_ERROR and status == 416 and self.have:
                told = f"{self.address} has fewer bytes than are here already."
                return Failure(TdnfError(SIZE_MISMATCH, told))
            whole = bool(download.checksum) and self.have == download.size
            if code and not whole:
                later_s = seconds_until(self._later)
                return failure(self.addresses[0][1], code, words, status, later_s)
            return self._keep()
        finally:
            self.close()

    def _keep(self) -> Failure | None:
        """Size and content are looked at before the file gets its name."""
        download = self.download
        download.source = self.addresses[0][0]
        try:
            if download.size is not None and self.have != download.size:
                told = f"{self.address} has {self.have:,} bytes, not {download.size:,}."
                raise TdnfError(SIZE_MISMATCH, told)
            if download.checksum:
                verify(self._part, download.checksum, self.address)
            if download.verify is not None:
                download.verify(self._part)
            os.replace(self._part, download.target)
        except TdnfError as error:
            return Failure(error)
        except OSError as error:
            return Failure(unwritable(error, download.target))
        return None

    def close(self) -> None:
        """Lets go of the handle and the part; what there is of the part stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def another(self, failed: Failure) -> bool:
        """Whether to begin again, after ``pause_s``: at the next address, or at this one.

        A file that came whole but wrong is thrown away.  If what was wrong may have been
        its older beginning, the same address has one more chance.  Servers that say when
        to come again are obeyed as long as the time-out, for all of them together, allows.
        """
        if self.error is None or _of_libcurl(self.error):
            # that a mirror sent something else matters more than that another one is away
            self.error = failed.error
        self.pause_s = 0.0
        if failed.passing and failed.later_s <= self._patience_s:
            self._put_behind(failed.later_s)
        elif failed.error.number in _LOCAL:
            return False
        elif self._again_from_scratch(failed):
            return True
        if not self.addresses:
            return False
        if self._round >= len(self.addresses):
            # every mirror that may come back has had its turn
            wire, self._round = self.download.wire, 0
            self.pause_s = min(wire.pause_s * 2 ** (wire.retries - self.retries), _LONGEST_PAUSE_S)
            self.retries -= failed.cost
        busy_s = self._free_at.get(self.addresses[0][1], 0.0) - monotonic()
        self.pause_s = max(self.pause_s, round(busy_s, 1))
        return self.retries >= 0

    def _put_behind(self, later_s: float) -> None:
        """The address may do later: the others first."""
        if self.have > self._most:
            self._most, self.retries = self.have, self.download.wire.retries
        self._patience_s -= later_s
        address = self.addresses.pop(0)
        self._free_at[address[1]] = monotonic() + later_s
        self.addresses.append(address)
        self._round += 1

    def _again_from_scratch(self, failed: Failure) -> bool:
        """Whether the address's file may be right without its beginning; if not, it leaves."""
        wrong, resumed = not _of_libcurl(failed.error), self._before > 0
        if wrong:
            self._throw_away()
            if resumed:
                return True
        self.addresses.pop(0)
        return False

    def _throw_away(self) -> None:
        try:
            os.unlink(self._part)
        except OSError:
            self._from_scratch = True


def _of_libcurl(error: TdnfError) -> bool:
    return CURL <= error.number < CURL + 99


def _opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _claimed(descriptor: int, path: str) -> bool:
    """Whether the file at ``path`` is this process's to write."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        here, there = os.fstat(descriptor), os.stat(path)
    except OSError:
        return False
    # who had it may have finished and given it its name in between
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def unwritable(error: OSError, path: str) -> TdnfError:
    """The cache's disk is full, or it can't be written for another reason."""
    import errno

    folder = os.path.dirname(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TdnfError(CACHE_OUT_OF_DISK, f"The disk of {folder} is full.")
    told = f"{path} can't be written: {error.strerror}."
    hint = "-C works with what is there; cachedir in tdnf.conf names another place."
    return TdnfError(CACHE_UNWRITABLE, told, hint)
