"""SPIFFE's own library for Python reads what programs on member machines are given."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from spiffe import JwtBundle, JwtSvid, TrustDomain, X509Svid
from spiffe.errors import PySpiffeError

from heliostat.core.clock import SystemClock
from heliostat.testing.members import DOMAIN, World, joined, made_world

AUDIENCE = "https://vault.example"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with made_world(SystemClock()) as made:
        yield made


async def test_spiffe_reads_what_programs_are_given(world: World) -> None:
    key = await joined(world)
    workloads = await world.directories.workloads(DOMAIN)
    found = await workloads.issue(
        key.assertion(), "backup", audience=[AUDIENCE], csr_pem=key.request(common="any")
    )
    realm = await world.directories.realms.get(DOMAIN)
    published = json.dumps(await realm.keys.jwks()).encode()
    bundle = JwtBundle.parse(TrustDomain(DOMAIN), published)
    svid = JwtSvid.parse_and_validate(found.token, bundle, {AUDIENCE})
    assert str(svid.spiffe_id) == found.spiffe_id
    with pytest.raises(PySpiffeError):
        JwtSvid.parse_and_validate(found.token, bundle, {"another"})
    private = key.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certified = X509Svid.parse(found.chain.encode(), private)
    assert str(certified.spiffe_id) == found.spiffe_id
    assert isinstance(certified.leaf, x509.Certificate)
