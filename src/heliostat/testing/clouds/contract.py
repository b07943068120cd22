"""What a cloud is to a guest: firmware strings, names, addresses that answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

METADATA = "169.254.169.254"
HOST = "127.0.0.1"
"""What a guest reaches as 10.0.2.2, its gateway and DHCP server."""


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody ordered a machine with."""

    instance_id: str
    hostname: str
    public_key: str
    user_data: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; names of headers in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    body: str = ""
    status: int = 200
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_s: float = 0.0
    """How long whoever asked is kept waiting."""


NOT_FOUND = Answer("not found", 404)
Answering = Callable[[Asked], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that answers."""

    address: str
    port: int
    answer: Answering


@dataclass(frozen=True, slots=True)
class Cloud:
    """A cloud as a guest sees it."""

    source: str
    """What cloud-init calls its data source."""
    smbios: Sequence[str]
    endpoints: Sequence[Endpoint]
    names: Mapping[str, str] = field(default_factory=dict)
    """Host names that its DNS knows, and their addresses."""
    domain: str = ""
    """The name of the network, by DHCP."""


def listing(tree: Mapping[str, object], path: str) -> Answer:
    """A leaf of a tree of folders, or the names in a folder (those of folders end in ``/``)."""
    here: object = tree
    for part in filter(None, path.split("/")):
        if not isinstance(here, Mapping) or part not in here:
            return NOT_FOUND
        here = here[part]
    if not isinstance(here, Mapping):
        return Answer(str(here))
    if names := here.get(""):  # what a folder calls its entries, where that differs from its keys
        return Answer(str(names))
    told = (f"{key}/" if isinstance(value, Mapping) else key for key, value in here.items())
    return Answer("\n".join(told))
