"""Affinities and key-value pairs as people type them: ``KIND:ID``, ``KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from heliostat.wire.body import Locality


def parse_affinities(given: Sequence[str]) -> list[Locality]:
    return [_affinity(text) for text in given]


def parse_pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` words; a later one of the same key wins."""
    pairs: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint=option)
        pairs[key] = value
    return pairs


def _affinity(text: str) -> Locality:
    kind, colon, entity_id = text.partition(":")
    if not colon or not kind or not entity_id:
        raise click.BadParameter(f"{text!r} is not KIND:ID.", param_hint="--affinity")
    return Locality(kind=kind, id=entity_id)
