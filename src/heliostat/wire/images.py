"""Images: boot disks uploaded once, for the whole site or for one project.

An upload is ``multipart/form-data``: the field ``ImageReplication`` (EAGER or
ON_DEMAND) first, then the file part, whose file name becomes the image's name.
"""

from __future__ import annotations

from heliostat.wire.access import Access
from heliostat.wire.body import Response
from heliostat.wire.route import NAME, PAGE, SELECTOR, Body, Owner, Query, Route
from heliostat.wire.tasks import TASKS_OF, Task, TaskList


class ImageScope(Response):
    """Where an image may be used: kind ``infrastructure``, or ``project`` and its id."""

    kind: str
    id: str


class ImageSetting(Response):
    """A hardware setting that the image's appliance description asks for."""

    name: str
    default_value: str


class Image(Response):
    """An image; ``size`` in bytes, progress as ``n%``."""

    id: str
    kind: str
    name: str
    state: str
    self_link: str
    size: int
    scope: ImageScope
    settings: list[ImageSetting]
    replication_type: str
    replication_progress: str
    seeding_progress: str
    tags: list[str]
    digest: str = ""
    format: str = ""
    labels: dict[str, str] = {}


class ImageList(Response):
    """A page of images."""

    items: list[Image]
    next_page_link: str = ""
    previous_page_link: str = ""


class ImageCopy(Response):
    """An image in a datastore: PRESENT, COPYING, WAITING or FAILED; ``progress`` is 0 to 1."""

    datastore_id: str
    datastore: str
    is_image_datastore: bool
    host_ids: list[str]
    state: str
    progress: float = 0.0
    message: str = ""


class ImageCopyList(Response):
    """Every datastore that holds an image or shall hold it."""

    items: list[ImageCopy]


_IMAGE = Owner("image")
_UPLOAD = (
    Query("declaredSize", int, "Size of the file in bytes; needed only to plan an upload."),
    Query("labels", str, "Labels of the image, as key=value,key=value."),
)

ROUTES = (
    Route(
        method="POST",
        path="/v1/images",
        operation="uploadImage",
        access=Access.SYSTEM_ADMIN,
        summary="Upload an image for the whole site.",
        body=Body.UPLOAD,
        response=Task,
        status=201,
        mutating=True,
        query=_UPLOAD,
    ),
    Route(
        method="POST",
        path="/v1/projects/{id}/images",
        operation="uploadProjectImage",
        access=Access.PROJECT_USER,
        owner=Owner("project"),
        summary="Upload an image for one project.",
        body=Body.UPLOAD,
        response=Task,
        status=201,
        mutating=True,
        query=_UPLOAD,
    ),
    Route(
        method="GET",
        path="/v1/images",
        operation="listImages",
        access=Access.AUTHENTICATED,
        summary="List the images that the caller may use.",
        response=ImageList,
        query=(NAME, SELECTOR, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/projects/{id}/images",
        operation="listProjectImages",
        access=Access.PROJECT_READ,
        owner=Owner("project"),
        summary="List the images of a project.",
        response=ImageList,
        query=(NAME, SELECTOR, *PAGE),
    ),
    Route(
        method="GET",
        path="/v1/images/{id}",
        operation="getImage",
        access=Access.AUTHENTICATED,
        summary="Show an image that the caller may use.",
        response=Image,
    ),
    Route(
        method="DELETE",
        path="/v1/images/{id}",
        operation="deleteImage",
        access=Access.PROJECT_USER,
        owner=_IMAGE,
        summary="Delete an image; one in use goes when its last VM does.",
        response=Task,
        status=201,
        mutating=True,
    ),
    Route(
        method="GET",
        path="/v1/images/{id}/copies",
        operation="listImageCopies",
        access=Access.SYSTEM_ADMIN,
        owner=_IMAGE,
        summary="List the datastores that hold an image or shall hold it.",
        response=ImageCopyList,
    ),
    Route(
        method="GET",
        path="/v1/images/{id}/tasks",
        operation="listImageTasks",
        access=Access.PROJECT_USER,
        owner=_IMAGE,
        summary="List the tasks of an image.",
        response=TaskList,
        query=TASKS_OF,
    ),
)
