"""``helio identity token`` and ``workload``: identities of programs on this machine."""

from __future__ import annotations

import click

from heliostat.member import printing
from heliostat.member.joining.workloads import keep_certificate, token_for
from heliostat.member.places import Machine
from heliostat.member.printing import output_option


@click.command("token")
@click.argument("name")
@click.option("--audience", multiple=True, required=True, help="Who shall take it.")
@output_option
def token(name: str, audience: tuple[str, ...], output: str) -> None:
    """Print a token of ten minutes for the program NAME on this machine."""
    found = token_for(Machine.here(), name, audience)
    if output == "json":
        told = {"spiffeId": found.spiffe_id, "token": found.token, "expires": found.expires_ms}
        printing.print_json(told)
    else:
        click.echo(found.token)


@click.command("workload")
@click.argument("name")
@click.option("--store", required=True, help="The certificate store to keep it in.")
@output_option
def workload(name: str, store: str, output: str) -> None:
    """Keep a certificate for the program NAME in a store, and renew it from now on."""
    spiffe_id, entry = keep_certificate(Machine.here(), name, store)
    if output == "json":
        printing.print_json({"spiffeId": spiffe_id, **printing.entry_object(entry)})
    else:
        click.echo(f"{spiffe_id} is kept in {entry.folder}.")
