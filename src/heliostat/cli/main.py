"""The root command: finds the others by name, and turns every error into an exit code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec

import click

from heliostat.cli.catalogue import CATALOGUE, SERVER_MODULE, Entry, Section
from heliostat.cli.failures import EXIT_CODES, fail, wants_json
from heliostat.cli.options import global_options
from heliostat.cli.session import Session
from heliostat.core.errors import HeliostatError


class Root(click.Group):
    """``helio``; loads a command's module when the command is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for name, entry in CATALOGUE.items() if _is_there(entry)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        entry = CATALOGUE.get(cmd_name)
        if entry is None or not _is_there(entry):
            return None
        return _load(cmd_name, entry)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in CATALOGUE and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}.{_nearest(name)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List from the catalogue, so that no command is imported."""
        names = self.list_commands(ctx)
        for section in Section:
            rows = [(name, CATALOGUE[name].summary) for name in names]
            rows = [row for row in rows if CATALOGUE[row[0]].section is section]
            if rows:
                with formatter.section(section.value):
                    formatter.write_dl(rows)


def _is_there(entry: Entry) -> bool:
    return not entry.extra or find_spec(entry.module) is not None


def _load(name: str, entry: Entry) -> click.Command:
    try:
        module = importlib.import_module(entry.module)
    except ModuleNotFoundError as error:
        if not entry.extra or (error.name or "").startswith("heliostat"):
            raise
        raise HeliostatError(
            "NotConfigured",
            f"`helio {name}` needs {error.name}, which is not installed.",
            hint=f"Install it: pip install 'heliostat[{entry.extra}]'",
        ) from error
    found = module.COMMANDS[name] if entry.module == SERVER_MODULE else None
    if found is None:
        found = getattr(module, entry.attribute)
    if not isinstance(found, click.Command):
        raise TypeError(f"{entry.module}:{entry.attribute} is not a command")
    return found


def _nearest(name: str) -> str:
    import difflib  # only when a name was mistyped

    close = difflib.get_close_matches(name, CATALOGUE, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


root = Root(
    name="helio",
    params=[*global_options()],
    help="Use and run a Heliostat private cloud.",
    epilog="Exit codes: " + ", ".join(f"{code} {text}" for code, text in EXIT_CODES.items()) + ".",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)


def run(argv: Sequence[str]) -> int:
    """Run one command line; returns its exit code and never raises."""
    session = Session()
    try:
        result = root.main(args=[*argv], prog_name="helio", standalone_mode=False, obj=session)
    except (Exception, KeyboardInterrupt) as error:
        return fail(error, as_json=wants_json(argv))
    finally:
        session.close()
    return result if isinstance(result, int) else 0


def main() -> None:
    """The console script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
