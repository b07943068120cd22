"""A sign-in for tests: a real ``Identity`` on a memory store, with hashes made cheap.

``IdentityKit`` gives the parts; time is virtual, ids come from a seed, and the
passwords below are accepted by the policy.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.errors import HeliostatError
from heliostat.core.ids import SeededIds
from heliostat.identity.clients.settings import API_SCOPES
from heliostat.identity.kinds import kinds_of
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.identity.reach.options import ReachOptions
from heliostat.identity.site import Identity
from heliostat.identity.tokens.token_messages import TokenAnswer, TokenRequest
from heliostat.testing.clock import VirtualClock
from heliostat.wire.oidc_clients import OidcClientSettings

CHEAP = HashCost(memory_kib=64, passes=1, lanes=1, concurrency=2, queue=64)
LOOPBACK = ReachOptions(allowed=("127.0.0.0/8", "::1"))
"""Tests' servers are on the loopback address, which tenants do not reach otherwise."""
OPTIONS = IdentityOptions(base_url="https://site.test:9000", hashing=CHEAP, reach=LOOPBACK)
KINDS = kinds_of(SYSTEM_TENANT)
SCOPE = "openid offline_access rs_esxcloud at_groups"
FOR_THE_API = OidcClientSettings(scopes=[*API_SCOPES])
"""A client that may ask for all that the API understands."""
PASSWORD = "correct horse battery"  # noqa: S105 - for tests
OTHER_PASSWORD = "quite another staple"  # noqa: S105 - for tests


@dataclass(frozen=True, slots=True)
class IdentityKit:
    """A started sign-in and the seams below it; ``admin_password`` was shown at the start."""

    identity: Identity
    store: MemoryStore
    clock: VirtualClock
    ids: SeededIds
    admin_password: str

    def restarted(self, folder: Path, **changes: object) -> Identity:
        """Another controller on the same store; ``changes`` to its options."""
        options = replace(self.identity.options, **changes)  # type: ignore[arg-type]
        return Identity(self.store, self.clock, self.ids, options, authority_folder=folder)


async def start_identity(
    folder: Path, options: IdentityOptions = OPTIONS, start_ms: int | None = None
) -> IdentityKit:
    """A sign-in that has just had its first start; its CA lies in ``folder``."""
    clock = VirtualClock() if start_ms is None else VirtualClock(start_ms)
    store, ids = MemoryStore(clock), SeededIds(1)
    identity = Identity(
        store, clock, ids, options, authority_folder=folder, agent_url="https://site.test:9001"
    )
    password = await identity.start()
    assert password is not None
    return IdentityKit(identity, store, clock, ids, password)


async def ask(kit: IdentityKit, **fields: str) -> TokenAnswer:
    """What the token endpoint answers to these fields."""
    return await kit.identity.grants.answer(TokenRequest(**fields))


async def sign_in(kit: IdentityKit, client: str = "", **fields: str) -> TokenAnswer:
    """Sign the administrator in as existing command lines do; ``fields`` change the form."""
    asked = {
        "grant_type": "password",
        "username": f"administrator@{kit.identity.options.domain}",
        "password": kit.admin_password,
        "scope": SCOPE,
        "client_id": client,
        **fields,
    }
    return await ask(kit, **asked)


async def refresh(kit: IdentityKit, token: str, client: str = "", scope: str = "") -> TokenAnswer:
    """Use a refresh token."""
    return await ask(
        kit, grant_type="refresh_token", refresh_token=token, client_id=client, scope=scope
    )


async def code_of(attempt: Awaitable[object]) -> str:
    """The code of the error that ``attempt`` ends with (empty if it succeeds)."""
    try:
        await attempt
    except HeliostatError as error:
        return error.code
    return ""


def signing_request(key: CertificateIssuerPrivateKeyTypes, host: str = "other") -> str:
    """A PEM request that claims to be for ``host``, signed by ``key``."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    claimed = x509.UniformResourceIdentifier(f"heliostat:host:{host}")
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName([claimed]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM).decode()


def new_key_pair() -> tuple[str, str]:
    """A P-256 key as PEM: private half, public half."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
