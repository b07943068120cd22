"""One module a family of commands; each command is ``(session) -> exit code``."""

from __future__ import annotations

from heliostat.os.tdnf.errors import NO_SUCH_COMMAND, NOT_ROOT, TdnfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from heliostat.os.tdnf.session import Session

ROOT = True
ANYBODY = False

# name: (module, function, who may)
COMMANDS: dict[str, tuple[str, str, bool]] = {
    "autoerase": ("removing", "autoremove", ROOT),
    "autoremove": ("removing", "autoremove", ROOT),
    "check": ("checking", "check", ANYBODY),
    "check-local": ("checking", "check_local", ANYBODY),
    "check-update": ("listing", "check_update", ANYBODY),
    "clean": ("cleaning", "clean", ANYBODY),
    "count": ("listing", "count", ANYBODY),
    "distro-sync": ("installing", "distro_sync", ROOT),
    "downgrade": ("installing", "downgrade", ROOT),
    "erase": ("removing", "erase", ROOT),
    "help": ("helping", "help", ANYBODY),
    "history": ("history", "history", ROOT),
    "info": ("listing", "info", ANYBODY),
    "install": ("installing", "install", ROOT),
    "list": ("listing", "list_", ANYBODY),
    "makecache": ("caching", "makecache", ANYBODY),
    "mark": ("marking", "mark", ROOT),
    "provides": ("searching", "provides", ANYBODY),
    "reinstall": ("installing", "reinstall", ROOT),
    "remove": ("removing", "erase", ROOT),
    "repolist": ("repositories", "repolist", ANYBODY),
    "repoquery": ("repoquery", "repoquery", ANYBODY),
    "reposync": ("reposync", "reposync", ANYBODY),
    "search": ("searching", "search", ANYBODY),
    "update": ("installing", "upgrade", ROOT),
    "update-to": ("installing", "upgrade", ROOT),
    "updateinfo": ("updateinfo", "updateinfo", ANYBODY),
    "upgrade": ("installing", "upgrade", ROOT),
    "upgrade-to": ("installing", "upgrade", ROOT),
    "whatprovides": ("searching", "provides", ANYBODY),
}


def command(name: str, user: int) -> Callable[[Session], int]:
    """The function of command ``name``; loads only its module.

    Raises ``TdnfError`` 912 with the nearest name, 1601 for a user who may not.
    """
    if name not in COMMANDS:
        raise _no_such(name)
    module_name, function, needs_root = COMMANDS[name]
    if needs_root and user != 0:
        raise TdnfError(NOT_ROOT, f"tdnf {name} is for root only.")
    module = __import__(f"{__name__}.{module_name}", fromlist=[function])
    found: Callable[[Session], int] = getattr(module, function)
    return found


def _no_such(name: str) -> TdnfError:
    import difflib

    if not name:
        return TdnfError(NO_SUCH_COMMAND, "tdnf needs a command.")
    near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]}?  tdnf help shows all." if near else ""
    return TdnfError(NO_SUCH_COMMAND, f"There is no command {name}.", hint)
