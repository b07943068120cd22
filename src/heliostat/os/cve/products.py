"""Which package a product of NVD is, and what our own judgement of findings is.

``distro/cve/products.yaml`` ties CPE products to source packages with the vendors that
make them; without a row the same name is taken for a hint only.  The other files of
``distro/cve`` are assessments: a vulnerability that does not matter here, why, and until
when (the statuses are those of VEX).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

import msgspec

from heliostat.os.data import load
from heliostat.os.harden.patterns import matches
from heliostat.os.image.distro import locate_distro


class Product(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product of NVD as packages."""

    packages: tuple[str, ...]
    """Patterns of source packages."""
    vendors: tuple[str, ...] = ()
    """Vendors that mean this product; none: any."""


class Products(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``products.yaml``: rows by CPE product."""

    products: dict[str, Product] = {}


class Status(StrEnum):
    """What an assessment says; the words of VEX."""

    NOT_AFFECTED = "not_affected"
    FIXED = "fixed"
    ACCEPTED = "accepted"
    UNDER_INVESTIGATION = "under_investigation"


class Assessment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our judgement of one vulnerability in packages of a pattern."""

    vulnerability: str
    status: Status
    justification: str
    until: dt.date
    package: str = "**"
    """Pattern of source packages."""

    @property
    def excuses(self) -> bool:
        """``under_investigation`` is told but excuses nothing."""
        return self.status is not Status.UNDER_INVESTIGATION

    def is_about(self, vulnerability: str, package: str, today: dt.date) -> bool:
        return (
            self.vulnerability == vulnerability
            and self.until >= today
            and matches(package, self.package)
        )


class Assessments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of them."""

    assessments: tuple[Assessment, ...] = ()


def load_products(folder: Path | None = None) -> dict[str, Product]:
    place = (folder or locate_distro() / "cve") / "products.yaml"
    return load(place, Products).products if place.exists() else {}


def load_assessments(folder: Path | None = None) -> tuple[Assessment, ...]:
    place = folder or locate_distro() / "cve"
    files = sorted(path for path in place.glob("*.yaml") if path.name != "products.yaml")
    return tuple(each for path in files for each in load(path, Assessments).assessments)


def products_of(source: str, products: dict[str, Product]) -> set[str]:
    """CPE products under which NVD may speak of a source package, its own name included."""
    named = {
        name
        for name, product in products.items()
        if any(matches(source, pattern) for pattern in product.packages)
    }
    return {*named, source} - {name for name in products if name not in named}


def is_certain(product: str, vendor: str, products: dict[str, Product]) -> bool:
    """Whether a row says that this vendor's product is meant."""
    row = products.get(product)
    return row is not None and (not row.vendors or vendor in row.vendors)


def is_other(product: str, vendor: str, products: dict[str, Product]) -> bool:
    """Whether a row says that another vendor's product of the same name is meant."""
    row = products.get(product)
    return row is not None and bool(row.vendors) and vendor not in row.vendors


def assessed(
    assessments: Iterable[Assessment], vulnerability: str, package: str, today: dt.date
) -> Assessment | None:
    """The assessment of this finding that counts today: one that excuses it, if there is one."""
    about = [each for each in assessments if each.is_about(vulnerability, package, today)]
    return next((each for each in about if each.excuses), about[0] if about else None)
