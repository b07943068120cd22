"""``helio os image``: build images, test them, see what was built, give it out, make room.

Images lie in ``HELIO_CACHE``, or below ``HELIO_HOME``, or in ``--out``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from heliostat.os.commands.image_trial import test_image
from heliostat.os.commands.inventory_subject import key_option
from heliostat.os.commands.options import (
    epoch_option,
    images_folder,
    os_cache,
    os_home,
    out_option,
    output_option,
)

if TYPE_CHECKING:
    from heliostat.os.image.built import BuiltImage
    from heliostat.os.image.store import Outcome
    from heliostat.os.packages.openpgp.certificate import Keyring

_MIB = 1 << 20


@click.group(name="image", help="Images that boot by themselves.")
def image_group() -> None:
    """Group of the image commands."""


@image_group.command(name="build", help="Build the image of EDITION (a name or a file).")
@click.argument("edition", default="minimal")
@click.option(
    "--format",
    "formats",
    multiple=True,
    help="Formats, with commas between them (default: qcow2); `helio os image formats` lists them.",
)
@click.option("--why", is_flag=True, help="Tell of every stage why it was made or not.")
@click.option("--force", is_flag=True, help="Make every stage again.")
@click.option(
    "--repo",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A repository, or a folder of packages; may be repeated (default: your own, by name; "
    "without any, what the edition takes is imported first).",
)
@epoch_option
@key_option
@out_option
@output_option
def build_image(
    edition: str,
    formats: tuple[str, ...],
    why: bool,
    force: bool,
    folders: tuple[Path, ...],
    epoch: int | None,
    keyring: Keyring,
    out_dir: Path | None,
    output: str,
) -> None:
    from heliostat.os.cache.bound import keep_within
    from heliostat.os.image.from_nothing import Places, sources_for
    from heliostat.os.image.order import DEFAULT_FORMATS, Order, carry_out, stages_folder
    from heliostat.os.monitor import monitor_for
    from heliostat.os.packages.openpgp.signer import Signer
    from heliostat.os.tree import load_edition

    started = time.monotonic()
    monitor = monitor_for(sys.stderr)
    system = load_edition(edition)
    places = Places(cache=os_cache(), home=os_home())
    wanted = tuple(name for each in formats for name in each.split(",") if name)
    chosen = wanted or DEFAULT_FORMATS
    order = Order(
        edition=system,
        sources=tuple(sources_for(system, folders, places, keyring, monitor, chosen)),
        formats=chosen,
        out_dir=images_folder(out_dir),
        stages=stages_folder(),
        force=force,
        signer=Signer.create(places.keys),
        epoch=epoch,
    )
    finished = carry_out(order, monitor)
    keep_within(places.cache)
    elapsed = time.monotonic() - started
    if output == "json":
        told = {**_summary(finished.image), "stages": [_stage(each) for each in finished.outcomes]}
        click.echo(json.dumps(told, indent=2))
        return
    if why:
        _print_why(finished.outcomes)
    _print_built(finished.image, order.formats, elapsed)


@image_group.command(name="formats", help="List the formats that images are given out in.")
@output_option
def list_formats(output: str) -> None:
    from heliostat.os.image.outputs import load_output, output_names

    found = {name: load_output(name) for name in output_names()}
    if output == "json":
        rows = [
            {"name": name, "summary": each.summary, "suffix": each.suffix, "ftype": each.ftype}
            for name, each in found.items()
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for name, each in found.items():
        click.echo(f"{name:<20} {each.suffix:<18} {each.summary}")


@image_group.command(name="list", help="List editions and the images built from them.")
@out_option
@output_option
def list_images(out_dir: Path | None, output: str) -> None:
    from heliostat.os.image.built import built_images
    from heliostat.os.tree import edition_names, load_edition

    images = built_images(images_folder(out_dir))
    editions = [load_edition(name) for name in edition_names()]
    if output == "json":
        listed = [{"name": each.name, "summary": each.summary} for each in editions]
        built = [_summary(image) for image in images]
        click.echo(json.dumps({"editions": listed, "images": built}, indent=2))
        return
    for each in editions:
        click.echo(f"{each.name:<12} edition  {each.summary}")
    for image in images:
        for kind, file in image.record.files.items():
            size = f"{file.size_bytes / _MIB:.0f} MiB"
            path = image.path.parent / file.name
            click.echo(f"{image.name:<12} {image.release}  {kind:<18} {size:>9}  {path}")


@image_group.command(name="show", help="Show an image (an edition, or the start of an identity).")
@click.argument("name")
@out_option
@output_option
def show_image(name: str, out_dir: Path | None, output: str) -> None:
    import msgspec

    from heliostat.os.image.built import find_image

    image = find_image(images_folder(out_dir), name)
    if output == "json":
        told = {**_summary(image), **msgspec.to_builtins(image.record)}
        click.echo(json.dumps(told, indent=2))
        return
    for key, value in _summary(image).items():
        if key != "files":
            click.echo(f"{key:<18} {value}")
    click.echo(f"{'tree':<18} {image.record.tree}")
    click.echo(f"{'tested':<18} {_trial(image)}")
    for kind, file in image.record.files.items():
        click.echo(f"{'file':<18} {kind:<18} {file.size_bytes / _MIB:>7.0f} MiB  {file.sha256}")
    click.echo(f"{'packages':<18} {len(image.packages)}")
    for package in image.record.packages:
        signer = package.signer or "unsigned"
        click.echo(f"  {package.name:<36} {package.version:<30} {package.sha256[:12]}  {signer}")


@image_group.command(
    name="publish", help="Put images and a signed download index into FOLDER, for a web server."
)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--keys", type=click.Path(path_type=Path), help="Folder of the signing key.")
@click.option(
    "--keep",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Versions of each edition to offer.",
)
@click.option("--tested", is_flag=True, help="Offer only what passed `helio os image test`.")
@out_option
@output_option
def publish_images(
    folder: Path, keys: Path | None, keep: int, tested: bool, out_dir: Path | None, output: str
) -> None:
    from heliostat.os.image.download import publish
    from heliostat.os.packages.openpgp.signer import Signer

    signer = Signer.create(keys or os_home() / "keys")
    offered = publish(images_folder(out_dir), folder, signer, keep=keep, only_tested=tested)
    if output == "json":
        click.echo(json.dumps({"folder": str(folder), "files": offered}, indent=2))
        return
    for path in offered:
        click.echo(path)
    click.echo(f"{len(offered)} files and their index are in {folder}, signed by {signer.key_id}.")
    click.echo(f"Next: serve it, e.g. `python3 -m http.server -d {folder}`.")


@image_group.command(
    name="prune", help="Remove stages and images that newer ones have taken the place of."
)
@click.option(
    "--keep", type=click.IntRange(0), default=1, show_default=True, help="How many of each to keep."
)
@out_option
@output_option
def prune(keep: int, out_dir: Path | None, output: str) -> None:
    from heliostat.os.image.prune import prune_images, prune_stages
    from heliostat.os.image.store import StageStore

    images = prune_images(images_folder(out_dir), keep=keep)
    stages = prune_stages(StageStore(os_cache() / "stages"), keep=keep)
    if output == "json":
        told = {
            "images": [image.identity for image in images],
            "stages": [stage.identity for stage in stages],
        }
        click.echo(json.dumps(told, indent=2))
        return
    for image in images:
        click.echo(f"image  {image.name} {image.release}")
    for stage in stages:
        click.echo(f"stage  {stage.name} {stage.identity[:16]}")
    click.echo(f"{len(images)} images and {len(stages)} stages were removed.")


image_group.add_command(test_image)


def _print_why(outcomes: tuple[Outcome, ...]) -> None:
    for each in outcomes:
        verb = "reused" if each.reused else f"made in {each.record.seconds:.1f} s"
        click.echo(f"{each.name:<28} {verb}: {each.reason}")


def _print_built(image: BuiltImage, formats: tuple[str, ...], elapsed: float) -> None:
    from heliostat.os.image.outputs import load_output

    for name in formats:
        file = image.record.files[name]
        click.echo(f"{image.path.parent / file.name} ({file.size_bytes / _MIB:.0f} MiB)")
    if image.cached:
        click.echo(f"Nothing has changed since it was built: reused in {elapsed:.2f} s.")
    else:
        click.echo(f"Built in {elapsed:.1f} s.")
    step = load_output(formats[0]).next_step
    if step:
        path = image.path.parent / image.record.files[formats[0]].name
        click.echo(f"Next: {step.replace('{path}', str(path)).replace('{name}', image.name)}")


def _trial(image: BuiltImage) -> str:
    """What came of starting it."""
    from heliostat.os.image.tested import trial_of

    trial = trial_of(image)
    if trial is None:
        return f"never started: `helio os image test {image.identity[:16]}`"
    if trial.passed:
        return f"every gate passed ({trial.machine})"
    return f"FAILED ({trial.machine}): {'; '.join(trial.failed)}"


def _stage(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "identity": outcome.record.identity,
        "reused": outcome.reused,
        "reason": outcome.reason,
        "seconds": outcome.record.seconds,
    }


def _summary(image: BuiltImage) -> dict[str, Any]:
    return {
        "name": image.name,
        "path": str(image.path),
        "digest": image.digest,
        "sizeBytes": image.size_bytes,
        "virtualSizeBytes": image.virtual_size_bytes,
        "identity": image.identity,
        "release": image.release,
        "builtAtMs": image.built_at_ms,
        "cached": image.cached,
        "files": {kind: str(path) for kind, path in image.files().items()},
    }
