"""``identity.certificates``: certificates from signing requests (P-256), by policy, recorded.

In the process of the authority, on a store on disk: each request is read and its signature
checked, the policy decides, the intermediate signs, and the certificate is durable before it is
answered; 32 ask at once, for names and keys of their own.  The figure is certificates a second of
processor time, all threads counted.  Beside it the same library builds and signs the same
certificates and does nothing else.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.record import record
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.cloudstore.sqlite import SqliteStore
from heliostat.core.clock import SystemClock
from heliostat.core.ids import SystemIds
from heliostat.identity.authority.authorities import TenantAuthority
from heliostat.identity.authority.certificates import pointers_to
from heliostat.identity.authority.policy import Asker
from heliostat.identity.options import IdentityOptions
from heliostat.identity.site import Identity
from heliostat.testing.certificates import request

FLOOR, GOAL = 300, 1_000
CERTIFICATES, AT_ONCE, ROUNDS = 2_000, 32, 3
DOMAIN = "heliostat.local"


def measure() -> None:
    with TemporaryDirectory(prefix="identity-bench-") as name:
        ours = asyncio.run(_measured(Path(name)))
    peers = [_alone() for _ in range(ROUNDS)]
    record(
        "identity.certificates",
        statistics.median(ours),
        "certificates/s and core",
        floor=FLOOR,
        goal=GOAL,
        better="higher",
        samples=ours,
        peer="cryptography alone",
        peer_value=statistics.median(peers),
    )


async def _measured(folder: Path) -> list[float]:
    store = await SqliteStore.open(folder / "store.db", SystemClock())
    identity = Identity(
        store, SystemClock(), SystemIds(), IdentityOptions(), authority_folder=folder / "ca"
    )
    await identity.start()
    authority = identity.authorities.system
    await authority.issuers.current()
    figures = [await _round(authority, number) for number in range(ROUNDS)]
    identity.close()
    await store.close()
    return figures


async def _round(authority: TenantAuthority, number: int) -> float:
    """Certificates for each second of processor time."""
    asker = Asker(f"administrator@{DOMAIN}", "administrator", administers=True)
    waiting = [request(f"n{each}.r{number}.{DOMAIN}") for each in range(CERTIFICATES)]
    began_cpu_s, began_s = time.process_time(), time.perf_counter()

    async def ask() -> None:
        while waiting:
            await authority.certificates.issue(waiting.pop(), asker)

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    spent_s, took_s = time.process_time() - began_cpu_s, time.perf_counter() - began_s
    print(
        f"  {CERTIFICATES / took_s:.0f} certificates/s, {spent_s / CERTIFICATES * 1e6:.0f} us of "
        "the processor each",
        flush=True,
    )
    return CERTIFICATES / spent_s


def _alone() -> float:
    """The same certificates, signed and forgotten."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    extensions = pointers_to("https://localhost:9000", "system", "0" * 16, ocsp=True)
    texts = [request(f"n{each}.{DOMAIN}") for each in range(CERTIFICATES)]
    now = datetime.now(UTC)
    began_s = time.process_time()
    for text in texts:
        asked = x509.load_pem_x509_csr(text.encode())
        assert asked.is_signature_valid
        builder = (
            x509.CertificateBuilder(name, name, asked.public_key(), x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=90))
            .add_extension(own, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        for each in (*asked.extensions, *extensions):
            value = each.value if isinstance(each, x509.Extension) else each
            builder = builder.add_extension(value, critical=False)
        builder.sign(key, hashes.SHA256())
    return CERTIFICATES / (time.process_time() - began_s)
