"""What a scope means, in words for whoever is asked to agree to it.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from heliostat.identity.tokens.scopes import API_SERVERS, Scope

_WORDS = (
    (("openid",), "know who you are"),
    (("profile",), "read your name"),
    (("email",), "read your e-mail address"),
    (("id_groups", "id_groups_filtered"), "see which groups you are in"),
    (("offline_access",), "stay signed in while you are away, until your sign-in ends"),
    (("at_groups", "at_groups_filtered"), "use the rights that your groups have"),
)


def asks_of(scope: Scope, agreed: Iterable[str] = ()) -> tuple[str, ...]:
    """Sentences for what is in ``scope`` and was not ``agreed`` to before."""
    new = [value for value in scope.values if value not in set(agreed)]
    told = [sentence for values, sentence in _WORDS if not set(values).isdisjoint(new)]
    servers = [value for value in new if value.startswith("rs_")]
    if not API_SERVERS.isdisjoint(servers):
        told.append("use this platform as you")
    others = [each.removeprefix("rs_") for each in servers if each not in API_SERVERS]
    return (*told, *(f"use the service {each} as you" for each in others))
