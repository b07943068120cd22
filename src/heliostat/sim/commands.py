"""``helio sim``: rehearse on a cloud that exists only in this process.

Loaded by the command line only when asked for.  Prints what happened; ends with
1 if anything was violated, and then says how to see it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.core.files import atomic_write
from heliostat.sim import report
from heliostat.sim.rehearsal import read_copy
from heliostat.sim.run import Outcome, play
from heliostat.sim.scenario import Scenario, read_faults, read_scenario


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--record`` writes and ``replay`` reads."""

    seed: int
    scenario: Scenario
    digest: str
    store: str = ""
    violations: tuple[str, ...] = ()


def _chosen_output(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """What was chosen here, else what was chosen before the noun."""
    del parameter
    before = getattr(ctx.find_root().obj, "choices", None)
    return value or getattr(before, "output", None) or "table"


_OUTPUT = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    callback=_chosen_output,
    help="How the outcome is printed (default: table).",
)
_LINES = click.option("--lines", default=report.LINES, help="Last lines of the log to show.")


@click.group(name="sim", invoke_without_command=True)
@click.option("--seed", default=1, help="What all chance comes from (default: 1).")
@click.option("--seeds", type=int, help="Play so many seeds, beginning with --seed.")
@click.option(
    "--scenario", "scenario_file", metavar="FILE", help="A scenario (TOML, YAML or JSON)."
)
@click.option("--hosts", type=int, help="Simulated hosts.")
@click.option("--controllers", type=int, help="Simulated controllers.")
@click.option("--operations", type=int, help="Operations that are asked for.")
@click.option("--until", type=float, metavar="SECONDS", help="Ask no more after this time.")
@click.option("--faults", metavar="default|none|FILE", help="What goes wrong.")
@click.option(
    "--store", metavar="COPY", help="Begin with a copy of a store, as `helio restore` takes it."
)
@click.option("--record", type=click.Path(path_type=Path), help="Write what `replay` needs.")
@_LINES
@_OUTPUT
@click.pass_context
def sim(
    ctx: click.Context,
    /,
    seed: int,
    seeds: int | None,
    scenario_file: str | None,
    store: str | None,
    record: Path | None,
    lines: int,
    output: str,
    **options: Any,
) -> int | None:
    """Rehearse: controllers, agents and hosts in one process, on virtual time.

    Real controllers and agents work on simulated hosts while operators ask for things
    and faults strike; in the end everything has to add up.  The same seed is the same
    history, to the last byte.
    """
    if ctx.invoked_subcommand is not None:
        return None
    scenario = _scenario(scenario_file, options)
    copy = read_copy(Path(store)) if store is not None else None
    worst = 0
    for number in range(seed, seed + (seeds or 1)):
        outcome = play(scenario, number, copy)
        if record is not None:
            _record(record, scenario, outcome, store or "")
        given = {"scenario": scenario_file, "store": store, **options}
        _show(outcome, report.command_of(number, given), output, lines, brief=seeds is not None)
        worst = max(worst, bool(outcome.violations))
    return int(worst)


@sim.command(name="replay")
@click.argument("recording", type=click.Path(path_type=Path))
@_LINES
@_OUTPUT
def replay(recording: Path, lines: int, output: str) -> int:
    """Play a RECORDING again, and say whether it is the same history."""
    try:
        known = msgspec.json.decode(recording.read_bytes(), type=Recording)
    except (OSError, msgspec.MsgspecError) as error:
        raise PermanentError("InvalidScenario", f"{recording} is no recording: {error}.") from error
    copy = read_copy(Path(known.store)) if known.store else None
    outcome = play(known.scenario.checked(), known.seed, copy)
    _show(outcome, f"helio sim replay {recording}", output, lines, brief=False)
    if outcome.digest != known.digest:
        raise HeliostatError(
            "SimulationFailed",
            f"The history is another one: its digest was {known.digest[:16]}…, "
            f"now it is {outcome.digest[:16]}….",
            hint="Play it with the version that recorded it.",
        )
    return int(bool(outcome.violations))


def _scenario(file: str | None, options: dict[str, Any]) -> Scenario:
    """The file's scenario with the options that were given in place of its own."""
    found = read_scenario(Path(file)) if file is not None else Scenario()
    given = {key: options[key] for key in ("hosts", "controllers", "operations")}
    given["until_s"] = options["until"]
    if options["faults"] is not None:
        given["faults"] = read_faults(options["faults"])
    chosen = {key: value for key, value in given.items() if value is not None}
    return msgspec.structs.replace(found, **chosen).checked()


def _record(path: Path, scenario: Scenario, outcome: Outcome, store: str) -> None:
    made = Recording(
        seed=outcome.seed,
        scenario=scenario,
        digest=outcome.digest,
        store=store,
        violations=outcome.violations,
    )
    atomic_write(path, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")


def _show(outcome: Outcome, command: str, output: str, lines: int, *, brief: bool) -> None:
    if output == "json":
        shown = {**report.as_json(outcome), "again": command}
        if outcome.violations:
            shown["log"] = list(outcome.latest[-lines:])
        click.echo(msgspec.json.encode(shown).decode())
        return
    if brief:
        verdict = f"{len(outcome.violations)} violated" if outcome.violations else "well"
        click.echo(f"seed {outcome.seed}  {outcome.digest[:16]}  {verdict}")
    else:
        for line in report.as_text(outcome):
            click.echo(line)
    if outcome.violations:
        for line in report.violations(outcome, command, lines):
            click.echo(line, err=True)
