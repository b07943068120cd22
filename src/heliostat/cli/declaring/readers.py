"""Values of declared fields: from a tree to what can be compared.

A reader raises ``ValueError`` with a sentence; the place is added by whoever
called it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from heliostat.cli.declaring.amounts import Amount
from heliostat.cli.declaring.sources import Mistake, Mistakes, Tree

Reader = Callable[[Tree], Any]
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]{0,62}")


def words(tree: Tree) -> str:
    """Any text that is not empty; a number or ``true`` is taken as it was written."""
    if tree.is_mapping or tree.is_list or tree.value is None or not tree.text:
        raise ValueError(f"a text is expected, not {tree.what}")
    return tree.text


def name(tree: Tree) -> str:
    found = words(tree)
    if _NAME.fullmatch(found) is None:
        raise ValueError(
            f"{found!r} is not a name: a letter, then letters, digits and hyphens, at most 63"
        )
    return found


def long_text(tree: Tree) -> str:
    if tree.is_mapping or tree.is_list:
        raise ValueError(f"a text is expected, not {tree.what}")
    return tree.text if tree.value is not None else ""


def one_of(choices: Sequence[str]) -> Reader:
    def read(tree: Tree) -> str:
        found = words(tree)
        for choice in choices:
            if found.lower() == choice.lower():
                return choice
        raise ValueError(f"{found!r} is none of {', '.join(choices)}")

    return read


def yes_or_no(tree: Tree) -> bool:
    if not isinstance(tree.value, bool):
        raise ValueError(f"true or false is expected, not {tree.what}")  # noqa: TRY004
    return tree.value


def gigabytes(tree: Tree) -> int:
    """A whole number of GB, written ``10`` or ``10 GB``."""
    found = words(tree)
    number = found.upper().removesuffix("GB").strip()
    if not number.isdigit() or int(number) < 1:
        raise ValueError(f"a whole number of GB is expected, not {found!r}")
    return int(number)


def texts(tree: Tree) -> list[str]:
    return [words(each) for each in _items(tree)]


def text_set(tree: Tree) -> list[str]:
    """Texts whose order means nothing."""
    return sorted(set(texts(tree)))


def pairs(tree: Tree) -> dict[str, str]:
    return {key: long_text(each) for key, each in sorted(_entries(tree).items())}


def amounts(tree: Tree) -> dict[str, Amount]:
    return {key: Amount.parse(words(each)) for key, each in sorted(_entries(tree).items())}


def _entries(tree: Tree) -> dict[str, Tree]:
    if tree.value is None:
        return {}
    if not tree.is_mapping:
        raise ValueError(f"a mapping is expected, not {tree.what}")
    found: dict[str, Tree] = tree.value
    return found


def _items(tree: Tree) -> list[Tree]:
    if tree.value is None:
        return []
    if not tree.is_list:
        raise ValueError(f"a list is expected, not {tree.what}")
    found: list[Tree] = tree.value
    return found


def attempt(reader: Reader, tree: Tree, what: str) -> Any:
    """What the reader makes of the tree; raises ``Mistakes`` with the place and the field."""
    try:
        return reader(tree)
    except ValueError as error:
        raise Mistakes([Mistake(tree.place, f"{what}: {error}")]) from error
