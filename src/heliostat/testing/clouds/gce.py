"""Google Compute Engine: found by name, refuses whoever does not send ``Metadata-Flavor``."""

from __future__ import annotations

import json

from heliostat.testing.clouds.contract import (
    METADATA,
    NOT_FOUND,
    Answer,
    Asked,
    Cloud,
    Endpoint,
    Order,
)

_PREFIX = "/computeMetadata/v1/"
_FLAVOR = {"Metadata-Flavor": "Google"}


def gce(order: Order) -> Cloud:
    """A project with the key of one user, as the console writes it."""
    attributes = {"user-data": order.user_data, "ssh-keys": f"cloudinit:{order.public_key}"}
    texts = {
        "instance/id": order.instance_id,
        "instance/zone": "projects/4711/zones/nowhere1-b",
        "instance/hostname": f"{order.hostname}.c.project.internal",
    }
    folders: dict[str, object] = {"instance/attributes": attributes, "project/attributes": {}}

    def answer(asked: Asked) -> Answer:
        if asked.headers.get("metadata-flavor") != "Google":
            return Answer("Missing Metadata-Flavor:Google header.", 403)
        path = asked.path.removeprefix(_PREFIX).strip("/")
        if path in texts:
            return Answer(texts[path], headers=_FLAVOR)
        if path in folders and asked.query.get("recursive", "").lower() == "true":
            body = json.dumps(folders[path])
            return Answer(body, content_type="application/json", headers=_FLAVOR)
        if asked.method == "PUT" and path.startswith("instance/guest-attributes/"):
            return Answer(headers=_FLAVOR)
        return NOT_FOUND

    smbios = ["type=1,manufacturer=Google,product=Google Compute Engine"]
    names = {"metadata.google.internal": METADATA}
    return Cloud("GCE", smbios, [Endpoint(METADATA, 80, answer)], names)
