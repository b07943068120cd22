"""Python's source without what only its readers need, line by line where it was.

Docstrings, comments, types of functions and blanks are nearly half of our modules.
Programs in small systems come without them; lines keep their numbers, so that a traceback
from there means the same here.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

Place = tuple[int, int]
"""Line from 1 and column from 0, in characters."""
_FOR_TYPES = "from __future__ import annotations\n"


def compacted(source: str, package: str = "") -> str:
    """``source`` without docstrings, comments, types of functions and most blanks.

    The program stays the same but for docstrings and annotations.  With ``package``, the
    dotted one that the module is in, imports from near it are relative where that is shorter.
    Raises ``SyntaxError``.
    """
    text = _Text(source)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.line.startswith("#!"):
            text.cut(token.start, token.end)
    _cut_blanks(text, source)
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and package and not node.level:
            _cut_package(text, node, package)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _cut_docstrings(text, node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _cut_types(text, node)
            _cut_types_of_variables(text, node)
        if isinstance(node, ast.Module):
            _cut_types_of_variables(text, node)
            _cut_imports_for_types(text, node)
    left = text.left()
    if not _has_types(left):
        left = left.replace(_FOR_TYPES, "\n", 1)
    return _indented_by_one(left)


def _has_types(source: str) -> bool:
    """Whether it has types yet, which would be looked up at run time without ``_FOR_TYPES``."""
    return any(
        isinstance(each, ast.AnnAssign)
        or getattr(each, "annotation", None) is not None
        or getattr(each, "returns", None) is not None
        for each in ast.walk(ast.parse(source))
    )


class _Text:
    """Characters of a source, of which some go; places stay what they were."""

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._kept = [list(line) for line in self._lines]

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> Place:
        return self._place(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> Place:
        return self._place(node.end_lineno or node.lineno, node.end_col_offset or 0)

    def _place(self, line: int, offset_bytes: int) -> Place:
        return line, len(self._lines[line - 1].encode()[:offset_bytes].decode())

    def before(self, place: Place, mark: str) -> Place:
        """Where ``mark`` is, last before ``place``, in its line or one above."""
        number, column = place
        while (found := self._lines[number - 1][:column].rfind(mark)) < 0:
            number, column = number - 1, len(self._lines[number - 2])
        return number, found

    def cut(self, start: Place, end: Place, instead: str = "") -> None:
        for number in range(start[0], end[0] + 1):
            line = self._kept[number - 1]
            first = start[1] if number == start[0] else 0
            last = end[1] if number == end[0] else len(line)
            line[first:last] = [""] * (last - first)
        if instead:
            self._kept[start[0] - 1][start[1]] = instead

    def left(self) -> str:
        return "".join("".join(line).rstrip() + "\n" for line in self._kept)


def _cut_blanks(text: _Text, source: str) -> None:
    """Those beside operators, commas and brackets; strings keep theirs."""
    before: tokenize.TokenInfo | None = None
    in_string = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        beside = before is not None and tokenize.OP in (before.type, token.type)
        if before and beside and not in_string and before.end[0] == token.start[0]:
            text.cut(before.end, token.start)
        # from Python 3.12 on, strings with values in them are several tokens
        in_string += {"FSTRING_START": 1, "FSTRING_END": -1}.get(tokenize.tok_name[token.type], 0)
        before = token


def _cut_docstrings(
    text: _Text, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
) -> None:
    """Also those after an attribute, which no one reads at run time."""
    for each in node.body:
        value = each.value if isinstance(each, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            alone = "pass" if len(node.body) == 1 else ""
            text.cut(text.start(each), text.end(each), alone)


def _cut_types(text: _Text, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for argument in _arguments(node.args):
        if argument.annotation is not None:
            row, column = text.start(argument)
            text.cut((row, column + len(argument.arg)), text.end(argument.annotation))
    if node.returns is not None:
        arrow, end = text.before(text.start(node.returns), "->"), text.end(node.returns)
        # what follows must stay on the line of the bracket before
        if arrow[0] == end[0]:
            text.cut(arrow, end)


def _cut_types_of_variables(
    text: _Text, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
) -> None:
    """Not those of classes, which programs may look at."""
    for each in _statements(node):
        if isinstance(each, ast.AnnAssign) and each.value is not None:
            text.cut(text.end(each.target), text.end(each.annotation))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Those of a body, not of functions and classes within it."""
    for each in ast.iter_child_nodes(node):
        if not isinstance(each, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield each
            yield from _statements(each)


def _cut_imports_for_types(text: _Text, node: ast.Module) -> None:
    for each in node.body:
        told = ast.unparse(each)
        if told.startswith("if TYPE_CHECKING:") or told == "TYPE_CHECKING = False":
            text.cut(text.start(each), text.end(each))


def _cut_package(text: _Text, node: ast.ImportFrom, package: str) -> None:
    here, there = package.split("."), str(node.module).split(".")
    common = next(
        (at for at, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1]),
        min(len(here), len(there)),
    )
    near = "." * (len(here) - common + 1) + ".".join(there[common:])
    if common and len(near) < len(str(node.module)):
        row, column = text.start(node)
        begin = column + len("from ")
        text.cut((row, begin), (row, begin + len(str(node.module))), near)


def _arguments(told: ast.arguments) -> Iterator[ast.arg]:
    yield from told.posonlyargs
    yield from told.args
    yield from told.kwonlyargs
    yield from (each for each in (told.vararg, told.kwarg) if each is not None)


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
