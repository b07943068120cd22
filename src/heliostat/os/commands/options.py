"""Options that every command of ``helio os`` has in common."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import click

from heliostat.core.cache import DEFAULT_HOME, cache_folder

_Command = Callable[..., None]


def output_option(command: _Command) -> _Command:
    """``-o table|json``; chosen before the noun, it is the default after it."""
    return click.option(
        "-o",
        "--output",
        "output",
        type=click.Choice(["table", "json"]),
        callback=chosen_output,
        help="How results are printed (default: table).",
    )(command)


def out_option(command: _Command) -> _Command:
    """``--out``: the folder of built images; see :func:`images_folder`."""
    return click.option(
        "--out", "out_dir", type=click.Path(path_type=Path), help="Folder of the built images."
    )(command)


def epoch_option(command: _Command) -> _Command:
    """``--epoch``; without it the environment decides (:mod:`heliostat.os.epoch`)."""

    def chosen(ctx: click.Context, parameter: click.Parameter, value: int | None) -> int | None:
        del ctx, parameter
        if value is not None:
            return value
        from heliostat.os.epoch import chosen_epoch

        return chosen_epoch(os.environ)

    return click.option(
        "--epoch",
        type=click.IntRange(0, 2**32 - 1),
        callback=chosen,
        help="Time of what is made, in seconds since 1970, if its newest package isn't younger "
        "(default: SOURCE_DATE_EPOCH, else that package's).",
    )(command)


def os_cache() -> Path:
    """What can be made again: downloads, converted packages, stages."""
    return cache_folder(os.environ) / "os"


def os_home() -> Path:
    """What can't be made again: repositories and the keys that sign them."""
    named = os.environ.get("HELIO_HOME")
    return (Path(named) if named else Path.home() / DEFAULT_HOME) / "os"


def images_folder(out_dir: Path | None) -> Path:
    """Where built images lie: what was asked for, else the cache."""
    return out_dir if out_dir is not None else cache_folder(os.environ) / "images"


def chosen_output(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """What was chosen here, else what was chosen before the noun."""
    del parameter
    before = getattr(ctx.find_root().obj, "choices", None)
    return value or getattr(before, "output", None) or "table"
