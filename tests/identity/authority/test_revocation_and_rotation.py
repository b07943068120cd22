"""Lists, OCSP and another root, judged by openssl; the site stands on a memory store."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.identity.authority import bodies
from heliostat.identity.authority.authorities import TenantAuthority
from heliostat.identity.authority.certificates import builder, common_name, key_usage, pem
from heliostat.identity.authority.moves import Move, Snapshot, advice
from heliostat.identity.authority.policy import Asker
from heliostat.identity.authority.publication import Publication
from heliostat.identity.authority.records import HOST_TRUST, ROOTS, RootState
from heliostat.identity.authority.revocation_lists import root_crl
from heliostat.identity.authority.roots import moment
from heliostat.identity.authority.rotation import Rotation
from heliostat.testing.authority import open_authorities
from heliostat.testing.certificates import request
from heliostat.testing.clock import VirtualClock
from heliostat.testing.legacy_authority import legacy_authority
from heliostat.testing.signin import OPTIONS, IdentityKit, signing_request, start_identity
from heliostat.testing.slapds import free_port

DOMAIN = "acme.example"
ADMIN = Asker(f"administrator@{DOMAIN}", "administrator", administers=True)
DAY_MS = 86_400_000


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[IdentityKit, TenantAuthority]]:
    """At the machine's own time, for openssl; published over plain HTTP."""
    port = free_port()
    told = dataclasses.replace(OPTIONS.authority, base_url=f"http://127.0.0.1:{port}")
    options = dataclasses.replace(OPTIONS, authority=told)
    kit = await start_identity(tmp_path / "authority", options, time.time_ns() // 1_000_000)
    await kit.identity.tenants.create_tenant(DOMAIN)
    app = web.Application()
    app.add_routes(Publication(kit.identity.directories).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield kit, await kit.identity.directories.authority(DOMAIN)
    await runner.cleanup()
    kit.identity.close()


async def openssl(*arguments: str | Path) -> str:
    argv = ["openssl", *map(str, arguments)]
    done = await asyncio.to_thread(run, argv, timeout_s=20)
    return done.stdout + done.stderr


async def issued(authority: TenantAuthority, folder: Path, name: str) -> tuple[str, Path]:
    """Serial number and file of a new certificate; the file beside it has its chain."""
    made = await authority.certificates.issue(request(name), ADMIN)
    assert made.record is not None
    path = folder / f"{name}.pem"
    path.write_bytes(pem(x509.load_der_x509_certificate(made.record.der)))
    path.with_suffix(".chain").write_text(made.chain_pem)
    return made.record.id, path


async def test_openssl_believes_lists_and_ocsp(
    site: tuple[IdentityKit, TenantAuthority], tmp_path: Path
) -> None:
    kit, authority = site
    root = tmp_path / "authority" / "ca.pem"
    good, good_path = await issued(authority, tmp_path, f"good.{DOMAIN}")
    bad, bad_path = await issued(authority, tmp_path, f"bad.{DOMAIN}")
    first = await authority.revocation.crl()
    assert first is not None
    assert await authority.revocation.crl() == first  # kept
    await authority.certificates.revoke(bad, "keyCompromise", ADMIN)
    assert (await authority.certificates.revoke(bad, "superseded", ADMIN)).reason == "keyCompromise"
    leaf = x509.load_pem_x509_certificate(good_path.read_bytes())
    (point,) = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    async with aiohttp.ClientSession() as session, session.get(point.full_name[0].value) as answer:
        listed = x509.load_der_x509_crl(await answer.read())
    number = listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert number == first.number + 1
    assert [f"{each.serial_number:032x}" for each in listed] == [bad]
    crl = tmp_path / "crl.pem"
    crl.write_bytes(listed.public_bytes(Encoding.PEM))
    verify: list[str | Path] = [
        "verify",
        "-x509_strict",
        "-crl_check",
        "-CRLfile",
        crl,
        "-CAfile",
        root,
    ]
    chain = good_path.with_suffix(".chain")
    await openssl(*verify, "-untrusted", chain, good_path)
    with pytest.raises(CommandFailed, match="verification failed"):
        await openssl(*verify, "-untrusted", chain, bad_path)
    places = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    url = places[0].access_location.value
    ask = ["ocsp", "-issuer", chain, "-url", url, "-CAfile", root]
    said = await openssl(*ask, "-cert", good_path)
    assert "Response verify OK" in said
    assert ": good" in said
    said = await openssl(*ask, "-sha256", "-cert", bad_path)
    assert ": revoked" in said
    assert "keyCompromise" in said
    assert "unknown" in await openssl(*ask, "-serial", "0x1234")
    assert good != bad
    del kit


async def test_ocsp_answers_nonces_get_and_nonsense(
    site: tuple[IdentityKit, TenantAuthority], tmp_path: Path
) -> None:
    _, authority = site
    _, path = await issued(authority, tmp_path, f"www.{DOMAIN}")
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    issuer = await authority.issuers.current()
    build = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer.certificate, hashes.SHA256())
    for nonce, status in ((b"n" * 32, "SUCCESSFUL"), (b"n" * 33, "MALFORMED_REQUEST")):
        raw = build.add_extension(x509.OCSPNonce(nonce), critical=False).build()
        told = ocsp.load_der_ocsp_response(
            await authority.revocation.answer(issuer.id, raw.public_bytes(Encoding.DER))
        )
        assert told.response_status.name == status
        if status == "SUCCESSFUL":
            assert told.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce
            (signer,) = told.certificates
            signer.verify_directly_issued_by(issuer.certificate)
            signer.extensions.get_extension_for_class(x509.OCSPNoCheck)
    for raw_, status in (
        (b"", "MALFORMED_REQUEST"),
        (b"x" * 5000, "MALFORMED_REQUEST"),
        (b"\x30\x03\x0a\x01\x00", "MALFORMED_REQUEST"),
        (_with_two_nonces(build.build()), "MALFORMED_REQUEST"),
    ):
        told = ocsp.load_der_ocsp_response(await authority.revocation.answer(issuer.id, raw_))
        assert told.response_status.name == status
    strange = await authority.revocation.answer("0" * 16, build.build().public_bytes(Encoding.DER))
    assert ocsp.load_der_ocsp_response(strange).response_status.name == "UNAUTHORIZED"


def _with_two_nonces(asked: ocsp.OCSPRequest) -> bytes:
    """As no library writes it."""
    whole = asked.public_bytes(Encoding.DER)
    wanted = _content(_content(whole))
    nonce = _der(0x30, bytes.fromhex("06092b0601050507300102") + _der(4, _der(4, b"n")))
    return _der(0x30, _der(0x30, wanted + _der(0xA2, _der(0x30, nonce + nonce))))


def _der(tag: int, content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 128 else bytes([0x81, len(content)])
    return bytes([tag]) + length + content


def _content(der: bytes) -> bytes:
    return der[3:] if der[1] == 0x81 else der[2:]


async def test_ocsp_requests_may_come_in_pieces_but_not_for_ever(
    site: tuple[IdentityKit, TenantAuthority], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, authority = site
    _, path = await issued(authority, tmp_path, f"www.{DOMAIN}")
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    issuer = await authority.issuers.current()
    build = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer.certificate, hashes.SHA256())
    raw = build.build().public_bytes(Encoding.DER)
    places = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    url = places[0].access_location.value

    async def pieces(pause_s: float) -> AsyncIterator[bytes]:
        yield raw[:20]
        await asyncio.sleep(pause_s)  # so that it is a packet of its own
        yield raw[20:]

    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=pieces(0.02)) as answer:
            told = ocsp.load_der_ocsp_response(await answer.read())
        assert told.response_status.name == "SUCCESSFUL"
        monkeypatch.setattr(bodies, "TIMEOUT_S", 0.05)
        async with session.post(url, data=pieces(5)) as answer:
            assert answer.status == 400


def test_each_state_of_a_rotation_has_its_move_and_sentence() -> None:
    for world, move, reason in (
        (Snapshot(), Move.BEGIN, "one root signs"),
        (Snapshot(requested="r"), Move.INSTALL, "waits for a certificate"),
        (Snapshot(next="n", hosts=3, hosts_told=2), Move.WAIT, "2 of 3 hosts trust"),
        (Snapshot(next="n", hosts=3, hosts_told=3), Move.SWITCH, "have people"),
        (Snapshot(retiring="o", hosts=2, hosts_renewed=1), Move.DRAIN, "1 of 2 hosts renewed"),
        (Snapshot(retiring="o", under_old=4), Move.DRAIN, "4 certificates"),
        (Snapshot(retiring="o", hosts=2, hosts_renewed=2), Move.RETIRE, "nothing lives"),
    ):
        told = advice(world)
        assert told.move is move
        assert reason in told.reason


async def test_from_one_root_to_the_next(
    site: tuple[IdentityKit, TenantAuthority], tmp_path: Path
) -> None:
    kit, authority = site
    both, folder = kit.identity.authorities, tmp_path / "authority"
    _, path = await issued(authority, tmp_path, f"www.{DOMAIN}")
    old = (await both.roots.active()).record.id
    old_pem = tmp_path / "old.pem"
    old_pem.write_text(kit.identity.authority.ca_pem)
    assert (await both.rotation.step(plan=True)).move is Move.BEGIN
    assert len(await ROOTS.all(kit.store)) == 1
    assert (await both.rotation.step()).move is Move.SWITCH  # there are no hosts
    assert len(x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())) == 2
    told = await both.rotation.step()
    assert told.move is Move.DRAIN
    assert "1 certificate under the old root" in told.reason
    authority.issuers.forget()
    kit.clock._elapsed_s += 1
    await issued(authority, tmp_path, f"new.{DOMAIN}")
    chain = tmp_path / f"new.{DOMAIN}.chain"
    new_pem = tmp_path / "new.pem"
    new_pem.write_text(kit.identity.authority.anchor_pem)
    await kit.identity.authority.refresh()
    new_pem.write_text(kit.identity.authority.anchor_pem)
    await openssl("verify", "-x509_strict", "-CAfile", new_pem, "-untrusted", chain,
                  tmp_path / f"new.{DOMAIN}.pem")  # fmt: skip
    # what the intermediate issued before is good under both
    await openssl("verify", "-CAfile", new_pem, "-untrusted", chain, path)
    await openssl("verify", "-CAfile", old_pem, "-untrusted", path.with_suffix(".chain"), path)
    with pytest.raises(HeliostatError, match="1 certificate"):
        await both.rotation.step()
    kit.clock._elapsed_s += 91 * 86_400
    await kit.identity.maintain()
    stored = await ROOTS.get(kit.store, old)
    assert stored is not None
    assert (stored.value.state, stored.value.key) == (RootState.RETIRED, "")
    assert len(x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())) == 1


@pytest.mark.parametrize("again", [False, True], ids=["moved", "another"])
async def test_of_two_who_take_a_step_one_does(tmp_path: Path, again: bool) -> None:
    """Else a second move follows the first, and no root signs any more."""
    kit = await start_identity(tmp_path / "authority")
    both = kit.identity.authorities
    first = both.rotation
    await first.step()

    async def meanwhile() -> list[str]:
        if again:
            await first.cancel()
        await first.step()
        return []

    with pytest.raises(HeliostatError, match="RotationWaits"):
        await Rotation(both.roots, meanwhile).step()
    states = [each.value.state for each in await ROOTS.all(kit.store)]
    other = RootState.NEXT if again else RootState.RETIRING
    assert sorted(states) == sorted([RootState.ACTIVE, other])
    kit.identity.close()


async def test_hosts_are_waited_for(tmp_path: Path) -> None:
    kit = await start_identity(tmp_path / "authority")
    both = kit.identity.authorities

    async def hosts() -> list[str]:
        return ["h1"]

    both.rotation._hosts = hosts
    certify = kit.identity.authority.sign_csr
    csr = signing_request(ec.generate_private_key(ec.SECP256R1()))
    await certify(csr, host_id="h1")
    assert (await both.rotation.step()).move is Move.WAIT
    with pytest.raises(HeliostatError, match="0 of 1 host"):
        await both.rotation.step()
    trust = await kit.identity.authority.trust_of("h1")
    assert trust["ca"].count("BEGIN") == 2
    assert (await both.rotation.step()).move is Move.RETIRE  # its intermediate is good under both
    await kit.identity.maintain()
    assert (await both.rotation.look())[1].move is Move.BEGIN
    kit.identity.close()


async def test_what_removed_hosts_have_is_taken_back(tmp_path: Path) -> None:
    present = ["h1", "h2"]

    async def hosts() -> list[str]:
        return present

    both = await open_authorities(tmp_path / "ca", VirtualClock(), hosts=hosts)
    told: list[str] = []
    both.platform.followers.append(lambda: told.append("others count"))
    kind = both.system.certificates.kind
    for host in ("h1", "h1", "h2"):
        csr = signing_request(ec.generate_private_key(ec.SECP256R1()))
        await both.platform.sign_csr(csr, host_id=host)
    await both.maintain()
    present.remove("h1")
    await both.maintain()
    found = [each.value for each in await kind.all(both.roots.store)]
    assert sorted((each.names, each.reason) for each in found) == [
        (("uri:heliostat:host:h1",), "cessationOfOperation"),
        (("uri:heliostat:host:h1",), "cessationOfOperation"),
        (("uri:heliostat:host:h2",), ""),
    ]
    assert [each.value.id for each in await HOST_TRUST.all(both.roots.store)] == ["h2"]
    assert told == ["others count"]
    await both.maintain()
    assert told == ["others count"]


async def test_below_a_companys_authority(tmp_path: Path) -> None:
    kit = await start_identity(tmp_path / "authority", start_ms=time.time_ns() // 1_000_000)
    both = kit.identity.authorities
    csr = await both.rotation.request()
    assert await both.rotation.request() == csr
    key, now = ec.generate_private_key(ec.SECP256R1()), moment(kit.clock.now_ms())
    wanted = x509.load_pem_x509_csr(csr.encode())

    def signed(
        length: int | None, *, ca: bool = True, public: ec.EllipticCurvePublicKey | None = None
    ) -> str:
        """What a company makes of the request, and its root."""
        name = common_name("Company")
        public_key = public or wanted.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        end = now + timedelta(days=400)
        pieces = []
        for subject, own, limits in (
            (wanted.subject, public_key, x509.BasicConstraints(ca, length if ca else None)),
            (name, key.public_key(), x509.BasicConstraints(True, None)),
        ):
            made = builder(subject, name, own, now, end).add_extension(limits, critical=True)
            made = made.add_extension(key_usage(issues=True), critical=True)
            pieces.append(pem(made.sign(key, hashes.SHA256())))
        return b"".join(pieces).decode()

    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    good = signed(1)
    alone = good.split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n"
    for wrong, reason in (
        ("", "can't be read"),
        (signed(0), "allows 0 authorities"),
        (signed(None, ca=False), "no authority"),
        (signed(1, public=stranger), "key of the request"),
        (alone, "lacks the certificate"),
    ):
        with pytest.raises(HeliostatError, match=reason):
            await both.rotation.install(wrong)
    await both.rotation.install(good)
    assert (await both.rotation.step()).move is Move.RETIRE
    await kit.identity.authority.refresh()
    both.system.issuers.forget()
    files = await kit.identity.authority.issue_server(["localhost"])
    (tmp_path / "trust.pem").write_text(kit.identity.authority.anchor_pem)
    await openssl("verify", "-CAfile", tmp_path / "trust.pem",
                  "-untrusted", files.chain, files.chain)  # fmt: skip
    kit.identity.close()


async def test_keys_are_sealed_anew_and_older_ones_still_open(tmp_path: Path) -> None:
    kit = await start_identity(tmp_path / "authority")
    await kit.identity.authorities.system.issuers.current()
    resealing = kit.identity.directories.resealing
    assert (await resealing.run(renew=True)).keys == 2
    assert (await resealing.run(renew=False)).keys == 0
    assert len((tmp_path / "authority" / "seal.key").read_bytes()) == 64
    again = kit.restarted(tmp_path / "authority")
    await again.authority.refresh()
    await again.authority.issue_server(["localhost"])
    stored = await kit.store.list("/")
    assert all(b"PRIVATE KEY" not in each.value for each in stored.items
               if "authority" in each.key or "intermediate" in each.key)  # fmt: skip
    for each in (kit.identity, again):
        each.close()


async def test_an_intermediate_that_was_stolen_takes_everything_with_it(
    site: tuple[IdentityKit, TenantAuthority], tmp_path: Path
) -> None:
    kit, authority = site
    _, path = await issued(authority, tmp_path, f"www.{DOMAIN}")
    old = await authority.issuers.current()
    await authority.issuers.replace("keyCompromise")
    new = await authority.issuers.current()
    assert new.id != old.id
    (point,) = old.certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    async with aiohttp.ClientSession() as session, session.get(point.full_name[0].value) as answer:
        listed = x509.load_der_x509_crl(await answer.read())
    assert listed.get_revoked_certificate_by_serial_number(old.certificate.serial_number)
    assert await authority.revocation.crl(old.id) is not None
    agents = kit.identity.authorities.system.issuers
    before = await agents.current()
    await agents.replace("superseded")
    await kit.identity.authority.refresh()
    assert len(x509.load_pem_x509_certificates(kit.identity.authority.gate_pem.encode())) == 2
    await agents.replace("keyCompromise")
    await kit.identity.authority.refresh()
    assert before.certificate in x509.load_pem_x509_certificates(
        kit.identity.authority.gate_pem.encode()
    )
    del path


async def test_what_was_signed_for_a_stolen_key_before_is_taken_back_too(
    site: tuple[IdentityKit, TenantAuthority],
) -> None:
    """While two roots are trusted, the older one's certificate of the key is as good."""
    kit, authority = site
    both = kit.identity.authorities
    first = await authority.issuers.current()
    for _ in range(2):  # another root, which signs from now on
        await both.rotation.step()
    authority.issuers.forget()
    again = await authority.issuers.current()
    assert again.id == first.id
    assert again.root != first.root
    await authority.issuers.replace("keyCompromise")
    for issuer in (first, again):
        listed = await root_crl(both.roots, issuer.root, 7)
        assert listed is not None
        serial = issuer.certificate.serial_number
        assert x509.load_der_x509_crl(listed.der).get_revoked_certificate_by_serial_number(serial)


async def test_certificates_of_a_root_that_is_gone_are_still_shown(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    legacy_authority(folder)
    kit = await start_identity(folder, start_ms=time.time_ns() // 1_000_000)
    both, system = kit.identity.authorities, kit.identity.authorities.system
    made = await system.certificates.issue(request(f"www.{OPTIONS.domain}"), ADMIN)
    assert made.record is not None
    for _ in range(3):  # made, switched to, and without waiting the old one's key destroyed
        await both.rotation.step(force=True)
    system.issuers.forget()
    shown = kit.identity.directories.certificates
    found = await shown.get_certificate(OPTIONS.domain, made.record.id)
    assert (found.serial, found.chain_pem) == (made.record.id, "")
    assert await system.revocation.crl(made.record.issuer) is None
    kit.identity.close()


async def test_what_a_deleted_tenant_issued_is_taken_back(
    site: tuple[IdentityKit, TenantAuthority],
) -> None:
    kit, authority = site
    issuer = await authority.issuers.current()
    await kit.identity.tenants.delete_tenant(DOMAIN)
    root = (await kit.identity.authorities.roots.all(0.0))[0].record
    serial = f"{issuer.certificate.serial_number:032x}"
    assert [(each.serial, each.reason) for each in root.revoked] == [
        (serial, "cessationOfOperation")
    ]
    assert await kit.identity.authorities.by_id(authority.options.tenant) is None
    left = await kit.store.list("/v1/")
    assert not [each.key for each in left.items if authority.options.tenant in each.key]
