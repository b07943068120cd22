"""Our own packages: a folder of data each, read into what the writer takes.

Pure but for reading the folder: no clock, no owner and no umask of the checkout gets in.
Of a file's mode only the executable bit counts, because that is all that git keeps.
"""

from __future__ import annotations

import datetime
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.compaction import compacted
from heliostat.os.packages.installation import installation
from heliostat.os.packages.own_schema import OwnChange, OwnFile, OwnFolder, OwnPackage, OwnTrigger
from heliostat.os.packages.rpm.file import Content, File, FileFlag, OnDisk
from heliostat.os.packages.rpm.package import Change, FileTrigger, Package, Script
from heliostat.os.packages.rpm.relation import Relation, Sense

_BEFORE_SCRIPTS = Sense.SCRIPT_PRE | Sense.SCRIPT_POST
_CONFIG = FileFlag.CONFIG | FileFlag.NO_REPLACE


def own_packages(root: Path | None = None) -> list[Package]:
    """All packages below ``root`` (default: ``distro/packages``), by name."""
    folder = root if root is not None else locate_distro() / "packages"
    return [own_package(path.parent) for path in sorted(folder.glob("*/package.yaml"))]


def own_package_named(name: str, root: Path | None = None) -> Package:
    """One of them; ``PackageNotFound`` naming those that there are."""
    folder = root if root is not None else locate_distro() / "packages"
    if not (folder / name / "package.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in folder.glob("*/package.yaml")))
        raise HeliostatError(
            "PackageNotFound",
            f"There is no package {name} of our own.",
            hint=f"There are: {known or 'none'}.",
        )
    return own_package(folder / name)


def modules_of(name: str, root: Path | None = None) -> tuple[str, ...]:
    """Globs of the part of this installation that a package brings; none for others' packages."""
    path = (root if root is not None else locate_distro() / "packages") / name / "package.yaml"
    if not path.is_file():
        return ()
    told = load(path, OwnPackage)
    return tuple(told.installation_only or ("*",)) if told.installation else ()


def own_package(folder: Path) -> Package:
    """The package of one folder; ``InvalidSetting`` names file and fault."""
    path = folder / "package.yaml"
    told = load(path, OwnPackage)
    if told.name != folder.name:
        raise _fault(path, f"the package {told.name!r} must lie in a folder of that name")

    def relations(kind: str, qualifiers: Sense = Sense.ANY) -> tuple[Relation, ...]:
        return tuple(_relation(path, kind, text, qualifiers) for text in getattr(told, kind))

    return Package(
        name=told.name,
        version=told.version,
        release=told.release,
        epoch=told.epoch,
        arch=told.arch,
        summary=told.summary,
        description=told.description.strip(),
        licence=told.licence,
        url=told.url,
        group=told.group,
        build_time=_seconds(told.date),
        files=tuple(_Files(path, told).all()),
        provides=relations("provides"),
        requires=relations("requires") + relations("requires_for_scripts", _BEFORE_SCRIPTS),
        conflicts=relations("conflicts"),
        obsoletes=relations("obsoletes"),
        recommends=relations("recommends"),
        suggests=relations("suggests"),
        supplements=relations("supplements"),
        enhances=relations("enhances"),
        scripts=tuple(Script(each.on, each.run, each.interpreter) for each in told.scripts),
        file_triggers=tuple(_trigger(each) for each in told.triggers),
        changelog=tuple(_change(each) for each in told.changes),
    )


def _trigger(told: OwnTrigger) -> FileTrigger:
    return FileTrigger(told.on, tuple(told.paths), told.run, told.interpreter, told.priority)


def _change(told: OwnChange) -> Change:
    author = f"Heliostat <packages@heliostat.invalid> - {told.version}"
    return Change(_seconds(told.date), author, told.text.strip())


class _Files:
    """The files of one package: those below ``files/``, then what the data says of them."""

    def __init__(self, path: Path, told: OwnPackage) -> None:
        self._path = path
        self._told = told
        self._when = _seconds(told.date)
        self._special = {item.path: item for item in told.files}

    def all(self) -> Iterator[File]:
        """Each path once; ``InvalidSetting`` for two of the same."""
        seen: set[str] = set()
        own = (*self._found(), *self._in_place(), *self._installation())
        for file in (*own, *self._folders(), *self._rest()):
            if file.path in seen:
                raise _fault(self._path, f"{file.path} is there twice")
            seen.add(file.path)
            yield file

    def _found(self) -> Iterator[File]:
        root = self._path.parent / "files"
        missing = set(self._special) - {item.path for item in self._told.files if item.content}
        for path in sorted(root.rglob("*")) if root.is_dir() else []:
            name = f"/{path.relative_to(root).as_posix()}"
            if path.is_symlink():
                yield File.link(name, str(path.readlink()), mtime=self._when)
            elif path.is_file():
                missing.discard(name)
                executable = bool(path.stat().st_mode & stat.S_IXUSR)
                yield self._regular(name, OnDisk.whole(path), 0o755 if executable else 0o644)
        if missing:
            names = ", ".join(sorted(missing))
            raise _fault(self._path, f"files: there is no {names} in files/, and no content here")

    def _in_place(self) -> Iterator[File]:
        for item in self._told.files:
            if item.content is not None:
                yield self._regular(item.path, item.content.encode(), 0o644)

    def _installation(self) -> Iterator[File]:
        base = self._told.installation
        files = {f"{base}/{name}": path for name, path in installation()} if base else {}
        files = {
            name: files[name] for name in files if self._is_taken(name.removeprefix(f"{base}/"))
        }
        folders = {parent for name in files for parent in _parents(name, str(base))}
        for name in sorted(folders):
            yield File.folder(name, mtime=self._when)
        for name, path in files.items():
            executable = bool(path.stat().st_mode & stat.S_IXUSR)
            content: Content = OnDisk.whole(path)
            if self._told.compact and name.endswith(".py"):
                package = name.removeprefix(f"{base}/").rpartition("/")[0].replace("/", ".")
                content = compacted(path.read_text(encoding="utf-8"), package).encode()
            yield self._regular(name, content, 0o755 if executable else 0o644)

    def _is_taken(self, name: str) -> bool:
        def fits(patterns: list[str]) -> bool:
            return any(fnmatchcase(name, each) for each in patterns)

        only, without = self._told.installation_only, self._told.installation_without
        return (not only or fits(only)) and not fits(without)

    def _regular(self, name: str, content: Content, mode: int) -> File:
        item = self._special.get(name, OwnFile(path=name))
        config = item.config if item.config is not None else name.startswith("/etc/")
        return File(
            name,
            stat.S_IFREG | (int(item.mode, 8) if item.mode is not None else mode),
            content,
            user=item.user,
            group=item.group,
            mtime=self._when,
            flags=_CONFIG if config else FileFlag.NONE,
            capabilities=item.capabilities,
        )

    def _folders(self) -> Iterator[File]:
        for item in self._told.folders:
            yield self._folder(item)

    def _folder(self, item: OwnFolder) -> File:
        mode = stat.S_IFDIR | int(item.mode, 8)
        return File(item.path, mode, user=item.user, group=item.group, mtime=self._when)

    def _rest(self) -> Iterator[File]:
        for name, target in self._told.links.items():
            yield File.link(name, target, mtime=self._when)
        for name in self._told.ghosts:
            yield File(name, stat.S_IFREG | 0o644, mtime=self._when, flags=FileFlag.GHOST)


def _parents(name: str, base: str) -> Iterator[str]:
    """The folders between ``base`` and a file."""
    while (name := name.rpartition("/")[0]) != base:
        yield name


def _relation(path: Path, kind: str, text: str, qualifiers: Sense) -> Relation:
    try:
        return Relation.parse(text, qualifiers)
    except ValueError as error:
        raise _fault(path, f"{kind}: {error}") from error


def _seconds(day: datetime.date) -> int:
    """Noon would do as well; midnight in UTC, whatever the zone here."""
    return int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp())


def _fault(path: Path, sentence: str) -> HeliostatError:
    return HeliostatError("InvalidSetting", f"{path}: {sentence}.", hint="Correct the file.")
