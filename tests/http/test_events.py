"""The stream of events: everybody sees what they may read, nothing is missed or told twice."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest
from msgspec.structs import replace

from heliostat.cloudstore.contract import Put
from heliostat.controller.api import events
from heliostat.controller.api.watched import WATCHED, Watched
from heliostat.controller.workflows import kinds, reading
from heliostat.controller.workflows.task_retention import STORED
from heliostat.testing.clock import VirtualClock
from heliostat.testing.event_reader import Block, reading_events
from heliostat.testing.signed_in import GROUPS
from heliostat.testing.site import Site
from heliostat.wire.routes import BY_OPERATION


async def _rename(site: Site, name: str, tag: str) -> int:
    stored = await reading.vm(site.ports.store, site.ids[name])
    changed = replace(stored.value, tags=(tag,))
    return await site.ports.store.commit(
        [kinds.VMS.guard(stored)], kinds.VMS.put(changed, stored.value)
    )


async def _flavor(site: Site, name: str) -> None:
    """A new flavor, which everybody sees."""
    stored = await reading.flavor(site.ports.store, site.ids["flavor"])
    made = replace(stored.value, id=site.ports.ids.new_id(), name=name)
    await site.ports.store.commit([], kinds.FLAVORS.put(made))


def _ids(blocks: list[Block]) -> list[str]:
    return [block.data["id"] for block in blocks]


async def _history(
    session: aiohttp.ClientSession, site: Site, caller: str, query: str = ""
) -> list[Block]:
    """Everything that ``caller`` is told of the site's past; a marker ends it."""
    await _flavor(site, f"m-{caller}")
    found: list[Block] = []
    async with reading_events(session, site.base, caller, f"from=0{query}") as reader:
        while True:
            (block,) = await reader.take(1)
            if block.data["entity"].get("name") == f"m-{caller}":
                return found
            found.append(block)


@pytest.mark.parametrize("caller", GROUPS)
async def test_events_are_seen_by_exactly_those_who_may_read_the_entity(
    site: Site, session: aiohttp.ClientSession, caller: str
) -> None:
    """From the tables: every entity of every watched kind, asked for and watched."""
    seen = {
        (block.data["kind"], block.data["id"]) for block in await _history(session, site, caller)
    }
    readable = set()
    existing = 0
    for row in WATCHED:
        page = await site.ports.store.list(row.prefix)
        for document in page.items:
            existing += 1
            id_ = document.key.removeprefix(row.prefix)
            if await _may_get(session, site, caller, row, id_):
                readable.add((row.kind, id_))
    assert seen <= readable
    assert [kind for kind, _ in readable - seen] == ["flavor"]  # the marker, which came last
    assert existing > 20
    if caller == "stranger":
        assert not {kind for kind, _ in seen} & {"vm", "project", "persistent-disk", "host"}


async def _may_get(
    session: aiohttp.ClientSession, site: Site, caller: str, row: Watched, id_: str
) -> bool:
    path = BY_OPERATION[row.operation].path.replace("{id}", id_)
    headers = {"Authorization": f"Bearer {caller}"}
    async with session.get(site.base + path, headers=headers) as answer:
        return answer.status == 200


@pytest.mark.parametrize("row", WATCHED, ids=lambda row: row.kind)
async def test_an_event_shows_what_reading_shows(
    site: Site, session: aiohttp.ClientSession, row: Watched
) -> None:
    """Everything is written again, unchanged, so that the events are of now."""
    store, entities = site.ports.store, {}
    written = (await store.list(row.prefix)).items
    async with reading_events(session, site.base, "admin", f"kind={row.kind}") as reader:
        await reader.block()
        for document in written:
            await store.commit([], [Put(document.key, document.value)])
        for block in await reader.take(len(written)):
            assert block.name == "changed"
            entities[block.data["id"]] = block.data["entity"]
    assert len(entities) == len(written) > 0
    headers = {"Authorization": "Bearer admin"}
    for id_, entity in entities.items():
        path = BY_OPERATION[row.operation].path.replace("{id}", id_)
        async with session.get(site.base + path, headers=headers) as answer:
            assert await answer.json() == entity


async def test_list_then_watch_has_no_gap(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer project-user"}
    url = f"{site.base}/v1/projects/{site.ids['web']}/vms"
    async with session.get(url, headers=headers) as answer:
        revision = answer.headers["X-Revision"]
    await _rename(site, "vm-stopped", "between")
    query = f"kind=vm&from={revision}"
    async with reading_events(session, site.base, "project-user", query) as reader:
        start = await reader.block()
        assert (start.name, start.data) == ("start", {"revision": int(revision)})
        (block,) = await reader.take(1)
        assert (block.name, block.data["entity"]["tags"]) == ("changed", ["between"])
        await _rename(site, "vm-bare", "live")
        (block,) = await reader.take(1)
        assert block.data["id"] == site.ids["vm-bare"]
        assert block.data["revision"] == int(block.id.partition(".")[0])


async def test_every_page_of_a_list_has_the_same_revision(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer admin"}
    link, revisions = "/v1/tasks?pageSize=2", set()
    while link:
        async with session.get(site.base + link, headers=headers) as answer:
            revisions.add(answer.headers["X-Revision"])
            link = (await answer.json()).get("nextPageLink", "")
        await _rename(site, "vm-bare", f"t{len(link)}-{len(revisions)}")
    assert len(revisions) == 1


async def test_resuming_anywhere_repeats_and_misses_nothing(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Also between two changes of one commit."""
    whole = await _history(session, site, "admin")
    for cut in range(0, len(whole), max(1, len(whole) // 12)):
        async with reading_events(session, site.base, "admin", last=whole[cut].id) as reader:
            rest = await reader.take(len(whole) - cut - 1)
        assert [block.id for block in rest] == [block.id for block in whole[cut + 1 :]]


async def test_deletion_tells_what_was_there_last(
    site: Site, session: aiohttp.ClientSession
) -> None:
    store = site.ports.store
    async with reading_events(session, site.base, "project-user", "kind=vm") as reader:
        await reader.block()
        stored = await reading.vm(store, site.ids["vm-bare"])
        await store.commit([], kinds.VMS.delete(stored.value))
        (block,) = await reader.take(1)
    assert block.name == block.data["type"] == "deleted"
    assert block.data["entity"]["name"] == "vm-bare"
    assert block.data["projectId"] == site.ids["web"]


async def test_an_agent_that_comes_or_goes_changes_its_host(
    site: Site, session: aiohttp.ClientSession
) -> None:
    store, host_id = site.ports.store, site.ids["host-new"]
    async with (
        reading_events(session, site.base, "admin", f"entityId={host_id}") as reader,
        reading_events(session, site.base, "project-user", "kind=host,flavor") as user,
    ):
        await reader.block()
        await user.block()
        lease = await store.acquire(f"agent/{host_id}", "test", 60.0)
        assert lease is not None
        (came,) = await reader.take(1)
        await store.release(lease)
        (went,) = await reader.take(1)
        await _flavor(site, "seen-by-users")
        (block,) = await user.take(1)
    assert (came.name, came.data["kind"], came.data["id"]) == ("changed", "host", host_id)
    assert came.data["entity"]["agentState"] == "ACTIVE"
    assert went.data["entity"]["agentState"] == "MISSING"
    assert block.data["kind"] == "flavor"


async def test_filters(site: Site, session: aiohttp.ClientSession) -> None:
    found = await _history(session, site, "admin", "&kind=vm,flavor")
    assert {block.data["kind"] for block in found} == {"vm", "flavor"}
    async with reading_events(
        session, site.base, "admin", f"entityId={site.ids['vm-started']}&from=0"
    ) as reader:
        assert _ids(await reader.take(1)) == [site.ids["vm-started"]]
    async with reading_events(
        session, site.base, "admin", f"projectId={site.ids['web']}&from=0"
    ) as reader:
        blocks = await reader.take(5)
        assert {block.data["projectId"] for block in blocks} == {site.ids["web"]}


async def test_losing_a_group_ends_what_is_seen(site: Site, session: aiohttp.ClientSession) -> None:
    """The decision follows the project's groups while the stream is open."""
    store = site.ports.store
    async with reading_events(session, site.base, "project-user", "kind=vm,flavor") as reader:
        await reader.block()
        await _rename(site, "vm-bare", "seen")
        assert (await reader.take(1))[0].data["entity"]["tags"] == ["seen"]
        stored = await reading.project(store, site.ids["web"])
        closed = replace(stored.value, security_groups=())
        await store.commit([], kinds.PROJECTS.put(closed, stored.value))
        await _rename(site, "vm-bare", "unseen")
        await _flavor(site, "after")
        assert (await reader.take(1))[0].data["entity"]["name"] == "after"


async def test_a_group_taken_while_nobody_listened_counts(
    site: Site, session: aiohttp.ClientSession
) -> None:
    async with reading_events(session, site.base, "project-user", "kind=vm") as reader:
        await reader.block()
        await _rename(site, "vm-stopped", "seen")
        await reader.take(1)
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    while await _readers(session, site):
        await clock.advance(events.HEARTBEAT_S)
    stored = await reading.project(site.ports.store, site.ids["web"])
    await site.ports.store.commit(
        [], kinds.PROJECTS.put(replace(stored.value, security_groups=()), stored.value)
    )
    async with reading_events(session, site.base, "project-user", "kind=vm,flavor") as reader:
        await reader.block()
        await _rename(site, "vm-stopped", "not seen")
        await _flavor(site, "marker")
        (block,) = await reader.take(1)
        assert block.data["kind"] == "flavor"


async def test_a_revision_that_is_gone(site: Site, session: aiohttp.ClientSession) -> None:
    store = site.ports.store
    await store.compact(await store.revision())
    headers = {"Authorization": "Bearer admin"}
    for start in ("1", str(10**9)):
        async with session.get(f"{site.base}/v1/events?from={start}", headers=headers) as answer:
            assert answer.status == 410
            assert (await answer.json())["code"] == "RevisionGone"


@pytest.mark.parametrize("start", ["x", "-1", "1.", "1.x", "9" * 30, "1.2.3"])
async def test_a_start_that_makes_no_sense(
    site: Site, session: aiohttp.ClientSession, start: str
) -> None:
    headers = {"Authorization": "Bearer admin"}
    async with session.get(f"{site.base}/v1/events?from={start}", headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] == "InvalidQueryParams"


async def test_heartbeats_tell_how_far_a_reader_is_that_hears_nothing(
    site: Site, session: aiohttp.ClientSession
) -> None:
    clock = site.ports.clock
    assert isinstance(clock, VirtualClock)
    async with reading_events(session, site.base, "stranger", "kind=vm") as reader:
        start = await reader.block()
        revision = await _rename(site, "vm-bare", "hidden")
        await clock.advance(16.0)
        beat = await reader.block()
        assert beat.name == ""
        assert int(beat.id.partition(".")[0]) == revision > start.data["revision"]
        await clock.advance(900.0)
        while (block := await reader.block()).name != "end":
            assert block.name == ""
        assert block.data["code"] == "StreamEnded"


def test_everything_that_tasks_name_is_watched() -> None:
    assert {row.kind for row in WATCHED} >= {*STORED, "task"}


async def test_a_reader_that_takes_nothing_is_cut(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line fills up; the others and the store go on."""
    monkeypatch.setattr(events, "WRITE_TIMEOUT_S", 0.1)
    parts = urlsplit(site.base)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
    writer.write(
        b"GET /v1/events?kind=vm HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n"
    )
    await writer.drain()
    async with (
        aiohttp.ClientSession() as session,
        reading_events(session, site.base, "admin", "kind=flavor") as other,
    ):
        await other.block()
        async with asyncio.timeout(60):
            sent = 0
            while sent == 0 or await _readers(session, site) > 1:
                sent += 1
                await _fill(site, f"{sent}-" + "x" * 60_000)
        await _flavor(site, "still-here")
        assert (await other.take(1))[0].data["entity"]["name"] == "still-here"
    writer.close()


async def _fill(site: Site, text: str) -> None:
    stored = await reading.vm(site.ports.store, site.ids["vm-bare"])
    changed = replace(stored.value, metadata={"filler": text})
    await site.ports.store.commit([], kinds.VMS.put(changed, stored.value))


async def _readers(session: aiohttp.ClientSession, site: Site) -> int:
    headers = {"Authorization": "Bearer admin"}
    async with session.get(f"{site.base}/metrics", headers=headers) as answer:
        text = await answer.text()
    (line,) = [each for each in text.splitlines() if each.startswith("heliostat_event_readers ")]
    return int(float(line.split()[1]))
