"""Modules without docstrings and comments do what they did, on the lines that they had."""

from __future__ import annotations

import ast
from importlib.util import resolve_name
from pathlib import Path

import pytest

import heliostat.os.tdnf
from heliostat.os.packages.compaction import compacted

MODULES = sorted(Path(heliostat.os.tdnf.__file__).parent.rglob("*.py"))


def told(source: str) -> list[str]:
    """Every simple statement but docstrings and what only types need, with its line."""
    found = []
    tree = ast.parse(source)
    for_types = ("if TYPE_CHECKING:", "TYPE_CHECKING = False", "from __future__ import annotations")
    tree.body = [each for each in tree.body if not ast.unparse(each).startswith(for_types)]
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node = ast.Assign([node.target], node.value, lineno=node.lineno)
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass):
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not text and not hasattr(node, "body"):
                found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_stays_what_it_is(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    after = compacted(source)
    assert told(after) == told(source)
    assert len(after.splitlines()) == len(source.splitlines())
    assert '"""' not in after or '= """' in source or '"""\\' in source
    compile(after, str(path), "exec")


def test_strings_that_look_like_remarks_stay() -> None:
    source = '''#!/usr/bin/python3
"""Über: a docstring."""
A = "# not one"  # one
def f():
    """Only this."""
class B:
    x: int = 1
    """About x, äöü."""
def g(a: int = 1, *b: list[str], c: "-> no" = "->", **d: dict[
    str, int
]) -> tuple[
    int, ...
]:
    return """a
# b"""  # end
H = f"{ A = } , {1 + 1:> 3}"
'''
    after = compacted(source)
    space: dict[str, object] = {}
    exec(after, space)
    assert space["A"] == "# not one"
    assert after.splitlines()[0] == "#!/usr/bin/python3"
    assert (space["f"].__doc__, space["f"]()) == (None, None)  # type: ignore[operator]
    assert space["g"]() == "a\n# b"  # type: ignore[operator]
    assert space["H"] == " A = '# not one' ,   2"
    assert "one" not in after.replace("not one", "")
    assert "About" not in after


def imported(source: str, package: str) -> list[tuple[str, list[str]]]:
    """Absolute names of modules, each with what is taken from it."""
    return [
        (
            resolve_name("." * node.level + (node.module or ""), package)
            if node.level
            else str(node.module),
            [each.name for each in node.names],
        )
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports_from_near_are_shorter_and_the_same(path: Path) -> None:
    base = Path(heliostat.os.tdnf.__file__).parent
    package = ".".join(["heliostat", "os", "tdnf", *path.relative_to(base).parent.parts])
    source = path.read_text(encoding="utf-8")
    long, short = compacted(source), compacted(source, package)
    kept = [each for each in imported(long, package) if each[0] != "__future__"]
    assert [each for each in imported(short, package) if each[0] != "__future__"] == kept
    assert "from heliostat.os.tdnf" not in short
    assert len(short.splitlines()) == len(source.splitlines())
