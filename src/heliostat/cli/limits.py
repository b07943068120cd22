"""Limits and costs as people type them: ``vm.cpu 10 COUNT, vm.memory 20 GB``."""

from __future__ import annotations

import click

from heliostat.core.units import Unit
from heliostat.wire.quotas import QuotaItemSpec, QuotaLineItemSpec

SYNTAX = "KEY VALUE UNIT[, …]"


def parse_limits(text: str) -> dict[str, QuotaItemSpec]:
    """Limits by key; raises a usage error that quotes what is wrong."""
    limits: dict[str, QuotaItemSpec] = {}
    for key, value, unit in _items(text):
        if key in limits:
            raise click.BadParameter(f"{key} is given twice.")
        limits[key] = QuotaItemSpec(limit=value, unit=unit)
    return limits


def parse_cost(text: str) -> list[QuotaLineItemSpec]:
    """The cost of a flavor."""
    return [QuotaLineItemSpec(key=key, value=value, unit=unit) for key, value, unit in _items(text)]


def parse_keys(text: str) -> dict[str, QuotaItemSpec]:
    """Keys alone, or full limits, whose values don't matter then (to lift them)."""
    keys = [item.split()[0] for item in text.split(",") if item.strip()]
    if not keys:
        raise click.BadParameter("Name at least one key, e.g. 'vm.cpu'.")
    return {key: QuotaItemSpec(limit=0.0, unit=Unit.COUNT) for key in keys}


def _items(text: str) -> list[tuple[str, float, str]]:
    items = [item.split() for item in text.split(",") if item.strip()]
    if not items:
        raise click.BadParameter(f"Write it as {SYNTAX}, e.g. 'vm.cpu 10 COUNT'.")
    return [_item(words) for words in items]


def _item(words: list[str]) -> tuple[str, float, str]:
    quoted = " ".join(words)
    if len(words) != 3:
        raise click.BadParameter(f"{quoted!r} is not KEY VALUE UNIT, e.g. 'vm.cpu 10 COUNT'.")
    key, value, unit = words
    try:
        amount = float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} in {quoted!r} is not a number.") from None
    if unit.upper() not in Unit.__members__:
        known = ", ".join(Unit.__members__)
        raise click.BadParameter(f"{unit!r} in {quoted!r} is not a unit ({known}).")
    return key, amount, unit.upper()
