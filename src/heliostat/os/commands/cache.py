"""``helio os cache``: what lies in the cache, and making it smaller."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from heliostat.core.counting import counted
from heliostat.os.commands.options import os_cache, output_option

if TYPE_CHECKING:
    from heliostat.os.cache.item import Item

_MIB = 1 << 20
_GIB = 1 << 30


@click.group(name="cache", help="What can be made again: how much it is, less of it.")
def cache_group() -> None:
    """Group of the commands below."""


@cache_group.command(name="list", help="List what the cache holds and how much it takes.")
@click.option("--items", is_flag=True, help="Each piece that may go by itself.")
@output_option
def list_cache(items: bool, output: str) -> None:
    from heliostat.os.cache.bound import limit_bytes
    from heliostat.os.cache.kinds import KINDS, bounded_items
    from heliostat.os.cache.size import disk_bytes, remembered_sizes

    cache = os_cache()
    limit = limit_bytes(os.environ)
    with remembered_sizes(cache) as sizes:
        found = bounded_items(cache, sizes)
    shares = [(kind, disk_bytes(cache / kind.name)) for kind in KINDS]
    bounded = sum(item.size_bytes for item in found)
    if output == "json":
        told: dict[str, Any] = {"folder": str(cache), "limitBytes": limit, "boundedBytes": bounded}
        told["kinds"] = [{"name": kind.name, "sizeBytes": size} for kind, size in shares]
        told["items"] = [_item(item) for item in found]
        click.echo(json.dumps(told, indent=2))
        return
    for kind, size in shares:
        if size:
            mark = "*" if kind.items else " "
            click.echo(f"{kind.name:<18}{size / _MIB:>8,.0f} MiB {mark} {kind.summary}")
    if items:
        for line in _lines(sorted(found, key=lambda each: each.used_at_s)):
            click.echo(line)
    click.echo(f"* {bounded / _GIB:.1f} GB, kept to {limit / _GIB:g}: HELIO_OS_CACHE_GB sets that.")


@cache_group.command(
    name="prune", help="Remove what was not used for long, and can be made again soon."
)
@click.option(
    "--to",
    "gigabytes",
    type=click.FloatRange(0, 1 << 20),
    help="How many GB of them to keep (default: HELIO_OS_CACHE_GB, else 10).",
)
@output_option
def prune_cache(gigabytes: float | None, output: str) -> None:
    from heliostat.os.cache.bound import keep_within

    limit = None if gigabytes is None else int(gigabytes * _GIB)
    gone = keep_within(os_cache(), limit)
    if output == "json":
        click.echo(json.dumps({"removed": [_item(item) for item in gone]}, indent=2))
        return
    for line in _lines(gone):
        click.echo(line)
    freed = sum(item.size_bytes for item in gone)
    click.echo(f"{counted(len(gone), 'piece')} went, {freed / _GIB:.1f} GB.")
    click.echo("What is in use, or was within the last hour, stays.")


def _lines(items: Sequence[Item]) -> Iterator[str]:
    """One a piece; of conversions, of which there are thousands, one for all."""
    small = [item for item in items if item.kind == "converted"]
    for item in items:
        if item.kind != "converted":
            yield _line(item)
    if small:
        size = sum(item.size_bytes for item in small) / _MIB
        yield f"  {'':<16}  {size:>8,.0f} MiB  {counted(len(small), 'conversion')}"


def _line(item: Item) -> str:
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.used_at_s))
    return f"  {used}  {item.size_bytes / _MIB:>8,.0f} MiB  {item.name}"


def _item(item: Item) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "name": item.name,
        "path": str(item.path),
        "sizeBytes": item.size_bytes,
        "usedAtMs": int(item.used_at_s * 1000),
    }
