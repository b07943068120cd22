"""Which step comes next, and what proofs are worth: tables."""

from __future__ import annotations

import pytest

from heliostat.identity.options import IdentityOptions, SecondFactorPolicy
from heliostat.identity.steps.next_step import Requirement, Situation, Step, next_step
from heliostat.identity.steps.proofs import Assurance, amr, assurance, wanted
from heliostat.identity.steps.rules import rules_of

PWD, OTP = ("pwd",), ("pwd", "otp")
OFF, OPTIONAL, REQUIRED = Requirement.OFF, Requirement.OPTIONAL, Requirement.REQUIRED
TWO, PHR = Assurance.TWO, Assurance.PHISHING_RESISTANT


@pytest.mark.parametrize(
    ("proofs", "worth", "told"),
    [
        ((), "sfa", []),
        (("pwd",), "sfa", ["pwd"]),
        (("pwd", "otp"), "mfa", ["mfa", "otp", "pwd"]),
        (("pwd", "recovery"), "mfa", ["mfa", "otp", "pwd"]),
        (("otp",), "sfa", ["otp"]),
        (("swk", "user"), "sfa", ["swk", "user"]),
        (("swk", "user", "verified"), "phr", ["mfa", "pin", "swk", "user"]),
        (("pwd", "hwk", "user"), "phr", ["hwk", "mfa", "pwd", "user"]),
        (("fed",), "sfa", ["fed"]),
        (("fed-mfa",), "mfa", ["fed", "mfa"]),
        (("fed", "otp"), "mfa", ["fed", "mfa", "otp"]),
        (("of a later version",), "sfa", []),
    ],
)
def test_proofs_are_worth_what_the_standards_say(
    proofs: tuple[str, ...], worth: str, told: list[str]
) -> None:
    assert (assurance(proofs), amr(proofs)) == (worth, told)


def test_the_least_that_a_program_names_is_wanted() -> None:
    assert [wanted(text) for text in ("", "gold", "phr mfa", "phr", "mfa sfa")] == [
        "sfa", "sfa", "mfa", "phr", "sfa",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (Situation(), Step.WHO),
        (Situation(PWD), Step.ON),
        (Situation(PWD, has_code=True), Step.SECOND),
        (Situation(PWD, has_passkey=True), Step.SECOND),
        (Situation(OTP, has_code=True), Step.ON),
        (Situation(PWD, has_code=True, requirement=OFF), Step.ON),
        (Situation(PWD, has_code=True, requirement=OFF, wanted=TWO), Step.SECOND),
        (Situation(PWD, has_code=True, wanted=PHR), Step.UNMET),
        (Situation(OTP, has_code=True, wanted=PHR), Step.UNMET),
        (Situation(OTP, has_passkey=True, wanted=PHR), Step.SECOND),
        (Situation(PWD, wanted=TWO), Step.UNMET),
        (Situation(PWD, wanted=TWO, requirement=REQUIRED), Step.ENROL),
        (Situation(PWD, requirement=REQUIRED), Step.ENROL),
        (Situation(PWD, requirement=REQUIRED, may_wait=True), Step.ENROL),
        (Situation(PWD, requirement=REQUIRED, may_wait=True, put_off=True), Step.ON),
        (Situation(PWD, requirement=REQUIRED, put_off=True), Step.ENROL),
        (Situation(("fed-mfa",), requirement=REQUIRED), Step.ON),
        (Situation(("fed",), requirement=REQUIRED), Step.ENROL),
        (Situation(PWD, banner=True, consent=True), Step.BANNER),
        (Situation(PWD, consent=True), Step.CONSENT),
        (Situation(PWD, has_code=True, banner=True), Step.SECOND),
    ],
)
def test_the_next_step_follows_from_what_is_known(now: Situation, step: Step) -> None:
    decision = next_step(now)
    assert (decision.step, bool(decision.reason)) == (step, True)


def test_rules_are_a_tenants_and_its_groups() -> None:
    policy = SecondFactorPolicy(required_groups=("Admins",), enrol_by="2026-12-31")
    rules = rules_of(IdentityOptions(second_factors=policy))
    assert rules.requirement_for(("d\\ADMINS",)) is REQUIRED
    assert rules.requirement_for(("d\\others",)) is OPTIONAL
    assert rules.grace_ends_ms == 1_798_761_600_000  # 2027-01-01T00:00Z
    faulty = SecondFactorPolicy(requirement="maybe", enrol_by="soon")
    assert [name for name, _ in faulty.faults()] == ["requirement", "enrol_by"]
