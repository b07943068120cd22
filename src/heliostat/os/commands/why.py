"""``helio os why``: name package, source and signer of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from heliostat.os.commands.inventory_subject import WHERE, keyring_options
from heliostat.os.commands.options import output_option
from heliostat.os.commands.repo_print import print_json

if TYPE_CHECKING:
    from heliostat.os.inventory.why import Answer, Ownership
    from heliostat.os.packages.openpgp.certificate import Keyring

_SHOWN = 8


@click.command(
    name="why",
    help="Name package, version, source, digest and signer of each PATH of a system (or of "
    "the package of that name), and which other packages wanted it.",
)
@click.argument("paths", nargs=-1, required=True)
@click.option("--root", type=WHERE, default=Path("/"), help="A root tree (default: this system).")
@click.option("--image", type=WHERE, help="An image (a file, or its name) instead.")
@keyring_options
@output_option
def why_command(
    paths: tuple[str, ...], root: Path, image: Path | None, keyring: Keyring, output: str
) -> None:
    from heliostat.core.errors import HeliostatError
    from heliostat.os.inventory.subject import opened
    from heliostat.os.inventory.why import why

    answers: list[Answer] = []
    faults: list[HeliostatError] = []
    with opened(image or root) as system:
        for path in paths:
            try:
                answers.append(why(system, path, keyring))
            except HeliostatError as error:  # the others are answered all the same
                faults.append(error)
    if output == "json":
        print_json(answers)
    elif answers:
        click.echo("\n\n".join("\n".join(_lines(answer)) for answer in answers))
    if faults:
        raise faults[0]


def _lines(answer: Answer) -> Iterator[str]:
    through = f" (it is {answer.resolved})" if answer.resolved != answer.path else ""
    leads = f" -> {answer.target}" if answer.target else ""
    yield f"{answer.path}{leads}{through}"
    if not answer.owners:
        beside = ", ".join(answer.beside[:_SHOWN]) or "nobody"
        yield "  No package has it: it was made when the tree was composed, or later."
        yield f"  Its folder is of {beside}."
    for owner in answer.owners:
        for key, value in _facts(owner):
            yield f"  {key:<13} {value}"


def _facts(owner: Ownership) -> Iterator[tuple[str, str]]:
    yield "package", f"{owner.package} ({owner.summary})"
    if owner.kind != "package":
        yield "kind", f"{owner.kind}, {owner.state}"
    yield "source", f"{owner.source}, {owner.vendor}"
    yield "licence", owner.licence
    if owner.file_digest:
        yield "digest", f"sha256:{owner.file_digest}"
    yield "header", f"sha256:{owner.package_digest}"
    yield "signer", _signer(owner)
    shown = list(owner.required_by[:_SHOWN])
    more = len(owner.required_by) - len(shown)
    yield "required by", ", ".join(shown + ([f"and {more} more"] if more else [])) or "no package"
    if len(owner.chain) > 1:
        yield "wanted through", " -> ".join(owner.chain)


def _signer(owner: Ownership) -> str:
    signer = owner.signer
    if signer.verdict == "none":
        return "nobody signed it"
    if signer.verdict == "good":
        return f"{signer.owner} ({signer.key_id}), verified"
    return f"{signer.key_id}, not verified: {signer.verdict}"
