"""The package manager as a module; see ``help(tdnf)`` and ``man tdnf``."""

from heliostat.os.tdnf.api import *  # noqa: F403
from heliostat.os.tdnf.api import __doc__, __version__  # noqa: F401
