"""Many VMs and disks by one command, against a whole small cloud."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from heliostat.cli.main import run
from heliostat.controller.workflows import reading
from heliostat.testing.served_cloud import Served


async def test_ten_for_a_pipeline_and_gone_by_their_label(
    served: Served, tmp_path: Path, capsys: Any
) -> None:
    async def helio(*argv: str, code: int = 0) -> str:
        capsys.readouterr()
        ended = await asyncio.wait_for(asyncio.to_thread(run, argv), 60)
        shown = capsys.readouterr()
        assert ended == code, shown.err
        return str(shown.out + shown.err)

    (tmp_path / "disk.raw").write_bytes(b"content")
    await helio("image", "upload", str(tmp_path / "disk.raw"), "--name", "base")
    await helio("tenant", "create", "acme", "--limits", "vm.cpu 4 COUNT")
    await helio("project", "create", "ci", "--tenant", "acme", "--limits", "vm.cpu 4 COUNT")
    await helio("project", "use", "ci", "--tenant", "acme")
    create = ("vm", "create", "--count", "4", "--flavor", "tiny", "--image", "base")
    assert "{n}" in await helio(*create, "runner", code=2)
    planned = await helio(*create, "run-{n:02}", "--label", "job=ci", "--plan")
    assert "4 items: run-01, run-02, run-03, run-04" in planned
    created = await helio(*create, "run-{n:02}", "--label", "job=ci", "--start")
    assert "BULK_CREATE_VMS completed" in created
    assert "BULK_CREATE_VMS: AWAIT_VMS completed 4 of 4" in created
    assert "does not allow this" in await helio(*create, "more-{n}", code=1)
    listed = await helio("vm", "list", "-l", "job=ci")
    assert listed.count("STARTED") == 4
    assert "is STARTED" in await helio("vm", "delete", "-l", "job=ci", "--yes", code=1)
    for name in ("run-01", "run-02", "run-03", "run-04"):
        await helio("vm", "stop", name)
    assert "--yes" in await helio("vm", "delete", "-l", "job=ci", code=2)
    assert "BULK_DELETE_VMS completed" in await helio("vm", "delete", "-l", "job=ci", "--yes")
    assert await helio("vm", "list") == "No VMs.\n"
    await helio("disk", "create", "--count", "2", "d-{n}", "--size", "1", "--flavor", "persistent")
    (tenant,) = await reading.tenants(served.cloud.store, name="acme")
    (project,) = await reading.projects(served.cloud.store, tenant.id)
    assert len(await reading.disks(served.cloud.store, project.id)) == 2
    await served.cloud.check()


async def test_a_project_goes_with_the_disks_it_keeps(served: Served, capsys: Any) -> None:
    async def helio(*argv: str, code: int = 0) -> str:
        capsys.readouterr()
        ended = await asyncio.wait_for(asyncio.to_thread(run, argv), 60)
        shown = capsys.readouterr()
        assert ended == code, shown.err
        return str(shown.out + shown.err)

    await helio("tenant", "create", "acme")
    await helio("project", "create", "ci", "--tenant", "acme")
    await helio("project", "use", "ci", "--tenant", "acme")
    await helio("disk", "create", "data", "--size", "1", "--flavor", "persistent")
    assert "still has 1 disk" in await helio("project", "delete", "ci", code=1)
    await helio("disk", "delete", "data")
    assert "can't be restored any more" in await helio("project", "delete", "ci", "--plan")
    gone = await helio("project", "delete", "ci")
    assert "Warning: 1 disk kept after deletion can't be restored any more" in gone
    assert "DELETE_PROJECT completed" in gone
    await served.cloud.check()
