"""Affinities and key-value pairs as people type them: ``KIND:ID``, ``KEY=VALUE``.

Kinds have short names (``zone:``, ``network:``), and ``by zone`` is an ``@zone`` at
the end: ``--anti-affinity label:app=etcd@zone``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from heliostat.wire.body import Locality

SHORT = {
    "zone": "availabilityZone",
    "network": "portGroup",
    "type": "datastoreType",
}
_ZONE = "@zone"


def affinities(function: Callable[..., Any]) -> Callable[..., Any]:
    """The four options that say where something shall be; see :func:`read_affinities`."""
    for name, help_ in (
        ("--prefer-away", "Away from it if that is possible."),
        ("--prefer", "Near it if that is possible."),
        ("--anti-affinity", "Never with it, nor it with this later (label:app=etcd@zone)."),
        ("--affinity", "With it: vm, disk, host, zone, datastore, type, network, label."),
    ):
        key = name.removeprefix("--").replace("-", "_")
        option = click.option(name, key, multiple=True, metavar="KIND:ID", help=help_)
        function = option(function)
    return function


def read_affinities(
    affinity: Sequence[str],
    anti_affinity: Sequence[str],
    prefer: Sequence[str],
    prefer_away: Sequence[str],
) -> list[Locality]:
    """What the four options ask for together."""
    return [
        *(_affinity(text, "--affinity") for text in affinity),
        *(_affinity(text, "--anti-affinity", negative=True) for text in anti_affinity),
        *(_affinity(text, "--prefer", preferred=True) for text in prefer),
        *(_affinity(text, "--prefer-away", negative=True, preferred=True) for text in prefer_away),
    ]


def parse_pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` words; a later one of the same key wins."""
    pairs: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint=option)
        pairs[key] = value
    return pairs


def _affinity(
    text: str, option: str, *, negative: bool = False, preferred: bool = False
) -> Locality:
    kind, colon, entity_id = text.partition(":")
    scope = "availabilityZone" if entity_id.endswith(_ZONE) else ""
    entity_id = entity_id.removesuffix(_ZONE)
    if not colon or not kind or not entity_id:
        raise click.BadParameter(f"{text!r} is not KIND:ID.", param_hint=option)
    return Locality(
        kind=SHORT.get(kind, kind),
        id=entity_id,
        negative=negative,
        preferred=preferred,
        scope=scope,
    )
