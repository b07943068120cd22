"""May this be issued?  Pure: a policy, a request and who asks; a profile or the reason.

A request passes by one rule alone.  What the rule does not name is refused, never left
out silently: whoever asked would find a certificate without the name that it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.records import AcmeRules, CertificatePolicy, Rule
from heliostat.identity.authority.requests import MAX_NAME, Requested, is_well_formed
from heliostat.identity.names import fold

LONGEST_DAYS = 398
SERVER = "serverAuth"
CLIENT = "clientAuth"
KEYS = ("P-256", "P-384", "Ed25519", "RSA")
CHALLENGES = ("http-01", "dns-01", "tls-alpn-01", "host-01")
HOST_URI = "heliostat:"
"""URIs that name hosts of the platform; nobody but the platform gets them."""
VOUCHED = ("machine", "project")
"""Where SPIFFE ids of a domain begin that programs have by their machine alone."""
_MAX_RULES = 100
_MAX_PATTERNS = 200


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
    if (taken := _reserved(requested, reserved)) is not None:
        return Verdict(None, f"{taken} belongs to the platform itself")
    if (name := _vouched(requested, domain)) is not None:
        return Verdict(None, f"{name} is what a machine alone vouches for")
    if constrained and (name := _outside(requested, domain)) is not None:
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
        if not _allowed(rule, name, user):
            return f"{name.partition(':')[2]} is not among its names"
    common = requested.common_name
    if (
        common
        and not _is_listed(common, requested.names)
        and not _common_allowed(rule, common, user)
    ):
        return f"the common name {common[:80]!a} is not among its names"
    return ""


def checked_policy(policy: CertificatePolicy) -> CertificatePolicy:
    """The policy, if it means something; raises ``InvalidEntity``."""
    if len(policy.rules) > _MAX_RULES:
        raise _invalid(f"it has more than {_MAX_RULES} rules")
    for rule in policy.rules:
        _check_rule(rule)
    unknown = set(policy.acme.challenges) - set(CHALLENGES)
    if unknown:
        raise _invalid(f"acme: {', '.join(sorted(unknown))} is no challenge")
    _check_days("acme", policy.acme.longest_days)
    if not 1 <= policy.acme.orders_an_hour <= 100_000:
        raise _invalid("acme: orders_an_hour lies between 1 and 100000")
    return policy


def _check_rule(rule: Rule) -> None:
    where = f"rule {rule.title[:40]!r}"
    if not rule.title:
        raise _invalid("a rule has no title")
    _check_days(where, rule.longest_days)
    if unknown := set(rule.keys) - set(KEYS):
        raise _invalid(f"{where}: {', '.join(sorted(unknown))} is no kind of key")
    if rule.rsa_bits_least < 2048:
        raise _invalid(f"{where}: RSA keys have at least 2048 bits")
    for network in rule.addresses:
        try:
            ip_network(network)
        except ValueError as error:
            raise _invalid(f"{where}: {error}") from error
    for pattern in (*rule.names, *rule.emails, *rule.uris):
        if not pattern or len(pattern) > MAX_NAME or pattern in ("*", "**"):
            raise _invalid(f"{where}: {pattern[:40]!r} is no pattern")
    if sum(map(len, (rule.names, rule.emails, rule.uris, rule.addresses))) > _MAX_PATTERNS:
        raise _invalid(f"{where} has more than {_MAX_PATTERNS} patterns")


def _check_days(where: str, days: int) -> None:
    if not 1 <= days <= LONGEST_DAYS:
        raise _invalid(f"{where}: certificates live 1 to {LONGEST_DAYS} days")


def name_matches(pattern: str, name: str) -> bool:
    """Whether a DNS name is one of a pattern's; ``name`` may be a wildcard itself."""
    name = name.removeprefix("*.")
    if pattern.startswith("**."):
        return name.endswith(pattern[2:]) and len(name) > len(pattern) - 2
    if pattern.startswith("*."):
        first, _, rest = name.partition(".")
        return bool(first) and rest == pattern[2:]
    return name == pattern


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


def _allowed(rule: Rule, name: str, user: str) -> bool:
    kind, _, value = name.partition(":")
    if kind == "dns":
        if value.startswith("*.") and not rule.wildcards:
            return False
        return any(name_matches(each, value) for each in _filled(rule.names, user))
    if kind == "ip":
        return any(ip_address(value) in ip_network(each) for each in rule.addresses)
    if kind == "email":
        return any(fnmatchcase(value, each) for each in _filled(rule.emails, user))
    return any(fnmatchcase(value, each) for each in _filled(rule.uris, user))


def _filled(patterns: Iterable[str], user: str) -> Iterable[str]:
    """Patterns for one caller; those about the caller mean nothing without a name."""
    plain = user.lower() if user and "*" not in user else ""
    for pattern in patterns:
        if "{user}" not in pattern:
            yield pattern
        elif plain:
            yield pattern.replace("{user}", plain)


def _is_listed(common: str, names: Sequence[str]) -> bool:
    folded = fold(common)
    return any(name.partition(":")[2] in (common, folded) for name in names)


def _common_allowed(rule: Rule, common: str, user: str) -> bool:
    name = _named(rule, common)
    return is_well_formed(name) and _allowed(rule, name, user)


def _reserved(requested: Requested, reserved: Iterable[str]) -> str | None:
    taken = {fold(each) for each in reserved}
    common = fold(requested.common_name)
    for name in (*requested.names, f"dns:{common}"):
        kind, _, value = name.partition(":")
        value = fold(value)
        if value in taken or (kind == "uri" and value.startswith(HOST_URI)):
            return value
        if value.startswith("*.") and any(each.partition(".")[2] == value[2:] for each in taken):
            return value
    return None


def _vouched(requested: Requested, domain: str) -> str | None:
    begins = tuple(fold(f"uri:spiffe://{domain}/{each}/") for each in VOUCHED)
    for name in requested.names:
        if fold(unquote(name)).startswith(begins):
            return name.partition(":")[2]
    return None


def _outside(requested: Requested, domain: str) -> str | None:
    names, common = list(requested.names), requested.common_name
    as_name = f"email:{common}" if "@" in common else f"dns:{fold(common)}"
    if not _is_listed(common, names) and is_well_formed(as_name):
        names.append(as_name)  # alone it becomes one, and beside others some still look there
    for name in names:
        kind, _, value = name.partition(":")
        if kind == "uri":
            host = (urlsplit(value).hostname or "") if "://" in value else ""
        else:
            host = value.rpartition("@")[2].removeprefix("*.")
        if kind == "ip" or not (host == domain or host.endswith(f".{domain}")):
            return value
    return None


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The policy is refused: {why}.")


def may_have(policy: CertificatePolicy, domain: str, name: str, asker: Asker) -> bool:
    """Whether some rule lets ``asker`` have a certificate for a DNS name."""
    return any(
        _may_ask(rule, domain, asker) and _allowed(rule, f"dns:{name}", asker.user)
        for rule in policy.rules
    )
