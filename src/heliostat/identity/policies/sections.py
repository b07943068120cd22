"""What a tenant may set for itself: sections of ``IdentityOptions``, one row each.  Pure.

A section is a frozen dataclass in ``options`` (with ``bounded`` numbers, a docstring under
each field, ``faults`` for what does not go together), a field of ``IdentityOptions`` and a
row in ``SECTIONS``; API, command line and reference follow from that.  The server's settings
are the defaults of every tenant; a tenant's own are laid over them by path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from heliostat.core.errors import PermanentError
from heliostat.core.settings import InvalidSetting, documented, type_at, with_settings
from heliostat.identity.options import IdentityOptions

SECTIONS: Mapping[str, str] = {
    "passwords": "passwords that are set from now on",
    "lockout": "wrong passwords from now on; who is locked stays so for the time of before",
    "lifetimes": "tokens and sign-ins from now on; those that are out keep theirs",
    "second_factors": "sign-ins from now on; who is signed in stays so",
    "saml": "requests from now on",
    "banner": "sign-ins from now on; who is signed in stays so",
    "tickets": "sign-ins from now on; machines learn it within the hour",
}
"""Names of the sections, and what a change in one counts for."""
SOURCE = "policy"


class Setting(NamedTuple):
    """One value of a policy: what counts, what would without the tenant, and what it means."""

    path: str
    value: Any
    default: Any
    own: bool
    about: str


def laid_over(site: IdentityOptions, own: Mapping[str, Any]) -> IdentityOptions:
    """``site`` with a tenant's own settings, for use.

    What a later version has removed, or the site's settings no longer go with, is left out:
    people must be able to sign in under any policy that was accepted once.
    """
    try:
        return with_settings(site, own, SOURCE) if own else site
    except PermanentError:
        pass  # which one it is shows below
    for path, value in own.items():
        try:
            site = with_settings(site, {path: value}, SOURCE)
        except PermanentError:
            continue
    return site


def checked(site: IdentityOptions, own: Mapping[str, Any]) -> IdentityOptions:
    """As ``laid_over``, for a policy that somebody sets; raises ``InvalidPolicy``."""
    refuse_unknown(site, own)
    try:
        return with_settings(site, own, SOURCE)
    except InvalidSetting as error:
        raise _refused(error.message.removeprefix(f"{SOURCE}: "), error.hint) from error


def refuse_unknown(site: IdentityOptions, paths: Iterable[str]) -> None:
    """Raises ``InvalidPolicy`` for the path of no setting."""
    for path in sorted(paths):
        section, _, name = path.partition(".")
        if section not in SECTIONS or not name:
            raise _refused(
                f"there is no setting {path[:80]!r}.",
                f"Sections are {', '.join(SECTIONS)}; `helio identity policy show` lists all.",
            )
        try:
            type_at(site, path, SOURCE)
        except InvalidSetting as error:
            raise _refused(error.message.removeprefix(f"{SOURCE}: "), error.hint) from error


def value_at(options: IdentityOptions, path: str) -> Any:
    """The value of a setting, as JSON has it."""
    section, _, name = path.partition(".")
    value = getattr(getattr(options, section), name)
    return list(value) if isinstance(value, tuple) else value


def settings_of(
    site: IdentityOptions, options: IdentityOptions, own: Mapping[str, Any]
) -> Iterator[Setting]:
    """Every setting of every section, in the order of the source."""
    for section in SECTIONS:
        for name, about in _documented(section):
            path = f"{section}.{name}"
            yield Setting(path, value_at(options, path), value_at(site, path), path in own, about)


@cache
def _documented(section: str) -> tuple[tuple[str, str], ...]:
    table = type(getattr(IdentityOptions(), section))
    return tuple((field.name, about) for field, about in documented(table))


def _refused(sentence: str, hint: str | None) -> PermanentError:
    return PermanentError("InvalidPolicy", f"The policy is not accepted: {sentence}", hint=hint)
