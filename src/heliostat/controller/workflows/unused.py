"""What goes with its last user: images and flavors in PENDING_DELETE.

Their removal is part of the commit that removes the last user, guarded by the
index of users being as it was read; so neither is it forgotten after a crash
nor can a new user slip in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from heliostat.cloudstore.contract import Change, CloudStore, Guard
from heliostat.content.references import Owner, remove
from heliostat.controller.model.flavor import FlavorState
from heliostat.controller.model.image import Image, ImageState
from heliostat.controller.workflows.kinds import DISKS, FLAVORS, IMAGE, IMAGES, VMS


@dataclass(slots=True)
class Sweep:
    """A part of a commit."""

    guards: list[Guard] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


async def sweep_image(store: CloudStore, image_id: str, leaving: str) -> Sweep:
    """Remove the image if it waits for deletion and only VM ``leaving`` still uses it."""
    since = await store.revision()
    stored = await IMAGES.get(store, image_id)
    if stored is None or stored.value.state is not ImageState.PENDING_DELETE:
        return Sweep()
    users = await VMS.ids_by_index(store, "image", image_id)
    if set(users) - {leaving}:
        return Sweep()
    guards: list[Guard] = [
        IMAGES.guard(stored),
        VMS.index_unchanged("image", image_id, since),
    ]
    return Sweep(guards, image_removal(stored.value))


def image_removal(image: Image) -> list[Change]:
    """The image's document and its references to blobs."""
    owner = Owner(IMAGE, image.id)
    digests = {image.upload_digest, image.digest} - {""}
    references = [change for digest in sorted(digests) for change in remove(digest, owner).changes]
    return [*IMAGES.delete(image), *references]


async def sweep_flavors(store: CloudStore, flavor_ids: Iterable[str], leaving: str) -> Sweep:
    """Remove those flavors that wait for deletion and that only ``leaving`` still uses."""
    since = await store.revision()
    sweep = Sweep()
    for flavor_id in sorted(set(flavor_ids)):
        stored = await FLAVORS.get(store, flavor_id)
        if stored is None or stored.value.state is not FlavorState.PENDING_DELETE:
            continue
        using = {
            *await VMS.ids_by_index(store, "flavor", flavor_id),
            *await DISKS.ids_by_index(store, "flavor", flavor_id),
        }
        if using - {leaving}:
            continue
        sweep.guards.append(FLAVORS.guard(stored))
        sweep.guards.append(VMS.index_unchanged("flavor", flavor_id, since))
        sweep.guards.append(DISKS.index_unchanged("flavor", flavor_id, since))
        sweep.changes.extend(FLAVORS.delete(stored.value))
    return sweep
