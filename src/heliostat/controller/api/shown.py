"""Answers that are remembered, encoded, for as long as everything in them is the same.

Clients that wait for something ask for it again and again.  An answer is found by
what it shows and the base of its links, and counts only if the documents it was
made of are the very ones that the store gives now: so whoever asks reads them
first, and no answer is older than a read of its documents.  Bounded in number
and bytes; lives as long as the application.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from operator import is_
from typing import Any, NamedTuple

import msgspec

from heliostat.controller.api.answers import encode

ANSWERS = 1024
BYTES = 4 << 20


class _Answer(NamedTuple):
    made_of: tuple[object, ...]
    body: bytes


class Shown:
    """The least recently asked for goes first."""

    def __init__(self, answers: int = ANSWERS, size_bytes: int = BYTES) -> None:
        self._answers: OrderedDict[tuple[str, str], _Answer] = OrderedDict()
        self._limit = answers
        self._limit_bytes = size_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def body(
        self, key: tuple[str, str], made_of: tuple[object, ...], present: Callable[[], Any]
    ) -> msgspec.Raw:
        """The body for ``key``: what ``present`` makes of the documents ``made_of``.

        Documents are compared by identity: the store gives the same one until it changes.
        """
        known = self._answers.get(key)
        if known is not None and _same(known.made_of, made_of):
            self._answers.move_to_end(key)
            return msgspec.Raw(known.body)
        body = encode(present())
        self._keep(key, _Answer(made_of, body))
        return msgspec.Raw(body)

    def _keep(self, key: tuple[str, str], answer: _Answer) -> None:
        before = self._answers.pop(key, None)
        if before is not None:
            self._bytes -= len(before.body)
        self._answers[key] = answer
        self._bytes += len(answer.body)
        while len(self._answers) > self._limit or self._bytes > self._limit_bytes:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= len(oldest.body)


def _same(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))
