"""How bad a vulnerability is: CVSS scores, their words, and the base score of a vector.

Formulas: CVSS 3.1 specification, sections 7.1 and 7.4 (3.0 differs only in rounding of
numbers that do not occur in base scores).
"""

from __future__ import annotations

import math
from enum import StrEnum


class Severity(StrEnum):
    """From harmless to worst; ``unknown`` is what nobody has scored."""

    UNKNOWN = "unknown"
    NEGLIGIBLE = "negligible"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}


def severity_of(score: float | None) -> Severity:
    """The word of a score (CVSS 3.1, table 14)."""
    if score is None:
        return Severity.UNKNOWN
    if score >= 9:
        return Severity.CRITICAL
    if score >= 7:
        return Severity.HIGH
    if score >= 4:
        return Severity.MEDIUM
    return Severity.LOW if score > 0 else Severity.NEGLIGIBLE


def base_score(vector: str) -> float | None:
    """The base score of a CVSS 3.0 or 3.1 vector; ``None`` for others and for broken ones."""
    version, _, rest = vector.partition("/")
    if version not in ("CVSS:3.0", "CVSS:3.1"):
        return None
    metrics = dict(part.split(":", 1) for part in rest.split("/") if ":" in part)
    try:
        changed = {"U": False, "C": True}[metrics["S"]]
        weight = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        privileges = _PRIVILEGES[metrics["S"]][metrics["PR"]]
    except KeyError:
        return None
    impact = _impact(1 - (1 - weight["C"]) * (1 - weight["I"]) * (1 - weight["A"]), changed=changed)
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weight["AV"] * weight["AC"] * privileges * weight["UI"]
    return _rounded_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10))


def _impact(base: float, *, changed: bool) -> float:
    if changed:
        return 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    return 6.42 * base


def _rounded_up(score: float) -> float:
    """To one digit, upwards, without being led astray by binary fractions (appendix A)."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10
