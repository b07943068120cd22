"""``tdnf.conf``: its keys with their defaults, the folders beside it, and ``--setopt``."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import CONFIGURATION_UNREADABLE, TdnfError
from heliostat.os.tdnf.settings import ini

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PATH = "/etc/tdnf/tdnf.conf"


class Configuration:
    """Values of ``[main]``.  The default's type says how a value is read.

    Lists are of words; folders are as written, ``Session`` puts the root before them.
    """

    gpgcheck = True
    installonly_limit = 2
    installonlypkgs: tuple[str, ...] = ()
    clean_requirements_on_remove = False
    install_weak_deps = True
    repodir = "/etc/yum.repos.d"
    cachedir = "/var/cache/tdnf"
    persistdir = "/usr/lib/sysimage/tdnf"
    proxy = ""
    proxy_username = ""
    proxy_password = ""
    keepcache = False
    distroverpkg: tuple[str, ...] = (
        "system-release(releasever)",
        "system-release",
        "redhat-release",
    )
    distroarchpkg = ""
    plugins = False
    noplugins = False
    pluginpath = "/usr/lib/tdnf-plugins"
    pluginconfpath = "/etc/tdnf/pluginconf.d"
    sslverify = True
    sslcacert = ""
    sslclientcert = ""
    sslclientkey = ""
    excludepkgs: tuple[str, ...] = ()
    minversions: tuple[str, ...] = ()
    openmax = 1024
    maxstringlen = 16384000
    varsdir: tuple[str, ...] = ("/etc/tdnf/vars", "/etc/dnf/vars", "/etc/yum/vars")
    dnf_check_update_compat = False
    distrosync_reinstall_changed = False
    tsflags: tuple[str, ...] = ()
    max_parallel_downloads = 6

    def __init__(self, path: str) -> None:
        self.path = path
        self.folder = os.path.dirname(path)

    def set(self, key: str, value: str) -> None:
        """One key from its text.  Unknown keys are left alone: other tools have their own."""
        if key == "reposdir":
            key = "repodir"
        ini.assign(self, key, value, self._number)

    def _number(self, key: str, value: str) -> int:
        try:
            return int(value)
        except ValueError:
            told = f"{self.path}: {key} is a number, not {value}."
            raise TdnfError(CONFIGURATION_UNREADABLE, told) from None

    def beside(self, folder: str) -> list[str]:
        """Lines of the ``.conf`` files in a folder beside the file (``locks.d``, …)."""
        found: list[str] = []
        place = os.path.join(self.folder, folder)
        try:
            names = sorted(name for name in os.listdir(place) if name.endswith(".conf"))
        except OSError:
            return found
        for name in names:
            path = os.path.join(place, name)
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = (line.strip() for line in file)
                found += [line for line in lines if line and line[0] != "#"]
        return found


def read_configuration(path: str | None, setopts: Sequence[str] = ()) -> Configuration:
    """The file at ``path`` (by default ``/etc/tdnf/tdnf.conf``, which may be missing).

    ``setopts`` are ``key=value``; those with a dot in the key are repositories' own.
    """
    configuration = Configuration(path or DEFAULT_PATH)
    if path is not None or os.path.exists(configuration.path):
        sections = ini.read(configuration.path, CONFIGURATION_UNREADABLE)
        if "main" not in sections:
            told = f"{configuration.path} has no [main] section."
            raise TdnfError(CONFIGURATION_UNREADABLE, told)
        for key, value in sections["main"].items():
            configuration.set(key, value)
    for each in setopts:
        key, _, value = each.partition("=")
        if "." not in key:
            configuration.set(key.strip(), value)
    return configuration
