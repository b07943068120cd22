"""May this be issued?  Pure: a policy, a request and who asks; a profile or the reason.

A request passes by one rule alone.  What the rule does not name is refused, never left
out silently: whoever asked would find a certificate without the name that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heliostat.identity.authority.alternative_names import is_well_formed
from heliostat.identity.authority.out_of_reach import outside_name, reserved_name, vouched_name
from heliostat.identity.authority.patterns import allowed, is_listed, name_matches
from heliostat.identity.authority.requests import Requested
from heliostat.identity.authority.rules import AcmeRules, CertificatePolicy, Rule
from heliostat.identity.names import fold

SERVER = "serverAuth"
CLIENT = "clientAuth"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: ``user`` is the bare name; ``controls``: names it has proved to control."""

    subject: str
    user: str = ""
    groups: frozenset[str] = frozenset()
    administers: bool = False
    controls: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What will be issued, and by which rule."""

    subject: tuple[tuple[str, str], ...]
    names: tuple[str, ...]
    usages: tuple[str, ...]
    days: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A profile, or ``None`` with the reason why not."""

    profile: Profile | None
    reason: str


def default_policy(domain: str) -> CertificatePolicy:
    """Administrators get what lies in their domain; nobody else anything."""
    inside = (domain, f"**.{domain}")
    rule = Rule(
        title="administrators",
        names=inside,
        wildcards=True,
        emails=(f"*@{domain}",),
        usages=(SERVER, CLIENT, "emailProtection"),
    )
    return CertificatePolicy(rules=(rule,), acme=AcmeRules(names=inside))


def decide(
    policy: CertificatePolicy,
    domain: str,
    requested: Requested,
    asker: Asker,
    *,
    days: int = 0,
    reserved: Iterable[str] = (),
    constrained: bool = False,
) -> Verdict:
    """Whether ``asker`` gets it; ``days`` 0 takes what the rule allows at most.

    ``reserved``: names of the site itself, which nobody gets.  ``constrained``: the
    intermediate is believed for names in ``domain`` only.
    """
    if (taken := reserved_name(requested, reserved)) is not None:
        return Verdict(None, f"{taken} belongs to the platform itself")
    if (name := vouched_name(requested, domain)) is not None:
        return Verdict(None, f"{name} is given by no rule, but to machines and service accounts")
    if constrained and (name := outside_name(requested, domain)) is not None:
        return Verdict(None, f"{name} lies outside of {domain}, for which this authority is")
    if not requested.names and not requested.common_name:
        return Verdict(None, "it asks for no name at all")
    if asker.controls is not None:
        return _by_control(policy.acme, requested, asker.controls, days)
    rules = [rule for rule in policy.rules if _may_ask(rule, domain, asker)]
    if not rules:
        return Verdict(None, f"no rule of {domain} lets {asker.subject} ask for certificates")
    refusals = []
    for rule in rules:
        reason = refusal(rule, requested, asker.user, days)
        if not reason:
            return _granted(rule, requested, days)
        refusals.append(f"{rule.title}: {reason}")
    return Verdict(None, "; ".join(refusals[:3]))


def refusal(rule: Rule, requested: Requested, user: str, days: int) -> str:
    """Why a rule does not let a request pass; empty if it does."""
    if requested.kind not in rule.keys:
        return f"keys of the kind {requested.kind} are not allowed"
    if requested.kind == "RSA" and not rule.rsa_bits_least <= requested.bits <= rule.rsa_bits_most:
        return f"RSA keys have {rule.rsa_bits_least} to {rule.rsa_bits_most} bits"
    if days > rule.longest_days:
        return f"{days} days are more than the {rule.longest_days} allowed"
    for usage in requested.usages:
        if usage not in rule.usages:
            return f"the usage {usage} is not allowed"
    for part, _ in requested.subject:
        if part not in rule.subject:
            return f"its subject may not have {part}"
    for name in requested.names:
        if not allowed(rule, name, user):
            return f"{name.partition(':')[2]} is not among its names"
    common = requested.common_name
    if (
        common
        and not is_listed(common, requested.names)
        and not _common_allowed(rule, common, user)
    ):
        return f"the common name {common[:80]!a} is not among its names"
    return ""


def acme_refusal(rules: AcmeRules, name: str, patterns: Sequence[str] = ()) -> str:
    """Why ACME does not order ``name`` (folded); ``patterns``: what its account may have."""
    if name.startswith("*.") and not rules.wildcards:
        return "wildcards are not allowed"
    if not any(name_matches(pattern, name) for pattern in rules.names):
        return f"{name} is not among the names that ACME may have here"
    if patterns and not any(name_matches(pattern, name) for pattern in patterns):
        return f"{name} is not among the names that this account may have"
    return ""


def _by_control(
    rules: AcmeRules, requested: Requested, controls: Sequence[str], days: int
) -> Verdict:
    """What ACME ordered, and nothing besides (RFC 8555, 7.4)."""
    wanted = set(requested.names)
    if requested.common_name:
        wanted.add(f"dns:{fold(requested.common_name)}")
    if wanted != {f"dns:{name}" for name in controls}:
        return Verdict(None, "it does not ask for exactly the names of the order")
    if any(usage not in (SERVER, CLIENT) for usage in requested.usages):
        return Verdict(None, "it asks for a usage that ACME does not give")
    names = tuple(f"dns:{name}" for name in controls)
    granted = min(days or rules.longest_days, rules.longest_days)
    usages = requested.usages or (SERVER,)
    common = controls[0] if len(controls[0]) <= 64 else ""
    subject = (("CN", common),) if common else ()
    reason = f"proved control of {len(controls)} names, {granted} days"
    return Verdict(Profile(subject, names, usages, granted, reason), reason)


def _granted(rule: Rule, requested: Requested, days: int) -> Verdict:
    usages = requested.usages or tuple(each for each in rule.usages if each in (SERVER, CLIENT))
    names = requested.names
    if not names:
        names = (_named(rule, requested.common_name),)
    granted = days or rule.longest_days
    reason = f"allowed by the rule {rule.title}: {', '.join(names[:5])} for {granted} days"
    return Verdict(Profile(requested.subject, names, usages, granted, reason), reason)


def _named(rule: Rule, common: str) -> str:
    """A common name alone, as the alternative name that everybody looks at."""
    return f"email:{common}" if "@" in common and rule.emails else f"dns:{fold(common)}"


def _may_ask(rule: Rule, domain: str, asker: Asker) -> bool:
    if asker.administers or (rule.everybody and asker.user):
        return True
    wanted = {fold(group if "\\" in group else f"{domain}\\{group}") for group in rule.groups}
    return not wanted.isdisjoint(map(fold, asker.groups))


def _common_allowed(rule: Rule, common: str, user: str) -> bool:
    name = _named(rule, common)
    return is_well_formed(name) and allowed(rule, name, user)


def may_have(policy: CertificatePolicy, domain: str, name: str, asker: Asker) -> bool:
    """Whether some rule lets ``asker`` have a certificate for a DNS name."""
    return any(
        _may_ask(rule, domain, asker) and allowed(rule, f"dns:{name}", asker.user)
        for rule in policy.rules
    )
