"""Secrets at rest: read again only with the same key, for the same place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from heliostat.core.errors import PermanentError
from heliostat.identity.sealing import Sealing


def test_what_is_sealed_opens_only_in_its_place(tmp_path: Path) -> None:
    first = Sealing.open(tmp_path / "authority")
    sealed = first.seal(b"secret", "tenant/factor/1")
    assert b"secret" not in sealed.encode()
    assert Sealing.open(tmp_path / "authority").unseal(sealed, "tenant/factor/1") == b"secret"
    key = tmp_path / "authority" / "seal.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    other = Sealing.passing()
    for sealing, text, place in (
        (first, sealed, "tenant/factor/2"),
        (other, sealed, "tenant/factor/1"),
        (first, sealed[:-8] + "AAAAAAA=", "tenant/factor/1"),
        (first, "", "tenant/factor/1"),
        (first, "1.%%%", "tenant/factor/1"),
    ):
        with pytest.raises(PermanentError, match="another key"):
            sealing.unseal(text, place)
    assert first.proof("a", "b") == first.proof("a", "b") != first.proof("ab")
    assert first.proof("a", "b") != other.proof("a", "b")
    key.write_bytes(b"short")
    with pytest.raises(PermanentError, match="no key"):
        Sealing.open(tmp_path / "authority")
