"""``helio os image``: build images and see what was built.

Images lie in ``HELIO_CACHE``, or below ``HELIO_HOME``, or in ``--out``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from heliostat.core.errors import HeliostatError
from heliostat.os.commands.options import images_folder, out_option, output_option
from heliostat.os.image.manifest import load_manifest, manifest_names
from heliostat.os.image.pipeline import BuiltImage, build, built_images
from heliostat.os.monitor import monitor_for


@click.group(name="image", help="Images that boot by themselves.")
def image_group() -> None:
    """Group of the image commands."""


@image_group.command(name="build", help="Build the image of MANIFEST (a name or a file).")
@click.argument("manifest", default="minimal")
@click.option("--force", is_flag=True, help="Build even if nothing has changed.")
@out_option
@output_option
def build_image(manifest: str, force: bool, out_dir: Path | None, output: str) -> None:
    started = time.monotonic()
    image = build(manifest, images_folder(out_dir), monitor_for(sys.stderr), force=force)
    if output == "json":
        click.echo(json.dumps(_summary(image), indent=2))
        return
    elapsed = time.monotonic() - started
    click.echo(f"{image.path}")
    if image.cached:
        click.echo(f"Nothing has changed since it was built: reused in {elapsed:.2f} s.")
    else:
        click.echo(f"Built in {elapsed:.0f} s: {image.size_bytes / 2**20:.0f} MiB.")
    click.echo(f"Next: helio image upload {image.path} --name {image.name}")


@image_group.command(name="list", help="List manifests and the images built from them.")
@out_option
@output_option
def list_images(out_dir: Path | None, output: str) -> None:
    images = built_images(images_folder(out_dir))
    manifests = [load_manifest(name) for name in manifest_names()]
    if output == "json":
        listed = [{"name": item.name, "description": item.description} for item in manifests]
        built = [_summary(image) for image in images]
        click.echo(json.dumps({"manifests": listed, "images": built}, indent=2))
        return
    for item in manifests:
        click.echo(f"{item.name:<16} manifest   {item.description}")
    for image in images:
        size = f"{image.size_bytes / 2**20:.0f} MiB"
        click.echo(f"{image.name:<16} {size:>8}   {image.identity[:16]}  {image.path}")


@image_group.command(name="show", help="Show one built image, its packages included.")
@click.argument("name")
@out_option
@output_option
def show_image(name: str, out_dir: Path | None, output: str) -> None:
    image = _find(name, images_folder(out_dir))
    if output == "json":
        click.echo(json.dumps({**_summary(image), "packages": image.packages}, indent=2))
        return
    for key, value in _summary(image).items():
        click.echo(f"{key:<18} {value}")
    click.echo(f"{'packages':<18} {len(image.packages)}")
    for package, version in sorted(image.packages.items()):
        click.echo(f"  {package:<40} {version}")


def _find(name: str, folder: Path) -> BuiltImage:
    """The newest image of that name, or the one whose identity begins so."""
    for image in built_images(folder):
        if image.name == name or image.identity.startswith(name):
            return image
    raise HeliostatError(
        "ImageNotFound",
        f"No image {name} was built in {folder}.",
        hint=f"Build it: `helio os image build {name}`.",
    )


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
    }
