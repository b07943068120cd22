"""What sssd and Kerberos are told on a member of an Active Directory domain.  Pure text."""

from __future__ import annotations

from heliostat.member.joining.admission import Admission, admitted
from heliostat.member.joining.lines import plain, section
from heliostat.member.joining.sssd import OFFLINE_DAYS


def active_directory_conf(domain: str, computer: str, controller: str, admission: Admission) -> str:
    """``/etc/sssd/sssd.conf`` of a member of an Active Directory domain.

    The machine proves itself with its keytab.  ``controller`` is asked before those that the
    domain's names say (empty: those alone).  Raises as ``sssd_conf``.
    """
    rows = [
        ("id_provider", "ad"),
        ("auth_provider", "ad"),
        ("chpass_provider", "ad"),
        ("ad_domain", domain),
        ("ad_hostname", f"{computer.lower()}.{domain}"),
        ("krb5_realm", domain.upper()),
        *([("ad_server", f"{controller}, _srv_")] if controller else []),
        ("ldap_sasl_authid", f"{computer}$@{domain.upper()}"),
        ("ldap_referrals", "false"),
        ("dyndns_update", "false"),
        # what a policy of the domain says counts where it can be read; nobody is locked out else
        ("ad_gpo_access_control", "permissive"),
        ("cache_credentials", "true"),
        ("krb5_store_password_if_offline", "true"),
        ("use_fully_qualified_names", "false"),
        ("enumerate", "false"),
        ("fallback_homedir", "/home/%u"),
        ("default_shell", "/bin/bash"),
        *admitted(admission, "ad"),
    ]
    sections = [
        ("sssd", [("services", "nss, pam"), ("domains", domain)]),
        ("nss", [("filter_users", "root"), ("filter_groups", "root")]),
        ("pam", [("offline_credentials_expiration", str(OFFLINE_DAYS))]),
        (f"domain/{domain}", rows),
    ]
    return "\n".join(section(name, rows) for name, rows in sections)


def krb5_conf(domain: str, controller: str) -> str:
    """``/etc/krb5.conf`` of a member of an Active Directory domain."""
    realm = plain(domain.upper())
    libdefaults = [
        ("default_realm", realm),
        ("dns_lookup_kdc", "true"),
        ("rdns", "false"),  # names in tickets are those that were asked for
        ("dns_canonicalize_hostname", "false"),
    ]
    text = section("libdefaults", libdefaults)
    if controller:
        host = plain(controller)
        text += f"\n[realms]\n{realm} = {{\n  kdc = {host}\n  admin_server = {host}\n}}\n"
    return text
