"""Signatures of kernel modules, judged by OpenSSL."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import zstandard

from heliostat.core.process import CommandFailed, run
from heliostat.os.packages.build.kernel_package import packed
from heliostat.os.packages.build.modules import MARKER, ModuleKey, module_key

MODULE = b"\x7fELF" + bytes(1000)


def verify(module: bytes, signed: bytes, key: ModuleKey, folder: Path) -> None:
    """What the kernel does, by ``openssl cms``: raises if the signature isn't good."""
    assert signed.endswith(MARKER)
    trailer = signed[-len(MARKER) - 12 : -len(MARKER)]
    algorithm, digest, kind, signer, identifier, size = struct.unpack(">BBBBB3xI", trailer)
    assert (algorithm, digest, kind, signer, identifier) == (0, 0, 2, 0, 0)
    end = len(signed) - len(MARKER) - 12
    (folder / "module").write_bytes(module)
    (folder / "signature").write_bytes(signed[end - size : end])
    (folder / "certificate").write_bytes(key.certificate_pem)
    files = [str(folder / name) for name in ("signature", "module", "certificate")]
    argv = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-noverify", "-in", files[0]]
    argv += ["-content", files[1], "-certfile", files[2], "-out", "/dev/null"]
    run(argv, timeout_s=30)


def test_openssl_accepts_the_signature(key: ModuleKey, tmp_path: Path) -> None:
    signed = key.sign(MODULE)
    assert signed.startswith(MODULE)
    verify(MODULE, signed, key, tmp_path)


def test_openssl_refuses_another_module(key: ModuleKey, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed):
        verify(MODULE + b"!", key.sign(MODULE), key, tmp_path)


def test_the_digest_is_sha512(key: ModuleKey, tmp_path: Path) -> None:
    verify(MODULE, key.sign(MODULE), key, tmp_path)
    argv = ["openssl", "cms", "-cmsout", "-print", "-inform", "DER"]
    told = run([*argv, "-in", str(tmp_path / "signature")], timeout_s=30).stdout
    assert "sha512" in told
    assert "sha1" not in told.lower().replace("sha1withrsa", "sha1")


def test_the_same_module_has_the_same_signature(key: ModuleKey) -> None:
    assert key.sign(MODULE) == key.sign(MODULE)


def test_the_key_is_made_once_and_only_its_owner_reads_it(
    key: ModuleKey, keys_folder: Path
) -> None:
    assert module_key(keys_folder).certificate == key.certificate
    assert (keys_folder / "kernel-modules.pem").stat().st_mode & 0o777 == 0o600


def test_a_packed_module_says_its_size() -> None:
    frame = packed(MODULE)
    assert zstandard.frame_content_size(frame) == len(MODULE)
    assert zstandard.decompress(frame) == MODULE
