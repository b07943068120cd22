"""Secrets at rest: read again only with the same key, for the same place."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

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


def test_first_starts_at_once_have_one_key(tmp_path: Path) -> None:
    for number in range(20):
        folder, together = tmp_path / str(number), Barrier(8)

        def start(folder: Path = folder, together: Barrier = together) -> Sealing:
            together.wait()
            return Sealing.open(folder)

        with ThreadPoolExecutor(8) as pool:
            started = [each.result() for each in [pool.submit(start) for _ in range(8)]]
        assert len({each.names for each in started}) == 1
        sealed = started[0].seal(b"secret", "place")
        assert started[-1].unseal(sealed, "place") == b"secret"
        assert [each.name for each in folder.iterdir()] == ["seal.key"]
        assert stat.S_IMODE((folder / "seal.key").stat().st_mode) == 0o600


def test_a_key_that_another_renewed_is_found(tmp_path: Path) -> None:
    first, second = Sealing.open(tmp_path), Sealing.open(tmp_path)
    old = second.seal(b"old", "place")
    first.renew()
    new = first.seal(b"new", "place")
    assert second.unseal(new, "place") == b"new"
    assert second.is_current(second.seal(b"x", "place"))
    assert (second.name, second.unseal(old, "place")) == (first.name, b"old")
    assert not second.is_current(old)


def test_a_file_of_other_keys_is_not_taken_for_a_renewal(tmp_path: Path) -> None:
    here, elsewhere = Sealing.open(tmp_path / "here"), Sealing.open(tmp_path / "elsewhere")
    sealed = elsewhere.seal(b"theirs", "place")
    (tmp_path / "here" / "seal.key").write_bytes((tmp_path / "elsewhere" / "seal.key").read_bytes())
    with pytest.raises(PermanentError, match="another key"):
        here.unseal(sealed, "place")


def test_keys_of_others_are_not_renewed_here(tmp_path: Path) -> None:
    told = Sealing.open(tmp_path, {"HELIO_SEAL_KEY": "A" * 43 + "="})
    with pytest.raises(PermanentError, match="not ours to write"):
        told.renew()
