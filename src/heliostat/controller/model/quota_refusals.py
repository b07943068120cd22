"""What quotas refuse, in sentences with numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from heliostat.controller.model.quantity import from_base, written
from heliostat.core.errors import PermanentError

if TYPE_CHECKING:
    from heliostat.controller.model.quota import Quota


def exceeded(quota: Quota, key: str, asked: int) -> PermanentError:
    """``asked`` more of ``key`` is not allowed."""
    item, limit = quota.items[key], quota.limit_of(key) or 0
    data = figures(quota, key, asked)
    sentence = (
        f"The quota of {quota.name} does not allow this: {key} has a limit of "
        f"{written(limit, item.unit)}, {written(item.used, item.unit)} used, "
        f"{written(asked, item.unit)} asked."
    )
    ended = quota.ended.get(key)
    if ended is None:
        return PermanentError("QuotaError", sentence, data=data)
    data |= {"leaseId": ended.lease_id, "exceededBy": from_base(quota.over(key), item.unit)}
    sentence += (
        f" The lease {ended.lease_id} of {written(ended.amount, item.unit)} ended at "
        f"{moment(ended.ended_ms)}; usage is {written(quota.over(key), item.unit)} above the limit."
    )
    hint = f"Free {written(quota.over(key) + asked, item.unit)} of {key}, or ask for another lease."
    return PermanentError("QuotaError", sentence, hint=hint, data=data)


def too_low(quota: Quota, key: str) -> PermanentError:
    """The limit of ``key`` in ``quota`` is below what is used."""
    item, limit = quota.items[key], quota.limit_of(key) or 0
    return PermanentError(
        "QuotaError",
        f"The limit of {key} of {quota.name} can't be {written(limit, item.unit)}: "
        f"{written(item.used, item.unit)} are used already.",
        data=figures(quota, key, 0),
    )


def figures(quota: Quota, key: str, asked: int) -> dict[str, str | float]:
    item = quota.items[key]
    unit = item.unit
    return {
        "key": key,
        "unit": str(unit),
        "limit": from_base(quota.limit_of(key) or 0, unit),
        "usage": from_base(item.used, unit),
        "newUsage": from_base(item.used + asked, unit),
        "asked": from_base(asked, unit),
    }


def moment(at_ms: int) -> str:
    """A time for sentences: RFC 3339, whole seconds, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
