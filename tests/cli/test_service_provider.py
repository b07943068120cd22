"""Service providers and SAML providers on the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from heliostat.testing.saml import TestProvider, pair_of, pem
from heliostat.testing.served_cloud import Served

MINE = ("identity", "service-provider")


async def test_service_providers_are_registered_changed_and_forgotten(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, *argv)

    certificate = tmp_path / "sp.pem"
    certificate.write_text(pem(pair_of("sp")))
    fields = ("--entity-id", "urn:crm", "--acs-url", "https://crm.test/acs")
    planned = await run(*MINE, "create", "crm", *fields, "--plan")
    assert planned.code == 0, planned.err
    made = await run(*MINE, "create", "crm", *fields, "--attribute", "mail", "--group", "Sales")
    assert made.out == "Service provider crm is registered.\n"
    assert "/websso/SAML2/Metadata/heliostat.local" in made.err
    rows = (await run(*MINE, "list")).out.splitlines()
    assert rows[1].split() == ["crm", "urn:crm", "persistent", "mail", "Sales"]
    changes = ("--certificate", str(certificate), "--encrypt", "--group", "everybody")
    assert (await run(*MINE, "update", "crm", *changes)).code == 0
    shown = (await run(*MINE, "show", "crm", "-o", "json")).json
    assert (shown["encrypt"], shown["allowedGroups"], len(shown["fingerprints"])) == (True, [], 1)
    assert "Say what to change" in (await run(*MINE, "update", "crm")).err
    assert "it signs from" in (await run(*MINE, "replace-key")).out
    assert (await run(*MINE, "delete", "crm")).code == 0
    assert (await run(*MINE, "show", "crm")).code != 0


async def test_a_saml_provider_is_registered_by_its_metadata(
    helio: Any, served: Served, tmp_path: Path
) -> None:
    del served

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, *argv)

    metadata = tmp_path / "corp.xml"
    metadata.write_text(TestProvider().metadata())
    made = await run("identity", "provider", "create", "corp", "--metadata", str(metadata))
    assert made.code == 0, made.err
    shown = (await run("identity", "provider", "show", "corp", "-o", "json")).json
    assert (shown["type"], shown["issuer"]) == ("saml", TestProvider().entity_id)
    assert shown["redirectUri"].endswith("/websso/SAML2/Metadata/heliostat.local")
    assert (await run("identity", "provider", "probe", "corp")).code == 0
