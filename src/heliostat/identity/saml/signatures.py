"""Signatures over whole elements, made and believed by the one shape that SAML allows.

A signature is the direct child of what it signs and refers to it by its id, through the
enveloped and exclusive canonicalization transforms and nothing else (SAML core, 5.4).
Whoever verifies gets the element parsed anew from the signed bytes, and reads only that:
so an element moved, wrapped or put beside it is never read.  Keys are those that were
registered; what a message says about its key is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.certificates import KeyPair
from heliostat.identity.saml.markup import (
    DEEPEST,
    Node,
    children,
    detached,
    make,
    name,
    one,
    only,
    refused,
)

_ENVELOPED = f"{words.SIGNATURE}enveloped-signature"
_CANONICAL = (words.EXCLUSIVE, f"{words.EXCLUSIVE}WithComments")
_METHODS = frozenset(SignatureMethod(each) for each in words.SIGNATURE_METHODS)
_DIGESTS = frozenset(DigestAlgorithm(each) for each in words.DIGEST_METHODS)


def sign(node: Node, pair: KeyPair) -> Node:
    """``node`` (with an id, and an issuer first) with a signature after its issuer."""
    placeholder = make("ds:Signature", {"Id": "placeholder"})
    position = 1 if children(node, "saml:Issuer") else 0
    node.insert(position, placeholder)
    signer = XMLSigner(
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
    )
    signer.namespaces = {"ds": words.SIGNATURE}
    return signer.sign(
        node, key=pair.private, cert=[pair.certificate], reference_uri=str(node.get("ID"))
    )


def is_signed(node: Node) -> bool:
    """Whether an element has a signature of its own."""
    return bool(children(node, "ds:Signature"))


def verified(node: Node, certificates: Sequence[x509.Certificate]) -> Node:
    """The element that the signature in ``node`` covers, parsed from the signed bytes.

    Raises ``InvalidSamlMessage`` where there is no signature, or one of another shape,
    algorithm or key.
    """
    alone = detached(node)
    _check_shape(alone)
    for certificate in certificates:
        signed = _covered(alone, certificate)
        if signed is not None:
            if signed.tag != alone.tag or signed.get("ID") != alone.get("ID"):
                raise refused("its signature covers something else")
            return signed
    raise refused("its signature is made with no key that is registered, or it was changed")


def _covered(alone: Node, certificate: x509.Certificate) -> Any:
    config = SignatureConfiguration(
        location="./",
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        ignore_ambiguous_key_info=True,
        # metadata registers keys: a certificate is only how it spells one
        verification_time=certificate.not_valid_before_utc,
    )
    try:
        result = XMLVerifier().verify(
            alone, x509_cert=certificate, id_attribute="ID", expect_config=config
        )
    except (SignXMLException, InvalidSignature, ValueError, TypeError, etree.LxmlError):
        return None
    return None if isinstance(result, list) else result.signed_xml


def _check_shape(node: Node) -> None:
    signature = one(node, "ds:Signature")
    own_id = node.get("ID")
    if not own_id:
        raise refused("what is signed has no id")
    parts = [each.tag for each in signature]
    expected = [name("ds:SignedInfo"), name("ds:SignatureValue"), name("ds:KeyInfo")]
    if parts not in (expected, expected[:2]):
        raise refused("its signature has other parts than one has")
    info = one(signature, "ds:SignedInfo")
    order = [name(f"ds:{each}") for each in ("CanonicalizationMethod", "SignatureMethod")]
    if [each.tag for each in info] != [*order, name("ds:Reference")]:
        raise refused("its signature does not refer to exactly one element")
    _allow(one(info, "ds:CanonicalizationMethod"), _CANONICAL)
    _allow(one(info, "ds:SignatureMethod"), words.SIGNATURE_METHODS)
    reference = one(info, "ds:Reference")
    if reference.get("URI") != f"#{own_id}":
        raise refused("its signature refers to another element than it stands in")
    _allow(one(reference, "ds:DigestMethod"), words.DIGEST_METHODS)
    transforms = [each.get("Algorithm") for each in one(reference, "ds:Transforms")]
    if transforms not in [[_ENVELOPED], *([_ENVELOPED, each] for each in _CANONICAL)]:
        raise refused("its signature uses transforms that SAML does not allow")
    if only(signature, "ds:Object") is not None or _depth(signature) > DEEPEST:
        raise refused("its signature carries objects")


def _allow(node: Node, algorithms: Sequence[str] | frozenset[str]) -> None:
    if node.get("Algorithm") not in algorithms:
        raise refused(f"{str(node.get('Algorithm'))[:80]} is not accepted")


def _depth(node: Node) -> int:
    return 1 + max((_depth(each) for each in node), default=0)
