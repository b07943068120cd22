"""Commands about a VM's media: what they send, and what they print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heliostat.cli import viewing
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController

TICKET = {
    "host": "cloud.example",
    "port": 9000,
    "cfg_file": f"/v1/vms/{answers.VM}/vnc",
    "ticket": "s3cret",
    "ssl_thumbprint": "AB:CD",
}


def test_an_iso_is_sent_as_one_file(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    iso = tmp_path / "tools.iso"
    iso.write_bytes(b"disc content")
    controller.answer(
        f"POST /v1/vms/{answers.VM}/attach_iso",
        answers.task(operation="ATTACH_ISO"),
        status=201,
    )
    shown = helio("vm", "attach-iso", answers.VM, str(iso))
    assert (shown.code, shown.out) == (0, f"ATTACH_ISO completed: vm {answers.VM}\n")
    body = controller.seen[-1].body.decode()
    assert 'filename="tools.iso"' in body
    assert "disc content" in body
    assert "ImageReplication" not in body


def test_a_plan_of_an_iso_sends_its_size_only(
    helio: Any, controller: RecordingController, tmp_path: Path
) -> None:
    iso = tmp_path / "tools.iso"
    iso.write_bytes(b"disc content")
    controller.answer(f"POST /v1/vms/{answers.VM}/attach_iso", answers.plan("ATTACH_ISO"))
    assert helio("vm", "attach-iso", answers.VM, str(iso), "--plan").code == 0
    assert controller.seen[-1].query == {"plan": "true", "declaredSize": "12"}


def test_an_iso_is_taken_out(helio: Any, controller: RecordingController) -> None:
    controller.answer(
        f"POST /v1/vms/{answers.VM}/detach_iso", answers.task(operation="DETACH_ISO"), status=201
    )
    assert helio("-q", "vm", "detach-iso", answers.VM).out == f"{answers.VM}\n"


def test_an_image_is_made_of_a_vm(helio: Any, controller: RecordingController) -> None:
    task = answers.task(operation="CREATE_VM_IMAGE", kind="image", entity_id=answers.IMAGE)
    controller.answer(f"POST /v1/vms/{answers.VM}/create_image", task, status=201)
    shown = helio("vm", "create-image", answers.VM, "golden", "--replication", "eager")
    assert shown.out == f"CREATE_VM_IMAGE completed: image {answers.IMAGE}\n"
    assert controller.seen[-1].json == {"name": "golden", "replicationType": "EAGER"}


def test_a_vm_on_a_lost_host_is_deleted_by_force(
    helio: Any, controller: RecordingController
) -> None:
    controller.answer(
        f"DELETE /v1/vms/{answers.VM}", answers.task(operation="DELETE_VM"), status=201
    )
    assert helio("vm", "delete", answers.VM, "--force").code == 0
    assert controller.seen[-1].query == {"force": "true"}


def test_a_ticket_in_three_forms(helio: Any, controller: RecordingController) -> None:
    task = answers.task(operation="GET_MKS_TICKET", resourceProperties=TICKET)
    controller.answer(f"GET /v1/vms/{answers.VM}/mks_ticket", task)
    shown = helio("vm", "mks-ticket", answers.VM)
    assert shown.out == f"wss://cloud.example:9000/v1/vms/{answers.VM}/vnc?ticket=s3cret\n"
    assert "AB:CD" in shown.err
    assert helio("-q", "vm", "mks-ticket", answers.VM).out == "s3cret\n"
    assert helio("vm", "mks-ticket", answers.VM, "-o", "json").json == TICKET


def test_viewers_are_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HeliostatError, match="No VNC viewer"):
        viewing.installed()
    viewer = tmp_path / "gvncviewer"
    viewer.write_text("#!/bin/sh\n")
    viewer.chmod(0o755)
    assert viewing.installed() == "gvncviewer"
