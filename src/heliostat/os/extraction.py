"""The whole root tree of a system, wherever it is: a folder as it lies, an image unpacked.

Nothing is mounted and nothing of an image is run.  The copy lives as long as the ``with``
block.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heliostat.os.carrier.layout import is_layout
from heliostat.os.carrier.opening import parts
from heliostat.os.carrier.refusal import not_a_system

_SYSTEM_FOLDERS = ("usr", "etc", "bin")


@dataclass(frozen=True, slots=True)
class System:
    """A root tree on disk; ``capabilities`` only where the files themselves have none."""

    root: Path
    subject: str
    capabilities: Mapping[str, str] | None = None


@contextmanager
def opened(subject: Path, *, faithful: bool = True) -> Iterator[System]:
    """The tree of a folder, or of an image of any kind that carries one.

    Owners and modes of an image's files are what they are in there, which only root can
    restore; without ``faithful`` they don't matter.  Raises ``NotASystem`` with the reason
    when there is no root tree, and ``DiskFull``.
    """
    if subject.is_dir() and not is_layout(subject):
        if not any((subject / name).exists() for name in _SYSTEM_FOLDERS):
            raise not_a_system(subject, "the folder has neither usr nor etc")
        try:
            yield System(subject, str(subject))
        except PermissionError as error:
            raise not_a_system(subject, f"only root may read {error.filename}") from error
        return
    if not subject.exists():
        raise not_a_system(subject, "there is no such file or folder")
    if faithful and os.geteuid() != 0:
        raise not_a_system(subject, "owners of its files can be restored by root only")
    with tempfile.TemporaryDirectory(prefix="heliostat-root-") as folder:
        yield _unpacked(subject, Path(folder))


def _unpacked(image: Path, work: Path) -> System:
    """The first of the image's file systems that is a root."""
    root = work / "root"
    for files in parts(image, work):
        root.mkdir(mode=0o700)
        capabilities = files.take_all(root)
        if (root / "usr").exists():
            return System(root, str(image), capabilities)
        shutil.rmtree(root)
    raise not_a_system(image, "its root file system has no usr")
