"""``SOURCE_DATE_EPOCH``: the time that whoever builds chose, in seconds since 1970.

Specification: https://reproducible-builds.org/specs/source-date-epoch/.
"""

from __future__ import annotations

from collections.abc import Mapping

from heliostat.core.errors import HeliostatError

VARIABLE = "SOURCE_DATE_EPOCH"
LATEST = 2**32 - 1
"""What RPM's headers hold: a day in 2106."""


def chosen_epoch(environment: Mapping[str, str]) -> int | None:
    """The time in the environment, if there is one; ``InvalidSetting`` for what is none."""
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > LATEST:
        raise HeliostatError(
            "InvalidSetting",
            f"{VARIABLE} is {text!r:.100}, which is no number of seconds up to {LATEST}.",
            hint=f"Set it to a time, such as `{VARIABLE}=$(git log -1 --format=%ct)`, or unset it.",
        )
    return int(text)
