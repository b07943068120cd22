"""``$releasever`` and ``$basearch``, as packages say that are what a system is."""

from __future__ import annotations

import solv

from heliostat.os.tdnf.errors import DISTROVERPKG_NOT_INSTALLED, TdnfError
from heliostat.os.tdnf.packages.pool import split_evr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session


def release_version(session: Session) -> str:
    """The version that the first of ``distroverpkg`` gives, by its provide or its own.

    Raises ``TdnfError`` 1022 where nothing installed provides one of them.
    """
    for capability in session.configuration.distroverpkg:
        for package in _installed_providers(session, capability):
            for provided in package.lookup_deparray(solv.SOLVABLE_PROVIDES):
                name, _, version = str(provided).partition(" = ")
                if name == capability and version and "(" in capability:
                    return version.partition("-")[0]
            return split_evr(package.evr)[1].rpartition("-")[0]
    wanted = " or ".join(session.configuration.distroverpkg)
    raise TdnfError(DISTROVERPKG_NOT_INSTALLED, f"No installed package provides {wanted}.")


def release_architecture(session: Session) -> str:
    """Of the installed package that ``distroarchpkg`` names; empty without one, or of none."""
    wanted = session.configuration.distroarchpkg
    found = _installed_providers(session, wanted) if wanted else []
    return next((each.arch for each in found if each.arch != "noarch"), "")


def _installed_providers(session: Session, capability: str) -> list[solv.XSolvable]:
    pool = session.installed_packages.pool
    pool.createwhatprovides()
    return [each for each in pool.whatprovides(pool.Dep(capability)) if each.isinstalled()]
