"""The grammar of ``tdnf.conf`` and ``.repo`` files, read without the standard library's reader.

That one takes 5 ms to load, a tenth of a listing, and can't write a file back with its
comments.  Grammar: ``[section]``, ``key = value``, lines that begin with white space go
on with the value, ``#`` and ``;`` begin a comment line.
"""

from __future__ import annotations

from heliostat.os.tdnf.errors import DUPLICATE_REPOSITORY, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Sections = dict[str, dict[str, str]]


def parse(text: str, path: str, number: int, *, once: bool = False) -> Sections:
    """Sections in the file's order; lines of one value are joined by newlines.

    Raises ``TdnfError(number)`` with file and line where the grammar is left; 1037 if a
    section comes again that may come ``once``.
    """
    sections: Sections = {}
    section: dict[str, str] | None = None
    key = ""
    for place, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if bare[0] == "[":
            name = bare[1:].partition("]")[0].strip()
            if "]" not in bare or not name:
                raise TdnfError(number, f"{path}, line {place}: a section is [name], not {bare}.")
            if once and name in sections:
                told = f"{path}, line {place}: repository {name} is in this file already."
                raise TdnfError(DUPLICATE_REPOSITORY, told)
            section, key = sections.setdefault(name, {}), ""
        elif line[0] in " \t" and section is not None and key:
            section[key] += "\n" + bare
        else:
            key, equals, value = (part.strip() for part in line.partition("="))
            if section is None:
                raise TdnfError(
                    number, f"{path}, line {place}: {bare} stands before any [section]."
                )
            if not equals or not key:
                raise TdnfError(number, f"{path}, line {place}: expected key=value, found {bare}.")
            section[key] = value
    return sections


def read(path: str, number: int, *, once: bool = False) -> Sections:
    """``parse`` of a file; ``TdnfError(number)`` if it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read(), path, number, once=once)
    except OSError as error:
        raise TdnfError(number, f"{path} can't be read: {error.strerror}.") from None


def assign(
    settings: object,
    key: str,
    value: str,
    number: Callable[[str, str], int],
    text: Callable[[str], str] = str,
) -> None:
    """Set an attribute from its text, read as the type of the default that its class has.

    Unknown keys are left alone: other tools have their own.  ``number`` gets key and value.
    """
    default = None if key.startswith("_") else vars(type(settings)).get(key)
    if isinstance(default, bool):
        setattr(settings, key, is_true(value))
    elif isinstance(default, int):
        setattr(settings, key, number(key, value))
    elif isinstance(default, tuple):
        setattr(settings, key, tuple(text(each) for each in words(value)))
    elif isinstance(default, str):
        setattr(settings, key, text(value))


def is_true(value: str) -> bool:
    """``1``, ``yes``, ``true``, ``on`` in any case."""
    return value.strip().lower() in ("1", "yes", "true", "on")


def words(value: str) -> list[str]:
    """A list as these files write it: by spaces, commas or lines."""
    return value.replace(",", " ").split()
