"""Real guests in tests: the tiny guest, and waiting for what it prints."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from heliostat.core.errors import TemporaryError
from heliostat.os.image.tiny import TinyGuest, build_tiny

T = TypeVar("T")
_POLL_S = 0.1


@cache
def tiny_guest() -> TinyGuest:
    """The tiny guest, built once and kept in ``HELIO_CACHE`` (or the temporary folder)."""
    cache_dir = Path(os.environ.get("HELIO_CACHE") or Path(tempfile.gettempdir()) / "helio-cache")
    cache_dir.mkdir(parents=True, exist_ok=True)
    return build_tiny(cache_dir)


async def until_printed(folder: Path, text: str, *, wait_s: float = 100.0) -> None:
    """Wait until the guest whose folder this is has printed ``text`` on its serial line."""
    log = folder / "serial.log"
    try:
        async with asyncio.timeout(wait_s):
            while True:
                if await asyncio.to_thread(_contains, log, text):
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        seen = _read(log)[-2000:]
        raise AssertionError(f"{text!r} was not printed within {wait_s} s; seen: {seen}") from None


def _contains(log: Path, text: str) -> bool:
    return text in _read(log)


def _read(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


async def until_listening(dial: Callable[[], Awaitable[T]], *, wait_s: float = 30.0) -> T:
    """Dial until the guest's server answers: it starts after the guest said that it is ready."""
    async with asyncio.timeout(wait_s):
        while True:
            try:
                return await dial()
            except TemporaryError:
                await asyncio.sleep(_POLL_S)
