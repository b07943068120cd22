"""What sssd is told: where the directory is, how to ask it, who may log in.

Pure text.  The machine binds with a secret of its own, to no server that the authority did
not certify.  Passwords are proven by the directory itself, or in its realm where the
tenant's policy says so; both count wrong ones in one place, so its lockout and password rules
count here as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from heliostat.member.joining.admission import Admission, admitted
from heliostat.member.joining.lines import listed, section, yes_or_no
from heliostat.member.joining.servers import DirectoryServers, KerberosServers

OFFLINE_DAYS = 7
"""For how long who signed in here is let in by what sssd remembers, while nobody answers."""


def sssd_conf(
    domain: str,
    directory: DirectoryServers,
    roots: Path,
    admission: Admission,
    kerberos: KerberosServers | None = None,
    *,
    has_key: bool = False,
) -> str:
    """The text of ``/etc/sssd/sssd.conf``; raises ``InvalidEntity`` for what can't stand in it.

    Passwords are checked in the realm only by a machine with a key of its own: without one nobody
    could tell the realm's answer from that of whoever stands between.
    """
    checks = kerberos if kerberos is not None and kerberos.log_in and has_key else None
    rows = [
        *_proven_by("krb5" if checks is not None else "ldap"),
        *_domain(directory, roots),
        *(_realm(checks) if checks is not None else ()),
        *admitted(admission, "permit"),
    ]
    sections = [
        ("sssd", [("services", "nss, pam, ssh"), ("domains", domain)]),
        ("nss", [("filter_users", "root"), ("filter_groups", "root")]),
        ("pam", [("offline_credentials_expiration", str(OFFLINE_DAYS))]),
        (f"domain/{domain}", rows),
    ]
    return "\n".join(section(name, rows) for name, rows in sections)


def _proven_by(provider: str) -> Iterator[tuple[str, str]]:
    yield "id_provider", "ldap"
    yield "auth_provider", provider
    yield "chpass_provider", provider


def _domain(directory: DirectoryServers, roots: Path) -> Iterator[tuple[str, str]]:
    yield "ldap_uri", listed(directory.servers)
    if directory.backup:
        yield "ldap_backup_uri", listed(directory.backup)
    yield from (
        ("ldap_search_base", directory.base),
        # nobody types a password who comes with an SSH key: who is disabled is not there at all
        ("ldap_user_search_base", f"{directory.base}?subtree?(!({directory.disabled}=TRUE))"),
        ("ldap_schema", "rfc2307bis"),
        ("ldap_user_ssh_public_key", "sshPublicKey"),
        ("ldap_tls_reqcert", "demand"),
        ("ldap_tls_cacert", str(roots)),
        ("ldap_default_bind_dn", directory.bind_dn),
        ("ldap_default_authtok", directory.secret),
        (
            "ldap_id_use_start_tls",
            yes_or_no(any(each.startswith("ldap:") for each in directory.servers)),
        ),
        ("ldap_referrals", "false"),
        ("ldap_group_nesting_level", "8"),
        ("cache_credentials", "true"),
        ("enumerate", "false"),
        ("auto_private_groups", "true"),
        ("case_sensitive", "Preserving"),  # as the directory compares names
        ("fallback_homedir", "/home/%u"),
        ("default_shell", "/bin/bash"),
    )


def _realm(kerberos: KerberosServers) -> Iterator[tuple[str, str]]:
    yield "krb5_realm", kerberos.realm
    yield "krb5_server", listed(kerberos.servers)
    if kerberos.password_servers:
        yield "krb5_kpasswd", listed(kerberos.password_servers)
    yield "krb5_validate", "true"
    yield "krb5_store_password_if_offline", "true"
