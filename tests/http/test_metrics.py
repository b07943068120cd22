"""Metrics: what a scraper reads is well-formed, bounded, and says what happened."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from heliostat.cloudstore.contract import Absent, GuardFailed, Put
from heliostat.cloudstore.memory import MemoryStore
from heliostat.cloudstore.metered import MeteredStore
from heliostat.controller.api.metrics import scrape_app
from heliostat.controller.metrics import table
from heliostat.controller.metrics.registry import Metrics
from heliostat.core.clock import SystemClock
from heliostat.tasks.model import Problem, Step, Task, TaskState
from heliostat.testing.site import Site

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def _scrape(session: aiohttp.ClientSession, site: Site) -> Samples:
    headers = {"Authorization": "Bearer admin"}
    async with session.get(f"{site.base}/metrics", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return _samples(await answer.text())


async def test_a_site_in_numbers(site: Site, session: aiohttp.ClientSession) -> None:
    headers = {"Authorization": "Bearer project-user"}
    for name, status in (("vm-bare", 200), ("vm-bare", 200), ("nothing", 403)):
        url = f"{site.base}/v1/vms/{site.ids.get(name, name)}"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == status
    found = await _scrape(session, site)
    requests = "heliostat_api_requests_total"
    assert found[requests, (("operation", "getVm"), ("status", "200"))] == 2
    assert found[requests, (("operation", "getVm"), ("status", "403"))] == 1
    seconds = "heliostat_api_request_duration_seconds_count"
    assert found[seconds, (("operation", "getVm"),)] == 3
    assert found["heliostat_vms", (("state", "STOPPED"),)] == 2
    assert found["heliostat_hosts", (("state", "MAINTENANCE"),)] == 1
    assert found["heliostat_agents", (("state", "connected"),)] == 3
    assert found["heliostat_tasks_open", (("state", "STARTED"),)] == 1
    assert found["heliostat_tasks_stalled", ()] == 1
    labels = {"tenant": "acme", "project": "web", "key": "vm.cpu", "unit": "COUNT"}
    assert found["heliostat_quota_limit", tuple(sorted(labels.items()))] == 20
    assert found["heliostat_quota_used", tuple(sorted(labels.items()))] == 5
    assert ("process_resident_memory_bytes", ()) in found


async def test_every_metric_of_the_table_is_there(
    site: Site, session: aiohttp.ClientSession
) -> None:
    """Those with labels appear with their first sample, but are described before."""
    headers = {"Authorization": "Bearer admin"}
    async with session.get(f"{site.base}/metrics", headers=headers) as answer:
        text = await answer.text()
    for metric in table.METRICS:
        assert f"# HELP {metric.name} " in text
        assert f"# TYPE {metric.name} {metric.kind}" in text


async def test_a_task_that_is_complete_at_once_is_counted(
    site: Site, session: aiohttp.ClientSession
) -> None:
    headers = {"Authorization": "Bearer admin"}
    async with session.post(
        f"{site.base}/v1/tenants", json={"name": "counted"}, headers=headers
    ) as answer:
        assert answer.status == 201
    found = await _scrape(session, site)
    labels = (("operation", "CREATE_TENANT"), ("state", "COMPLETED"))
    assert found["heliostat_tasks_ended_total", labels] == 1


def test_placements_are_counted_by_what_became_of_them() -> None:
    metrics = Metrics()
    placed = Step(operation="RESERVE_RESOURCE", sequence=0, state=TaskState.COMPLETED)
    full = Problem(code="NotEnoughMemoryResource", message="Full.")
    failed = Step(operation="RESERVE_RESOURCE", sequence=0, state=TaskState.ERROR, errors=[full])
    for step, state in ((placed, TaskState.COMPLETED), (failed, TaskState.ERROR)):
        task = Task(
            id="t",
            operation="CREATE_VM",
            entity_kind="vm",
            entity_id="v",
            state=state,
            queued_ms=1000,
            started_ms=1500,
            end_ms=3000,
            steps=[step],
        )
        metrics.task_ended(task)
    found = _samples(metrics.render().decode())
    for outcome in ("placed", "NotEnoughMemoryResource"):
        labels = (("operation", "CREATE_VM"), ("outcome", outcome))
        assert found["heliostat_placements_total", labels] == 1
    assert found["heliostat_task_duration_seconds_sum", (("operation", "CREATE_VM"),)] == 4
    assert found["heliostat_task_wait_seconds_sum", ()] == 1


async def test_commits_are_timed() -> None:
    metrics = Metrics()
    store = MeteredStore(MemoryStore(SystemClock()), metrics.committed)
    await store.commit([], [Put("/v1/a", b"")])
    with pytest.raises(GuardFailed):
        await store.commit([Absent("/v1/a")], [Put("/v1/a", b"")])
    await store.close()
    found = _samples(metrics.render().decode())
    for outcome in ("done", "guard_failed"):
        assert found["heliostat_store_commits_total", (("outcome", outcome),)] == 1
    assert found["heliostat_store_commit_duration_seconds_count", ()] == 2


async def test_the_port_for_scrapers_shows_metrics_and_nothing_else(
    session: aiohttp.ClientSession,
) -> None:
    async def gather() -> None:
        """Nothing to gather."""

    runner = web.AppRunner(scrape_app(gather, Metrics()))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with session.get(f"{base}/metrics") as answer:
            assert "heliostat_build_info" in await answer.text()
        async with session.get(f"{base}/v1/available") as answer:
            assert answer.status == 404
    finally:
        await runner.cleanup()
