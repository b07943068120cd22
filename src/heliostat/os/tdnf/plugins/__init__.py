"""What the C tdnf has as plugins, switched on and off as there.

``plugins=1`` in ``tdnf.conf`` lets them be; ``<pluginconfpath>/<name>.conf`` with
``enabled=1`` in ``[main]`` turns one on; ``--enableplugin`` and ``--disableplugin`` overrule
that in their order, with globs; ``--noplugins`` leaves all out.
"""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import CONFIGURATION_UNREADABLE, TdnfError
from heliostat.os.tdnf.settings import ini
from heliostat.os.tdnf.settings.repository import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from heliostat.os.tdnf.session import Session

METALINK = "tdnfmetalink"
REPOGPGCHECK = "tdnfrepogpgcheck"
KNOWN = (METALINK, REPOGPGCHECK)


def enabled_plugins(session: Session) -> frozenset[str]:
    """Names of those that count; one that isn't ours is told of and left out."""
    configuration, options = session.configuration, session.options
    if options.noplugins or configuration.noplugins or not configuration.plugins:
        return frozenset()
    folder = configuration.pluginconfpath
    within = session.within(folder)
    states = _states(within if os.path.isdir(within) else folder, session)
    for verb, pattern in options.plugin_switches:
        for name in states:
            if matches(name, pattern):
                states[name] = verb == "enableplugin"
    wanted = {name for name, on in states.items() if on}
    for name in sorted(wanted.difference(KNOWN)):
        session.out.warning(f"Error loading plugin: {name}: there is none of that name")
    return frozenset(wanted.intersection(KNOWN))


def _states(folder: str, session: Session) -> dict[str, bool]:
    states: dict[str, bool] = {}
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return states
    for each in names:
        name, dot, ending = each.rpartition(".")
        if ending != "conf" or not dot or not name:
            continue
        try:
            sections = ini.read(os.path.join(folder, each), CONFIGURATION_UNREADABLE)
        except TdnfError as error:
            session.out.warning(f"Error loading plugin: {name}: {error.sentence}")
            continue
        states[name] = ini.is_true(sections.get("main", {}).get("enabled", "0"))
    return states
