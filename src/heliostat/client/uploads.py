"""Uploading an image or an ISO: a multipart body streamed from a file, never held in memory.

The body travels chunked, an image's replication field before the file, as the API
wants it.  An upload is not repeated by itself: its start is the caller's
decision, and its cost is the file's size.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from heliostat.client.calls import path_of
from heliostat.client.transport import Request, Transport
from heliostat.core.errors import HeliostatError
from heliostat.wire.plans import Plan
from heliostat.wire.tasks import Task

CHUNK_BYTES = 1 << 20
SILENCE_S = 600.0

Progress = Callable[[int, int], None]
"""Called with the bytes sent so far and the size of the file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A described upload of ``path`` as ``name`` by ``operation``.

    Without ``replication`` the file is all that is sent.
    """

    transport: Transport
    path: Path
    name: str
    operation: str
    arguments: tuple[str, ...] = ()
    replication: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = lambda _sent, _size: None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    boundary: str = field(default_factory=lambda: secrets.token_hex(16))

    def submit(self) -> Task:
        """Send the file; returns the task that works on it."""
        try:
            stream = self.path.open("rb")
        except OSError as error:
            raise _unreadable(self.path, error) from error
        with stream:
            size = self.path.stat().st_size
            return self.transport.fetch(self._described(self._body(stream, size)), Task)

    def plan(self) -> Plan:
        """What the upload would do; sends the file's size, not the file."""
        size = self.path.stat().st_size
        query = {**self._query(), "plan": "true", "declaredSize": size}
        address = path_of(self.operation, *self.arguments)
        return self.transport.fetch(Request("POST", address, query), Plan)

    def _query(self) -> dict[str, str | int]:
        labels = ",".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        return {"labels": labels} if labels else {}

    def _described(self, body: Iterator[bytes]) -> Request:
        return Request(
            "POST",
            path_of(self.operation, *self.arguments),
            self._query(),
            {
                "Idempotency-Key": self.key,
                "Content-Type": f"multipart/form-data; boundary={self.boundary}",
            },
            body,
            timeout_s=SILENCE_S,
        )

    def _body(self, stream: BinaryIO, size: int) -> Iterator[bytes]:
        sent = 0
        yield self._head()
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
            sent += len(chunk)
            self.progress(sent, size)
        yield self._tail()

    def _head(self) -> bytes:
        name = self.name.replace("\\", "\\\\").replace('"', '\\"')
        replication = (
            f"--{self.boundary}\r\n"
            'Content-Disposition: form-data; name="ImageReplication"\r\n\r\n'
            f"{self.replication}\r\n"
        )
        return (
            f"{replication if self.replication else ''}"
            f"--{self.boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()

    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()


def _unreadable(path: Path, error: OSError) -> HeliostatError:
    return HeliostatError(
        "ImageUploadError",
        f"The file {path} can't be read: {error.strerror}.",
        hint="Name a file that you may read.",
    )
