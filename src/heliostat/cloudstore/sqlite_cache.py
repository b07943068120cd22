"""The documents that were read or written last, in memory: a read of them costs no SQLite.

Invariant: what is here is what the file says.  From before a commit is made durable
until its events are published, the keys it changes are *held*: they are not here, and
whoever asks for them reads the file.  So no reader sees an older state than an earlier
read (a list, the revision) has shown.  Bounded in number and in bytes as stored (what they
were decoded to takes up to four times as much beside them); lives as long as
the store is open, in its event loop.  That a key has no document is remembered in the same
way: a tenant's policy or somebody's wrong passwords are asked for far more often than kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from heliostat.cloudstore.contract import Document, Event

DOCUMENTS = 2048
BYTES = 16 << 20
ABSENT = 2048
LONGEST_ABSENT = 256
"""Characters of a key: whoever asks may have made it up."""


class DocumentCache:
    """The least recently used document goes first."""

    def __init__(self, documents: int = DOCUMENTS, size_bytes: int = BYTES) -> None:
        self._documents: OrderedDict[str, Document] = OrderedDict()
        self._limit = documents
        self._limit_bytes = size_bytes
        self._bytes = 0
        self._absent: OrderedDict[str, None] = OrderedDict()
        self._held: set[str] = set()

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, key: str) -> Document | None:
        """The document; ``None`` says nothing about whether there is one."""
        document = self._documents.get(key)
        if document is not None:
            self._documents.move_to_end(key)
        return document

    def keep(self, document: Document) -> None:
        """Remember what was just read from the file, or published."""
        if document.key in self._held:
            return
        self._drop(document.key)
        self._documents[document.key] = document
        self._bytes += len(document.value)
        while len(self._documents) > self._limit or self._bytes > self._limit_bytes:
            self._drop(next(iter(self._documents)))

    def is_absent(self, key: str) -> bool:
        """Whether it is known that there is none."""
        return key in self._absent

    def keep_absent(self, key: str) -> None:
        """Remember that the file has none; the first of them goes first."""
        if key in self._held or len(key) > LONGEST_ABSENT:
            return
        self._absent[key] = None
        if len(self._absent) > ABSENT:
            self._absent.popitem(last=False)

    def follow(self, events: Iterable[Event], documents: Iterable[Document]) -> None:
        """A commit was published: it made ``events``, and wrote ``documents`` among them."""
        for event in events:
            self._drop(event.key)
        for document in documents:
            self.keep(document)

    def hold(self, keys: Iterable[str]) -> None:
        """A commit that changes ``keys`` is about to be made durable."""
        for key in keys:
            self._held.add(key)
            self._drop(key)
            self._absent.pop(key, None)

    def release(self) -> None:
        """It has come to its end, either way; there is one at a time."""
        self._held.clear()

    def _drop(self, key: str) -> None:
        document = self._documents.pop(key, None)
        if document is not None:
            self._bytes -= len(document.value)
