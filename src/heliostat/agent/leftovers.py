"""What lies in this host's datastores and nothing here needs: told, and removed on order.

Only the controller knows all documents, and only the host knows its files; so the
host tells what it does not need itself and for how long it has not, the controller
picks what no document names, and the host looks once more before it removes that.
An order carries the revision it was decided at: one from before the newest wish that
this host has heard of the thing is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from heliostat.agent.datastores import Datastores, Place
from heliostat.agent.desired import DesiredState
from heliostat.agent.hypervisors.contract import Hypervisor
from heliostat.agent.image_copies import ImageCopies
from heliostat.agent.places import Places
from heliostat.agent.record import load_record
from heliostat.agentlink.messages import (
    Clearance,
    Cleared,
    Leftover,
    LeftoverKind,
    disk_key,
    image_copy,
    vm_key,
)
from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError
from heliostat.core.files import remove_tree

log = logging.getLogger(__name__)


class Leftovers:
    """Finds and removes; remembers in memory since when each thing was not needed.

    An agent that restarts counts anew: what is removed was unneeded for the whole grace
    time under the eyes of one agent.
    """

    def __init__(
        self,
        places: Places,
        datastores: Datastores,
        desired: DesiredState,
        images: ImageCopies,
        hypervisor: Hypervisor,
        clock: Clock,
    ) -> None:
        self._places = places
        self._datastores = datastores
        self._desired = desired
        self._images = images
        self._hypervisor = hypervisor
        self._clock = clock
        self._since_s: dict[str, float] = {}

    def found(self) -> list[Leftover]:
        """Everything that this host does not need; nothing before a controller was heard."""
        if not self._desired.known:
            return []
        now_s = self._clock.monotonic_s()
        items = [
            leftover
            for place in self._datastores
            for kind in (self._unused_images, self._foreign_vms, self._foreign_disks)
            for leftover in kind(place)
        ]
        self._since_s = {
            name: self._since_s.get(name, now_s) for name in (each.name for each in items)
        }
        return [replace(each, unneeded_s=now_s - self._since_s[each.name]) for each in items]

    def clear(self, order: Clearance) -> Cleared:
        """Remove what of the order is still not needed and was not for long enough."""
        found = {each.name: each for each in self.found()}
        removed: list[str] = []
        kept: dict[str, str] = {}
        for name in order.names:
            refusal = self._refusal(found.get(name), order)
            if refusal:
                kept[name] = refusal
                continue
            try:
                self._remove(found[name])
            except (OSError, HeliostatError) as error:
                kept[name] = str(error)
                continue
            log.info("%s: removed, the controller knows of nothing that needs it", name)
            removed.append(name)
            self._since_s.pop(name, None)
        return Cleared(removed=tuple(removed), kept=kept)

    def _refusal(self, found: Leftover | None, order: Clearance) -> str:
        if found is None:
            return "It is needed here, or gone."
        if found.unneeded_s < order.grace_s:
            return f"Not needed for {found.unneeded_s:.0f} s only, not for {order.grace_s:.0f} s."
        if found.revision > order.revision:
            return f"This host heard of it at {found.revision}, the order is of {order.revision}."
        return ""

    def _remove(self, leftover: Leftover) -> None:
        place = self._datastores.find(leftover.datastore)
        if leftover.kind is LeftoverKind.IMAGE:
            self._images.delete(image_copy(leftover.id, place.id))
        elif leftover.kind is LeftoverKind.VM:
            remove_tree(place.vms / leftover.id)
        else:
            place.disk(leftover.id).unlink()

    def _unused_images(self, place: Place) -> Iterator[Leftover]:
        present = set(self._images.digests(place))
        unused = present - self._wanted_images(place) if present else set()
        if not unused:
            return
        unused -= {path.stem for path in self._backings(place)}
        for digest in sorted(unused):
            path = self._images.path(image_copy(digest, place.id))
            yield self._leftover(LeftoverKind.IMAGE, digest, place, path)

    def _wanted_images(self, place: Place) -> set[str]:
        def here(datastore: str) -> bool:
            return (datastore or self._datastores.home.id) == place.id

        wanted = {each.digest for each in self._desired.images() if here(each.datastore)}
        for vm in self._desired.vms():
            wanted |= {each.image_digest for each in vm.disks if here(each.datastore)}
        for vm_id in self._places.vm_ids():
            record = load_record(self._places.vm(vm_id))
            if record is not None:
                wanted |= set(record.images) if place is self._datastores.home else set()
                wanted |= {each.digest for each in record.backings if here(each.datastore)}
        return wanted

    def _backings(self, place: Place) -> Iterator[Path]:
        """Images that any disk in the datastore stands on, whichever host it is of."""
        for path in (*place.vms.glob("*/*.qcow2"), *place.disks.glob("*.qcow2")):
            backing = self._hypervisor.backing_of(path)
            if backing is not None:
                yield backing

    def _foreign_vms(self, place: Place) -> Iterator[Leftover]:
        """Disks of VMs that are not this host's; its own are removed with their VM."""
        if place is self._datastores.home:
            return
        own = {*(vm.id for vm in self._desired.vms()), *self._places.vm_ids()}
        for folder in sorted(place.vms.iterdir()):
            if folder.is_dir() and folder.name not in own:
                yield self._leftover(LeftoverKind.VM, folder.name, place, *folder.glob("*"))

    def _foreign_disks(self, place: Place) -> Iterator[Leftover]:
        for path in sorted(place.disks.glob("[!.]*.qcow2")):
            known = self._desired.disk(path.stem) is not None
            going = disk_key(path.stem) in self._desired.removed
            if not known and not going:
                yield self._leftover(LeftoverKind.DISK, path.stem, place, path)

    def _leftover(self, kind: LeftoverKind, id_: str, place: Place, *files: Path) -> Leftover:
        key = vm_key(id_) if kind is LeftoverKind.VM else disk_key(id_)
        return Leftover(
            kind=kind,
            id=id_,
            datastore=place.id,
            size_bytes=sum(_allocated(path) for path in files),
            revision=self._desired.removed.get(key, -1),
        )


def _allocated(path: Path) -> int:
    """Bytes on disk, which for a thin file are fewer than its size."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
