"""Settings in files: values of keys, and lines that must or must not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from heliostat.os.harden.checks.finding import Finding, compared, not_applicable
from heliostat.os.harden.keyvalues import files_of, settings
from heliostat.os.harden.report import Evidence
from heliostat.os.harden.tree import Tree
from heliostat.os.harden.wanted import Wanted, require_sound, satisfies, told

_SECTION = re.compile(r"^\s*\[([^]\n]*)\].*$", re.M)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values by key of a file with its drop-ins."""

    file: str
    values: dict[str, Wanted]
    section: str | None = None
    main_last: bool = False
    """The file has the last word, not its drop-ins, as libpwquality reads its own."""

    def __post_init__(self) -> None:
        require_sound(self.values.values())


class Lines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regular expressions on single lines of files (patterns), comments left out."""

    files: tuple[str, ...]
    wants: tuple[str, ...] = ()
    """Each is found in at least one of the files."""
    forbids: tuple[str, ...] = ()
    """None is found in any."""
    sections: tuple[str, ...] = ()
    """Each is found in every section (``[name]``) of every file."""

    def __post_init__(self) -> None:
        for expression in (*self.wants, *self.forbids, *self.sections):
            try:
                re.compile(expression)
            except re.error as error:
                raise ValueError(f"{expression!r} is no regular expression: {error}") from error


def values(tree: Tree, wanted: Settings) -> Finding:
    if not files_of(tree, wanted.file):
        return not_applicable(f"There is no {wanted.file}.")
    found = settings(tree, wanted.file, wanted.section, main_last=wanted.main_last)
    pairs = []
    for key, value in wanted.values.items():
        setting = found.get(key)
        text = "not set" if setting is None else f"{setting.value or key} ({setting.path})"
        right = satisfies(None if setting is None else setting.value, value)
        pairs.append((Evidence(key, text, told(value)), right))
    return compared("settings", pairs)


def lines(tree: Tree, wanted: Lines) -> Finding:
    paths = [each.path for each in tree.matching(*wanted.files) if not each.is_folder]
    texts = {path: text for path in paths if (text := tree.text(path)) is not None}
    if not texts:
        return not_applicable(f"There is no {' and no '.join(wanted.files)}.")
    return compared("conditions", _pairs(texts, wanted))


def _pairs(texts: dict[str, str], wanted: Lines) -> Iterator[tuple[Evidence, bool]]:
    for expression in wanted.wants:
        hits = [hit for path, text in texts.items() for hit in _hits(path, text, expression)]
        where, line = hits[0] if hits else (" ".join(texts), "no such line")
        yield Evidence(where, line, f"a line like {expression}"), bool(hits)
    for path, text in texts.items():
        for name, part in _sections(text):
            for expression in wanted.sections:
                hits = _hits(path, part, expression)
                line = hits[0][1] if hits else "no such line"
                yield Evidence(f"{path} [{name}]", line, f"a line like {expression}"), bool(hits)
        for expression in wanted.forbids:
            for where, line in _hits(path, text, expression):
                yield Evidence(where, line, f"no line like {expression}"), False
            if not _hits(path, text, expression):
                yield Evidence(path, "no such line", f"no line like {expression}"), True


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Name and lines of each section."""
    parts = _SECTION.split(text)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _hits(path: str, text: str, expression: str) -> list[tuple[str, str]]:
    """Place (``path:number``) and text of each line with it."""
    compiled = re.compile(expression)
    return [
        (f"{path}:{number}", line.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if not line.lstrip().startswith(("#", ";")) and compiled.search(line)
    ]
