"""What sssd is told: where the directory is, how to ask it, who may log in.

Pure text.  The machine binds with a secret of its own, to no server that the authority did
not certify.  Signing in goes to the
directory itself, so its lockout and password rules count here as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from heliostat.core.errors import PermanentError

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class DirectoryServers:
    """Where a domain is read; ``backup`` are those of other sites.

    ``base`` is the suffix, such as ``dc=acme,dc=example``; the machine binds as ``bind_dn`` with
    ``secret``.
    """

    servers: tuple[str, ...]
    base: str
    bind_dn: str
    secret: str
    backup: tuple[str, ...] = ()
    disabled: str = "accountDisabled"
    """The attribute that is TRUE of people who may not sign in."""

    def __post_init__(self) -> None:
        if _ATTRIBUTE.fullmatch(self.disabled) is None:
            raise _unwritable(self.disabled)


@dataclass(frozen=True, slots=True)
class KerberosServers:
    """Where tickets come from."""

    realm: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may log in to this machine; no group at all: everybody of the domain."""

    groups: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()
    ssh_passwords: bool = False
    """Over SSH with their passwords, too, where the machine takes keys only."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """All groups whose people log in; none: everybody does."""
        return tuple(sorted({*self.groups, *self.administrators})) if self.groups else ()


def sssd_conf(
    domain: str,
    directory: DirectoryServers,
    roots: Path,
    admission: Admission,
    kerberos: KerberosServers | None = None,
) -> str:
    """The text of ``/etc/sssd/sssd.conf``; raises ``InvalidEntity`` for what can't stand in it."""
    sections = [
        ("sssd", [("services", "nss, pam, ssh"), ("domains", domain)]),
        ("nss", [("filter_users", "root"), ("filter_groups", "root")]),
        ("pam", [("offline_credentials_expiration", "7")]),
        (f"domain/{domain}", list(_domain(directory, roots, admission, kerberos))),
    ]
    return "\n".join(_section(name, rows) for name, rows in sections)


def _domain(
    directory: DirectoryServers,
    roots: Path,
    admission: Admission,
    kerberos: KerberosServers | None,
) -> Iterator[tuple[str, str]]:
    yield from (
        ("id_provider", "ldap"),
        ("auth_provider", "krb5" if kerberos is not None else "ldap"),
        ("chpass_provider", "krb5" if kerberos is not None else "ldap"),
        ("ldap_uri", _listed(directory.servers)),
    )
    if directory.backup:
        yield "ldap_backup_uri", _listed(directory.backup)
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
            _bool(any(each.startswith("ldap:") for each in directory.servers)),
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
    if kerberos is not None:
        yield "krb5_realm", kerberos.realm
        yield "krb5_server", _listed(kerberos.servers)
        yield "krb5_store_password_if_offline", "true"
    yield from _admitted(admission, "permit")


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
        *_admitted(admission, "ad"),
    ]
    sections = [
        ("sssd", [("services", "nss, pam"), ("domains", domain)]),
        ("nss", [("filter_users", "root"), ("filter_groups", "root")]),
        ("pam", [("offline_credentials_expiration", "7")]),
        (f"domain/{domain}", rows),
    ]
    return "\n".join(_section(name, rows) for name, rows in sections)


def krb5_conf(domain: str, controller: str) -> str:
    """``/etc/krb5.conf`` of a member of an Active Directory domain."""
    realm = _plain(domain.upper())
    libdefaults = [
        ("default_realm", realm),
        ("dns_lookup_kdc", "true"),
        ("rdns", "false"),  # names in tickets are those that were asked for
        ("dns_canonicalize_hostname", "false"),
    ]
    text = _section("libdefaults", libdefaults)
    if controller:
        host = _plain(controller)
        text += f"\n[realms]\n{realm} = {{\n  kdc = {host}\n  admin_server = {host}\n}}\n"
    return text


def _admitted(admission: Admission, everybody: str) -> Iterator[tuple[str, str]]:
    """Who may log in: those groups, or ``everybody`` says."""
    yield "access_provider", "simple" if admission.allowed else everybody
    if admission.allowed:
        yield "simple_allow_groups", _listed(admission.allowed)


def suffix_of(domain: str) -> str:
    """The base of a domain's directory.

    >>> suffix_of("acme.example")
    'dc=acme,dc=example'
    """
    return ",".join(f"dc={label}" for label in domain.split("."))


def sudoers(admission: Admission) -> str:
    """The text of a sudoers file that lets the administrators' groups do everything."""
    rules = [f"%{_escaped(group)} ALL=(ALL:ALL) ALL" for group in admission.administrators]
    return "".join(f"{rule}\n" for rule in rules)


def ssh_passwords(admission: Admission) -> str:
    """Settings of sshd by which people of the allowed groups log in with their passwords, too.

    A block of sshd_config(5) for them alone: accounts of the machine still need their keys.
    Raises ``InvalidEntity`` for a group that it can't name.
    """
    for group in admission.allowed:
        if not group.isprintable() or any(char in '*?!,"\\' for char in group):
            raise _unwritable(group)
    return f'Match Group "{",".join(admission.allowed)}"\n    PasswordAuthentication yes\n'


def _section(name: str, rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(
        [f"[{_plain(name)}]", *(f"{key} = {_plain(value)}" for key, value in rows), ""]
    )


def _listed(values: Sequence[str]) -> str:
    for value in values:
        if not value or "," in value:
            raise _unwritable(value)
    return ", ".join(values)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _plain(value: str) -> str:
    """``value`` if it stays one line of the file, and in its section."""
    if not value.isprintable() or value != value.strip() or "]" in value:
        raise _unwritable(value)
    return value


def _escaped(group: str) -> str:
    """A group as sudoers spells it (sudoers(5), "User_List")."""
    if not group or not group.isprintable():
        raise _unwritable(group)
    special = '@!=:,()\\" '
    return "".join(f"\\{char}" if char in special else char for char in group)


def _unwritable(value: str) -> PermanentError:
    return PermanentError("InvalidEntity", f"{value[:80]!r} can't stand in a configuration file.")
