"""Images: what boot disks are made from."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from heliostat.controller.model.policy import Policy
from heliostat.core.units import GIB

INFRASTRUCTURE = "infrastructure"
PROJECT = "project"


class ImageState(StrEnum):
    """PENDING_DELETE: still used by machines, gone with the last of them."""

    CREATING = "CREATING"
    READY = "READY"
    PENDING_DELETE = "PENDING_DELETE"
    ERROR = "ERROR"
    DELETED = "DELETED"


class Replication(StrEnum):
    """EAGER: hosts fetch the image at once; ON_DEMAND: when a machine needs it."""

    EAGER = "EAGER"
    ON_DEMAND = "ON_DEMAND"


class ImageScope(msgspec.Struct, frozen=True, kw_only=True):
    """Who sees the image: everybody (``infrastructure``, id empty) or one project."""

    kind: str = INFRASTRUCTURE
    id: str = ""


class ImageSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A hardware setting that an appliance's description carried."""

    name: str
    default_value: str


class StagedImage(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file, complete and durable in the blob store, not yet looked into."""

    digest: str
    size_bytes: int


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``digest`` names the normalised (qcow2) blob, empty until READY.

    ``size_bytes`` is the virtual size (that of the upload while CREATING).
    """

    id: str
    name: str
    state: ImageState
    scope: ImageScope
    replication: Replication
    size_bytes: int
    upload_digest: str
    digest: str = ""
    blob_size_bytes: int = 0
    file_format: str = ""
    settings: tuple[ImageSetting, ...] = ()
    tags: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    policy: Policy = ()
    task_id: str = ""
    created_ms: int = 0
    schema: int = 1

    @property
    def size_gb(self) -> int:
        """The virtual size in whole GiB, rounded up: the capacity of boot disks."""
        return max(1, -(-self.size_bytes // GIB))
