"""What clients and other services read to find and trust this site's sign-in.  Pure."""

from __future__ import annotations

from typing import Any

from heliostat.identity.clients.records import Grant, Proof
from heliostat.identity.options import SYSTEM_TENANT, IdentityOptions
from heliostat.identity.service_accounts.signatures import ALGORITHMS
from heliostat.identity.steps.proofs import Assurance
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.scopes import SUPPORTED


def openid_configuration(options: IdentityOptions) -> dict[str, Any]:
    """OpenID Connect Discovery 1.0 metadata."""
    base = f"{options.base_url.rstrip('/')}/openidconnect"
    algorithms = [each.value for each in Algorithm]
    signed_with = list(ALGORITHMS)
    proofs = [each.value for each in Proof]
    return {
        "issuer": options.issuer,
        "token_endpoint": f"{base}/token/{options.domain}",
        "userinfo_endpoint": f"{base}/userinfo/{options.domain}",
        "pushed_authorization_request_endpoint": f"{base}/par/{options.domain}",
        "device_authorization_endpoint": f"{base}/device_authorization/{options.domain}",
        "introspection_endpoint": f"{base}/introspect/{options.domain}",
        "revocation_endpoint": f"{base}/revoke/{options.domain}",
        "jwks_uri": f"{base}/jwks/{options.domain}",
        "authorization_endpoint": f"{base}/oidc/authorize/{options.domain}",
        "end_session_endpoint": f"{base}/logout/{options.domain}",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "acr_values_supported": [each.value for each in Assurance],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "grant_types_supported": [each.value for each in Grant],
        "scopes_supported": list(SUPPORTED),
        "token_endpoint_auth_methods_supported": proofs,
        "token_endpoint_auth_signing_alg_values_supported": signed_with,
        "introspection_endpoint_auth_methods_supported": proofs[1:],
        "introspection_endpoint_auth_signing_alg_values_supported": signed_with,
        "revocation_endpoint_auth_methods_supported": proofs,
        "revocation_endpoint_auth_signing_alg_values_supported": signed_with,
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "jti", "sid", "scope", "tenant", "token_class",
            "token_type", "groups", "client_id", "nonce", "auth_time", "act", "acr",
            "amr", "name",
            "given_name", "family_name", "email",
        ],
    }  # fmt: skip


def device_page(options: IdentityOptions) -> str:
    """Where people type in the codes of machines; as short as it can be."""
    base = f"{options.base_url.rstrip('/')}/openidconnect/device"
    return base if options.tenant == SYSTEM_TENANT else f"{base}/{options.domain}"


def trusted_roots(ca_pem: str) -> list[dict[str, str]]:
    """The roots that a client should trust, in the shape existing clients download."""
    end = "-----END CERTIFICATE-----\n"
    return [{"encoded": f"{each}{end}"} for each in ca_pem.split(end) if each.strip()]
