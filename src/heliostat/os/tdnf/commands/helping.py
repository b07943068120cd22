"""``help``: what tdnf can do, from the tables that it is parsed by."""

from __future__ import annotations

from heliostat.os.tdnf.arguments import SHORT
from heliostat.os.tdnf.errors import NO_SUCH_COMMAND, TdnfError
from heliostat.os.tdnf.manual import COMMANDS, OPTIONS, SCOPES, SECOND_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from heliostat.os.tdnf.session import Session

_COLUMN = 32


def help(session: Session) -> int:
    """``help [COMMAND]``, ``--help``.  Raises ``TdnfError`` 912."""
    options, words = session.options, session.arguments
    if options.help:
        # `tdnf install --help` asks for install
        words = (session.invocation.command, *words) if session.invocation.command else ()
    if words and words[0] != "help":
        name = SECOND_NAMES.get(words[0], words[0])
        if name not in COMMANDS:
            raise TdnfError(NO_SUCH_COMMAND, f"There is no command {words[0]}.")
        arguments, does = COMMANDS[name]
        session.out.value({"Command": name, "Arguments": arguments, "Summary": does})
        session.out.lines(_command_lines(name))
        return 0
    session.out.value({name: does for name, (_, does) in COMMANDS.items()})
    session.out.lines(_all_lines())
    return 0


def _all_lines() -> Iterator[str]:
    yield "Usage: tdnf [options] COMMAND [arguments]"
    yield ""
    yield "Commands"
    for name, (_, does) in COMMANDS.items():
        yield f"  {name:<{_COLUMN - 2}}{does}"
    for heading, options in OPTIONS.items():
        yield ""
        yield heading
        for name, (value, does) in options.items():
            yield option_line(name, value, does)
    yield ""
    yield "tdnf help COMMAND tells one command in full; man tdnf tells all."


def option_line(name: str, value: str, does: str) -> str:
    """``  -c, --config=FILE   does this``."""
    told = spelled(name, value)
    if len(told) > _COLUMN - 4:
        return f"  {told}\n{'':<{_COLUMN}}{does}"
    return f"  {told:<{_COLUMN - 2}}{does}"


def spelled(name: str, value: str) -> str:
    """An option with its letter, if it has one, and with what it takes."""
    letters = "".join(f"-{letter}, " for letter, long in SHORT.items() if long == name)
    return f"{letters}--{name}{'=' if value else ''}{value}"


def _command_lines(name: str) -> Iterator[str]:
    arguments, does = COMMANDS[name]
    yield f"Usage: tdnf [options] {name} {arguments}".rstrip()
    yield ""
    yield f"{does[0].upper()}{does[1:]}."
    others = [second for second, first in SECOND_NAMES.items() if first == name]
    if others:
        yield f"Also called {', '.join(others)}."
    if "SCOPE" in arguments:
        yield SCOPES
    for heading, options in OPTIONS.items():
        if heading.partition(":")[0] == name:
            yield ""
            yield heading
            for option, (value, explained) in options.items():
                yield option_line(option, value, explained)
