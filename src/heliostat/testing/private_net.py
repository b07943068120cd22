"""A network of a test's own on this host: addresses of clouds, without touching the host's.

A Linux network namespace that only has ``lo``.  Guests started in it reach every address
that was put on ``lo`` through QEMU's user networking, and nothing else: 169.254.169.254 can
so be a metadata service of the test.  Held by a file descriptor; gone when that is closed
and no program runs in it.  Needs root, as building images does.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from heliostat.core.process import run

T = TypeVar("T")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class PrivateNet:
    """A network namespace; ``host`` inside of guests (10.0.2.2) is its 127.0.0.1."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def listen(self, address: str, port: int) -> socket.socket:
        """A TCP socket that listens inside."""
        return self.inside(lambda: socket.create_server((address, port)))

    def receive(self, address: str, port: int) -> socket.socket:
        """A UDP socket that is bound inside."""

        def bound() -> socket.socket:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.setblocking(False)
            receiver.bind((address, port))
            return receiver

        return self.inside(bound)

    def launcher(self) -> list[str]:
        """What to put before a command so that it runs inside."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._descriptor}", "--"]

    def inside(self, action: Callable[[], T]) -> T:
        """What it gives when a thread inside does it; sockets that it opens stay inside."""

        def enter() -> T:
            _checked(_libc.setns(self._descriptor, _CLONE_NEWNET))
            return action()

        return _in_a_thread(enter)


@contextmanager
def private_net(addresses: Sequence[str] = ()) -> Iterator[PrivateNet]:
    """A new one with these IPv4 addresses besides 127.0.0.1."""
    descriptor = _in_a_thread(lambda: _made(addresses))
    try:
        yield PrivateNet(descriptor)
    finally:
        os.close(descriptor)


def _made(addresses: Sequence[str]) -> int:
    _checked(_libc.unshare(_CLONE_NEWNET))
    for address in addresses:
        run(["ip", "address", "add", f"{address}/32", "dev", "lo"], timeout_s=10)
    run(["ip", "link", "set", "lo", "up"], timeout_s=10)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _checked(code: int) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _in_a_thread(action: Callable[[], T]) -> T:
    """Run it in a thread of its own, whose namespace ends with it."""
    results: list[T] = []
    faults: list[BaseException] = []

    def body() -> None:
        try:
            results.append(action())
        except BaseException as error:  # raised again in the caller's thread
            faults.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
    return results[0]
