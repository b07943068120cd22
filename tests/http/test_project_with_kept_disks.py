"""A client that knows of no kept disks: it deletes what it made, and then the project."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from heliostat.testing.served_cloud import Served, served_cloud

PAUSE_S = 0.02


class OldClient:
    """Asks, and polls a task until it is no longer QUEUED or STARTED: all that such clients do."""

    def __init__(self, served: Served, session: aiohttp.ClientSession) -> None:
        self._url = served.url
        self._session = session

    async def ask(self, call: str, body: Any = None) -> tuple[int, Any]:
        method, path = call.split(" ", 1)
        headers = {"Authorization": "Bearer admin"}
        async with self._session.request(
            method, self._url + path, json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def done(self, call: str, body: Any = None) -> Any:
        """The task of a change once it has completed."""
        status, task = await self.ask(call, body)
        assert status == 201, task
        return await self.completed(task)

    async def completed(self, task: Any) -> Any:
        while task["state"] in ("QUEUED", "STARTED"):
            await asyncio.sleep(PAUSE_S)
            _, task = await self.ask(f"GET /v1/tasks/{task['id']}")
        assert task["state"] == "COMPLETED", task
        return task


async def test_delete_disks_then_the_project_then_the_tenant(tmp_path: Path) -> None:
    async with served_cloud(tmp_path) as served, aiohttp.ClientSession() as session:
        client = OldClient(served, session)
        tenant_id = (await client.done("POST /v1/tenants", {"name": "acme"}))["entity"]["id"]
        made = await client.done(f"POST /v1/tenants/{tenant_id}/projects", {"name": "web"})
        project = f"/v1/projects/{made['entity']['id']}"
        cost = [{"key": "persistent-disk", "value": 1.0, "unit": "COUNT"}]
        flavor = {"name": "block", "kind": "persistent-disk", "cost": cost}
        await client.done("POST /v1/flavors", flavor)
        spec = {"name": "data", "kind": "persistent-disk", "flavor": "block", "capacityGb": 1}
        for name in ("one", "two"):
            task = await client.done(f"POST {project}/disks", {**spec, "name": name})
            disk_id = task["entity"]["id"]
            await client.done(f"DELETE /v1/disks/{disk_id}")
        assert (await client.ask(f"GET {project}/disks"))[1]["items"] == []

        status, plan = await client.ask(f"DELETE {project}?plan=true")
        assert status == 200
        assert [each["code"] for each in plan["warnings"]] == ["DeletedDisksRemoved"]
        assert {each["name"] for each in plan["items"]} == {"one", "two"}

        status, asked = await client.ask(f"DELETE {project}")
        assert (status, asked["operation"], asked["state"]) == (201, "DELETE_PROJECT", "QUEUED")
        assert asked["steps"][0]["warnings"][0]["code"] == "DeletedDisksRemoved"
        await client.completed(asked)
        assert (await client.ask(f"GET {project}"))[0] == 404
        assert (await client.ask(f"GET /v1/disks/{disk_id}"))[0] == 404
        await client.done(f"DELETE /v1/tenants/{tenant_id}")
        await served.cloud.check()
