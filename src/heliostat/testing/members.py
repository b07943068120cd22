"""A tenant with machines for tests, and machines' own keys."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.clock import Clock
from heliostat.core.ids import SeededIds
from heliostat.core.join_token import MachineToken, decode_machine
from heliostat.identity.directories import Directories
from heliostat.identity.machines.machines import Machines
from heliostat.identity.options import IdentityOptions
from heliostat.identity.passwords.options import HashCost
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.verify import Verifier
from heliostat.testing.clock import VirtualClock

DOMAIN = "acme.example"
NAME = "web-1"
OPTIONS = IdentityOptions(hashing=HashCost(memory_kib=64, passes=1))


@dataclass
class World:
    clock: VirtualClock
    store: MemoryStore
    directories: Directories
    machines: Machines
    verifier: Verifier

    async def invited(self, name: str = NAME) -> MachineToken:
        return decode_machine((await self.machines.invite(name)).token)


@asynccontextmanager
async def made_world(
    clock: Clock | None = None, options: IdentityOptions = OPTIONS
) -> AsyncIterator[World]:
    """A tenant's directory, and its machines; ``clock``: another than the world's own."""
    own = VirtualClock()
    clock = clock or own
    store = MemoryStore(clock)
    directories = Directories(store, clock, SeededIds(3), options)
    await directories.tenants.create_tenant(DOMAIN)
    machines = await directories.machines(DOMAIN)
    yield World(own, store, directories, machines, Verifier(directories.realms, clock))
    directories.close()
    await store.close()


class Key:
    """A machine's key, as the machine itself has it."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.chain = ""

    def request(self, *names: str, common: str = f"{NAME}.{DOMAIN}") -> str:
        return request_for(self.key, common, *names)

    def assertion(self, **changes: object) -> str:
        own = x509.load_pem_x509_certificate(self.chain.encode())
        der = own.public_bytes(serialization.Encoding.DER)
        header = {"alg": Algorithm.ES256, "x5c": [base64.b64encode(der).decode()]}
        now_s = int(own.not_valid_before_utc.timestamp()) + 300
        claims = {
            "iss": NAME,
            "sub": NAME,
            "aud": f"https://localhost:9000/openidconnect/{DOMAIN}",
            "iat": now_s,
            "exp": now_s + 60,
            "jti": "0123456789",
        }
        return jose.signed(jose.segment(header), {**claims, **changes}, self.key)


def request_for(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, common: str, *names: str
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    signed = builder.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


async def joined(world: World) -> Key:
    key = Key()
    told = await world.machines.join((await world.invited()).secret, key.request(), "Debian")
    key.chain = told.chain
    return key
