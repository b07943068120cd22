"""Zones, datastores and hosts on the command line: what is sent, what is printed."""

from __future__ import annotations

from typing import Any

from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController

ZONE = "77777777-7777-4777-8777-777777777777"
STORE = "88888888-8888-4888-8888-888888888888"


def _zone(name: str = "east", state: str = "READY") -> dict[str, Any]:
    link = f"http://controller/v1/zones/{ZONE}"
    return {
        "id": ZONE,
        "kind": "availability-zone",
        "name": name,
        "state": state,
        "selfLink": link,
    }


def _datastore(**more: Any) -> dict[str, Any]:
    host = {
        "hostId": answers.HOST,
        "address": "10.0.0.5",
        "agentState": "ACTIVE",
        "available": True,
        "totalBytes": 100 << 30,
        "freeBytes": 50 << 30,
    }
    return {
        "id": STORE,
        "kind": "datastore",
        "type": "NFS_41",
        "selfLink": f"http://controller/v1/infrastructure/datastores/{STORE}",
        "tags": ["SLOW"],
        "name": "archive",
        "totalBytes": 100 << 30,
        "freeBytes": 50 << 30,
        "imageCount": 3,
        "hosts": [host, {**host, "agentState": "MISSING"}],
        **more,
    }


def test_zones_are_made_listed_and_found_by_name(
    helio: Any, controller: RecordingController
) -> None:
    made = answers.task(operation="CREATE_ZONE", kind="availability-zone", entity_id=ZONE)
    controller.answer("POST /v1/zones", made, status=201)
    assert helio("zone", "create", "east").code == 0
    assert controller.calls("POST /v1/zones")[0].json == {"name": "east"}
    controller.answer("GET /v1/zones", answers.page(_zone()))
    assert helio("zone", "list").out.splitlines()[1].split() == [ZONE, "east", "READY"]
    gone = answers.task(operation="DELETE_ZONE", kind="availability-zone", entity_id=ZONE)
    controller.answer(f"DELETE /v1/zones/{ZONE}", gone, status=201)
    assert helio("zone", "delete", "east").code == 0
    assert controller.calls("GET /v1/zones")[-1].query == {"name": "east"}


def test_a_host_is_put_into_a_zone(helio: Any, controller: RecordingController) -> None:
    controller.answer("GET /v1/zones", answers.page(_zone()))
    call = f"POST /v1/infrastructure/hosts/{answers.HOST}/set_availability_zone"
    changed = answers.task(operation="SET_AVAILABILITYZONE", kind="host", entity_id=answers.HOST)
    controller.answer(call, changed, status=201)
    assert helio("host", "set-zone", answers.HOST, "east").code == 0
    assert controller.calls(call)[0].json == {"availabilityZoneId": ZONE}


def test_hosts_are_filtered(helio: Any, controller: RecordingController) -> None:
    controller.answer("GET /v1/zones", answers.page(_zone()))
    controller.answer("GET /v1/infrastructure/hosts", answers.page())
    helio("host", "list", "--state", "ready", "--zone", "east", "--usage", "mgmt")
    asked = controller.calls("GET /v1/infrastructure/hosts")[0].query
    assert asked == {"state": "READY", "zone": ZONE, "usageTag": "MGMT"}


def test_datastores_tell_how_many_hosts_can_use_them(
    helio: Any, controller: RecordingController
) -> None:
    controller.answer("GET /v1/infrastructure/datastores", answers.page(_datastore()))
    words = helio("datastore", "list").out.splitlines()[1].split()
    assert words == [
        *(STORE, "archive", "NFS_41", "SLOW"),
        *["50.0", "GiB", "100.0", "GiB", "1", "of", "2", "3"],
    ]


def test_image_datastores_are_set_by_name(helio: Any, controller: RecordingController) -> None:
    call = "POST /v1/infrastructure/image-datastores"
    changed = answers.task(operation="UPDATE_IMAGE_DATASTORES", kind="deployment", entity_id="site")
    controller.answer(call, changed, status=201)
    assert helio("datastore", "set-images", "archive", STORE).code == 0
    assert controller.calls(call)[0].json == {"items": ["archive", STORE]}


def test_whether_a_host_is_safe_to_stop_is_in_the_exit_code(
    helio: Any, controller: RecordingController
) -> None:
    reason = {
        "code": "HostHasVms",
        "message": "The VM web runs here and would be interrupted.",
        "blocks": True,
        "entity": {"kind": "vm", "id": answers.VM},
    }
    call = f"GET /v1/infrastructure/hosts/{answers.HOST}/safe-to-stop"
    controller.answer(call, {"hostId": answers.HOST, "safe": False, "reasons": [reason]})
    controller.answer(call, {"hostId": answers.HOST, "safe": True, "reasons": []})
    shown = helio("host", "safe-to-stop", answers.HOST)
    assert shown.code == 1
    assert shown.out.splitlines() == [f"blocks  {reason['message']}", "Not safe to stop."]
    assert helio("host", "safe-to-stop", answers.HOST).code == 0
    assert helio("host", "safe-to-stop", answers.HOST, "-o", "json").json["safe"] is True
