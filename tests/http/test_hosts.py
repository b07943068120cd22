"""Hosts, zones and datastores over HTTP: filters, and what a zone's life looks like."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from heliostat.testing.site import Site

ADMIN = {"Authorization": "Bearer admin"}
HOSTS = "/v1/infrastructure/hosts"


async def _get(session: aiohttp.ClientSession, site: Site, path: str) -> Any:
    async with session.get(site.base + path, headers=ADMIN) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("state=READY", {"host"}),
        ("state=LOST", set()),
        ("usageTag=MGMT", set()),
        ("usageTag=CLOUD&state=SUSPENDED", {"host-suspended"}),
        ("address=10.1.0.3", {"host-maintenance"}),
        ("zone=nowhere", set()),
    ],
)
async def test_hosts_are_filtered(
    site: Site, session: aiohttp.ClientSession, query: str, names: set[str]
) -> None:
    found = await _get(session, site, f"{HOSTS}?{query}")
    assert {each["id"] for each in found["items"]} == {site.ids[name] for name in names}


async def test_a_zone_by_its_id_or_its_name(site: Site, session: aiohttp.ClientSession) -> None:
    for number, zone in enumerate((site.ids["zone"], "zone")):
        spec = {"address": f"10.2.0.{number}", "usageTags": ["MGMT"], "availabilityZone": zone}
        async with session.post(site.base + HOSTS, json=spec, headers=ADMIN) as answer:
            assert answer.status == 201, await answer.text()
    found = await _get(session, site, f"{HOSTS}?zone={site.ids['zone']}&usageTag=MGMT")
    assert len(found["items"]) == 2


async def test_datastores_by_name_and_by_host(site: Site, session: aiohttp.ClientSession) -> None:
    base = "/v1/infrastructure/datastores"
    (found,) = (await _get(session, site, f"{base}?name=local-1"))["items"]
    assert found["id"] == site.ids["datastore"]
    assert found["hosts"][0]["hostId"] == site.ids["host"]
    assert len((await _get(session, site, base))["items"]) == 3
    assert (await _get(session, site, f"{base}?hostId={site.ids['host-new']}"))["items"] == []
