"""Joining: what a token may say, over which TLS the secret travels, and which files result."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
import stat
import tempfile
from pathlib import Path

import pytest
from cryptography import x509

from heliostat.agent.join import join
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.join_token import decode
from heliostat.testing.authority import open_authority

with tempfile.TemporaryDirectory() as _folder:
    AUTHORITY = asyncio.run(open_authority(Path(_folder), SystemClock(), "test.local"))
CA_PEM = AUTHORITY.ca_pem
FINGERPRINT = hashlib.sha256(ssl.PEM_cert_to_DER_cert(CA_PEM)).hexdigest()


def token(**changes: str) -> str:
    body = {
        "url": "https://controller:9001",
        "ca": CA_PEM,
        "fingerprint": FINGERPRINT,
        "host": "h1",
        "secret": "s3cret",
        **changes,
    }
    return "hjt1." + base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hjt2.abc",
        "hjt1.!!!",
        token()[:-20],
        token(fingerprint="00" * 32),
        token(ca="-----BEGIN NOTHING"),
        token(url="http://controller:9001"),
    ],
)
def test_a_bad_token_is_refused(text: str) -> None:
    with pytest.raises(HeliostatError) as refused:
        decode(text)
    assert refused.value.code == "InvalidToken"


async def test_joining_keeps_a_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def http(url: str, context: ssl.SSLContext, secret: str, csr: str) -> dict[str, str]:
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert len(context.get_ca_certs()) == 1
        assert x509.load_pem_x509_csr(csr.encode()).is_signature_valid
        seen.append((url, secret))
        return {"certificate": await AUTHORITY.sign_csr(csr, host_id="h1"), "ca": CA_PEM}

    files = await join(token(), tmp_path / "agent", http)
    assert seen == [("https://controller:9001", "s3cret")]
    assert stat.S_IMODE(files.identity.stat().st_mode) == 0o600
    assert len(files.context(SystemClock().now_ms()).get_ca_certs()) == 1
    assert files.joined
    assert files.url == "https://controller:9001"


async def test_a_refused_token_leaves_no_credentials(tmp_path: Path) -> None:
    async def http(url: str, context: ssl.SSLContext, secret: str, csr: str) -> dict[str, str]:
        raise HeliostatError("InvalidToken", "The join token was used.")

    with pytest.raises(HeliostatError):
        await join(token(), tmp_path / "agent", http)
    assert not (tmp_path / "agent").exists()
