"""Which hosts shall have which images in their cache before a VM needs them.

EAGER images belong on every host that takes guests; nothing else is asked for
ahead of need.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from heliostat.agentlink.messages import DesiredImage
from heliostat.cloudstore.contract import (
    Absent,
    Change,
    CloudStore,
    Delete,
    Guard,
    GuardFailed,
    Put,
)
from heliostat.cloudstore.documents import encode
from heliostat.controller.model.desired import IMAGE, desired_key, desired_prefix
from heliostat.controller.model.host import Host, HostState, UsageTag
from heliostat.controller.model.image import Image, ImageState, Replication
from heliostat.controller.workflows.kinds import HOSTS, IMAGES

Commit = Callable[[Sequence[Guard], Sequence[Change]], Awaitable[int]]
_LASTING = frozenset({HostState.READY, HostState.SUSPENDED, HostState.MAINTENANCE})
_COMING = frozenset({ImageState.CREATING, ImageState.READY})  # being replicated, or replicated


def takes_images(host: Host) -> bool:
    """Whether guests of tenants may come to the host, now or after its maintenance."""
    return host.state in _LASTING and UsageTag.CLOUD in host.usage_tags


def wanted_digests(images: Iterable[Image]) -> dict[str, int]:
    """Digest and size of every image that hosts shall have ahead of need."""
    return {
        image.digest: image.blob_size_bytes
        for image in images
        if image.replication is Replication.EAGER and image.digest and image.state in _COMING
    }


async def replicate(store: CloudStore, image: Image, commit: Commit) -> None:
    """Ask every host that takes images for ``image``."""
    for stored in await HOSTS.all(store):
        if takes_images(stored.value):
            await _ask(stored.value.id, image.digest, image.blob_size_bytes, commit)


async def align_host(store: CloudStore, host: Host) -> None:
    """Make the images asked of one host those that are wanted now."""
    wanted = wanted_digests([each.value for each in await IMAGES.all(store)])
    if not takes_images(host):
        wanted = {}
    prefix = f"{desired_prefix(host.id)}{IMAGE}/"
    page = await store.list(prefix)
    asked = {document.key.removeprefix(prefix) for document in page.items}
    for digest in sorted(wanted.keys() - asked):
        await _ask(host.id, digest, wanted[digest], store.commit)
    for digest in sorted(asked - wanted.keys()):
        await store.commit([], [Delete(prefix + digest)])


async def _ask(host_id: str, digest: str, size_bytes: int, commit: Commit) -> None:
    key = desired_key(host_id, IMAGE, digest)
    desired = DesiredImage(digest=digest, size_bytes=size_bytes)
    try:
        await commit([Absent(key)], [Put(key, encode(desired))])
    except GuardFailed:
        return  # somebody asked already, with the same content: a digest has one size
