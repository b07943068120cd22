"""What every format is made from."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from heliostat.os.image.outputs import Output


@dataclass(frozen=True, slots=True)
class Material:
    """A composed system, on its way into one format."""

    name: str
    """The edition."""
    summary: str
    epoch: int
    """Seconds: the time of everything that has none of its own."""
    identity: str
    """Of the disk: identifiers in formats follow from it."""
    tree: Path
    disk: Path | None
    """Raw; only where the format is made from the disk."""
    base: Path | None
    """The file of the format that goes into this one."""
    output: Output
    modules: tuple[str, ...] = ()
    """Kernel modules that the initrd loads."""
    options: tuple[str, ...] = ()
    """Options of the kernel."""

    def need_disk(self) -> Path:
        """The raw disk."""
        assert self.disk is not None, "the plan gives a disk to formats that are made from it"
        return self.disk

    @property
    def tag(self) -> str:
        """Version in the manner of container images: the day, and which build of it."""
        return f"{time.strftime('%Y%m%d', time.gmtime(self.epoch))}-{self.identity[:8]}"

    @property
    def disk_bytes(self) -> int:
        """Size of the disk."""
        return self.need_disk().stat().st_size

    def need_base(self) -> Path:
        """The file of the format named as base."""
        assert self.base is not None, "the plan gives a base to formats that name one"
        return self.base
