"""What the agent remembers of a VM, in the VM's folder.

Written before an effect that must not be forgotten (a stop that was asked for)
and after one that was observed (how a run ended).  A folder without a record was
left by an interrupted preparation and is prepared anew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from heliostat.agent.hypervisors.contract import Disc, GuestSpec, Look
from heliostat.agent.reconcile import Halt
from heliostat.agentlink.messages import Fault, image_copy
from heliostat.core.files import atomic_write

RECORD = "record.json"


class Backing(msgspec.Struct, frozen=True, kw_only=True):
    """An image that a disk of the VM stands on, in the datastore of that disk."""

    digest: str
    datastore: str = ""

    @property
    def copy(self) -> str:
        return image_copy(self.digest, self.datastore)


class VmRecord(msgspec.Struct, kw_only=True):
    """Facts about a VM that its hypervisor can't tell.

    ``ending`` is true from the moment the agent asks the guest to end until it has
    ended; ``running`` says that a run was started whose end has not been noted yet.
    ``images`` is what an agent wrote that knew no datastores but its home.
    """

    spec: GuestSpec
    images: tuple[str, ...] = ()
    backings: tuple[Backing, ...] = ()
    datastores: tuple[str, ...] = ()
    running: bool = False
    ending: bool = False
    halt: Halt = Halt.NONE
    halt_revision: int = -1
    halted_ms: int = 0
    started_ms: int = 0
    restart_done: int = 0
    crashes: int = 0
    crash_streak: int = 0
    converged_revision: int = -1
    fault: Fault | None = None
    fault_revision: int = -1
    detail: str = ""

    @property
    def copies(self) -> tuple[str, ...]:
        """The copies of images that the VM's disks stand on."""
        return (*self.images, *(backing.copy for backing in self.backings))


def as_found(spec: GuestSpec, look: Look, disc_path: Callable[[str], Path]) -> GuestSpec:
    """``spec`` with what really is plugged into the running guest (pure).

    Plugging and unplugging may be cut off between the effect and the record, and memory
    is to be loaded into the hardware that it was saved with.
    """
    disc = spec.disc
    if look.disc != (disc.digest if disc is not None else ""):
        path = str(disc_path(look.disc).absolute())
        disc = Disc(digest=look.disc, path=path) if look.disc else None
    return replace(
        spec,
        plugged=tuple(disk for disk in spec.plugged if disk.id in look.plugged),
        cd_drive=spec.cd_drive or disc is not None,
        disc=disc,
    )


def load_record(folder: Path) -> VmRecord | None:
    """The record of the VM in ``folder``; ``None`` if it was never prepared to the end."""
    try:
        raw = (folder / RECORD).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(raw, type=VmRecord)


def save_record(folder: Path, record: VmRecord) -> None:
    """Make ``record`` durable."""
    atomic_write(folder / RECORD, msgspec.json.encode(record), mode=0o600)
