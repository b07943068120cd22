"""YAML files as trees that know where they were written.

YAML 1.2 (``on`` and ``no`` are words, ``0o14`` is a number), safe: nothing but
mappings, lists and plain values; a tag of somebody's own is a mistake.  Every
value keeps its file and line, so that whoever reads on can say where.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.core.errors import HeliostatError

MAX_VALUES = 100_000
"""Aliases let a small file describe an endless one."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset({"str", "int", "float", "bool", "null"})
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Mistakes(HeliostatError):
    """Everything that is wrong with the files, told at once."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        found = sorted(set(mistakes), key=lambda it: (it.place.file, it.place.line, it.message))
        super().__init__(
            "SpecInvalid",
            "\n".join(["The files can't be used:", *(f"  {each}" for each in found)]),
            hint="Correct the lines named; docs/howto/declare-a-team.md shows the form.",
            data={
                "mistakes": [
                    {"file": each.place.file, "line": each.place.line, "message": each.message}
                    for each in found
                ]
            },
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and its place: a mapping, a list, or a plain value.

    ``text`` is a plain value as it was written; ``keys`` tells where a mapping's
    keys are.
    """

    place: Place
    value: Any
    text: str = ""
    keys: dict[str, Place] | None = None

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.value, dict)

    @property
    def is_list(self) -> bool:
        return isinstance(self.value, list)

    @property
    def what(self) -> str:
        """For sentences: ``a mapping``, ``a list``, ``nothing`` or the value as written."""
        if self.is_mapping:
            return "a mapping"
        if self.is_list:
            return "a list"
        return "nothing" if self.value is None else repr(self.text)


def read_files(paths: Iterable[Path]) -> list[Tree]:
    """Every document of the files, in order; of a folder, its ``*.yaml`` and ``*.yml``."""
    return [tree for path in _files(paths) for tree in read_text(str(path), _text(path))]


def read_text(name: str, text: str) -> list[Tree]:
    """The documents in ``text``; empty ones are left out."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        nodes = [node for node in YAML(typ="safe", pure=True).compose_all(text) if node is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise Mistakes([Mistake(Place(name, line), f"{error.problem or error.context}")]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise Mistakes([Mistake(Place(name, 1), f"this is no YAML: {error}")]) from error
    return [_Grower(name).tree(node) for node in nodes]


class _Grower:
    """Turns the nodes of one document into trees."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._left = MAX_VALUES
        self._above: set[int] = set()

    def tree(self, node: Any) -> Tree:
        self._count(node)
        place = self._place(node)
        tag = str(node.tag)
        short = tag.removeprefix(_TAG)
        if id(node) in self._above:
            raise self._mistake(node, "an alias refers to what it is part of")
        self._above.add(id(node))
        try:
            if short == "map":
                return self._mapping(node, place)
            if short == "seq":
                return Tree(place, [self.tree(each) for each in node.value])
        finally:
            self._above.discard(id(node))
        if short not in _PLAIN or not tag.startswith(_TAG):
            raise self._mistake(node, f"the tag {tag} means nothing here")
        return Tree(place, _plain(short, node.value), node.value)

    def _mapping(self, node: Any, place: Place) -> Tree:
        values: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str) or str(key_node.tag) == f"{_TAG}merge":
                raise self._mistake(key_node, "a key is a plain word")
            if key in values:
                raise self._mistake(key_node, f"{key} is written twice (first {keys[key]})")
            keys[key] = self._place(key_node)
            values[key] = self.tree(value_node)
        return Tree(place, values, keys=keys)

    def _count(self, node: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise self._mistake(node, f"the document has more than {MAX_VALUES} values")

    def _place(self, node: Any) -> Place:
        return Place(self._name, node.start_mark.line + 1)

    def _mistake(self, node: Any, message: str) -> Mistakes:
        return Mistakes([Mistake(self._place(node), message)])


def _plain(tag: str, text: str) -> Any:
    """The value of a scalar; numbers that are none (``.nan``) stay text, for readers to refuse."""
    try:
        match tag:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text.replace("_", ""), 0)
            case "float":
                return float(text.replace("_", ""))
    except ValueError:
        return text
    return text


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise Mistakes([Mistake(Place(str(path), 1), "no YAML file is in this folder")])
            yield from found
        else:
            yield path


def _text(path: Path) -> str:
    try:
        if str(path) == STDIN:
            return sys.stdin.read()
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Mistakes([Mistake(Place(str(path), 1), f"it can't be read: {why}")]) from error
