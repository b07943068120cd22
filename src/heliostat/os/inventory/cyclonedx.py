"""A bill of materials as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/)."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import heliostat
from heliostat.os.inventory.bill import Bill, Component, Part

_SPACE = uuid.UUID("6f1c0f5e-5f0e-5c8e-9a55-0a4b7d0e3c11")  # of serial numbers made here
_SYSTEM = "operating-system"

Json = dict[str, Any]


def cyclonedx(bill: Bill) -> Json:
    """The document; its serial number follows from its content."""
    moment = datetime.datetime.fromtimestamp(bill.created, datetime.UTC)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, bill.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {
                "components": [
                    {
                        "type": "application",
                        "name": "heliostat",
                        "version": heliostat.__version__,
                    }
                ]
            },
            "component": {
                "type": "operating-system",
                "bom-ref": _SYSTEM,
                "name": bill.name,
                "version": bill.version,
            },
        },
        "components": [
            *map(_component, bill.components),
            *map(_part, bill.parts),
        ],
        "dependencies": _dependencies(bill),
    }


def _dependencies(bill: Bill) -> list[Json]:
    """Packages need packages and what is linked into them; the system all that is in it."""
    held: dict[str, set[str]] = {each.purl: set(each.needs) for each in bill.components}
    whole = {each.purl for each in bill.components}
    for part in bill.parts:
        held[part.library.purl] = set()
        whole |= {part.library.purl} if part.loose else set()
        for owner in part.owners:
            held[owner].add(part.library.purl)
    return [{"ref": ref, "dependsOn": sorted(on)} for ref, on in [(_SYSTEM, whole), *held.items()]]


def _part(part: Part) -> Json:
    library = part.library
    return {
        "type": "library",
        "bom-ref": library.purl,
        "name": library.name,
        "version": library.version,
        "purl": library.purl,
        "evidence": {"occurrences": [{"location": place} for place in library.places]},
    }


def _component(component: Component) -> Json:
    return {
        "type": "library",
        "bom-ref": component.purl,
        **({"supplier": {"name": component.vendor}} if component.vendor else {}),
        "name": component.name,
        "version": component.version,
        "description": component.summary,
        "licenses": _licences(component),
        "purl": component.purl,
        **_website(component),
        "properties": [
            {"name": f"heliostat:rpm:{name}", "value": value}
            for name, value in sorted(_facts(component).items())
            if value
        ],
    }


def _licences(component: Component) -> list[Json]:
    """One expression, or, if what the package says is none, its words."""
    told = component.licence
    if told.expression:
        return [{"expression": told.expression}]
    return [{"license": {"name": told.said}}] if told.said else []


def _website(component: Component) -> Json:
    if not component.url:
        return {}
    return {"externalReferences": [{"type": "website", "url": component.url}]}


def _facts(component: Component) -> dict[str, str]:
    return {
        "arch": component.arch,
        "source": f"{component.origin.name}-{component.origin.version}",
        "header-sha256": component.header_digest,
        "payload-sha256": component.payload_digest,
        "signer": component.signer,
    }
