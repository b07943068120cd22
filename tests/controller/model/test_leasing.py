"""Leases of quota in virtual time: decisions are exact, books agree, nothing is killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from dataclasses import replace as changed

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from heliostat.controller.model.leasing import (
    check_lease,
    extend,
    give_back,
    grant,
    lapse,
    needed,
)
from heliostat.controller.model.quantity import CostItem, from_base
from heliostat.controller.model.quota import (
    OwnerKind,
    Quota,
    QuotaLimit,
    charge,
    check_limits,
    refuse_over,
    release,
    with_limits,
    without_limits,
)
from heliostat.controller.model.quota_delegation import counted, drawn_by, settle
from heliostat.controller.model.quota_lease import QuotaLease
from heliostat.core.errors import HeliostatError
from heliostat.core.units import Unit

KEY = "vm.cpu"
PROJECTS = ("a", "b", "c")
LIMITED = ("a", "b")
SECOND = 1000


def cpus(value: float) -> list[CostItem]:
    return [CostItem(key=KEY, value=value, unit=Unit.COUNT)]


def limits(value: float) -> dict[str, QuotaLimit]:
    return {KEY: QuotaLimit(limit=value, unit=Unit.COUNT)}


def limited(owner: str, value: float | None, kind: OwnerKind = OwnerKind.PROJECT) -> Quota:
    items = check_limits(limits(value)) if value is not None else {}
    return Quota(owner_kind=kind, owner_id=owner, items=items)


def lease(id_: str, amount: float, until_ms: int) -> QuotaLease:
    items = check_lease(limits(amount), until_ms, until_ms - 1, "")
    return QuotaLease(id=id_, items=items, until_ms=until_ms)


@dataclass(frozen=True)
class Told:
    """What the plainest book-keeping says: limit, usage, leases with amount and end."""

    limit: float | None
    used: float = 0
    leases: dict[str, tuple[float, int]] = field(default_factory=dict)

    def in_force(self, now_ms: int) -> float | None:
        if self.limit is None:
            return None
        return self.limit + sum(each for each, until in self.leases.values() if until > now_ms)

    def draws(self, now_ms: int) -> float:
        limit = self.in_force(now_ms)
        return self.used if limit is None else max(limit, self.used)


class Leasing(RuleBasedStateMachine):
    """The documents beside plain book-keeping; each operation reads the clock as verbs do."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.names = 0
        self.tenant = limited("t", 40, OwnerKind.TENANT)
        self.projects = {id_: limited(id_, 0 if id_ in LIMITED else None) for id_ in PROJECTS}
        self.told = {id_: Told(0 if id_ in LIMITED else None) for id_ in PROJECTS}
        self.told_tenant = Told(40)

    def drawn(self) -> float:
        return sum(each.draws(self.now_ms) for each in self.told.values())

    def fits(self, id_: str, after: Told) -> bool:
        """Whether the tenant has room for the project as it would be, or it asks for no more."""
        more = after.draws(self.now_ms) - self.told[id_].draws(self.now_ms)
        limit = self.told_tenant.in_force(self.now_ms)
        return more <= 0 or limit is None or self.drawn() + more <= limit

    def attempt(
        self, id_: str, change: Callable[[Quota, Quota], Quota], allowed: bool, told: Told
    ) -> None:
        """Do it to the documents; whether it is refused must agree with the plain books."""
        project = lapse(self.projects[id_], self.now_ms)
        tenant = lapse(self.tenant, self.now_ms)
        refusal = None
        try:
            after = change(project, tenant)
            settled = settle(tenant, project, after)
        except HeliostatError as error:
            refusal = error
        assert (refusal is None) == allowed, (refusal, self.told, self.told_tenant)
        if refusal is not None:
            assert refusal.code in ("QuotaError", "QuotaInUse")
            return
        self.projects[id_], self.tenant, self.told[id_] = after, settled, told

    def live(self, id_: str, which: int) -> str:
        """One of the project's leases that have not ended, empty if there is none."""
        leases = self.told[id_].leases
        names = sorted(name for name, (_, until) in leases.items() if until > self.now_ms)
        return names[which % len(names)] if names else ""

    @rule(seconds=st.integers(1, 8))
    def time_passes(self, seconds: int) -> None:
        self.now_ms += seconds * SECOND

    @rule(id_=st.sampled_from(PROJECTS), value=st.integers(1, 12))
    def charge(self, id_: str, value: int) -> None:
        told = self.told[id_]
        after = changed(told, used=told.used + value)
        limit, above = told.in_force(self.now_ms), self.told_tenant.in_force(self.now_ms)
        allowed = limit is None or after.used <= limit
        allowed = allowed and self.fits(id_, after) and (above is None or self.drawn() <= above)

        def charged(project: Quota, tenant: Quota) -> Quota:
            quota = charge(project, cpus(value))
            refuse_over(tenant, cpus(value))
            return quota

        self.attempt(id_, charged, allowed, after)

    @rule(id_=st.sampled_from(PROJECTS), value=st.integers(1, 12))
    def release(self, id_: str, value: int) -> None:
        told = self.told[id_]
        if told.used >= value:
            after = changed(told, used=told.used - value)
            self.attempt(id_, lambda project, _: release(project, cpus(value)), True, after)

    @rule(id_=st.sampled_from(LIMITED), value=st.integers(0, 15))
    def limit(self, id_: str, value: int) -> None:
        told = self.told[id_]
        after = changed(told, limit=value)
        before, now = told.in_force(self.now_ms) or 0, after.in_force(self.now_ms) or 0
        allowed = (now >= told.used or now >= before) and self.fits(id_, after)
        items = check_limits(limits(value))
        self.attempt(
            id_, lambda project, _: with_limits(project, items, keep_others=True), allowed, after
        )

    @rule(id_=st.sampled_from(LIMITED), value=st.integers(1, 15), seconds=st.integers(1, 20))
    def grant(self, id_: str, value: int, seconds: int) -> None:
        self.names += 1
        name, until_ms = f"l{self.names:03}", self.now_ms + seconds * SECOND
        told = self.told[id_]
        after = changed(told, leases={**told.leases, name: (value, until_ms)})
        made = lease(name, value, until_ms)
        self.attempt(id_, lambda project, _: grant(project, made), self.fits(id_, after), after)

    @rule(id_=st.sampled_from(LIMITED), seconds=st.integers(1, 20), which=st.integers(0, 5))
    def extend(self, id_: str, seconds: int, which: int) -> None:
        told, name = self.told[id_], self.live(id_, which)
        if name:
            until_ms = self.now_ms + seconds * SECOND
            after = changed(told, leases={**told.leases, name: (told.leases[name][0], until_ms)})
            self.attempt(id_, lambda project, _: extend(project, name, until_ms), True, after)

    @rule(id_=st.sampled_from(LIMITED), which=st.integers(0, 5))
    def give_back(self, id_: str, which: int) -> None:
        told, name = self.told[id_], self.live(id_, which)
        if name:
            leases = {key: each for key, each in told.leases.items() if key != name}
            after = changed(told, leases=leases)
            allowed = told.used <= (after.in_force(self.now_ms) or 0)
            self.attempt(id_, lambda project, _: give_back(project, name), allowed, after)

    @rule(value=st.integers(1, 20), seconds=st.integers(1, 20))
    def grant_tenant(self, value: int, seconds: int) -> None:
        self.names += 1
        name, until_ms = f"l{self.names:03}", self.now_ms + seconds * SECOND
        tenant = lapse(self.tenant, self.now_ms)
        below = [lapse(each, self.now_ms) for each in self.projects.values()]
        if len(tenant.leases) < 30:
            self.tenant = drawn_by(grant(tenant, lease(name, value, until_ms)), below, tenant)
            self.told_tenant.leases[name] = (value, until_ms)

    @rule(id_=st.sampled_from((*PROJECTS, "t")))
    def clean(self, id_: str) -> None:
        """What the chore does, or doesn't: nothing depends on it."""
        if id_ == "t":
            self.tenant = lapse(self.tenant, self.now_ms)
        else:
            self.attempt(id_, lambda project, _: project, True, self.told[id_])

    @invariant()
    def the_books_agree(self) -> None:
        tenant = lapse(self.tenant, self.now_ms)
        assert from_base(tenant.items[KEY].used, Unit.COUNT) == self.drawn()
        for id_, told in self.told.items():
            item = lapse(self.projects[id_], self.now_ms).items.get(KEY)
            assert (from_base(item.used, Unit.COUNT) if item else 0) == told.used

    @invariant()
    def counting_anew_says_the_same(self) -> None:
        tenant = lapse(self.tenant, self.now_ms)
        below = [lapse(each, self.now_ms) for each in self.projects.values()]
        assert counted(tenant, below).items == tenant.items

    @invariant()
    def whoever_is_above_the_limit_is_told_why(self) -> None:
        for quota in (self.tenant, *self.projects.values()):
            now = lapse(quota, self.now_ms)
            assert (KEY in now.ended) == bool(now.over(KEY))


TestLeasing = Leasing.TestCase
TestLeasing.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_lease_counts_until_its_moment_and_no_longer() -> None:
    quota = charge(grant(limited("p", 4), lease("l", 3, 5000)), cpus(6))
    assert lapse(quota, 4999) is quota
    ended = lapse(quota, 5000)
    assert (ended.limit_of(KEY), ended.over(KEY)) == (4_000_000, 2_000_000)
    with pytest.raises(HeliostatError) as caught:
        charge(ended, cpus(1))
    assert "The lease l of 3 COUNT ended at 1970-01-01T00:00:05Z" in caught.value.message
    assert "usage is 2 COUNT above the limit" in caught.value.message
    assert caught.value.data["exceededBy"] == 2
    freed = release(ended, cpus(2))
    assert freed.ended == {}
    with pytest.raises(HeliostatError, match="4 COUNT used") as caught:
        charge(freed, cpus(1))
    assert "lease" not in caught.value.message


def test_what_is_above_can_be_raised_step_by_step_but_not_lowered() -> None:
    quota = lapse(charge(grant(limited("p", 4), lease("l", 3, 5000)), cpus(7)), 5000)
    raised = with_limits(quota, check_limits(limits(5)), keep_others=True)
    assert raised.over(KEY) == 2_000_000
    assert raised.ended.keys() == {KEY}
    with pytest.raises(HeliostatError, match="can't be 3 COUNT"):
        with_limits(quota, check_limits(limits(3)), keep_others=True)
    assert with_limits(quota, check_limits(limits(7)), keep_others=True).ended == {}


def test_another_key_of_a_tenant_that_is_above_can_be_changed() -> None:
    tenant = grant(limited("t", 4, OwnerKind.TENANT), lease("l", 3, 5000))
    below = [charge(limited("p", None), cpus(7))]
    tenant = lapse(drawn_by(tenant, below), 5000)
    more = check_limits({"disk": QuotaLimit(limit=1, unit=Unit.COUNT)})
    after = drawn_by(with_limits(tenant, more, keep_others=True), below, tenant)
    assert after.over(KEY) == 3_000_000


def test_a_lease_needs_a_limit_to_add_to() -> None:
    with pytest.raises(HeliostatError, match="no limit on it"):
        grant(limited("p", None), lease("l", 3, 5000))
    sized = check_lease({KEY: QuotaLimit(limit=1, unit=Unit.GB)}, 5000, 0, "")
    with pytest.raises(HeliostatError, match="counted in COUNT, not in GB"):
        grant(limited("p", 1), QuotaLease(id="l", items=sized, until_ms=5000))


def test_giving_back_what_is_used_is_refused() -> None:
    quota = charge(grant(limited("p", 4), lease("l", 3, 5000)), cpus(5))
    assert needed(quota, "l") == {KEY: 1_000_000}
    with pytest.raises(HeliostatError, match=r"1 COUNT of vm\.cpu would be above") as caught:
        give_back(quota, "l")
    assert caught.value.code == "QuotaInUse"
    assert give_back(release(quota, cpus(1)), "l").leases == {}


def test_an_ended_lease_can_not_be_extended() -> None:
    quota = lapse(grant(limited("p", 4), lease("l", 3, 5000)), 5000)
    with pytest.raises(HeliostatError, match="or it has ended") as caught:
        extend(quota, "l", 9000)
    assert caught.value.code == "QuotaLeaseNotFound"


def test_a_limit_that_is_lifted_leaves_its_lease_without_effect() -> None:
    quota = grant(limited("p", 4), lease("l", 3, 5000))
    lifted = without_limits(quota, [KEY])
    assert lifted.limit_of(KEY) is None
    tenant = settle(limited("t", 10, OwnerKind.TENANT), limited("p", 0), quota)
    assert settle(tenant, quota, lifted).items[KEY].used == 0


@pytest.mark.parametrize(
    ("asked", "until_ms", "reason", "field"),
    [
        ({}, 5000, "", "items"),
        (limits(0), 5000, "", f"items.{KEY}"),
        (limits(-1), 5000, "", f"items.{KEY}"),
        (limits(1), 1000, "", "until"),
        (limits(1), 1 << 50, "", "until"),
        (limits(1), 5000, "a\nb", "reason"),
        (limits(1), 5000, "x" * 201, "reason"),
    ],
)
def test_leases_that_can_not_be(
    asked: dict[str, QuotaLimit], until_ms: int, reason: str, field: str
) -> None:
    with pytest.raises(HeliostatError) as caught:
        check_lease(asked, until_ms, 1000, reason)
    assert caught.value.data == {"field": field}


@given(st.integers(0, 10), st.integers(0, 10))
def test_the_last_lease_that_ended_is_named(first: int, second: int) -> None:
    quota = grant(limited("p", 1), lease("one", 5, 1000 + first))
    quota = charge(grant(quota, lease("two", 5, 1000 + second)), cpus(11))
    ended = lapse(quota, 5000)
    assert ended.ended[KEY].lease_id == ("one" if first > second else "two")
