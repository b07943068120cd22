"""Selectors: which labels a thing must have, in the syntax that Kubernetes made common.

::

    app=web, tier!=db, env in (a, b), stage notin (prod), owner, !legacy

All requirements hold together.  As there, ``!=`` and ``notin`` also hold for
things that lack the key.  Pure; a refusal is ``InvalidQueryParams`` and tells
the position, counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heliostat.controller.model.labels import is_key, is_value
from heliostat.core.errors import PermanentError

MAX_LENGTH = 4096
_TOKEN = re.compile(r"\s*(?:(?P<op>==|!=|=|!|,|\(|\))|(?P<word>[^\s=!,()]+))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on ``key``.

    ``values`` empty: only whether the key is there counts.  ``wanted`` says whether
    key (and value) must or must not match.
    """

    key: str
    values: frozenset[str]
    wanted: bool

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.key not in labels:
            return not self.wanted
        return (not self.values or labels[self.key] in self.values) == self.wanted


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that hold together; none of them selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(each.holds(labels) for each in self.requirements)

    @property
    def exact(self) -> tuple[str, str] | None:
        """A key and value that everything selected has, if there is such: what an index finds."""
        for each in self.requirements:
            if each.wanted and len(each.values) == 1:
                return each.key, next(iter(each.values))
        return None


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    at: int
    is_word: bool


def parse_selector(text: str, parameter: str = "selector") -> Selector:
    """The selector that ``text`` writes; an empty one selects everything."""
    if len(text) > MAX_LENGTH:
        raise _wrong(parameter, MAX_LENGTH, f"it is longer than {MAX_LENGTH} characters")
    return _Parser(text, parameter).selector()


class _Parser:
    """Recursive descent over the tokens, one method a rule."""

    def __init__(self, text: str, parameter: str) -> None:
        self._parameter = parameter
        self._tokens = self._split(text)
        self._end = len(text)
        self._next = 0

    def selector(self) -> Selector:
        found: list[Requirement] = []
        while self._peek() is not None:
            if found:
                self._expect(",")
            found.append(self._requirement())
        return Selector(tuple(found))

    def _requirement(self) -> Requirement:
        if self._take("!"):
            return Requirement(self._key(), frozenset(), wanted=False)
        key = self._key()
        if self._take("=") or self._take("=="):
            return Requirement(key, frozenset({self._value()}), wanted=True)
        if self._take("!="):
            return Requirement(key, frozenset({self._value()}), wanted=False)
        token = self._peek()
        if token is None or not token.is_word:
            return Requirement(key, frozenset(), wanted=True)
        if token.text not in ("in", "notin"):
            raise self._refuse(token, "one of =, ==, !=, in, notin or a comma is expected")
        self._next += 1
        return Requirement(key, self._values(), wanted=token.text == "in")

    def _values(self) -> frozenset[str]:
        self._expect("(")
        values = {self._value()}
        while self._take(","):
            values.add(self._value())
        self._expect(")")
        return frozenset(values)

    def _key(self) -> str:
        token = self._peek()
        if token is None or not token.is_word or not is_key(token.text):
            raise self._refuse(token, "the key of a label is expected")
        self._next += 1
        return token.text

    def _value(self) -> str:
        token = self._peek()
        if token is None or not token.is_word:
            return ""  # ``key=`` asks for the empty value
        if not is_value(token.text):
            raise self._refuse(token, "the value of a label is expected")
        self._next += 1
        return token.text

    def _peek(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.is_word or token.text != text:
            return False
        self._next += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._refuse(self._peek(), f"{text!r} is expected")

    def _split(self, text: str) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while match := _TOKEN.match(text, at):
            name = match.lastgroup or "op"
            tokens.append(_Token(match[name], match.start(name) + 1, name == "word"))
            at = match.end()
        return tokens

    def _refuse(self, token: _Token | None, why: str) -> PermanentError:
        if token is None:
            return _wrong(self._parameter, self._end + 1, f"{why}, but the selector ends")
        return _wrong(self._parameter, token.at, f"{why}, not {token.text[:80]!r}")


def _wrong(parameter: str, position: int, why: str) -> PermanentError:
    return PermanentError(
        "InvalidQueryParams",
        f"Query parameter {parameter}, position {position}: {why}.",
        hint="Write e.g. `app=web,tier!=db,env in (a,b),!legacy`.",
        data={"parameter": parameter, "position": position},
    )
