"""XML as it is read from strangers, and as it is written.

What is read has a bounded size, depth and number of nodes, attributes and namespaces; no
document type, entity, comment or processing instruction; ids that occur once; and is UTF-8.
So the text of an element is all of it, and an id means one element.  Nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from lxml import etree

from heliostat.core.errors import PermanentError
from heliostat.identity.saml import vocabulary as words

Node: TypeAlias = Any
"""An element; lxml tells no types."""

LONGEST_MESSAGE = 256 * 1024
LONGEST_METADATA = 1024 * 1024
DEEPEST = 40
MOST_NODES = 5_000
MOST_ATTRIBUTES = 64
"""Of one element: the canonical form sorts them in a time that grows with their square."""
MOST_NAMESPACES = 100
"""Declared at one place: the canonical form looks through them at each element."""
ID_ATTRIBUTES = ("ID", "Id", "id", "{http://www.w3.org/XML/1998/namespace}id")
_STEPS = {"start-ns": 1, "end-ns": -1}
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?Z", re.ASCII)
PREFIXES = {
    "saml": words.SAML,
    "samlp": words.SAMLP,
    "md": words.METADATA,
    "ds": words.SIGNATURE,
    "xenc": words.ENCRYPTION,
    "xs": words.SCHEMA,
    "xsi": words.SCHEMA_INSTANCE,
    "soap": words.SOAP,
    "wsse": words.WS_SECURITY,
    "wsu": words.WS_UTILITY,
    "wst": words.WS_TRUST,
    "wsa": words.WS_ADDRESSING,
    "wsp": words.WS_POLICY,
}


def parse(data: bytes, longest: int = LONGEST_MESSAGE, *, comments: bool = False) -> Node:
    """The root element of a document; raises ``InvalidSamlMessage``.

    With ``comments`` those (and processing instructions) are left out instead of refused:
    people write them into metadata.
    """
    if len(data) > longest:
        raise refused(f"it has more than {longest} bytes")
    if b"\0" in data or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise refused("it declares a document type, or is not UTF-8")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever it says about itself: the look for declarations was in this
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=comments,
        remove_pis=comments,
    )
    try:
        root = etree.fromstring(data, parser=parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise refused(f"it is no XML ({str(error).partition(' (<')[0][:120]})") from error
    if root is None or root.getroottree().docinfo.doctype:
        raise refused("it declares a document type, or is empty")
    _inspect(root, longest // 50)
    return root


def _inspect(root: Node, most: int) -> None:
    depth = count = namespaces = 0
    seen: set[str] = set()
    events = ("start", "end", "comment", "pi", "start-ns", "end-ns")
    for event, node in etree.iterwalk(root, events=events):
        if event in _STEPS:
            namespaces += _STEPS[event]
            if namespaces > MOST_NAMESPACES:
                raise refused(f"it declares more than {MOST_NAMESPACES} namespaces")
            continue
        if event == "end":
            depth -= 1
            continue
        if event != "start" or not isinstance(node.tag, str):
            raise refused("it has comments, entities or processing instructions")
        depth += 1
        count += 1
        if depth > DEEPEST or count > max(most, MOST_NODES):
            raise refused("it is nested too deep, or has too many elements")
        if len(node.attrib) > MOST_ATTRIBUTES:
            raise refused(f"an element has more than {MOST_ATTRIBUTES} attributes")
        for name in ID_ATTRIBUTES:
            value = node.get(name)
            if value is not None and value in seen:
                raise refused(f"two elements have the id {value[:60]!r}")
            if value is not None:
                seen.add(value)


def refused(why: str) -> PermanentError:
    """The error for what is not believed."""
    return PermanentError("InvalidSamlMessage", f"The SAML message is refused: {why}.")


def name(prefixed: str) -> str:
    """``saml:Issuer`` as lxml spells it."""
    prefix, _, local = prefixed.partition(":")
    return f"{{{PREFIXES[prefix]}}}{local}"


def make(
    tag: str, attributes: Mapping[str, str | None] | None = None, *inside: Node | str | None
) -> Node:
    """An element with text and children; ``None`` stands for what isn't there."""
    prefix = tag.partition(":")[0]
    given = {key: value for key, value in (attributes or {}).items() if value is not None}
    node = etree.Element(name(tag), nsmap={prefix: PREFIXES[prefix]})
    for key, value in given.items():
        node.set(name(key) if ":" in key else key, value)
    for each in inside:
        if isinstance(each, str):
            node.text = (node.text or "") + each
        elif each is not None:
            node.append(each)
    return node


def written(node: Node) -> bytes:
    """The bytes of an element."""
    data: bytes = etree.tostring(node, encoding="utf-8")
    return data


def detached(node: Node) -> Node:
    """The element as a document of its own, with the namespaces that it stood in."""
    return etree.fromstring(etree.tostring(node, with_tail=False), parser=_own())


def _own() -> Any:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def children(node: Node, tag: str) -> list[Node]:
    """The children of this name."""
    return list(node.findall(name(tag)))


def only(node: Node, tag: str) -> Node | None:
    """The one child of this name, if there is one; raises for several."""
    found = children(node, tag)
    if len(found) > 1:
        raise refused(f"it has several {tag}")
    return found[0] if found else None


def one(node: Node, tag: str) -> Node:
    """The one child of this name; raises if there is none."""
    found = only(node, tag)
    if found is None:
        raise refused(f"it has no {tag}")
    return found


def text_of(node: Node | None) -> str:
    """An element's text, trimmed; raises where other elements stand in it."""
    if node is None:
        return ""
    if len(node):
        raise refused("there are elements where text belongs")
    return (node.text or "").strip()


def attribute_nodes(node: Node, tag: str) -> Iterator[Node]:
    """All descendants of this name."""
    yield from node.iter(name(tag))


def instant(ms: int) -> str:
    """A time as SAML writes it."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def instant_ms(text: str) -> int:
    """The time that SAML wrote, which is always UTC."""
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        raise refused(f"{text[:40]!r} is no time")
    try:
        at = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise refused(f"{text[:40]!r} is no time") from error
    return int(at.timestamp() * 1000) + int(float(found[2] or 0) * 1000)
