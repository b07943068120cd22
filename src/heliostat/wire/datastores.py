"""Datastores: where disks and images lie, and which of them every image is seeded to."""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.route import PAGE, Body, Owner, Query, Route
from heliostat.wire.tasks import Task


class DatastoreHost(Response):
    """A host that has the datastore; ``available`` if new disks may be placed there through it."""

    host_id: str
    address: str
    agent_state: str
    available: bool
    total_bytes: int
    free_bytes: int


class Datastore(Response):
    """A datastore; everything after ``tags`` is ours.

    ``image_count`` counts the complete images in it.
    """

    id: str
    kind: str
    type: str
    self_link: str
    tags: list[str]
    name: str = ""
    is_image_datastore: bool = False
    total_bytes: int = 0
    free_bytes: int = 0
    image_count: int = 0
    hosts: list[DatastoreHost] = []


class DatastoreList(Response):
    """A page of datastores."""

    items: list[Datastore]
    next_page_link: str = ""
    previous_page_link: str = ""


class ImageDatastores(Request):
    """The datastores, by id or by a name that only one has, to which every image is seeded."""

    items: list[str] | None


class HeldImage(Response):
    """An image, and whether the datastore has it: PRESENT, COPYING, WAITING or FAILED."""

    id: str
    name: str
    replication_type: str
    state: str
    progress: float = 0.0
    message: str = ""


class ImageDatastore(Response):
    """An image datastore, the hosts it serves, and the images it holds or shall hold."""

    id: str
    name: str
    type: str
    host_ids: list[str]
    images: list[HeldImage]


class ImageDatastoreList(Response):
    """All image datastores."""

    items: list[ImageDatastore]


_BASE = "/v1/infrastructure"

ROUTES = (
    Route(
        method="GET",
        path=f"{_BASE}/datastores",
        operation="listDatastores",
        access=Access.SYSTEM_ADMIN,
        summary="List the datastores that hosts have.",
        response=DatastoreList,
        query=(
            Query("name", str, "Only datastores with exactly this name; names may repeat."),
            Query("hostId", str, "Only the datastores of this host."),
            *PAGE,
        ),
    ),
    Route(
        method="GET",
        path=f"{_BASE}/datastores/{{id}}",
        operation="getDatastore",
        access=Access.SYSTEM_ADMIN,
        owner=Owner("datastore"),
        summary="Show a datastore, with the hosts that have it.",
        response=Datastore,
    ),
    Route(
        method="GET",
        path=f"{_BASE}/image-datastores",
        operation="listImageDatastores",
        access=Access.SYSTEM_ADMIN,
        summary="List the image datastores, the hosts they serve and the images they hold.",
        response=ImageDatastoreList,
    ),
    Route(
        method="POST",
        path=f"{_BASE}/image-datastores",
        operation="updateImageDatastores",
        access=Access.SYSTEM_ADMIN,
        summary="Set the datastores to which every image is seeded.",
        request=ImageDatastores,
        body=Body.JSON,
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="POST",
        path=f"{_BASE}/sync-hosts-config",
        operation="syncHostsConfig",
        access=Access.SYSTEM_ADMIN,
        summary="Bring what hosts are asked for in line with the site, and wait for their answer.",
        response=Task,
        status=201,
        mutating=True,
    ),
)
