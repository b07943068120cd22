"""The local terminal as raw bytes, on POSIX and on Windows.

Modules that exist on one system only are imported inside the function that is
for that system.  Whatever happens, the terminal is given back as it was.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Reader = Callable[[], bytes]

_CHUNK_BYTES = 65536
_WINDOWS_OUTPUT_HANDLE = -11
_WINDOWS_VT_PROCESSING = 0x0004


def is_terminal() -> bool:
    """Whether a person sits at both ends of this process."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def raw_input() -> Iterator[Reader]:
    """Keys as they are pressed, without echo; Ctrl-C is a key like any other.

    Where standard input is no terminal it is read as it is.
    """
    if not sys.stdin.isatty():
        yield binary_input()
    elif os.name == "nt":
        with _windows_terminal() as reader:
            yield reader
    else:
        with _posix_terminal() as reader:
            yield reader


def binary_input() -> Reader:
    """Standard input as unbuffered bytes; ``b""`` at its end."""
    handle = sys.stdin.fileno()
    _binary_mode(handle)
    return lambda: os.read(handle, _CHUNK_BYTES)


def binary_output() -> Callable[[bytes], None]:
    """Standard output for bytes, passed on at once."""
    handle = sys.stdout.fileno()
    _binary_mode(handle)

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    return write


@contextmanager
def _posix_terminal() -> Iterator[Reader]:
    termios: Any = importlib.import_module("termios")
    tty: Any = importlib.import_module("tty")
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setraw(handle)
    try:
        yield lambda: os.read(handle, _CHUNK_BYTES)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextmanager
def _windows_terminal() -> Iterator[Reader]:
    keys: Any = importlib.import_module("msvcrt")
    ctypes: Any = importlib.import_module("ctypes")
    kernel = ctypes.windll.kernel32
    handle = kernel.GetStdHandle(_WINDOWS_OUTPUT_HANDLE)
    before = ctypes.c_ulong()
    kernel.GetConsoleMode(handle, ctypes.byref(before))
    kernel.SetConsoleMode(handle, before.value | _WINDOWS_VT_PROCESSING)
    try:
        yield lambda: bytes(keys.getwch().encode())
    finally:
        kernel.SetConsoleMode(handle, before.value)


def _binary_mode(handle: int) -> None:
    """Windows translates line ends on a handle unless told not to."""
    if os.name == "nt":
        keys: Any = importlib.import_module("msvcrt")
        keys.setmode(handle, os.__dict__["O_BINARY"])
