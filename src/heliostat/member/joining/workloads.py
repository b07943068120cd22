"""Identities of programs on this machine: tokens at once, certificates kept in a store.

A certificate lives a day; ``renewed`` replaces those of which a third is left, and goes on with
the others where one can't be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from heliostat.core.errors import HeliostatError
from heliostat.member import names, openssl
from heliostat.member.entries import Entry
from heliostat.member.joining import membership
from heliostat.member.joining.asking import Asking
from heliostat.member.joining.controller import Identified
from heliostat.member.places import Machine
from heliostat.member.stores import Stores

RENEW_BELOW = 1 / 3


def token_for(machine: Machine, name: str, audience: Sequence[str]) -> Identified:
    """A token for ``audience``; raises ``StateError``, ``InvalidClient``, ``Unreachable``."""
    asking = Asking.of(machine)
    return asking.controller.identify(
        asking.member.domain, asking.proof(), name, tuple(audience), ""
    )


def keep_certificate(machine: Machine, name: str, store: str) -> tuple[str, Entry]:
    """Keep a certificate for ``name`` in a store from now on; gives its SPIFFE id.

    Raises as ``token_for``, and ``CertificateStoreNotFound``.
    """
    names.checked(name, "a program")
    membership.required(machine)
    Stores(machine).get(store)
    with membership.alone(machine):
        found = _certified(machine, name, store)
        member = membership.required(machine)
        kept = tuple(dict.fromkeys((*member.workloads, (name, store))))
        membership.keep(machine, replace(member, workloads=kept))
    return found


def renewed(machine: Machine) -> list[str]:
    """Renew what is due; gives what went wrong, a sentence each."""
    faults = []
    for name, store in membership.required(machine).workloads:
        try:
            certificate = Stores(machine).entries(store).get(name).certificate
            if certificate is None or is_due(certificate):
                _certified(machine, name, store)
        except HeliostatError as error:
            faults.append(f"{name} in {store}: {error.message}")
    return faults


def is_due(certificate: openssl.Certificate) -> bool:
    """Whether less than a third of its life is left."""
    life = certificate.ends - certificate.starts
    return certificate.ends - datetime.now(UTC) < life * RENEW_BELOW


def _certified(machine: Machine, name: str, store: str) -> tuple[str, Entry]:
    asking = Asking.of(machine)
    key = openssl.new_key()
    request = openssl.signing_request(key, name)
    told = asking.controller.identify(asking.member.domain, asking.proof(), name, (), request)
    entry = Stores(machine).entries(store).put(name, told.certificate.encode(), key)
    return told.spiffe_id, entry
