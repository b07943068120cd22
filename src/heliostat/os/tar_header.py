"""Headers of tar archives of others: damage is an error, and none claims what can't be.

Python's reader takes a damaged header behind the first for the end of the archive, so
that half of it would go unseen; goes back by a size below zero, for ever; and reads a
name or an extended header of any length into memory.
Use: ``tarfile.open(…, tarinfo=Header)``; what is wrong raises ``tarfile.ReadError``.
Format: POSIX.1-2017, ``pax``; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from tarfile import InvalidHeaderError  # type: ignore[attr-defined]  # missing in the stubs
from typing import Any, Self, TypeVar

_LONGEST = 1 << 20  # of a name, or of all extended attributes of a file: Linux takes 64 KiB each
_ABOUT_ANOTHER = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)


_H = TypeVar("_H", bound=tarfile.TarInfo)


class Header(tarfile.TarInfo):
    """One member, as :class:`tarfile.TarInfo` tells of it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        return _sound(buf, lambda: super(Header, cls).frombuf(buf, encoding, errors))

    @classmethod
    def _frombuf(cls, buf: bytes | bytearray, *args: Any, **options: Any) -> Self:
        """Readers with Python's mends of 2026 ask this one, and not the one above."""
        read: Callable[..., Self] = super()._frombuf  # type: ignore[misc]  # not in those before
        return _sound(buf, lambda: read(buf, *args, **options))

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """With what headers before this one say of it."""
        try:
            found = super().fromtarfile(tarfile)
        except RecursionError:
            raise _too_many() from None
        except InvalidHeaderError as error:  # later readers refuse an offset below zero
            raise _damaged(error) from error
        pieces: list[tuple[int, int]] = getattr(found, "sparse", None) or []
        if found.size < 0 or any(at < 0 or size < 0 for at, size in pieces):
            raise _senseless(found)
        return found


def _sound(buf: bytes | bytearray, read: Callable[[], _H]) -> _H:
    try:
        found = read()
    except tarfile.HeaderError as error:
        if not any(buf):  # zeros, or nothing at all: the archive's end
            raise
        raise _damaged(error) from error
    if found.size < 0:
        raise _senseless(found)
    if found.type in _ABOUT_ANOTHER and found.size > _LONGEST:
        raise tarfile.ReadError(f"a header of {found.size} bytes is in it")
    return found


def _damaged(error: tarfile.HeaderError) -> tarfile.ReadError:
    return tarfile.ReadError(f"a header in it is damaged: {error}")


def _senseless(found: tarfile.TarInfo) -> tarfile.ReadError:
    return tarfile.ReadError(f"{found.name!r:.200} has a size below zero")


def _too_many() -> tarfile.ReadError:
    return tarfile.ReadError("thousands of headers in it are about one file")
