"""Hashes of passwords: the library's own, whoever maps the memory, and none of it stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type
from argon2.exceptions import HashingError, InvalidHashError
from argon2.low_level import hash_secret
from hypothesis import given
from hypothesis import strategies as st

from heliostat.identity.passwords.argon2id import Cost, made, matches

CHEAP = Cost(1, 8, 1)
SALT = b"0123456789abcdef"


@given(
    st.binary(max_size=64),
    st.binary(min_size=8, max_size=32),
    st.sampled_from([CHEAP, Cost(2, 64, 1), Cost(3, 65, 4)]),
)
def test_it_is_what_the_library_makes(password: bytes, salt: bytes, cost: Cost) -> None:
    theirs = hash_secret(
        password, salt, cost.passes, cost.memory_kib, cost.lanes, 32, Type.ID
    ).decode()
    assert made(password, salt, cost) == theirs
    assert matches(password, theirs)
    assert PasswordHasher().verify(made(password, salt, cost), password)


@given(st.binary(max_size=16), st.binary(max_size=16))
def test_another_password_does_not_match(one: bytes, other: bytes) -> None:
    assert matches(other, made(one, SALT, CHEAP)) == (one == other)


GOOD = made(b"x", SALT, CHEAP)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "plain",
        "$2b$12$abcdefghijklmnopqrstuuJ7W1",
        GOOD.replace("argon2id", "argon2i"),
        GOOD.replace("v=19", "v=16"),
        GOOD.rsplit("$", 1)[0],
        GOOD[:-3] + "!!!",
        GOOD.replace("m=8", "m=x"),
    ],
)
def test_what_is_no_such_hash(kept: str) -> None:
    with pytest.raises(InvalidHashError):
        matches(b"x", kept)


def test_a_hash_of_impossible_cost_is_an_error_and_no_match() -> None:
    with pytest.raises(HashingError):
        matches(b"x", GOOD.replace("m=8", "m=1"))
    with pytest.raises(HashingError):
        made(b"x", b"short", CHEAP)


def test_memory_that_was_hashed_in_goes_back() -> None:
    """As the kernel counts what the process maps; what it was before may be reused."""

    def mapped_kib() -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmData:")[1].split()[0])

    made(b"x", SALT, Cost(1, 65_536, 1))
    before = mapped_kib()
    for _ in range(4):
        made(b"x", SALT, Cost(1, 65_536, 1))
    assert mapped_kib() - before < 65_536
