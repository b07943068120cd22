"""An administrator looks through a directory elsewhere: a real slapd, the API, the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heliostat.testing.readable import LDIF
from heliostat.testing.served_cloud import Served
from heliostat.testing.small_slapd import BASE, MANAGER, MANAGER_PASSWORD, SmallSlapd, running


@pytest.fixture
def slapd(tmp_path: Path) -> Iterator[SmallSlapd]:
    with running(tmp_path / "slapd", LDIF) as made:
        yield made


async def test_people_and_groups_of_a_source(
    helio: Any, served: Served, slapd: SmallSlapd, tmp_path: Path
) -> None:
    del served
    (tmp_path / "roots.pem").write_text(slapd.roots_pem)
    (tmp_path / "password").write_text(MANAGER_PASSWORD)

    async def run(*argv: str) -> Any:
        return await asyncio.to_thread(helio, "identity", *argv)

    settings = (
        "--type", "ldap", "--url", slapd.tls_url, "--roots", str(tmp_path / "roots.pem"),
        "--alias", "CORP", "--bind-dn", MANAGER, "--people-base", BASE,
        "--bind-password-file", str(tmp_path / "password"),
    )  # fmt: skip
    assert (await run("source", "create", "corp.example", *settings)).code == 0
    people = (await run("source", "people", "CORP")).out.splitlines()
    assert [line.split()[1] for line in people[1:]] == ["ada", "alan", "grace"]
    groups = (await run("source", "groups", "corp.example", "(cn=in*)", "-o", "json")).json
    assert [each["dn"] for each in groups] == [f"cn=Inner,ou=groups,{BASE}"]
    found = (await run("search", "--source", "corp.example", "(mail=ada*)", "-o", "json")).json
    (ada,) = found
    assert ada["attributes"]["mail"] == ["Ada@acme.example"]
    assert "memberOf" not in ada["attributes"]
    found = await run("search", "--source", "CORP", "uid=ada", "--groups", "-o", "json")
    (ada,) = found.json
    assert len(ada["attributes"]["memberOf"]) == 2
    lying = await run("search", "--source", "CORP", "--base", "engineering", "--kind", "computer")
    assert lying.out.splitlines()[1].split()[:2] == ["computer", "web02"]
    assert "Nothing matches." in (await run("search", "--source", "CORP", "uid=nobody")).err
    for argv, code in (
        (("--source", "nowhere.example"), "SourceNotFound"),
        (("--source", "CORP", "(uid=ada"), "InvalidFilter"),
        (("--source", "CORP", "--base", "nowhere"), "UnitNotFound"),
    ):
        assert (await run("search", *argv, "-o", "json")).error["code"] == code
    await asyncio.to_thread(slapd.stop)
    refused = (await run("search", "--source", "CORP", "-o", "json")).error
    assert refused["code"] == "SourceUnavailable"
    assert "connection refused" in refused["message"]
