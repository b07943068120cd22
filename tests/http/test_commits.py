"""What a mutating call commits: once, whole, and told the same however it is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from heliostat.cloudstore.contract import (
    AtRevision,
    Change,
    Guard,
    GuardFailed,
    StoreUnavailable,
)
from heliostat.cloudstore.memory import MemoryStore
from heliostat.controller.workflows import reading
from heliostat.tasks.model import task_key
from heliostat.testing.clock import VirtualClock
from heliostat.testing.examples import BOUNDARY, upload_body
from heliostat.testing.furniture import PUBLIC_KEY
from heliostat.testing.site import Site

ADMIN = {"Authorization": "Bearer admin"}
Commit = Any


async def post(
    session: aiohttp.ClientSession, site: Site, path: str, body: Any = None, **headers: str
) -> tuple[int, bytes]:
    given = {**ADMIN, **{name.replace("_", "-"): text for name, text in headers.items()}}
    data = None if body is None else json.dumps(body)
    async with session.post(site.base + path, data=data, headers=given) as answer:
        return answer.status, await answer.read()


async def get(session: aiohttp.ClientSession, site: Site, path: str) -> bytes:
    async with session.get(site.base + path, headers=ADMIN) as answer:
        assert answer.status == 200
        return await answer.read()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tenants", {"name": "globex"}),
        ("/v1/vms/<vm-stopped>/start", None),
        ("/v1/vms/<vm-started>/attach_disk", {"diskId": "<disk>"}),
    ],
)
async def test_a_task_is_the_same_bytes_however_it_is_read(
    site: Site, session: aiohttp.ClientSession, path: str, body: Any
) -> None:
    for name, value in site.ids.items():
        path = path.replace(f"<{name}>", value)
        body = json.loads(json.dumps(body).replace(f"<{name}>", value))
    status, made = await post(session, site, path, body)
    assert status == 201
    task = json.loads(made)
    assert await get(session, site, f"/v1/tasks/{task['id']}") == made
    entity = task["entity"]
    listed = await get(
        session, site, f"/v1/tasks?entityId={entity['id']}&entityKind={entity['kind']}"
    )
    assert made in listed
    assert made in await get(session, site, "/v1/tasks")


async def test_same_key_and_body_answers_the_same_task(
    site: Site, session: aiohttp.ClientSession
) -> None:
    body = {"name": "globex"}
    first = await post(session, site, "/v1/tenants", body, Idempotency_Key="k1")
    revision = await site.ports.store.revision()
    again = await post(session, site, "/v1/tenants", body, Idempotency_Key="k1")
    assert first == again
    assert await site.ports.store.revision() == revision


async def test_same_key_with_another_body_is_a_conflict(
    site: Site, session: aiohttp.ClientSession
) -> None:
    await post(session, site, "/v1/tenants", {"name": "globex"}, Idempotency_Key="k1")
    status, raw = await post(
        session, site, "/v1/tenants", {"name": "initech"}, Idempotency_Key="k1"
    )
    assert (status, json.loads(raw)["code"]) == (409, "IdempotencyConflict")


async def test_a_key_belongs_to_its_caller_and_path(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """The same key for another VM starts that VM."""
    started = [
        await post(session, site, f"/v1/vms/{site.ids[name]}/start", None, Idempotency_Key="k1")
        for name in ("vm-stopped", "vm-bare")
    ]
    entities = [json.loads(raw)["entity"]["id"] for _, raw in started]
    assert entities == [site.ids["vm-stopped"], site.ids["vm-bare"]]


async def test_a_refused_call_uses_up_no_key(site: Site, session: aiohttp.ClientSession) -> None:
    status, _ = await post(session, site, "/v1/tenants", {"name": "acme"}, Idempotency_Key="k1")
    assert status == 400
    status, _ = await post(session, site, "/v1/tenants", {"name": "globex"}, Idempotency_Key="k1")
    assert status == 201


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_wrong_keys(site: Site, session: aiohttp.ClientSession, key: str) -> None:
    status, raw = await post(session, site, "/v1/tenants", {"name": "globex"}, Idempotency_Key=key)
    assert (status, json.loads(raw)["data"]) == (400, {"field": "Idempotency-Key"})


async def test_equal_calls_at_once_make_one_thing(
    site: Site, session: aiohttp.ClientSession
) -> None:
    body = {"name": "globex"}
    answers = await asyncio.gather(
        *(post(session, site, "/v1/tenants", body, Idempotency_Key="k1") for _ in range(8))
    )
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert len(await reading.tenants(site.ports.store, name="globex")) == 1


async def test_an_upload_is_replayed_by_its_content(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {
        **ADMIN,
        "Idempotency-Key": "k1",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    tasks = []
    for content in ("same", "same", "other"):
        data = upload_body("image-9", content, "EAGER")
        async with session.post(f"{site.base}/v1/images", data=data, headers=headers) as answer:
            tasks.append((answer.status, (await answer.json())["id" if answer.ok else "code"]))
    assert tasks[0] == tasks[1]
    assert tasks[2] == (409, "IdempotencyConflict")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/users", {"name": "alan", "password": "a long enough phrase"}),
        ("/v1/groups", {"name": "testers"}),
        ("/v1/service-accounts", {"name": "ci", "publicKeyPem": PUBLIC_KEY}),
        ("/v1/groups/operators/members", {"name": "grace"}),
    ],
)
async def test_directory_changes_are_replayed(
    site: Site, session: aiohttp.ClientSession, path: str, body: Any
) -> None:
    """A client that lost the answer asks again with the same key and gets it."""
    first = await post(session, site, path, body, Idempotency_Key="k1")
    assert first[0] == 201
    assert await post(session, site, path, body, Idempotency_Key="k1") == first
    other = {**body, "name": "somebody-else"}
    status, _ = await post(session, site, path, other, Idempotency_Key="k1")
    assert status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/users", {"name": "alan", "password": "a long enough phrase"}),
        ("/v1/groups", {"name": "testers"}),
        ("/v1/service-accounts", {"name": "ci", "publicKeyPem": PUBLIC_KEY}),
    ],
)
async def test_equal_directory_changes_at_once_are_one(
    site: Site, session: aiohttp.ClientSession, path: str, body: Any
) -> None:
    """The record is in the same commit as the change, so nobody is refused as a repetition."""
    answers = await asyncio.gather(
        *(post(session, site, path, body, Idempotency_Key="k1") for _ in range(6))
    )
    assert [status for status, _ in answers] == [201] * 6
    assert len({raw for _, raw in answers}) == 1


async def test_no_password_is_kept_with_a_key(site: Site, session: aiohttp.ClientSession) -> None:
    """Not even a digest of one: two bodies that differ in it alone are the same request."""
    for password in ("a long enough phrase", "another long phrase"):
        body = {"name": "alan", "password": password}
        status, _ = await post(session, site, "/v1/users", body, Idempotency_Key="k1")
        assert status == 201


async def test_decides_again_when_somebody_wrote_first(
    site: Site, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [3]
    commit = MemoryStore.commit

    async def contended(
        self: MemoryStore, guards: Sequence[Guard], changes: Sequence[Change]
    ) -> int:
        if failures[0]:
            failures[0] -= 1
            raise GuardFailed(AtRevision("/v1/elsewhere", 1))
        return await commit(self, guards, changes)

    monkeypatch.setattr(MemoryStore, "commit", contended)
    # Losers pause; nobody moves this site's clock.
    monkeypatch.setattr(VirtualClock, "sleep", lambda _self, _seconds: asyncio.sleep(0))
    status, _ = await post(session, site, "/v1/tenants", {"name": "globex"})
    assert (status, failures) == (201, [0])
    failures[0] = 1000
    status, raw = await post(session, site, "/v1/tenants", {"name": "initech"})
    assert (status, json.loads(raw)["code"]) == (400, "ConcurrentTask")
    assert not await reading.tenants(site.ports.store, name="initech")


@pytest.mark.parametrize("happened", [True, False])
async def test_an_unclear_commit_is_looked_up(
    site: Site,
    session: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    happened: bool,
) -> None:
    """The store did not answer: the task's document tells whether it is there."""
    commit = MemoryStore.commit

    async def unclear(self: MemoryStore, guards: Sequence[Guard], changes: Sequence[Change]) -> int:
        if happened:
            await commit(self, guards, changes)
        raise StoreUnavailable("The store did not answer.")

    monkeypatch.setattr(MemoryStore, "commit", unclear)
    status, raw = await post(session, site, "/v1/tenants", {"name": "globex"})
    answer = json.loads(raw)
    if happened:
        assert status == 201
        assert await site.ports.store.get(task_key(answer["id"])) is not None
    else:
        assert (status, answer["code"]) == (503, "StoreUnavailable")


async def test_two_writers_on_one_vm(site: Site, session: aiohttp.ClientSession) -> None:
    """The second is refused at once, not after its task was accepted."""
    path = f"/v1/vms/{site.ids['vm-stopped']}"
    answers = await asyncio.gather(
        post(session, site, f"{path}/start"), post(session, site, f"{path}/start")
    )
    assert sorted(status for status, _ in answers) == [201, 400]
    refused = next(json.loads(raw) for status, raw in answers if status == 400)
    assert refused["code"] == "ConcurrentTask"
