"""What a service provider is told of a person: a name, and the attributes it is to have.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliostat.identity.directory.contract.people import Person
from heliostat.identity.names import fold, security_group
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.vocabulary import NameIdFormat


def attributes_of(person: Person, provider: ServiceProvider) -> dict[str, tuple[str, ...]]:
    """The released attributes that the person has, in our order."""
    every: Mapping[str, Sequence[str]] = {
        "mail": (person.email,),
        "givenName": (person.given_name,),
        "sn": (person.family_name,),
        "displayName": (f"{person.given_name} {person.family_name}".strip(),),
        "uid": (person.subject.partition("@")[0],),
        "upn": (person.subject,),
        "groups": person.groups,
    }
    found = {each: tuple(filter(None, every[each])) for each in provider.attributes}
    return {each: values for each, values in found.items() if values}


def may_be_named(provider: ServiceProvider, format_: NameIdFormat) -> bool:
    """Whether a provider may have names of this format: they tell no more than is released."""
    if format_ in (NameIdFormat.PERSISTENT, NameIdFormat.TRANSIENT, provider.name_id):
        return True
    released = "mail" if format_ is NameIdFormat.EMAIL else "upn"
    return released in provider.attributes


def let_in(person: Person, provider: ServiceProvider, domain: str) -> bool:
    """Whether the provider is for this person; ``domain`` is the tenant's.

    A group that is registered without a domain is the tenant's own: directories elsewhere
    have groups, and people, of the same name.
    """
    if not provider.groups:
        return True
    allowed = {
        fold(each if "\\" in each else security_group(each, domain)) for each in provider.groups
    }
    return any(fold(each) in allowed for each in person.groups)
