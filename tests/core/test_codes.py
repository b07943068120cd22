"""The error catalogue against the source: no code without meaning, none without use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import heliostat
from heliostat.core.causes import CAUSES, RESERVED, retry_of
from heliostat.core.codes import CODES

SOURCE = Path(heliostat.__file__).parent
TABLES = {"codes.py", "causes.py", "os_causes.py"}
RAISERS = {"HeliostatError", "PermanentError", "TemporaryError", "StoreUnavailable", "ServerError"}


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name not in TABLES and "testing" not in path.parts:
            yield path.relative_to(SOURCE), ast.parse(path.read_text())


TREES = [*_trees()]


def _raised() -> dict[str, list[str]]:
    """Codes given to constructors of errors, with where."""
    found: dict[str, list[str]] = {}
    for path, tree in TREES:
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            code = first.value if isinstance(first, ast.Constant) else None
            if name in RAISERS and isinstance(code, str) and code.isidentifier():
                found.setdefault(code, []).append(f"{path}:{node.lineno}")
    return found


def _named() -> set[str]:
    """Every text in the source that is a code: raised, passed on or compared with."""
    return {
        node.value
        for _, tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CODES
    }


def test_every_code_that_is_raised_is_in_the_table() -> None:
    raised = _raised()
    assert len(raised) > 50
    assert {code: where for code, where in raised.items() if code not in CODES} == {}


def test_every_code_of_the_table_is_used_or_reserved_with_a_reason() -> None:
    unused = CODES.keys() - _named()
    assert unused == RESERVED.keys()
    assert all(reason.endswith(".") for reason in RESERVED.values())


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_tells_cause_and_next_step(code: str) -> None:
    assert code in CAUSES, "tell why it occurs, in core/causes.py"
    assert CAUSES[code][0].isupper()
    assert CAUSES[code].endswith(".")
    assert CODES[code].hint.endswith(".")
    assert CAUSES[code] != CODES[code].hint
    assert 400 <= CODES[code].status < 600
    assert retry_of(code)


def test_no_cause_is_left_over() -> None:
    assert CAUSES.keys() == CODES.keys()
