"""A message on its way out: in a form that the browser posts, or in a signed link."""

from __future__ import annotations

from dataclasses import dataclass

from heliostat.identity.saml import signatures
from heliostat.identity.saml.bindings import to_form, to_query
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.markup import Node
from heliostat.identity.saml.records import Endpoint
from heliostat.identity.saml.vocabulary import Binding


@dataclass(frozen=True, slots=True)
class Form:
    """What the browser posts, where, and to whom as people call it."""

    title: str
    target: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Onward:
    """Where the browser goes: with a form, to an address, or (both empty) it has arrived.

    ``left`` are the people whose sessions here have just ended, ``by`` the provider that asked.
    """

    form: Form | None = None
    url: str = ""
    partial: bool = False
    left: tuple[str, ...] = ()
    by: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response (``kind``: the field that carries it), with its RelayState."""

    kind: str
    root: Node
    relay_state: str


def outgoing(message: Message, endpoint: Endpoint, pair: KeyPair, title: str) -> Onward:
    """The message, signed as its way has it; answers go where the endpoint takes them."""
    target = str(message.root.get("Destination"))
    if endpoint.binding is Binding.REDIRECT:
        joint = "&" if "?" in target else "?"
        query = to_query(message.kind, message.root, message.relay_state, pair)
        return Onward(url=f"{target}{joint}{query}")
    signed = signatures.sign(message.root, pair)
    return Onward(form=Form(title, target, to_form(message.kind, signed, message.relay_state)))
