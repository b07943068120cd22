"""Images in all datastores of a host: one cache each, a copy named ``<digest>@<datastore>``.

An overlay and the image it stands on lie in the same datastore, so a datastore that
hosts share is whole in itself.  Partial files carry the agent's own name: two hosts
may fetch the same image into a shared folder without writing into one file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from heliostat.agent.datastores import Datastores, Place
from heliostat.agent.images import Fetch, ImageCache
from heliostat.agentlink.messages import image_copy
from heliostat.core.errors import HeliostatError

Progress = Callable[[str, str, int], None]


class ImageCopies:
    """The caches; ``progress(digest, datastore, bytes)`` is called while a copy arrives."""

    def __init__(self, datastores: Datastores, fetch: Fetch, progress: Progress) -> None:
        self._datastores = datastores
        self._fetch = fetch
        self._progress = progress
        self._caches: dict[str, ImageCache] = {}
        self.changed = asyncio.Event()
        """Set when a copy has come or gone."""

    def has(self, copy: str) -> bool:
        """Whether the copy is here; not if its datastore isn't."""
        digest, datastore = parted(copy)
        try:
            return self._cache(datastore).has(digest)
        except HeliostatError:
            return False

    async def ensure(self, copy: str) -> Path:
        """The verified image, fetched if need be.

        Raises what ``ImageCache.ensure`` and ``Datastores.find`` raise.
        """
        digest, datastore = parted(copy)
        cache = self._cache(datastore)
        was_there = cache.has(digest)
        path = await cache.ensure(digest)
        if not was_there:
            self.changed.set()
        return path

    def delete(self, copy: str) -> None:
        """Remove a copy and what arrived of it."""
        digest, datastore = parted(copy)
        self._cache(datastore).delete(digest)
        self.changed.set()

    def path(self, copy: str) -> Path:
        digest, datastore = parted(copy)
        return self._cache(datastore).path(digest)

    def digests(self, place: Place) -> list[str]:
        """Complete images in one datastore."""
        return self._cache(place.id).digests()

    def all(self) -> list[str]:
        """Every complete copy, in the datastores that are there; the home's by its id too."""
        return [
            image_copy(digest, place.id)
            for place in self._datastores
            for digest in self.digests(place)
        ]

    async def close(self) -> None:
        """Break off what is arriving; partial files stay to be continued."""
        await asyncio.gather(*(cache.close() for cache in self._caches.values()))

    def _cache(self, datastore: str) -> ImageCache:
        place = self._datastores.find(datastore)
        cache = self._caches.get(place.id)
        if cache is None:
            cache = self._caches[place.id] = ImageCache(
                place.images,
                self._fetch,
                lambda digest, size_bytes: self._progress(digest, place.id, size_bytes),
                writer="" if place is self._datastores.home else self._datastores.home.id,
            )
        return cache


def parted(copy: str) -> tuple[str, str]:
    """Digest and datastore of a copy's name; without a datastore it is the home's."""
    digest, _, datastore = copy.partition("@")
    return digest, datastore
