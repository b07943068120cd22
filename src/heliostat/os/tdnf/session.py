"""What one run holds: options, configuration, repositories, pool; each made when first used.

Lifetime: one command.  Nothing here outlives the process but caches on disk.
"""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import CACHE_UNREADABLE, NO_ENABLED_REPOSITORIES, TdnfError
from heliostat.os.tdnf.settings.configuration import Configuration, read_configuration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.arguments import Invocation, Options
    from heliostat.os.tdnf.change.lock import InstanceLock
    from heliostat.os.tdnf.metadata.cache import Cached
    from heliostat.os.tdnf.output import Output
    from heliostat.os.tdnf.packages.pool import Packages
    from heliostat.os.tdnf.settings.repository import Repository
    from heliostat.os.tdnf.settings.variables import Variables


class Session:
    """One run of one command."""

    def __init__(self, invocation: Invocation, out: Output) -> None:
        self.invocation = invocation
        self.options: Options = invocation.options
        self.arguments = invocation.arguments
        self.out = out
        self.root = os.path.abspath(self.options.installroot)
        self._configuration: Configuration | None = None
        self._repositories: list[Repository] | None = None
        self._variables: Variables | None = None
        self._packages: Packages | None = None
        self._plugins: frozenset[str] | None = None
        self._lock: InstanceLock | None = None
        self._seen = False

    @property
    def configuration(self) -> Configuration:
        """``tdnf.conf`` with ``--setopt``; an install root's own, if it has one."""
        if self._configuration is None:
            path = self.options.config
            within = self.within("/etc/tdnf/tdnf.conf")
            if path is None and self.root != "/" and os.path.exists(within):
                path = within
            self._configuration = read_configuration(path, self.options.setopt)
        return self._configuration

    def within(self, path: str) -> str:
        """``path`` inside the install root."""
        return path if self.root == "/" else os.path.join(self.root, path.lstrip("/"))

    @property
    def architecture(self) -> str:
        """Of the packages that may be installed."""
        return self.options.forcearch or os.uname().machine

    @property
    def variables(self) -> Variables:
        """For addresses of repositories."""
        if self._variables is None:
            from heliostat.os.tdnf.settings.variables import Variables

            folders = [self.within(each) for each in self.configuration.varsdir]
            self._variables = Variables(folders, self.architecture, self._release, self._base)
        return self._variables

    def _release(self) -> str:
        from heliostat.os.tdnf.packages.release import release_version

        return self.options.releasever or release_version(self)

    def _base(self) -> str:
        if self.options.forcearch or not self.configuration.distroarchpkg:
            return ""
        from heliostat.os.tdnf.packages.release import release_architecture

        return release_architecture(self)

    @property
    def repositories(self) -> list[Repository]:
        """All of them, sorted by id; ``enabled`` says which count."""
        if self._repositories is None:
            from heliostat.os.tdnf.settings.repository import read_repositories

            if self.configuration.plugins:
                # one that can't be had is told of, whatever is asked
                _ = self.plugins
            self._repositories = read_repositories(
                self.configuration, self.options, self.variables.expand, root=self.root
            )
        return self._repositories

    @property
    def cachedir(self) -> str:
        """Root's cache; another user's own one where root's can't be written."""
        folder = self.within(self.configuration.cachedir)
        if os.geteuid() == 0 or os.access(folder, os.W_OK):
            return folder
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return os.path.join(base, "tdnf")

    @property
    def persistdir(self) -> str:
        """Where history and journal live."""
        return self.within(self.configuration.persistdir)

    def exclusive(self) -> None:
        """From here to its end this run alone changes the root; waits for who does now."""
        if self._lock is None:
            from heliostat.os.tdnf.change.lock import InstanceLock

            self._lock = InstanceLock(self)
            self.see_interrupted()

    @property
    def only_shows(self) -> bool:
        """Whether the answer to what would be changed is known to be no."""
        return self.options.assumeno or self.options.dryrun

    @property
    def is_exclusive(self) -> bool:
        """Whether this run may have begun to change the root."""
        return self._lock is not None

    def close(self) -> None:
        """Lets the next one go: a program may have several sessions, one after the other."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def see_interrupted(self) -> None:
        """Says, once, that an earlier run was cut off in the middle of its transaction."""
        if self._seen or not os.path.exists(os.path.join(self.persistdir, "transaction.json")):
            return
        from heliostat.os.tdnf.change.interrupted import told
        from heliostat.os.tdnf.change.lock import is_held

        # while somebody is at it, the journal is just what it should be
        if self._lock is not None or not is_held(self):
            self._seen = True
            words = told(self)
            if words:
                self.out.warning(words)

    @property
    def installed_packages(self) -> Packages:
        """The pool with at least what is installed."""
        if self._packages is None:
            from heliostat.os.tdnf.packages.pool import Packages

            self._packages = Packages(self.root, self.architecture, self.cachedir)
        return self._packages

    @property
    def packages(self) -> Packages:
        """The pool with what is installed and what enabled repositories offer."""
        packages = self.installed_packages
        if not packages.repos:
            try:
                packages.add(self.current_metadata())
            except TdnfError as error:
                if error.number != CACHE_UNREADABLE or not self._may_refresh():
                    raise
                # what was kept has rotted: it is fetched anew, once
                self.options.refresh, self._packages = True, None
                return self.packages
            from heliostat.os.tdnf.packages.exclusion import exclude_unwanted

            exclude_unwanted(self, packages)
        return packages

    def _may_refresh(self) -> bool:
        return not (self.options.refresh or self.options.cacheonly)

    def enabled_repositories(self) -> list[Repository]:
        """Those that count.  Raises ``TdnfError`` 1012 if there is none."""
        enabled = [each for each in self.repositories if each.enabled]
        if not enabled:
            raise TdnfError(NO_ENABLED_REPOSITORIES)
        return enabled

    def current_metadata(self) -> list[Cached]:
        """Metadata of every enabled repository, fetched where it is too old."""
        from heliostat.os.tdnf.metadata.current import current_metadata

        return current_metadata(self)

    @property
    def plugins(self) -> frozenset[str]:
        """Names of the plugins that are switched on."""
        if self._plugins is None:
            from heliostat.os.tdnf.plugins import enabled_plugins

            self._plugins = enabled_plugins(self)
        return self._plugins
