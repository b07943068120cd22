"""Python's source without what only its readers need, line by line where it was.

Docstrings, comments and indentation are a third of our modules.  Programs in small systems
come without them; lines keep their numbers, so that a traceback from there means the same here.
"""

from __future__ import annotations

import ast
import io
import tokenize


def compacted(source: str) -> str:
    """``source`` without docstrings and comments, indented by one blank a level.

    The program stays the same but for docstrings.  Raises ``SyntaxError``.
    """
    lines = [list(line) for line in source.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.line.startswith("#!"):
            _blank(lines, token.start, token.end)
    for node, alone in _docstrings(ast.parse(source)):
        start, end = _extent(node, source)
        _blank(lines, start, end)
        if alone:
            lines[start[0] - 1][start[1] : start[1] + 4] = "pass"
    return _indented_by_one("".join("".join(line).rstrip() + "\n" for line in lines))


def _indented_by_one(source: str) -> str:
    """One blank a level; lines that go on with a statement begin at the margin."""
    lines = source.splitlines()
    inside: set[int] = set()
    levels: dict[int, int] = {}
    level = 0
    begins = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            level += 1 if token.type == tokenize.INDENT else -1
            continue
        inside.update(range(token.start[0] + 1, token.end[0] + 1))
        if token.type == tokenize.NEWLINE:
            begins = True
        elif token.type != tokenize.NL and begins:
            levels[token.start[0]] = level
            begins = False
    return "".join(
        (line if number in inside else " " * levels.get(number, 0) + line.lstrip()) + "\n"
        for number, line in enumerate(lines, 1)
    )


def _blank(lines: list[list[str]], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Spaces from ``start`` to ``end`` (line from 1, column from 0)."""
    for number in range(start[0], end[0] + 1):
        line = lines[number - 1]
        first = start[1] if number == start[0] else 0
        last = end[1] if number == end[0] else len(line)
        line[first:last] = " " * (last - first)


def _docstrings(tree: ast.Module) -> list[tuple[ast.Expr, bool]]:
    """Expressions that are docstrings, with whether the body has nothing else."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # also those after an attribute, which no one reads at run time
            found += [
                (each, len(node.body) == 1)
                for each in node.body
                if isinstance(each, ast.Expr)
                and isinstance(each.value, ast.Constant)
                and isinstance(each.value.value, str)
            ]
    return found


def _extent(node: ast.Expr, source: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Start and end in characters: ``ast`` counts bytes."""
    lines = source.splitlines()

    def column(line: int, offset: int) -> int:
        return len(lines[line - 1].encode()[:offset].decode())

    last = node.end_lineno or node.lineno
    return (
        (node.lineno, column(node.lineno, node.col_offset)),
        (last, column(last, node.end_col_offset or 0)),
    )
