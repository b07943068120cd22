"""Google Compute Engine: found by name, refuses whoever does not send ``Metadata-Flavor``.

All that is known of a machine is one tree: leaves as text, folders as JSON when asked for with
``recursive``.  Google's agent asks for the whole of it and waits for changes; here nothing ever
changes, so it waits as long as it said it would.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from heliostat.testing.clouds.contract import (
    METADATA,
    NOT_FOUND,
    Answer,
    Asked,
    Cloud,
    Endpoint,
    Order,
    listing,
)

_PREFIX = "/computeMetadata/v1/"
_STATE = "0123456789abcdef"
_HEADERS = {"Metadata-Flavor": "Google", "ETag": _STATE}
_GUEST_ATTRIBUTES = "instance/guest-attributes/"


def gce(order: Order, mac: str, attributes: Mapping[str, str] | None = None) -> Cloud:
    """A project with the key of one user, as the console writes it.

    ``attributes`` of the instance are added to those that the order comes to.
    """
    tree = tree_of(order, mac, attributes or {})

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("metadata-flavor") != "Google":
            return Answer("Missing Metadata-Flavor:Google header.", 403)
        path = asked.path.removeprefix(_PREFIX).strip("/")
        if asked.method == "PUT":
            return Answer(headers=_HEADERS) if path.startswith(_GUEST_ATTRIBUTES) else NOT_FOUND
        return _told(tree, path, asked.query)

    smbios = ["type=1,manufacturer=Google,product=Google Compute Engine"]
    names = {"metadata.google.internal": METADATA}
    return Cloud("GCE", smbios, [Endpoint(METADATA, 80, answer)], names)


def tree_of(order: Order, mac: str, attributes: Mapping[str, str]) -> dict[str, object]:
    """What lies below ``/computeMetadata/v1``."""
    keys = f"cloudinit:{order.public_key}"
    card = {"forwardedIps": [], "ip": "10.0.2.15", "mac": mac, "mtu": 1460}
    instance: dict[str, object] = {
        "attributes": {"user-data": order.user_data, "ssh-keys": keys, **attributes},
        "hostname": f"{order.hostname}.c.project.internal",
        "id": number_of(order.instance_id),
        "name": order.hostname,
        "networkInterfaces": [card],
        "virtualClock": {"driftToken": "0"},
        "zone": "projects/4711/zones/nowhere1-b",
    }
    project = {"attributes": {}, "numericProjectId": 4711, "projectId": "project"}
    return {"instance": instance, "project": project}


def number_of(instance_id: str) -> int:
    """What Google calls this machine: its ids are numbers of 63 bits."""
    return int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[:8]) >> 1


def _told(tree: Mapping[str, object], path: str, query: Mapping[str, str]) -> Answer:
    here: object = tree
    for part in filter(None, path.split("/")):
        if not isinstance(here, Mapping) or part not in here:
            return NOT_FOUND
        here = here[part]
    wait_s = _patience(query)
    if isinstance(here, Mapping) and query.get("recursive", "").lower() == "true":
        body = json.dumps(here)
        return Answer(body, content_type="application/json", headers=_HEADERS, after_s=wait_s)
    body = listing(tree, path).body
    return Answer(body, content_type="application/text", headers=_HEADERS, after_s=wait_s)


def _patience(query: Mapping[str, str]) -> float:
    """How long somebody waits who knows the present state already."""
    waits = query.get("wait_for_change", "").lower() == "true"
    known = query.get("last_etag", _STATE) == _STATE
    return float(query.get("timeout_sec", "3600")) if waits and known else 0.0
