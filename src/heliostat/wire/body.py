"""The two kinds of JSON bodies, and the shapes that every noun shares.

A request refuses fields it does not know.  A response leaves out a field only
where the field has a default and holds it: a field without a default is always
sent, because existing clients decode it into a plain (non-optional) field.
Existing clients send ``null`` for an empty list or map, so requests accept it.
"""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A JSON request body; an unknown field is an error."""


class Response(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A JSON response body; a field that equals its default is left out."""


class EntityRef(Response):
    """Names an entity: its kind and id."""

    kind: str
    id: str


class Locality(Request, omit_defaults=True):
    """An affinity: place near (or on) the entity of that kind and id.

    Ours: ``negative`` keeps away from it; ``preferred`` weighs in the choice but need not
    hold; ``scope`` (``host``, or ``availabilityZone`` for VMs, disks and labels) says how far
    "near" reaches.  A ``label`` has ``key=value`` as its id and means the VMs of the project.
    """

    kind: str
    id: str
    negative: bool = False
    preferred: bool = False
    scope: str = ""


class SecurityGroup(Response):
    """A group that may use a tenant or project; ``inherited`` if its tenant handed it down."""

    name: str
    inherited: bool


class SecurityGroupsSpec(Request):
    """Replaces the security groups of a tenant or project."""

    items: list[str] | None = None
