"""Before curating: what the archive has newer of the rebuild list is built, or waits.

A source that can't be built stays out with the reason, and takes nothing else with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.rpm.version import Evr
from heliostat.os.repo.curate.offer import Offer, by_source
from heliostat.os.repo.curate.report import Held

Build = Callable[[str], object]
"""Builds a source of the archive; raises ``HeliostatError`` if it can't be."""


def rebuild(
    waiting: Sequence[Offer], build: Build | None, built: Callable[[], Mapping[str, Evr]]
) -> tuple[Held, ...]:
    """Build what waits; returns what waits afterwards.

    Without ``build`` nothing is built.  ``built`` tells the versions that lie ready.
    """
    held = []
    for source, group in by_source(waiting).items():
        why = _why_not(source, group, build, built)
        if why:
            held.append(Held(source, tuple(each.name for each in group), (why,)))
    return tuple(held)


def _why_not(
    source: str, group: Sequence[Offer], build: Build | None, built: Callable[[], Mapping[str, Evr]]
) -> str:
    """Why the source still waits; empty: it was built."""
    first = group[0]
    told = f"{first.origin} has {first.evr}"
    if build is None:
        return f"{told}, and this system builds it: `helio os build {source}`, or --rebuild"
    try:
        build(source)
    except HeliostatError as error:
        return f"{told}, and building it failed: {error.message} {error.hint or ''}".rstrip()
    versions = built()
    late = [each for each in group if each.name not in versions or versions[each.name] < each.evr]
    return f"{told}, but its source came to no newer {late[0].name}" if late else ""
