"""The root tree of a system, wherever it is: a folder as it lies, a disk image unpacked.

Nothing is mounted and nothing of the image is run: ``qemu-img`` makes it raw, ``sfdisk``
names its partitions, ``debugfs`` copies the root's files with owners and permissions.
File capabilities, which the copy can't carry, are read beside it.  The copy lives as long
as the ``with`` block.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.harden.capabilities import ATTRIBUTE, told

_ROOT_TYPES = (
    "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",  # root, x86-64
    "0FC63DAF-8483-4772-8E79-3D69D8477DE4",  # Linux files
    "83",  # the same in an MBR
)
_EXT_MAGIC = b"\x53\xef"
_SYSTEM_FOLDERS = ("usr", "etc", "bin")
_TIMEOUT_S = 600
_BREAKING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # lines, or no text
_LONGEST_PATH = 8000  # debugfs breaks a longer line (BUFSIZ) in two


@dataclass(frozen=True, slots=True)
class System:
    """A root tree on disk; ``capabilities`` only where the files themselves have none."""

    root: Path
    subject: str
    capabilities: Mapping[str, str] | None = None


@contextmanager
def opened(subject: Path) -> Iterator[System]:
    """The tree of a folder or of a disk image (raw, qcow2, VMDK, VHD …).

    Raises ``NotASystem`` with the reason when there is no root file system in it.
    """
    if subject.is_dir():
        if not any((subject / name).exists() for name in _SYSTEM_FOLDERS):
            raise _not_a_system(subject, "the folder has neither usr nor etc")
        try:
            yield System(subject, str(subject))
        except PermissionError as error:
            raise _not_a_system(subject, f"only root may read {error.filename}") from error
        return
    if not subject.is_file():
        raise _not_a_system(subject, "there is no such file or folder")
    if os.geteuid() != 0:
        raise _not_a_system(subject, "owners of its files can be restored by root only")
    with tempfile.TemporaryDirectory(prefix="heliostat-root-") as folder:
        yield _unpacked(subject, Path(folder))


def _unpacked(image: Path, work: Path) -> System:
    raw = _raw(image, work)
    device = f"{raw}?offset={_root_offset(image, raw)}"
    root = work / "root"
    root.mkdir(mode=0o700)
    _debugfs(image, device, f'rdump / "{root}"')
    shutil.rmtree(root / "lost+found", ignore_errors=True)  # the file system's, not the tree's
    if not (root / "usr").exists():
        raise _not_a_system(image, "its root file system has no usr")
    return System(root, str(image), _restored(image, device, root))


def _raw(image: Path, work: Path) -> Path:
    """The image itself if it is raw, else a sparse raw copy."""
    try:
        told_format = run(["qemu-img", "info", "--output=json", str(image)], timeout_s=60).stdout
        if json.loads(told_format)["format"] == "raw":
            return image
        raw = work / "disk.raw"
        convert = ["qemu-img", "convert", "-O", "raw", str(image), str(raw)]
        run(convert, timeout_s=_TIMEOUT_S)
    except CommandFailed as error:
        raise _not_a_system(image, f"qemu-img can't read it ({error.message})") from error
    return raw


def _root_offset(image: Path, raw: Path) -> int:
    """Where the root file system begins: at 0 if the file is one itself."""
    if _is_ext(raw, 0):
        return 0
    try:
        table = json.loads(run(["sfdisk", "--json", str(raw)], timeout_s=60).stdout)
    except CommandFailed as error:
        raise _not_a_system(image, "it has no partition table and is no ext4 itself") from error
    partitions = table["partitiontable"]
    sector = int(partitions.get("sectorsize", 512))
    for kind in _ROOT_TYPES:
        for partition in partitions.get("partitions", ()):
            offset = int(partition["start"]) * sector
            if str(partition["type"]).upper() == kind and _is_ext(raw, offset):
                return offset
    raise _not_a_system(image, "none of its partitions is an ext4 root")


def _is_ext(raw: Path, offset: int) -> bool:
    """The magic number of ext2, 3 and 4 stands at byte 56 of the superblock, at 1024."""
    with raw.open("rb") as stream:
        stream.seek(offset + 1024 + 56)
        return stream.read(2) == _EXT_MAGIC


def _restored(image: Path, device: str, root: Path) -> dict[str, str]:
    """Bits that the copy lost (set-uid, set-gid, sticky) put back; file capabilities by path."""
    folders, programs = [""], []
    for folder, names, files in os.walk(root):
        place = folder[len(str(root)) :]
        _refuse_unaskable(image, place, [*names, *files])
        folders += [f"{place}/{name}" for name in names if not os.path.islink(f"{folder}/{name}")]
        programs += [f"{place}/{name}" for name in files if _is_program(f"{folder}/{name}")]
    script = root.parent / "requests"
    asked = [f'ls -p "{_quoted(path)}/"' for path in folders]
    asked += [f'ea_get -x "{_quoted(path)}" {ATTRIBUTE}' for path in programs]
    script.write_text("\n".join(asked) + "\n")
    output = _debugfs(image, device, None, script)
    for path, mode in _special_modes(output):
        if os.path.lexists(f"{root}{path}"):
            os.chmod(f"{root}{path}", mode)
    return dict(_told_capabilities(output))


def _refuse_unaskable(image: Path, folder: str, names: list[str]) -> None:
    """``debugfs`` reads a request a line, and hands a line with ``!`` in front to a shell.

    So a name that could break a line is never asked about; nor is it passed over, since its
    set-uid bit would go unseen.
    """
    for name in names:
        path = f"{folder}/{name}"
        if _BREAKING.search(name) or len(os.fsencode(_quoted(path))) > _LONGEST_PATH:
            raise _not_a_system(image, f"debugfs can't be asked about its file {path!r:.200}")


def _quoted(path: str) -> str:
    """As it stands between quotation marks in a request."""
    return path.replace('"', '""')


def _unquoted(path: str) -> str:
    return path.replace('""', '"')


def _is_program(path: str) -> bool:
    status = os.lstat(path)
    return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)


_FOLDER = re.compile(r'^debugfs: ls -p "(.*)/"')
_ENTRY = re.compile(r"^/\d+/(?P<mode>\d{6})/\d+/\d+/(?P<name>[^/]*)/")
_ASKED = re.compile(r'^debugfs: ea_get -x "(.*)" ')
_VALUE = re.compile(r"^\S+ \(\d+\) = (?P<hex>(?:[0-9a-f]{2} ?)+)$")


def _special_modes(output: str) -> Iterator[tuple[str, int]]:
    """Path and permissions of each entry with one of the three special bits."""
    folder = ""
    for line in output.splitlines():
        if listed := _FOLDER.match(line):
            folder = _unquoted(listed[1])
        elif (entry := _ENTRY.match(line)) and entry["name"] not in (".", ".."):
            mode = int(entry["mode"], 8)
            if mode & 0o7000 and not stat.S_ISLNK(mode):
                yield f"{folder}/{entry['name']}", stat.S_IMODE(mode)


def _told_capabilities(output: str) -> Iterator[tuple[str, str]]:
    path = ""
    for line in output.splitlines():
        if asked := _ASKED.match(line):
            path = _unquoted(asked[1])
        elif path and (value := _VALUE.match(line.strip())):
            yield path, told(bytes.fromhex(value["hex"]))
            path = ""


def _debugfs(image: Path, device: str, request: str | None, script: Path | None = None) -> str:
    argv = ["debugfs", "-R", request, device] if request else ["debugfs", "-f", str(script), device]
    try:
        return run(argv, timeout_s=_TIMEOUT_S).stdout
    except CommandFailed as error:
        raise _not_a_system(image, f"debugfs can't read it ({error.message})") from error


def _not_a_system(subject: Path, why: str) -> HeliostatError:
    return HeliostatError("NotASystem", f"{subject} can't be looked into: {why}.")
