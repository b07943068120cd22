"""Roots that end soon: pure.

Everything below a root renews itself; a root can't, since people and machines that trust it
by hand have to learn of another first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from heliostat.identity.authority.records import RootState
from heliostat.identity.authority.views import RootView
from heliostat.identity.checkup.finding import Area, Finding

DAY_MS = 86_400_000
SOON_MS = 180 * DAY_MS
_SIGNS = (RootState.ACTIVE, RootState.NEXT)


def ending(roots: Iterable[RootView], now_ms: int) -> Iterator[Finding]:
    """A finding for each root that signs, or will, and ends within half a year."""
    for root in roots:
        left_ms = root.not_after_ms - now_ms
        if root.state in _SIGNS and left_ms < SOON_MS:
            when = f"ends in {left_ms // DAY_MS} days" if left_ms > 0 else "has ended"
            yield Finding(
                Area.CERTIFICATES,
                f"The root {root.subject} ({root.id}) {when}.",
                "Begin another: `helio identity ca rotate`, then `helio identity ca status`.",
            )
