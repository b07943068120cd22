"""What a sign-in was worth, and whether that is what a provider asked for.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from heliostat.identity.saml.vocabulary import AuthnContext

_ORDER = tuple(AuthnContext)
_PASSWORDS = (AuthnContext.PROTECTED_PASSWORD, AuthnContext.PASSWORD)


def context_of(methods: Sequence[str]) -> AuthnContext:
    """The class of a sign-in by these methods (RFC 8176)."""
    known = set(methods)
    if "mfa" in known:
        return AuthnContext.MULTI_FACTOR
    if "pwd" in known:
        return AuthnContext.PROTECTED_PASSWORD
    if known & {"kerberos", "wia"}:
        return AuthnContext.KERBEROS
    return AuthnContext.UNSPECIFIED


def satisfied(methods: Sequence[str], asked: Sequence[str], comparison: str) -> str | None:
    """The class to answer with, if what was done is what was asked; ``None`` if it isn't.

    Whoever asks for a password gets one that a second factor stood beside, too.
    """
    done = context_of(methods)
    if not asked:
        return done.value
    if comparison == "exact":
        if done.value in asked or AuthnContext.UNSPECIFIED in asked:
            return done.value
        passwords = (each.value for each in _PASSWORDS if "pwd" in methods and each in asked)
        return next(passwords, None)
    ranks = [_ORDER.index(AuthnContext(each)) for each in asked if each in set(AuthnContext)]
    if not ranks:
        return None
    rank = _ORDER.index(done)
    fits = {
        "minimum": rank >= min(ranks),
        "better": rank > max(ranks),
        "maximum": rank <= max(ranks),
    }
    return done.value if fits[comparison] else None


def wants_second_factor(asked: Sequence[str], comparison: str) -> bool:
    """Whether a password does not answer the request, and two factors do."""
    return (
        bool(asked)
        and satisfied(("pwd",), asked, comparison) is None
        and satisfied(("pwd", "otp", "mfa"), asked, comparison) is not None
    )
