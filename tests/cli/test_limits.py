"""Limits and costs as people type them."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.cli.limits import parse_cost, parse_keys, parse_limits
from heliostat.core.units import Unit
from heliostat.wire.quotas import QuotaItemSpec

KEYS = st.from_regex(r"[a-z][a-z.\-]{0,20}", fullmatch=True)
ITEMS = st.dictionaries(
    KEYS, st.tuples(st.floats(0, 1e9), st.sampled_from([*Unit])), min_size=1, max_size=5
)


@given(ITEMS)
def test_what_is_typed_is_what_is_meant(items: dict[str, tuple[float, Unit]]) -> None:
    text = ", ".join(f"{key} {value!r} {unit}" for key, (value, unit) in items.items())
    expected = {key: QuotaItemSpec(limit=value, unit=unit) for key, (value, unit) in items.items()}
    assert parse_limits(text) == expected


def test_units_may_be_small_letters_and_blanks_are_free() -> None:
    assert parse_limits(" vm.cpu  10 count ,vm.memory 20 gb,") == {
        "vm.cpu": QuotaItemSpec(limit=10, unit="COUNT"),
        "vm.memory": QuotaItemSpec(limit=20, unit="GB"),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "KEY VALUE UNIT"),
        ("vm.cpu 10", "'vm.cpu 10' is not KEY VALUE UNIT"),
        ("vm.cpu ten COUNT", "'ten' in 'vm.cpu ten COUNT' is not a number"),
        ("vm.cpu 10 CORES", "'CORES' in 'vm.cpu 10 CORES' is not a unit"),
        ("vm.cpu 1 COUNT, vm.cpu 2 COUNT", "vm.cpu is given twice"),
    ],
)
def test_what_is_wrong_is_quoted(text: str, complaint: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        parse_limits(text)
    assert complaint in caught.value.message


def test_costs_keep_their_order() -> None:
    assert [item.key for item in parse_cost("vm 1 COUNT, vm.cpu 2 COUNT")] == ["vm", "vm.cpu"]


def test_keys_alone_or_with_limits() -> None:
    assert [*parse_keys("vm.cpu, vm.memory 20 GB")] == ["vm.cpu", "vm.memory"]
    with pytest.raises(click.BadParameter):
        parse_keys(" , ")
