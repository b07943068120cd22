"""Keys in a PKCS#11 token: SoftHSM makes them, signs with them and keeps them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from cryptography import x509

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.identity.authority.options import AuthorityOptions, TokenOptions
from heliostat.identity.authority.records import ROOTS, intermediates
from heliostat.testing.signin import OPTIONS, start_identity

MODULE = "/usr/lib/softhsm/libsofthsm2.so"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> TokenOptions:
    """A fresh token; the module is loaded once in a process, so it is the module's."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    patch = pytest.MonkeyPatch()
    patch.setenv("SOFTHSM2_CONF", str(config))
    init = ["softhsm2-util", "--init-token", "--free", "--label", "site", "--pin", "1234"]
    run([*init, "--so-pin", "123456"], timeout_s=20)
    pin = folder / "pin"
    pin.write_text("1234\n")
    return TokenOptions(module=MODULE, label="site", pin_file=str(pin))


async def test_an_authority_whose_keys_nobody_reads(token: TokenOptions, tmp_path: Path) -> None:
    options = dataclasses.replace(OPTIONS, authority=AuthorityOptions(token=token))
    kit = await start_identity(tmp_path / "authority", options)
    files = await kit.identity.authority.issue_server(["localhost"])
    root = tmp_path / "authority" / "ca.pem"
    leaf, issuer = x509.load_pem_x509_certificates(files.chain.read_bytes())
    leaf.verify_directly_issued_by(issuer)
    issuer.verify_directly_issued_by(x509.load_pem_x509_certificate(root.read_bytes()))
    (kept,) = await ROOTS.all(kit.store)
    (signs,) = await intermediates("system").all(kit.store)
    assert kept.value.key.startswith("pkcs11:")
    assert signs.value.key.startswith("pkcs11:")
    assert not (tmp_path / "authority" / "ca.key").exists()
    assert await kit.identity.authorities.system.revocation.crl() is not None
    again = kit.restarted(tmp_path / "authority")
    again.authorities.system.issuers.forget()
    renewed = await again.authority.issue_server(["other.test"])
    assert renewed.chain.read_bytes() != b""
    for each in (kit.identity, again):
        each.close()


async def test_what_is_wrong_with_a_module_is_told(token: TokenOptions, tmp_path: Path) -> None:
    for number, (changes, reason) in enumerate(
        (
            ({"label": "nowhere"}, "nowhere"),
            ({"pin_file": str(tmp_path / "no-pin")}, "can't be read"),
            ({"module": str(tmp_path / "no-module.so")}, "no-module"),
        )
    ):
        wrong = dataclasses.replace(token, **changes)
        options = dataclasses.replace(OPTIONS, authority=AuthorityOptions(token=wrong))
        with pytest.raises(HeliostatError) as refused:
            await start_identity(tmp_path / str(number), options)
        assert refused.value.code == "TokenUnusable"
        assert reason in refused.value.message
