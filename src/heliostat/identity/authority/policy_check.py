"""Does a policy mean something?  Pure: what an operator sets is refused before it is kept."""

from __future__ import annotations

from ipaddress import ip_network

from heliostat.core.errors import PermanentError
from heliostat.identity.authority.alternative_names import MAX_NAME
from heliostat.identity.authority.rules import CertificatePolicy, Rule

LONGEST_DAYS = 398
KEYS = ("P-256", "P-384", "Ed25519", "RSA")
CHALLENGES = ("http-01", "dns-01", "tls-alpn-01", "host-01")
_MAX_RULES = 100
_MAX_PATTERNS = 200


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


def _invalid(why: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"The policy is refused: {why}.")
