"""An ext4 file system filled from a folder, bit for bit the same wherever it is made.

``mke2fs -d`` takes files in the order in which the host's file system lists them and
copies times that nobody can set.  So mke2fs makes the file system empty, and debugfs
fills it from a list of commands: in the order of names, all times from one moment,
owners as given.  Neither mounts anything nor needs a privilege.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.core.units import MIB
from heliostat.os.image.programs import resolve

_FEATURES = "^metadata_csum_seed,^orphan_file"  # GRUB 2.06 can't read the first, nor needs either
_TIMEOUT_S = 1800
_CARRIED = ("security.capability", "user.")  # the rest belongs to the host's policy
_LOST = "lost+found"
_PROMPT = "debugfs:"
_NOT_FAULTS = ("debugfs ", "Allocated inode:")


@dataclass(frozen=True, slots=True)
class Filesystem:
    """Where a file system goes, and what is fixed about it."""

    image: Path
    """File that holds it; made if it is not there."""
    offset_bytes: int
    size_bytes: int
    label: str
    filesystem_id: str
    """UUID; also the seed of the folders' hashes."""
    epoch: int
    """Seconds: time of everything that has none of its own, and latest time of the rest."""

    @property
    def target(self) -> str:
        """The file as libext2fs takes it."""
        return f"{self.image}?offset={self.offset_bytes}"


def make(filesystem: Filesystem, folder: Path, extra: Mapping[str, bytes], work: Path) -> None:
    """Fill a new file system with ``folder``, and with ``extra`` files by their paths in it.

    An extra file takes the place of one in ``folder``.  ``work`` holds what is passed to
    the programs.  Raises ``CommandFailed``, or ``BuildFailed`` if what was made
    isn't a file system without fault.
    """
    environment = {**os.environ, "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(filesystem.epoch)}
    _format(filesystem, environment)
    script = work / "debugfs.commands"
    with script.open("w", encoding="utf-8", errors="surrogateescape") as stream:
        for line in commands(folder, extra, filesystem.epoch, work):
            stream.write(f"{line}\n")
    argv = [resolve("debugfs"), "-w", "-f", str(script), filesystem.target]
    done = run(argv, timeout_s=_TIMEOUT_S, env=environment)
    faults = [
        line
        for line in (*done.stderr.splitlines(), *done.stdout.splitlines())
        if line and not line.startswith((_PROMPT, *_NOT_FAULTS))
    ]
    if faults:
        raise CommandFailed(argv, 0, done.stdout, "\n".join(faults), "did not do all it was told")
    _check(filesystem, environment)


def commands(folder: Path, extra: Mapping[str, bytes], epoch: int, work: Path) -> Iterator[str]:
    """What debugfs is to do, in the order of names.

    It takes names only within its current folder, so every folder is entered.
    """
    links = _Links()
    values = _Values(work)
    yield from _attributes(folder, "/", epoch, values)
    for parent, folders, files in os.walk(folder):
        folders.sort()
        inside = _inside(parent, folder)
        yield f"cd {_quoted(inside)}"
        for name in sorted({*folders, *files} - ({_LOST} if inside == "/" else set())):
            if _join(inside, name) not in extra:
                yield from _entry(Path(parent, name), inside, links, epoch, values)
    yield from _extra(folder, extra, epoch, values)
    yield from links.counts()


def folder_bytes(folder: Path) -> int:
    """Space that the files under ``folder`` take on ext4, hard links counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(parent, name))
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += -(-status.st_size // 4096) * 4096 + 256
    return total


def size_for(folder: Path, free_bytes: int) -> int:
    """Size of a file system that holds ``folder`` and has about ``free_bytes`` left."""
    needed = int(folder_bytes(folder) * 1.06) + free_bytes + 16 * MIB
    return -(-needed // MIB) * MIB


def _format(filesystem: Filesystem, environment: Mapping[str, str]) -> None:
    extended = f"offset={filesystem.offset_bytes},root_owner=0:0,lazy_itable_init=0"
    extended += f",nodiscard,hash_seed={filesystem.filesystem_id}"
    argv = [resolve("mke2fs"), "-q", "-F", "-t", "ext4", "-O", _FEATURES, "-E", extended]
    argv += ["-L", filesystem.label, "-U", filesystem.filesystem_id, "-m", "1"]
    argv += [str(filesystem.image), f"{filesystem.size_bytes // 1024}k"]
    run(argv, timeout_s=_TIMEOUT_S, env=environment)


def _check(filesystem: Filesystem, environment: Mapping[str, str]) -> None:
    argv = [resolve("e2fsck"), "-f", "-n", filesystem.target]
    try:
        run(argv, timeout_s=_TIMEOUT_S, env=environment)
    except CommandFailed as error:
        raise HeliostatError(
            "BuildFailed",
            f"The file system that was made has faults: {error.message}",
            hint="Build again; if it stays so, report it with the output above.",
            data=error.data,
        ) from error


def _extra(folder: Path, extra: Mapping[str, bytes], epoch: int, values: _Values) -> Iterator[str]:
    """Files besides those of the folder, and folders that they are in."""
    made: set[PurePosixPath] = {PurePosixPath("/")}
    for text, content in sorted(extra.items()):
        path = PurePosixPath(text)
        for above in reversed(path.parents):
            if above not in made and not (folder / above.relative_to("/")).is_dir():
                yield f"cd {_quoted(str(above.parent))}"
                yield f"mkdir {_quoted(above.name)}"
                yield from _fields(above.name, mode="040755", mtime=f"@{epoch}")
            made.add(above)
        yield f"cd {_quoted(str(path.parent))}"
        yield f"write {_quoted(str(values.keep(content)))} {_quoted(path.name)}"
        yield from _fields(path.name, mode="0100644", mtime=f"@{epoch}")


class _Links:
    """Files seen before under another name, and how many names each has in the end."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], str] = {}
        self._count: Counter[str] = Counter()

    def earlier(self, status: os.stat_result, path: str) -> str | None:
        """The first name of the file, unless this is it."""
        if status.st_nlink == 1:
            return None
        first = self._first.setdefault((status.st_dev, status.st_ino), path)
        self._count[first] += 1
        return first if first != path else None

    def counts(self) -> Iterator[str]:
        """Set the counts, which ``ln`` leaves alone."""
        for path, count in self._count.items():
            if count > 1:
                yield f"sif {_quoted(path)} links_count {count}"


class _Values:
    """Contents that debugfs is to read from files."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._kept = 0

    def keep(self, content: bytes) -> Path:
        """A file that holds ``content``."""
        path = self._work.absolute() / f"value-{self._kept}"
        path.write_bytes(content)
        self._kept += 1
        return path


def _entry(source: Path, inside: str, links: _Links, epoch: int, values: _Values) -> Iterator[str]:
    status = os.lstat(source)
    name = _quoted(source.name)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        yield f"mkdir {name}"
    elif kind == stat.S_IFLNK:
        yield f"symlink {name} {_quoted(os.readlink(source))}"
    elif kind == stat.S_IFREG:
        earlier = links.earlier(status, _join(inside, source.name))
        if earlier is not None:
            yield f"ln {_quoted(earlier)} {name}"
            return
        yield f"write {_quoted(str(source.absolute()))} {name}"
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        letter = "c" if kind == stat.S_IFCHR else "b"
        yield f"mknod {name} {letter} {os.major(status.st_rdev)} {os.minor(status.st_rdev)}"
    elif kind == stat.S_IFIFO:
        yield f"mknod {name} p"
    else:
        return  # a socket belongs to the process that made it
    yield from _attributes(source, source.name, epoch, values)


def _attributes(source: Path, name: str, epoch: int, values: _Values) -> Iterator[str]:
    status = os.lstat(source)
    mtime = f"@{min(int(status.st_mtime), epoch)}"
    yield from _fields(name, mode=f"0{status.st_mode:o}", mtime=mtime)
    for field, owner in (("uid", status.st_uid), ("gid", status.st_gid)):
        if owner:
            yield from _fields(name, **{field: str(owner)})
    for attribute in sorted(os.listxattr(source, follow_symlinks=False)):
        if attribute.startswith(_CARRIED):
            content = os.getxattr(source, attribute, follow_symlinks=False)
            yield f"ea_set -f {_quoted(str(values.keep(content)))} {_quoted(name)} {attribute}"


def _fields(name: str, **fields: str) -> Iterator[str]:
    for field, value in fields.items():
        yield f"sif {_quoted(name)} {field} {value}"


def _inside(parent: str, folder: Path) -> str:
    relative = os.path.relpath(parent, folder)
    return "/" if relative == "." else f"/{relative}"


def _join(inside: str, name: str) -> str:
    return f"{inside.rstrip('/')}/{name}"


def _quoted(text: str) -> str:
    """As debugfs reads an argument; it has no way to say an end of line or an inode-like name."""
    if "\n" in text or text.startswith("<"):
        raise HeliostatError(
            "BuildFailed",
            f"The tree has a file whose name can't be written to an image: {text!r}.",
            hint="Rename the file in the package that brings it.",
        )
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
