"""This system as cloud-init knows it: Debian's files and units, and packages by tdnf.

Its name stays `debian`, by which modules of cloud-init decide whether they are for a system.
"""

import logging

from cloudinit import distros, subp, util
from cloudinit.distros import debian
from cloudinit.distros.package_management.package_manager import PackageManager
from cloudinit.settings import PER_ALWAYS, PER_INSTANCE

LOG = logging.getLogger(__name__)


class Distro(debian.Distro):
    def __init__(self, name, cfg, paths):
        super().__init__("debian", cfg, paths)
        self.package_managers = [Tdnf.from_config(self._runner, cfg)]

    def package_command(self, command, args=None, pkgs=None):
        _tdnf(command, *(args or ()), *(pkgs or ()))

    def get_primary_arch(self):
        return distros.Distro.get_primary_arch(self)  # Debian's asks dpkg


class Tdnf(PackageManager):
    name = "tdnf"

    def available(self):
        return bool(subp.which("tdnf"))

    def update_package_sources(self, *, force=False):
        often = PER_ALWAYS if force else PER_INSTANCE
        self.runner.run("update-sources", _tdnf, ["--refresh", "makecache"], freq=often)

    def install_packages(self, pkglist):
        """In one transaction; if that can't be, those of them that can be installed alone."""
        wanted = util.expand_package_list("%s-%s", sorted(pkglist, key=str))
        if _installed(*wanted):
            return []
        return [each for each in wanted if not _installed(each)]


def _installed(*names):
    try:
        _tdnf("install", *names)
    except subp.ProcessExecutionError as error:
        LOG.warning("%s: tdnf ended with %s", ", ".join(names), error.exit_code)
        return False
    return True


def _tdnf(*words):
    # what it says goes to cloud-init-output.log
    subp.subp(["tdnf", "-y", *words], capture=False)
