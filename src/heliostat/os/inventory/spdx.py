"""A bill of materials as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Any

from heliostat.os.inventory.bill import TOOL, Bill, Component, Origin, Part

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9.-]")
_NONE = "NOASSERTION"
_DOCUMENT, _SYSTEM = "SPDXRef-DOCUMENT", "SPDXRef-OperatingSystem"

Json = dict[str, Any]


def spdx(bill: Bill) -> Json:
    """The document; its namespace follows from its content."""
    title = "-".join(filter(None, (bill.name, bill.version)))
    origins = sorted({each.origin for each in bill.components}, key=lambda each: each.purl)
    moment = datetime.datetime.fromtimestamp(bill.created, datetime.UTC)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": title,
        "documentNamespace": f"https://heliostat.invalid/spdx/{title}-{bill.digest}",
        "creationInfo": {
            "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: {TOOL}"],
        },
        "packages": [
            _system(bill),
            *map(_package, bill.components),
            *map(_source, origins),
            *map(_part, bill.parts),
        ],
        "relationships": list(_relationships(bill)),
        **_licences(bill),
    }


def _system(bill: Bill) -> Json:
    return {
        "SPDXID": _SYSTEM,
        "name": bill.name,
        **({"versionInfo": bill.version} if bill.version else {}),
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "OPERATING_SYSTEM",
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
    }


def _package(component: Component) -> Json:
    signed = f", signed by the key {component.signer}" if component.signer else ", unsigned"
    vendor = component.vendor or "unknown"
    return {
        "SPDXID": _identifier(component),
        "name": component.name,
        "versionInfo": component.version,
        "supplier": f"Organization: {vendor}" if component.vendor else _NONE,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        **({"homepage": component.url} if component.url else {}),
        "sourceInfo": f"RPM with the header SHA-256 {component.header_digest}{signed}",
        "licenseConcluded": _NONE,
        "licenseDeclared": component.licence.expression or _NONE,
        **({} if component.licence.expression else {"licenseComments": component.licence.said}),
        "copyrightText": _NONE,
        "summary": component.summary,
        "externalRefs": [_purl(component.purl)],
    }


def _source(origin: Origin) -> Json:
    return {
        "SPDXID": _source_identifier(origin),
        "name": origin.name,
        "versionInfo": origin.version,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "SOURCE",
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "externalRefs": [_purl(origin.purl)],
    }


def _part(part: Part) -> Json:
    return {
        "SPDXID": _part_identifier(part),
        "name": part.library.name,
        "versionInfo": part.library.version,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "sourceInfo": f"Found in {', '.join(part.library.places)}",
        "primaryPackagePurpose": "LIBRARY",
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "externalRefs": [_purl(part.library.purl)],
    }


def _purl(locator: str) -> Json:
    return {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": locator,
    }


def _relationships(bill: Bill) -> Iterator[Json]:
    by_purl = {each.purl: _identifier(each) for each in bill.components}
    yield _relation(_DOCUMENT, "DESCRIBES", _SYSTEM)
    for each in bill.components:
        yield _relation(_SYSTEM, "CONTAINS", _identifier(each))
        yield _relation(_identifier(each), "GENERATED_FROM", _source_identifier(each.origin))
        for needed in each.needs:
            yield _relation(_identifier(each), "DEPENDS_ON", by_purl[needed])
    for part in bill.parts:
        holders = [by_purl[owner] for owner in part.owners]
        for holder in [*holders, *([_SYSTEM] if part.loose else [])]:
            yield _relation(holder, "CONTAINS", _part_identifier(part))


def _relation(one: str, kind: str, other: str) -> Json:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def _licences(bill: Bill) -> Json:
    """The texts of licences that SPDX doesn't know: where in the system they are."""
    users: dict[str, str] = {}
    for each in bill.components:
        for reference in each.licence.references:
            users.setdefault(reference, each.name)
    told = [
        {
            "licenseId": reference,
            "name": reference.removeprefix("LicenseRef-"),
            "extractedText": f"See /usr/share/doc/{user}/copyright of the package {user}.",
        }
        for reference, user in sorted(users.items())
    ]
    return {"hasExtractedLicensingInfos": told} if told else {}


def _identifier(component: Component) -> str:
    parts = (component.name, component.version, component.arch)
    return f"SPDXRef-Package-{'-'.join(map(_allowed, parts))}"


def _part_identifier(part: Part) -> str:
    library = part.library
    words = (library.ecosystem.value, library.key, library.version)
    return f"SPDXRef-Library-{'-'.join(map(_allowed, words))}"


def _source_identifier(origin: Origin) -> str:
    return f"SPDXRef-Source-{_allowed(origin.name)}-{_allowed(origin.version)}"


def _allowed(text: str) -> str:
    """Every other character by its number, so that different names stay different."""
    return _NOT_ALLOWED.sub(lambda found: f".{ord(found[0]):x}.", text)
