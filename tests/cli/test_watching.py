"""``--watch`` and ``helio events`` against the real API over TCP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from heliostat.cli.main import run
from heliostat.client.events import Events
from heliostat.cloudstore.contract import Put
from heliostat.controller.workflows import kinds, reading
from heliostat.testing.site import Site, furnished_site
from heliostat.wire.events import Event


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    async with furnished_site(tmp_path) as served:
        monkeypatch.setenv("HELIO_TARGET", served.base)
        monkeypatch.setenv("HELIO_TOKEN", "project-user")
        yield served


async def _helio(capsys: Any, *argv: str) -> list[str]:
    capsys.readouterr()
    code = await asyncio.wait_for(asyncio.to_thread(run, argv), 30)
    shown = capsys.readouterr()
    assert code in (0, 130), shown.err
    return str(shown.out).splitlines()


async def _tag(site: Site, name: str, tag: str) -> None:
    stored = await reading.vm(site.ports.store, site.ids[name])
    changed = replace(stored.value, tags=(tag,))
    await site.ports.store.commit([], kinds.VMS.put(changed, stored.value))


async def test_events_end_after_so_many(site: Site, capsys: Any) -> None:
    lines = await _helio(
        capsys, "events", "--kind", "vm", "--from", "0", "--count", "3", "-o", "json"
    )
    events = [json.loads(line) for line in lines]
    assert [each["kind"] for each in events] == ["vm"] * 3
    assert events[0]["entity"]["name"] == "vm-stopped"
    (line,) = await _helio(
        capsys, "events", "--entity", site.ids["vm-bare"], "--from", "0", "--count", "1"
    )
    assert "created" in line
    assert "vm-bare" in line


@pytest.mark.parametrize("noun", ["vm", "task"])
async def test_a_list_goes_on_with_what_changes(
    site: Site, capsys: Any, monkeypatch: pytest.MonkeyPatch, noun: str
) -> None:
    """Watching never ends by itself: here it is interrupted after the first change."""
    follow = Events.follow

    def once(self: Events, *args: Any, **options: Any) -> Iterator[Event]:
        yield from islice(follow(self, *args, **options), 1)
        raise KeyboardInterrupt

    monkeypatch.setattr(Events, "follow", once)
    argv = ["vm", "list", "--watch", "--project", site.ids["web"], "-o", "json"]
    if noun == "task":
        argv = ["task", "list", "--watch", "-o", "json"]
    watching = asyncio.create_task(_helio(capsys, *argv))
    while not watching.done():
        await _tag(site, "vm-bare", "changed")
        document = await site.ports.store.get(f"/v1/task/{site.ids['task-stalled']}")
        assert document is not None
        await site.ports.store.commit([], [Put(document.key, document.value)])
        await asyncio.sleep(0.05)
    lines = [json.loads(line) for line in await watching]
    listed = [each for each in lines if each["type"] == "listed"]
    changed = [each for each in lines if each["type"] == "changed"]
    assert len(changed) == 1
    if noun == "vm":
        assert len(listed) == 5
        assert changed[0]["entity"]["tags"] == ["changed"]
    else:
        assert changed[0]["entity"]["id"] == site.ids["task-stalled"]
