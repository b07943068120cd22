"""What is believed of an identity provider's answer: every way to bend a signed one is refused."""

from __future__ import annotations

import base64
import copy
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import pytest
from lxml import etree

from heliostat.core.errors import PermanentError
from heliostat.identity.saml import bindings, markup, signatures
from heliostat.identity.saml import vocabulary as words
from heliostat.identity.saml.answers import NewIds, Statement, response
from heliostat.identity.saml.bindings import Received
from heliostat.identity.saml.consumer import Asserted, Expected, asserted
from heliostat.identity.saml.markup import Node, make, name
from heliostat.identity.saml.records import ServiceProvider
from heliostat.identity.saml.requests import believed
from heliostat.identity.saml.vocabulary import Binding, NameIdFormat
from heliostat.testing.saml import pair_of, pem

NOW_MS = 1_800_000_000_000
IDP, SP, OTHER = pair_of("idp"), pair_of("sp"), pair_of("other")
EXPECTED = Expected(
    issuer="https://idp.test/md",
    certificates=(pem(IDP),),
    audience="https://sp.test/md",
    recipient="https://sp.test/acs",
    request_id="_asked",
    pairs=(SP,),
)
SAID = Statement(
    issuer=EXPECTED.issuer,
    audience=EXPECTED.audience,
    recipient=EXPECTED.recipient,
    request_id=EXPECTED.request_id,
    name_id="alice",
    name_id_format=NameIdFormat.PERSISTENT,
    attributes={"mail": ("alice@idp.test",), "groups": ("a", "b")},
    context="urn:oasis:names:tc:SAML:2.0:ac:classes:Password",
    session_index="s1",
    signed_in_ms=NOW_MS,
    session_ends_ms=NOW_MS + 3_600_000,
    now_ms=NOW_MS,
)


def answer(said: Statement = SAID, *, signs: str = "both", encrypts: bool = False) -> Node:
    """A response; ``signs``: response, assertion, both or nothing."""
    provider = ServiceProvider(
        name="sp",
        entity_id=said.audience,
        encryption=(SP.base64,),
        encrypts=encrypts,
        wants_signed_response=signs in ("response", "both"),
        wants_signed_assertion=signs in ("assertion", "both"),
    )
    return response(said, provider, IDP, NewIds("_response", "_assertion"))


def read(root: Node, expected: Expected = EXPECTED, now_ms: int = NOW_MS) -> Asserted:
    data = root if isinstance(root, bytes) else markup.written(root)
    form = {"SAMLResponse": base64.b64encode(data).decode()}
    return asserted(bindings.from_form(form), expected, now_ms)


def refusal(attempt: Callable[[], object]) -> str:
    """The sentence with which something is refused; empty if it isn't."""
    try:
        attempt()
    except PermanentError as error:
        return error.message if error.code == "InvalidSamlMessage" else ""
    return ""


@pytest.mark.parametrize("encrypts", [False, True])
@pytest.mark.parametrize("signs", ["response", "assertion", "both"])
def test_what_is_in_order_is_believed(signs: str, encrypts: bool) -> None:
    said = read(answer(signs=signs, encrypts=encrypts))
    assert (said.name_id, said.session_index) == ("alice", "s1")
    assert said.attributes["mail"] == ("alice@idp.test",)
    assert said.attributes["Groups"] == ("a", "b")
    assert b"alice" not in markup.written(answer(signs=signs, encrypts=True))


def _evil(node: Node) -> Node:
    """A copy that says another name, under another id, without a signature."""
    copied = copy.deepcopy(node)
    copied.set("ID", "_evil")
    for each in copied.iter(name("saml:NameID")):
        each.text = "admin"
    for each in list(copied.iter(name("ds:Signature"))):
        each.getparent().remove(each)
    return copied


def _signature(node: Node) -> Node:
    return markup.one(node, "ds:Signature")


def wrapped_response(inside_signature: bool) -> Node:
    """XSW1 and XSW2: another response with the signature and the original in or before it."""
    original = answer(signs="response")
    evil, signature = _evil(original), _signature(original)
    original.remove(signature)
    if inside_signature:
        signature.append(original)
    else:
        evil.insert(1, original)
    evil.insert(1, signature)
    return evil


def wrapped_assertion(how: int) -> Node:
    """XSW3 to XSW8: another assertion before, around, with the signature of, in an extension."""
    root = answer(signs="assertion")
    original = markup.one(root, "saml:Assertion")
    evil, place = _evil(original), root.index(original)
    if how == 3:
        root.insert(place, evil)
    elif how == 4:
        root.replace(original, evil)
        evil.append(original)
    elif how in (5, 6):
        root.replace(original, evil)
        signature = _signature(original)
        evil.insert(1, signature)
        (signature if how == 6 else root).append(original)
    elif how == 7:
        extensions = etree.SubElement(root, name("samlp:Extensions"))
        extensions.append(evil)
        root.insert(1, extensions)
    else:
        signature = _signature(original)
        root.replace(original, evil)
        evil.insert(1, signature)
        holder = etree.SubElement(signature, name("ds:Object"))
        holder.append(original)
    return root


@pytest.mark.parametrize(
    "bent",
    [
        *(lambda inside=each: wrapped_response(inside) for each in (True, False)),
        *(lambda how=each: wrapped_assertion(how) for each in range(3, 9)),
    ],
)
def test_wrapped_signatures_are_refused(bent: Callable[[], Node]) -> None:
    assert refusal(lambda: read(bent()))


def _same_id(root: Node) -> None:
    """Both assertions have the id that is signed."""
    original = markup.one(root, "saml:Assertion")
    evil = _evil(original)
    evil.set("ID", original.get("ID"))
    root.insert(1, evil)


def _other_attribute(root: Node) -> None:
    """An id under another attribute name, which a lookup could find first."""
    original = markup.one(root, "saml:Assertion")
    evil = _evil(original)
    del evil.attrib["ID"]
    evil.set("id", original.get("ID"))
    root.insert(1, evil)


def _transform(root: Node, algorithm: str) -> None:
    transforms = next(root.iter(name("ds:Transforms")))
    transforms.append(make("ds:Transform", {"Algorithm": algorithm}))


def _algorithm(root: Node, tag: str, algorithm: str) -> None:
    next(root.iter(name(tag))).set("Algorithm", algorithm)


def _second_reference(root: Node) -> None:
    reference = next(root.iter(name("ds:Reference")))
    reference.addnext(copy.deepcopy(reference))


def _whole_document(root: Node) -> None:
    next(root.iter(name("ds:Reference"))).set("URI", "")


def _said_otherwise(root: Node) -> None:
    next(root.iter(name("saml:NameID"))).text = "admin"


def _unsigned_around(root: Node) -> None:
    """Somebody else's signed assertion inside an answer of our own making."""
    root.set("InResponseTo", "_another")


@pytest.mark.parametrize(
    "bend",
    [
        _same_id,
        _other_attribute,
        _second_reference,
        _whole_document,
        _said_otherwise,
        _unsigned_around,
        lambda root: _transform(root, "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        lambda root: _transform(root, "http://www.w3.org/TR/1999/REC-xpath-19991116"),
        lambda root: _transform(root, f"{words.SIGNATURE}base64"),
        lambda root: _algorithm(root, "ds:SignatureMethod", f"{words.SIGNATURE}rsa-sha1"),
        lambda root: _algorithm(root, "ds:SignatureMethod", f"{words.SIGNATURE}hmac-sha1"),
        lambda root: _algorithm(root, "ds:DigestMethod", f"{words.SIGNATURE}sha1"),
        lambda root: _algorithm(
            root, "ds:CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
        ),
        lambda root: root.append(copy.deepcopy(markup.one(root, "saml:Assertion"))),
        lambda root: root.remove(markup.one(root, "saml:Assertion")),
        lambda root: root.set("Version", "1.1"),
        lambda root: next(root.iter(name("samlp:StatusCode"))).set("Value", words.Status.REQUESTER),
    ],
)
def test_a_bent_answer_is_refused(bend: Callable[[Node], None]) -> None:
    root = answer(signs="assertion")
    bend(root)
    assert refusal(lambda: read(root))


MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("said", "expected", "later_ms"),
    [
        ({"issuer": "https://other.test"}, {}, 0),
        ({"audience": "https://other.test"}, {}, 0),
        ({"recipient": "https://other.test/acs"}, {}, 0),
        ({"request_id": "_other"}, {}, 0),
        ({"request_id": ""}, {}, 0),
        ({"name_id": ""}, {}, 0),
        ({"name_id": "x" * 300}, {}, 0),
        ({"session_ends_ms": NOW_MS - 10 * MINUTE_MS}, {}, 0),
        ({}, {}, 20 * MINUTE_MS),
        ({}, {}, -20 * MINUTE_MS),
        ({}, {"certificates": (pem(OTHER),)}, 0),
        ({}, {"certificates": ()}, 0),
    ],
)
def test_an_answer_for_others_or_of_other_times_is_refused(
    said: dict[str, object], expected: dict[str, object], later_ms: int
) -> None:
    root = answer(replace(SAID, **said))  # type: ignore[arg-type]
    wanted = replace(EXPECTED, **expected)  # type: ignore[arg-type]
    assert refusal(lambda: read(root, wanted, NOW_MS + later_ms))


def test_an_answer_without_any_signature_or_with_anothers_is_refused() -> None:
    assert "is signed" in refusal(lambda: read(answer(signs="nothing")))
    assert "is signed" in refusal(lambda: read(answer(signs="nothing", encrypts=True)))
    wrong = replace(EXPECTED, pairs=(OTHER,))
    assert "decrypted" in refusal(lambda: read(answer(encrypts=True), wrong))
    signed = signatures.sign(answer(signs="nothing"), OTHER)
    assert "no key that is registered" in refusal(lambda: read(signed))


def test_names_can_not_be_cut_by_comments() -> None:
    """A comment is no part of what is signed, so one can be added; texts end there for some."""
    data = markup.written(answer())
    assert read(data).name_id == "alice"
    for bent in (b"al<!-- -->ice", b"al<?x y?>ice"):
        assert "comments" in refusal(partial(read, data.replace(b"alice<", bent + b"<")))
    assert refusal(lambda: read(data.replace(b">alice<", b"><b>al</b>ice<")))
    assert read(data.replace(b">alice<", b"><![CDATA[alice]]><")).name_id == "alice"


LAUGHS = b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (LAUGHS + b"<x>&b;</x>", "document type"),
        (b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", "document type"),
        ("<!DOCTYPE x><x/>".encode("utf-16"), "document type"),
        (b"<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x><x/>", "document type"),
        (b"<x>&undeclared;</x>", "no XML"),
        (b"", "no XML"),
        (b"no XML", "no XML"),
        (b"<x>\xff</x>", "no XML"),
        (b"<a>" * 60 + b"</a>" * 60, "too deep"),
        (b"<a>" * 20_000 + b"</a>" * 20_000, ""),
        (b"<x>" + b"<a/>" * 6_000 + b"</x>", "too many"),
        (b"<x>" + b" " * markup.LONGEST_MESSAGE + b"</x>", "bytes"),
        (b"<x " + b" ".join(b"a%d=''" % each for each in range(65)) + b"/>", "attributes"),
        (b"<x " + b" ".join(b"xmlns:a%d='urn:a'" % each for each in range(101)) + b"/>", "names"),
        (b"<x><a ID='1'/><a ID='1'/></x>", "the id"),
        (b"<x><a ID='1'/><a id='1'/></x>", "the id"),
    ],
)
def test_documents_that_only_do_harm_are_not_read(data: bytes, why: str) -> None:
    sentence = refusal(lambda: markup.parse(data))
    assert sentence
    assert why in sentence


def query(data: bytes, **more: str) -> str:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflater.compress(data) + deflater.flush()
    text = f"SAMLRequest={quote(base64.b64encode(packed), safe='')}"
    return text + "".join(f"&{key}={quote(value, safe='')}" for key, value in more.items())


@pytest.mark.parametrize(
    "raw",
    [
        query(b"<x>" + b" " * 30_000_000 + b"</x>"),
        query(b"<x/>") + "&" + query(b"<y/>"),
        query(b"<x/>", SAMLResponse="eA=="),
        query(b"<x/>", RelayState="x" * 2_000),
        query(b"<x/>", SAMLEncoding="urn:other"),
        query(b"<x/>", Signature="%"),
        "SAMLRequest=%2B%2B",
        "SAMLRequest=eA==",
        "",
    ],
)
def test_queries_that_carry_no_message_are_refused(raw: str) -> None:
    assert refusal(lambda: bindings.from_query(raw))


def test_a_query_is_signed_as_it_was_sent() -> None:
    message = make("samlp:AuthnRequest", {"ID": "_1"}, make("saml:Issuer", None, "a"))
    raw = bindings.to_query("SAMLRequest", message, "back", SP)
    keys = [OTHER.certificate, SP.certificate]

    def signed(text: str) -> bool:
        return bindings.query_is_signed(bindings.from_query(text), keys)

    assert signed(raw)
    assert not signed(raw.partition("&SigAlg")[0])
    for bent in (
        raw.replace("RelayState=back", "RelayState=other"),
        raw.replace("&RelayState=back", ""),
        raw.replace("rsa-sha256", "rsa-sha1"),
        raw.partition("&Signature")[0],
        raw[:-12] + quote("AAAA"),
    ):
        assert refusal(partial(signed, bent)), bent
    assert isinstance(bindings.from_query(raw), Received)
    assert bindings.from_query(raw).binding is Binding.REDIRECT


def test_encryption_of_yesterday_is_not_read() -> None:
    for tag, algorithm in (
        ("xenc:EncryptionMethod", f"{words.ENCRYPTION}aes256-cbc"),
        ("ds:DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
    ):
        root = answer(encrypts=True, signs="assertion")
        for each in root.iter(name(tag)):
            each.set("Algorithm", algorithm)
            break
        assert refusal(partial(read, root))
    root = answer(encrypts=True, signs="assertion")
    value = next(root.iter(name("xenc:CipherValue")))
    value.text = base64.b64encode(b"\0" * 384).decode()
    assert refusal(lambda: read(root))


def logout(id_: str = "_out", name_id: str = "alice") -> Node:
    return make(
        "samlp:LogoutRequest",
        {"ID": id_, "Version": "2.0"},
        make("saml:Issuer", None, "https://sp.test/md"),
        make("saml:NameID", None, name_id),
    )


def wrapped_request(how: str) -> Node:
    """Another request with the signature of the original, which stands somewhere in it."""
    original, evil = signatures.sign(logout(), SP), logout("_evil", "admin")
    signature = _signature(original)
    if how == "the same id":
        evil.set("ID", "_out")
    evil.insert(1, signature)
    holder = {
        "in an extension": lambda: etree.SubElement(evil, name("samlp:Extensions")),
        "in the signature": lambda: etree.SubElement(signature, name("ds:Object")),
        "the same id": lambda: evil,
        "left out": lambda: make("samlp:Extensions"),
    }[how]()
    holder.append(original)
    return evil


@pytest.mark.parametrize("how", ["in an extension", "in the signature", "the same id", "left out"])
def test_wrapped_requests_are_refused(how: str) -> None:
    def believe(root: Node) -> Node:
        form = {"SAMLRequest": base64.b64encode(markup.written(root)).decode()}
        received = bindings.from_form(form)
        return believed(received, "samlp:LogoutRequest", (pem(SP),), needs_signature=True)

    good = believe(signatures.sign(logout(), SP))
    assert markup.text_of(markup.one(good, "saml:NameID")) == "alice"
    assert refusal(lambda: believe(wrapped_request(how)))
    assert refusal(lambda: believe(logout()))
    assert refusal(lambda: believe(signatures.sign(logout(), OTHER)))
