"""A domain's certificate authority, and the site's root."""

from __future__ import annotations

from typing import Any

import msgspec

from heliostat.controller.api.authority_port import CertificatesPort
from heliostat.controller.api.call import Call
from heliostat.controller.api.directories import place_of
from heliostat.controller.api.handler import Applies, Handler, Reads, nothing
from heliostat.wire import authority as wire
from heliostat.wire.directory_tenants import TENANT

KIND = "certificate-authority"


async def _show(call: Call) -> wire.Authority:
    found = await _port(call).show(call.params[TENANT])
    return wire.Authority(
        id=found.domain,
        kind=KIND,
        domain=found.domain,
        self_link=f"{place_of(call)}/ca",
        keys=found.keys,
        roots=[
            wire.AuthorityRoot(
                id=each.id,
                state=each.state,
                subject=each.subject,
                issuer=each.issuer,
                fingerprint=each.fingerprint,
                not_after_time=each.not_after_ms,
                certificate=each.certificate_pem,
            )
            for each in found.roots
        ],
        move=found.move,
        told=found.told,
        crl_url=found.crl_url,
        name_constraints=found.constrained,
        issuer=found.issuer,
        issuer_subject=found.issuer_subject,
        issuer_not_after_time=found.issuer_not_after_ms,
        chain=found.chain_pem,
    )


async def _show_policy(call: Call) -> wire.CertificatePolicy:
    return _policy(await _port(call).get_policy(call.params[TENANT]))


async def _set_policy(call: Call, plan: bool) -> wire.CertificatePolicy:
    body: wire.CertificatePolicy = call.body
    told = {
        "rules": [msgspec.structs.asdict(rule) for rule in body.rules],
        "acme": msgspec.structs.asdict(body.acme),
    }
    return _policy(await _port(call).set_policy(call.params[TENANT], told, plan=plan))


def _policy(told: dict[str, Any]) -> wire.CertificatePolicy:
    return wire.CertificatePolicy(
        rules=[wire.CertificateRule(**_plain(rule)) for rule in told["rules"]],
        acme=wire.AcmeRules(**_plain(told["acme"])),
    )


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()
    }


async def _replace(call: Call, plan: bool) -> None:
    body: wire.IntermediateReplacement = call.body
    await _port(call).replace_intermediate(call.params[TENANT], body.reason, plan=plan)


async def _rotate(call: Call, plan: bool) -> wire.RotationTold:
    body: wire.RootRotation = call.body
    told = await _port(call).rotate(call.params[TENANT], force=body.force, plan=plan)
    return wire.RotationTold(told=told)


async def _told_again(call: Call) -> wire.RotationTold:
    found = await _port(call).show(call.params[TENANT])
    return wire.RotationTold(told=f"{found.move}: {found.told}")


async def _cancel(call: Call, plan: bool) -> None:
    await _port(call).cancel(call.params[TENANT], plan=plan)


async def _request(call: Call, plan: bool) -> wire.AuthorityRequest:
    csr = await _port(call).request(call.params[TENANT], plan=plan)
    return wire.AuthorityRequest(csr=csr)


async def _install(call: Call, plan: bool) -> wire.RotationTold:
    body: wire.AuthorityChain = call.body
    await _port(call).install(call.params[TENANT], body.chain, plan=plan)
    return await _told_again(call)


async def _reseal(call: Call, plan: bool) -> wire.Resealed:
    body: wire.Resealing = call.body
    told = await _port(call).reseal(call.params[TENANT], renew=body.renew, plan=plan)
    return wire.Resealed(keys=told.keys, unreadable=told.unreadable)


def _port(call: Call) -> CertificatesPort:
    return call.services.directories.certificates


def _sentence(told: wire.RotationTold) -> list[str]:
    return [told.told]


HANDLERS: dict[str, Handler] = {
    "getAuthority": Reads(_show),
    "getCertificatePolicy": Reads(_show_policy),
    "setCertificatePolicy": Applies(_set_policy, KIND, again=_show_policy),
    "replaceIntermediate": Applies(_replace, KIND, again=nothing),
    "rotateRoot": Applies(_rotate, KIND, again=_told_again, told=_sentence),
    "cancelRootRotation": Applies(_cancel, KIND, again=nothing),
    "requestAuthority": Applies(_request, KIND),
    "installAuthority": Applies(_install, KIND, again=_told_again),
    "resealKeys": Applies(_reseal, KIND),
}
