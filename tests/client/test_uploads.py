"""Uploads as they travel."""

from __future__ import annotations

import dataclasses
import email.parser
import email.policy
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from heliostat.client.client import Client
from heliostat.client.uploads import CHUNK_BYTES
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers
from heliostat.testing.recorder import RecordingController, Seen, recording_controller


@pytest.fixture
def controller() -> Iterator[RecordingController]:
    with recording_controller() as running:
        yield running


@pytest.fixture
def client(controller: RecordingController) -> Iterator[Client]:
    with Client(controller.url) as made:
        yield made


def parts_of(seen: Seen) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + seen.body)
    return [
        (
            str(part.get_param("name", header="content-disposition")),
            part.get_filename(),
            cast(bytes, part.get_payload(decode=True)),
        )
        for part in message.iter_parts()
    ]


def test_the_body_is_chunked_with_the_replication_first(
    client: Client, controller: RecordingController, tmp_path: Path
) -> None:
    controller.answer("POST /v1/images", answers.task("QUEUED", kind="image"), status=201)
    content = bytes(range(256)) * (CHUNK_BYTES // 256) + b"\r\n--rest"
    (tmp_path / "disk.qcow2").write_bytes(content)
    told: list[tuple[int, int]] = []
    upload = client.images.upload(tmp_path / "disk.qcow2", name='a "b"', replication="EAGER")
    dataclasses.replace(upload, progress=lambda sent, size: told.append((sent, size))).submit()
    seen = controller.seen[0]
    assert seen.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in seen.headers
    assert parts_of(seen) == [
        ("ImageReplication", None, b"EAGER"),
        ("file", 'a "b"', content),
    ]
    assert told == [(CHUNK_BYTES, len(content)), (len(content), len(content))]


def test_an_upload_may_belong_to_a_project(
    client: Client, controller: RecordingController, tmp_path: Path
) -> None:
    call = f"POST /v1/projects/{answers.PROJECT}/images"
    controller.answer(call, answers.task("QUEUED", kind="image"), status=201)
    (tmp_path / "d").write_bytes(b"x")
    client.images.upload(tmp_path / "d", name="d", project_id=answers.PROJECT).submit()
    assert len(controller.calls(call)) == 1


def test_a_plan_sends_the_size_and_not_the_file(
    client: Client, controller: RecordingController, tmp_path: Path
) -> None:
    controller.answer("POST /v1/images", answers.plan("CREATE_IMAGE"))
    (tmp_path / "d").write_bytes(b"x" * 77)
    client.images.upload(tmp_path / "d", name="d").plan()
    assert controller.seen[0].query == {"plan": "true", "declaredSize": "77"}
    assert controller.seen[0].body == b""


def test_a_refused_upload_says_why(
    client: Client, controller: RecordingController, tmp_path: Path
) -> None:
    controller.refuse("POST /v1/images", 507, "DiskFull", "No space.")
    (tmp_path / "d").write_bytes(b"x")
    with pytest.raises(HeliostatError, match="DiskFull"):
        client.images.upload(tmp_path / "d", name="d").submit()
    assert len(controller.seen) == 1


def test_a_file_that_is_gone_is_named(client: Client, tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=r"gone\.raw"):
        client.images.upload(tmp_path / "gone.raw", name="d").submit()
