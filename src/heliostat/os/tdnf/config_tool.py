"""``tdnf-config``: settings and repositories, changed without an editor.

``main`` means ``tdnf.conf``, any other name a section of a ``.repo`` file.
"""

from __future__ import annotations

import os
import sys

from heliostat.os.tdnf.ending import ended
from heliostat.os.tdnf.errors import (
    INVALID_ARGUMENT,
    NO_SUCH_COMMAND,
    NOT_ENOUGH_ARGUMENTS,
    REPOSITORY_FILE_UNREADABLE,
    REPOSITORY_NOT_FOUND,
    TdnfError,
)
from heliostat.os.tdnf.output import Output
from heliostat.os.tdnf.settings import ini
from heliostat.os.tdnf.settings.configuration import DEFAULT_PATH, read_configuration
from heliostat.os.tdnf.settings.edit import (
    with_values,
    without_keys,
    without_section,
    write_whole,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = """\
Usage: tdnf-config [-c FILE] [-f FILE.repo] [-j] COMMAND NAME [KEY=VALUE...]

  create NAME KEY=VALUE...   a new repository, in FILE.repo or NAME.repo
  edit NAME KEY=VALUE...     set keys; the NAME main is tdnf.conf
  remove NAME KEY...         take keys out
  get NAME KEY               print one value
  dump [NAME]                print all keys of one section, or of all
  removerepo NAME            take a repository out"""

_HELP = "See tdnf-config --help."
_SHOWN = "tdnf-config dump shows all."


class Tool:
    """One run: where things are, and where answers go."""

    def __init__(self, configuration: str, file: str, out: Output) -> None:
        self.main = configuration
        # as for tdnf, a system may do without its file
        given = None if configuration == DEFAULT_PATH else configuration
        self.folder = read_configuration(given).repodir
        self.file = file
        self.out = out

    def create(self, name: str, values: Sequence[str]) -> None:
        """A new repository; an existing one is not touched."""
        if name == "main" or self._found(name):
            raise TdnfError(INVALID_ARGUMENT, f"There is already a section {name}.", "Use edit.")
        if not name.strip() or any(letter in name for letter in "/[]\n"):
            raise TdnfError(INVALID_ARGUMENT, f"{name} is no name of a repository.", _HELP)
        path = os.path.join(self.folder, os.path.basename(self.file or f"{name}.repo"))
        keys = {"name": name, "enabled": "0", **_pairs(values)}
        os.makedirs(self.folder, exist_ok=True)
        write_whole(path, with_values(_text(path), name, keys))

    def edit(self, name: str, values: Sequence[str]) -> None:
        path = self._path(name)
        write_whole(path, with_values(_text(path), name, _pairs(values)))

    def remove(self, name: str, keys: Sequence[str]) -> None:
        path = self._path(name)
        _needed(keys, "remove needs a key.")
        write_whole(path, without_keys(_text(path), name, keys))

    def removerepo(self, name: str, _: Sequence[str]) -> None:
        """A file that has no section left goes, too."""
        if name == "main":
            raise TdnfError(INVALID_ARGUMENT, "main is no repository.", _HELP)
        path = self._path(name)
        left = without_section(_text(path), name)
        if ini.parse(left, path, REPOSITORY_FILE_UNREADABLE):
            write_whole(path, left)
        else:
            os.unlink(path)

    def get(self, name: str, keys: Sequence[str]) -> None:
        _needed(keys, "get needs a key.")
        section = self._sections(self._path(name))[name]
        if keys[0] not in section:
            raise TdnfError(INVALID_ARGUMENT, f"{name} has no key {keys[0]}.", _SHOWN)
        self.out.value({keys[0]: section[keys[0]]})
        self.out.line(section[keys[0]])

    def dump(self, name: str, _: Sequence[str]) -> None:
        paths = [self._path(name)] if name else [self.main, *self._files()]
        sections = {
            each: keys
            for path in paths
            for each, keys in self._sections(path).items()
            if not name or each == name
        }
        self.out.value(sections)
        for each, keys in sections.items():
            self.out.line(f"[{each}]")
            self.out.lines(f"{key}={value}" for key, value in keys.items())

    def _files(self) -> list[str]:
        try:
            names = sorted(each for each in os.listdir(self.folder) if each.endswith(".repo"))
        except FileNotFoundError:
            return []
        return [os.path.join(self.folder, each) for each in names]

    def _sections(self, path: str) -> ini.Sections:
        return ini.read(path, REPOSITORY_FILE_UNREADABLE)

    def _found(self, name: str) -> str:
        return next((each for each in self._files() if name in self._sections(each)), "")

    def _path(self, name: str) -> str:
        if name == "main":
            return self.main
        path = self._found(name)
        if not path:
            told = f"There is no repository {name} in {self.folder}."
            raise TdnfError(REPOSITORY_NOT_FOUND, told, _SHOWN)
        return path


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _pairs(values: Sequence[str]) -> dict[str, str]:
    _needed(values, "KEY=VALUE is missing.")
    pairs = {}
    for each in values:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise TdnfError(INVALID_ARGUMENT, f"{each} is not KEY=VALUE.", _HELP)
        pairs[key.strip()] = value.strip()
    return pairs


def _needed(words: Sequence[str], told: str) -> None:
    if not words:
        raise TdnfError(NOT_ENOUGH_ARGUMENTS, told, _HELP)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    out = Output(json="-j" in words or "--json" in words)
    return ended(out, f"tdnf-config {' '.join(words)}", lambda: _run(words, out))


def _run(words: list[str], out: Output) -> int:
    options = {"-c": DEFAULT_PATH, "-f": ""}
    rest: list[str] = []
    while words:
        word = words.pop(0)
        name = {"--config": "-c", "--file": "-f"}.get(word, word)
        if name in options:
            _needed(words, f"{word} needs a value.")
            options[name] = words.pop(0)
        elif word in ("-h", "--help", "help"):
            out.line(USAGE)
            return 0
        elif word not in ("-j", "--json"):
            rest.append(word)
    command, *names = rest or [""]
    if command not in ("create", "edit", "remove", "get", "dump", "removerepo"):
        raise TdnfError(NO_SUCH_COMMAND, f"There is no command {command or 'given'}.", USAGE)
    if command != "dump":
        _needed(names, f"{command} needs the name of a repository, or main.")
    tool = Tool(options["-c"], options["-f"], out)
    getattr(tool, command)(names[0] if names else "", names[1:])
    return 0
