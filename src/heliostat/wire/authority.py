"""A domain's certificate authority: who signs, by which policy, and how the site's root changes."""

from __future__ import annotations

import msgspec

from heliostat.wire.access import Access
from heliostat.wire.body import Request, Response
from heliostat.wire.directory_tenants import BASE, DIRECTORY, TENANT
from heliostat.wire.route import Body, Owner, Route

PATH = f"{BASE}/{{{TENANT}}}/ca"
_OWNER = Owner(DIRECTORY, TENANT)


class AuthorityRoot(Response):
    """A root of the site.  ``state``: requested, next, active, retiring or retired."""

    id: str
    state: str
    subject: str
    issuer: str
    fingerprint: str
    not_after_time: int
    certificate: str


class Authority(Response):
    """Who signs a domain's certificates; without ``issuer`` nobody yet.

    ``move`` and ``told`` say what comes next with the site's root, and why.
    """

    id: str
    kind: str
    domain: str
    self_link: str
    keys: str
    roots: list[AuthorityRoot]
    move: str
    told: str
    crl_url: str
    name_constraints: bool
    issuer: str = ""
    issuer_subject: str = ""
    issuer_not_after_time: int = 0
    chain: str = ""


class CertificateRule(Request):
    """Who may have what: groups (``everybody``: whoever signs in), names and other patterns."""

    title: str
    groups: list[str] = []
    everybody: bool = False
    names: list[str] = []
    wildcards: bool = False
    addresses: list[str] = []
    emails: list[str] = []
    uris: list[str] = []
    subject: list[str] = msgspec.field(default_factory=lambda: ["CN"])
    keys: list[str] = msgspec.field(default_factory=lambda: ["P-256", "P-384", "Ed25519", "RSA"])
    rsa_bits_least: int = 2048
    rsa_bits_most: int = 4096
    usages: list[str] = msgspec.field(default_factory=lambda: ["serverAuth", "clientAuth"])
    longest_days: int = 90


class AcmeRules(Request):
    """Who may use ACME, and for what; ``binding``: only with a key that was handed out."""

    enabled: bool = True
    binding: bool = True
    names: list[str] = []
    wildcards: bool = True
    challenges: list[str] = msgspec.field(
        default_factory=lambda: ["http-01", "dns-01", "tls-alpn-01", "host-01"]
    )
    orders_an_hour: int = 300
    longest_days: int = 90


class CertificatePolicy(Request):
    """What a domain's authority signs: a request passes by one of the rules alone."""

    rules: list[CertificateRule]
    acme: AcmeRules = msgspec.field(default_factory=AcmeRules)


class RootRotation(Request):
    """The next step to another root; ``force`` does not wait for hosts and certificates."""

    force: bool = False


class RotationTold(Response):
    """What comes next, in a sentence."""

    told: str


class AuthorityRequest(Response):
    """A signing request (PEM) for the company's authority."""

    csr: str


class AuthorityChain(Request):
    """What the company's authority signed, with its chain up to its root (PEM)."""

    chain: str


class IntermediateReplacement(Request):
    """Why; anything but ``superseded`` takes back all that the intermediate issued."""

    reason: str = "superseded"


class Resealing(Request):
    """``renew``: under a new sealing key, which is made."""

    renew: bool = True


class Resealed(Response):
    """How many keys and other secrets were sealed anew, and how many no key here opens."""

    keys: int
    unreadable: int = 0


def _change(
    method: str,
    path: str,
    operation: str,
    summary: str,
    request: type | None = None,
    response: type | None = None,
    access: Access = Access.SYSTEM_ADMIN,
) -> Route:
    return Route(
        method=method,
        path=PATH + path,
        operation=operation,
        access=access,
        owner=_OWNER if access.needs_owner else None,
        summary=summary,
        request=request,
        body=Body.JSON if request is not None else Body.NONE,
        response=response,
        status=200 if response is not None else 204,
        mutating=True,
    )


ROUTES = (
    Route(
        method="GET",
        path=PATH,
        operation="getAuthority",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show who signs a domain's certificates, and the site's roots.",
        response=Authority,
        confidential=True,
    ),
    Route(
        method="GET",
        path=f"{PATH}/policy",
        operation="getCertificatePolicy",
        access=Access.TENANT_ADMIN,
        owner=_OWNER,
        summary="Show what a domain's authority signs.",
        response=CertificatePolicy,
        confidential=True,
    ),
    _change(
        "PUT",
        "/policy",
        "setCertificatePolicy",
        "Replace what a domain's authority signs.",
        CertificatePolicy,
        CertificatePolicy,
        access=Access.TENANT_ADMIN,
    ),
    _change(
        "POST",
        "/intermediate/replace",
        "replaceIntermediate",
        "Let a new intermediate sign a domain's certificates.",
        IntermediateReplacement,
        access=Access.TENANT_ADMIN,
    ),
    _change(
        "POST",
        "/rotation",
        "rotateRoot",
        "Take the next step to another root of the site.",
        RootRotation,
        RotationTold,
    ),
    _change("DELETE", "/rotation", "cancelRootRotation", "Give up a root that does not sign yet."),
    _change(
        "POST",
        "/csr",
        "requestAuthority",
        "Make the request with which a company's authority signs the site's.",
        response=AuthorityRequest,
    ),
    _change(
        "POST",
        "/certificate",
        "installAuthority",
        "Install what a company's authority signed.",
        AuthorityChain,
        RotationTold,
    ),
    _change(
        "POST",
        "/reseal",
        "resealKeys",
        "Seal all keys and secrets of the site under a new sealing key.",
        Resealing,
        Resealed,
    ),
)
