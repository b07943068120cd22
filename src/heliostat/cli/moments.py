"""Ends in time as people type them: ``18:00``, ``2h30m``, ``2030-01-31T18:00:00Z``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.IGNORECASE)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def parse_span(text: str) -> float:
    """Seconds of ``90s``, ``45m``, ``2h30m``, ``1d``."""
    if _SPAN.fullmatch(text) is None:
        raise click.BadParameter(f"{text!r} is no span of time; write e.g. 45m, 2h30m or 1d.")
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _PART.findall(text))


def parse_until(text: str, now: datetime) -> str:
    """An RFC 3339 moment; ``HH:MM`` is the next time that this clock shows it.

    ``now`` bears the local zone, which is meant where none is written.
    """
    if clock := _CLOCK.fullmatch(text):
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return (at if at > now else at + timedelta(days=1)).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no moment; write e.g. 18:00 or 2030-01-31T18:00:00Z."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).isoformat()
