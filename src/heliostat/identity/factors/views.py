"""What is told of second factors: nothing secret.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.identity.factors.records import Factor

LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Held:
    """What somebody has enrolled."""

    codes: bool = False
    passkeys: bool = False


@dataclass(frozen=True, slots=True)
class FactorView:
    """A factor as it is told; ``left`` counts recovery codes."""

    id: str
    kind: str
    name: str
    created_ms: int
    used_ms: int
    left: int = 0


def view(factor: Factor) -> FactorView:
    """A factor as it is told."""
    return FactorView(
        id=factor.id,
        kind=factor.kind.value,
        name=factor.name,
        created_ms=factor.created_ms,
        used_ms=factor.used_ms,
        left=len(factor.codes),
    )


def named(name: str, otherwise: str) -> str:
    """What a person calls a factor, printable and short."""
    kept = "".join(each for each in name if each.isprintable()).strip()
    return kept[:LONGEST_NAME] or otherwise
