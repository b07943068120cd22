"""The certificate authority, checked by openssl and by real TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from heliostat.cloudstore.memory import MemoryStore
from heliostat.core.clock import SystemClock
from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.identity.authority.host_names import host_id_of
from heliostat.identity.authority.issuer import Authority, needs_renewal
from heliostat.identity.authority.tls import (
    agent_ssl_context,
    keep_renewed,
    renew,
    server_ssl_context,
)
from heliostat.testing.authority import open_authority
from heliostat.testing.clock import VirtualClock
from heliostat.testing.legacy_authority import legacy_authority
from heliostat.testing.signin import signing_request

HOST = "7f9c2ba4-e88f-4827-a0d6-2b1a8f8f8f01"
NAMES = ("localhost", "site.test", "127.0.0.1", "::1")


@pytest.fixture
async def authority(tmp_path: Path) -> Authority:
    return await open_authority(tmp_path / "ca", SystemClock())


async def agent_files(authority: Authority, folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, key_path = folder / "agent.pem", folder / "agent.key"
    certificate.write_text(await authority.sign_csr(signing_request(key), host_id=HOST))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key_path


async def test_openssl_accepts_what_was_issued(authority: Authority, tmp_path: Path) -> None:
    root = tmp_path / "ca" / "ca.pem"
    server = await authority.issue_server(NAMES)
    agent, _ = await agent_files(authority, tmp_path)
    for name in ("localhost", "site.test"):
        verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver"]
        trusted = ["-CAfile", str(root), "-untrusted", str(server.chain)]
        run([*verify, "-verify_hostname", name, *trusted, str(server.chain)], timeout_s=20)
    ip = [
        "openssl",
        "verify",
        "-verify_ip",
        "127.0.0.1",
        "-CAfile",
        str(root),
        "-untrusted",
        str(server.chain),
        str(server.chain),
    ]
    run(ip, timeout_s=20)
    purpose = [
        "openssl",
        "verify",
        "-x509_strict",
        "-CAfile",
        str(root),
        "-untrusted",
        str(server.chain),
        "-purpose",
    ]
    run([*purpose, "sslclient", str(agent)], timeout_s=20)
    for kind, file in (("sslserver", agent), ("sslclient", server.chain)):
        with pytest.raises(CommandFailed):
            run([*purpose, kind, str(file)], timeout_s=20)


async def test_keys_are_private_and_the_root_stays(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "ca"
    files = await authority.issue_server(NAMES)
    for key in (folder / "ca.key", files.key):
        assert key.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    again = await open_authority(folder, SystemClock())
    assert (again.fingerprint, again.ca_pem) == (authority.fingerprint, authority.ca_pem)
    printed = run(
        ["openssl", "x509", "-in", str(folder / "ca.pem"), "-noout", "-fingerprint", "-sha256"],
        timeout_s=20,
    ).stdout
    assert printed.strip().partition("=")[2].replace(":", "").lower() == authority.fingerprint


async def test_a_server_certificate_is_kept_until_names_or_time_change_it(tmp_path: Path) -> None:
    clock = VirtualClock()
    authority = await open_authority(tmp_path, clock)
    first = (await authority.issue_server(NAMES)).chain.read_bytes()
    assert (await authority.issue_server(NAMES)).chain.read_bytes() == first
    second = (await authority.issue_server((*NAMES, "more.test"))).chain.read_bytes()
    assert second != first
    clock._elapsed_s += 61 * 86_400
    third = (await authority.issue_server((*NAMES, "more.test"))).chain.read_bytes()
    assert third != second
    assert needs_renewal(second.decode(), clock)
    assert not needs_renewal(third.decode(), clock)
    (tmp_path / "server.pem").write_text("damaged")
    assert (await authority.issue_server((*NAMES, "more.test"))).chain.read_bytes() != third


@pytest.mark.parametrize("name", ["", "a b", "*", "-a", "caf\u00e9.test", "a..b", "x" * 64])
async def test_what_can_be_no_name_is_refused(authority: Authority, name: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        await authority.issue_server(["localhost", name])
    assert caught.value.code == "InvalidSetting"


async def test_a_renewed_certificate_serves_without_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock(time.time_ns() // 1_000_000 - 70 * 86_400_000)
    authority = await open_authority(tmp_path, clock)
    files = await authority.issue_server(NAMES)
    server = server_ssl_context(files)
    client = ssl.create_default_context(cadata=authority.ca_pem)
    old = files.chain.read_bytes()
    await renew(authority, NAMES, [server])
    assert files.chain.read_bytes() == old
    clock._elapsed_s += 70 * 86_400
    await renew(authority, NAMES, [server])
    assert files.chain.read_bytes() != old
    assert await handshake(server, client) is None


async def test_the_server_renews_by_itself_before_a_third_of_the_life_is_left(
    tmp_path: Path,
) -> None:
    clock = VirtualClock(time.time_ns() // 1_000_000 - 71 * 86_400_000)
    authority = await open_authority(tmp_path, clock)
    files = await authority.issue_server(NAMES)
    server = server_ssl_context(files)
    old = files.chain.read_bytes()
    keeping = asyncio.create_task(keep_renewed(authority, NAMES, [server]))
    await clock.advance(600)
    assert files.chain.read_bytes() == old
    clock._elapsed_s += 70 * 86_400
    await clock.advance(600)
    assert files.chain.read_bytes() != old
    assert await handshake(server, ssl.create_default_context(cadata=authority.ca_pem)) is None
    keeping.cancel()


async def test_a_damaged_or_mixed_up_authority_refuses_to_start(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        legacy_authority(tmp_path / name)
    (tmp_path / "a" / "ca.pem").write_bytes((tmp_path / "b" / "ca.pem").read_bytes())
    (tmp_path / "b" / "ca.pem").write_text("nothing")
    (tmp_path / "c" / "ca.key").unlink()
    for name in ("a", "b", "c"):
        with pytest.raises(HeliostatError) as caught:
            await open_authority(tmp_path / name, SystemClock())
        assert caught.value.code == "CertificateInvalid"


async def test_the_folder_of_before_is_imported_and_its_key_sealed(tmp_path: Path) -> None:
    folder, clock = tmp_path / "ca", SystemClock()
    root, store = legacy_authority(folder), MemoryStore(clock)
    authority = await open_authority(folder, clock, store=store)
    assert authority.fingerprint == root.fingerprint(hashes.SHA256()).hex()
    assert b"PRIVATE KEY" not in (folder / "ca.key").read_bytes()
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    leaf = x509.load_pem_x509_certificate((await authority.issue_server(NAMES)).chain.read_bytes())
    leaf.verify_directly_issued_by(root)
    lost = await open_authority(folder, clock)  # on a store that knows nothing of it
    assert lost.fingerprint == authority.fingerprint
    (folder / "seal.key").write_bytes(b"x" * 32)
    with pytest.raises(HeliostatError) as caught:
        await open_authority(folder, clock)
    assert caught.value.code == "SealBroken"


async def test_the_authority_says_whom_a_certificate_is_for(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = await authority.sign_csr(signing_request(key, "administrator"), host_id=HOST)
    leaf = x509.load_pem_x509_certificate(pem.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [name.value for name in names] == [f"heliostat:host:{HOST}"]
    assert leaf.subject.rfc4514_string() == f"CN={HOST}"
    assert leaf.public_key() == key.public_key()


async def test_bad_signing_requests_are_refused(authority: Authority) -> None:
    good = signing_request(ec.generate_private_key(ec.SECP256R1()))
    lines = good.splitlines()
    lines[-2] = lines[-2][:8] + ("AAAA" if lines[-2][8:12] != "AAAA" else "BBBB") + lines[-2][12:]
    for wrong in (
        "",
        "nothing",
        "\n".join(lines),
        signing_request(ec.generate_private_key(ec.SECP384R1())),
        signing_request(rsa.generate_private_key(65537, 2048)),
    ):
        with pytest.raises(HeliostatError) as caught:
            await authority.sign_csr(wrong, host_id=HOST)
        assert caught.value.code == "InvalidEntity"


async def handshake(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str = "localhost"
) -> str | None:
    """The host that the server sees behind a client; raises as the handshake does."""
    seen: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(host_id_of(writer.get_extra_info("peercert")))
        writer.write(b"x")
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server, family=socket.AF_INET)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname=name
        )
        try:
            async with asyncio.timeout(20):
                await reader.readexactly(1)
                return await seen
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_agents_show_their_host_and_joiners_none(
    authority: Authority, tmp_path: Path
) -> None:
    server = agent_ssl_context(await authority.issue_server(NAMES), authority.gate_pem)
    client = ssl.create_default_context(cadata=authority.ca_pem)
    assert await handshake(server, client) is None
    client.load_cert_chain(*await agent_files(authority, tmp_path))
    assert await handshake(server, client) == HOST


async def test_strangers_certificates_do_not_pass(authority: Authority, tmp_path: Path) -> None:
    server = agent_ssl_context(await authority.issue_server(NAMES), authority.gate_pem)
    stranger = await open_authority(tmp_path / "other", SystemClock())
    client = ssl.create_default_context(cadata=authority.ca_pem)
    client.load_cert_chain(*await agent_files(stranger, tmp_path))
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await handshake(server, client)
    distrustful = ssl.create_default_context(cadata=stranger.ca_pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server, distrustful)


async def test_the_public_server_is_known_by_its_names_only(authority: Authority) -> None:
    server = server_ssl_context(await authority.issue_server(NAMES))
    client = ssl.create_default_context(cadata=authority.ca_pem)
    for name in NAMES[:3]:
        assert await handshake(server, client, name) is None
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server, client, "elsewhere.test")


async def test_a_host_is_read_from_one_proper_name_only() -> None:
    one = ("URI", f"heliostat:host:{HOST}")
    for names, expected in (
        ((one,), HOST),
        ((("DNS", f"heliostat:host:{HOST}"),), None),
        ((("URI", "https://x"),), None),
        ((one, one), None),
        ("text", None),
    ):
        assert host_id_of({"subjectAltName": names}) == expected
    assert host_id_of({}) is None
    assert host_id_of(None) is None
