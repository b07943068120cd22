"""Where things lie in the agent's home.

``vms/<id>`` holds all of a VM but those of its disks that were placed in another
datastore.  The home is a datastore too: persistent disks lie in its ``disks`` and
outlive every VM, ``images`` is its cache.  ``discs`` is a cache of the host's own,
``captures`` holds what is made of VMs' disks until the controller has it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heliostat.agentlink.messages import DesiredVmDisk, DiskKind
from heliostat.core.errors import PermanentError
from heliostat.core.files import claimed, remove_tree, sync_directory


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below the agent's home."""

    home: Path

    @property
    def desired(self) -> Path:
        return self.home / "desired.json"

    @property
    def images(self) -> Path:
        return self.home / "images"

    @property
    def discs(self) -> Path:
        return self.home / "discs"

    @property
    def captures(self) -> Path:
        return self.home / "captures"

    @property
    def disks(self) -> Path:
        return self.home / "disks"

    @property
    def vms(self) -> Path:
        return self.home / "vms"

    def vm(self, vm_id: str) -> Path:
        return self.vms / vm_id

    def make(self) -> None:
        """Create the folders; only the agent's user may look into them."""
        for folder in (self.home, self.images, self.discs, self.captures, self.disks, self.vms):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the only agent of this home; raises ``AgentError``.  A claim ends with its process."""
        with claimed(self.home / "agent.lock") as alone:
            if not alone:
                raise PermanentError("AgentError", f"Another agent already serves {self.home}.")
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a killed agent was writing: temporary names begin with a dot."""
        own = (self.home, self.disks, self.images, self.discs, self.captures)
        for folder in (*own, *self.vms.iterdir()):
            for path in folder.glob(".*"):
                if path.is_file():
                    path.unlink(missing_ok=True)

    def vm_ids(self) -> list[str]:
        """VMs that have a folder, prepared or not."""
        return sorted(path.name for path in self.vms.iterdir() if path.is_dir())

    def remove_vm(self, vm_id: str) -> None:
        """Remove a VM's folder; an interrupted removal is never mistaken for a VM."""
        folder = self.vm(vm_id)
        (folder / "record.json").unlink(missing_ok=True)
        remove_tree(folder)
        sync_directory(self.vms)


def disk_file(disk: DesiredVmDisk) -> str:
    """The name of a boot or ephemeral disk inside its VM's folder."""
    prefix = "boot" if disk.kind is DiskKind.BOOT else "ephemeral"
    return f"{prefix}-{disk.id}.qcow2"
