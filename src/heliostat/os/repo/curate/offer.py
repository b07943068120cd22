"""An offer: a package that a supply has newer than the repositories.

Offers are grouped by source package, because that is what is fixed, tested and
announced as one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.lock import LockedPackage


@dataclass(frozen=True, slots=True)
class Offer:
    """``name`` in version ``evr``, made from ``source``; ``origin`` says where it lies."""

    name: str
    evr: Evr
    source: str
    origin: str
    security: bool = False
    """Whether it comes by a way that only fixes of vulnerabilities take."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Offers as files, unsigned or signed, and those that were refused, with the reason."""

    paths: Mapping[str, Path]
    refused: Mapping[str, str]


class Supply(Protocol):
    """Where newer packages come from."""

    def offers(self, have: Mapping[str, LockedPackage]) -> list[Offer]:
        """What it has newer than ``have``, by name."""

    def bring(self, offers: Sequence[Offer]) -> Brought:
        """Make them files; with them, under their own names, what they newly need."""


def newest(lists: Iterable[Iterable[LockedPackage]]) -> dict[str, LockedPackage]:
    """The newest package of every name."""
    found: dict[str, LockedPackage] = {}
    for each in itertools.chain.from_iterable(lists):
        known = found.get(each.name)
        if known is None or known.order < each.order:
            found[each.name] = each
    return found


def best(offers: Iterable[Offer]) -> list[Offer]:
    """The newest offer of every name, by name."""
    found: dict[str, Offer] = {}
    for each in offers:
        known = found.get(each.name)
        if known is None or known.evr < each.evr:
            found[each.name] = each
    return [found[name] for name in sorted(found)]


def by_source(offers: Iterable[Offer]) -> dict[str, list[Offer]]:
    """Offers of one source together."""
    found: dict[str, list[Offer]] = {}
    for each in offers:
        found.setdefault(each.source, []).append(each)
    return dict(sorted(found.items()))


def source_name(source_rpm: str, name: str) -> str:
    """``glibc`` of ``glibc-2.41-12.src.rpm``; the package's own name where there is none."""
    stem = source_rpm.removesuffix(".src.rpm")
    return stem.rsplit("-", 2)[0] if stem.count("-") >= 2 else name
