"""``--qf``: a line a package, made from ``%{tag}``, ``\\n`` and ``\\t``."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.errors import INVALID_PARAMETER, TdnfError
from heliostat.os.tdnf.packages.pool import split_evr
from heliostat.os.tdnf.packages.relations import RELATIONS, relations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def _text(key: int) -> Callable[[solv.XSolvable], str]:
    return lambda package: package.lookup_str(key) or ""


def _number(key: int) -> Callable[[solv.XSolvable], str]:
    return lambda package: str(package.lookup_num(key))


def _version(package: solv.XSolvable) -> str:
    return split_evr(package.evr)[1].rpartition("-")[0]


def _source_name(package: solv.XSolvable) -> str:
    file: str = package.lookup_sourcepkg() or package.name
    return file.rsplit("-", 2)[0] if file.endswith(".rpm") else file


TAGS: dict[str, Callable[[solv.XSolvable], str]] = {
    "name": lambda package: package.name,
    "arch": lambda package: package.arch,
    "version": _version,
    "release": lambda package: split_evr(package.evr)[1].rpartition("-")[2],
    "evr": lambda package: package.evr,
    "reponame": lambda package: package.repo.name,
    "sourcename": _source_name,
    "sourcerpm": lambda package: package.lookup_sourcepkg() or "",
    "size": _number(solv.SOLVABLE_INSTALLSIZE),
    "downloadsize": _number(solv.SOLVABLE_DOWNLOADSIZE),
    "installsize": _number(solv.SOLVABLE_INSTALLSIZE),
    "description": _text(solv.SOLVABLE_DESCRIPTION),
    "summary": _text(solv.SOLVABLE_SUMMARY),
    "license": _text(solv.SOLVABLE_LICENSE),
    "url": _text(solv.SOLVABLE_URL),
    "location": lambda package: package.lookup_location()[0] or "",
}


class Template:
    """``text`` of ``--qf``, read once.  Raises ``TdnfError`` 1622 for an unknown tag."""

    def __init__(self, text: str) -> None:
        self._parts: list[str | Callable[[solv.XSolvable], str]] = []
        rest = text
        while rest:
            before, found, rest = rest.partition("%{")
            self._parts.append(_unescaped(before))
            if found:
                tag, closed, rest = rest.partition("}")
                self._parts.append(_tag(tag, closed))

    def fill(self, package: solv.XSolvable) -> str:
        """The line of one package."""
        return "".join(each if isinstance(each, str) else each(package) for each in self._parts)


def _tag(name: str, closed: str) -> Callable[[solv.XSolvable], str]:
    name = name.lower()
    if closed and name in TAGS:
        return TAGS[name]
    if closed and name in RELATIONS:
        return lambda package: "\n".join(relations(package, name))
    import difflib

    near = difflib.get_close_matches(name, [*TAGS, *RELATIONS], n=1)
    hint = f"Did you mean %{{{near[0]}}}?" if near else f"Tags: {' '.join([*TAGS, *RELATIONS])}."
    told = f"There is no tag %{{{name}}}." if closed else f"%{{{name} has no closing brace."
    raise TdnfError(INVALID_PARAMETER, told, hint)


def _unescaped(text: str) -> str:
    plain, *rest = text.split("\\")
    found = [plain]
    waiting = iter(rest)
    for each in waiting:
        if not each:
            # two backslashes are one
            found += ["\\", next(waiting, "")]
        elif each[0] in _ESCAPES:
            found.append(_ESCAPES[each[0]] + each[1:])
        else:
            found.append("\\" + each)
    return "".join(found)
