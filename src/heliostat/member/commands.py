"""``helio cert``: the certificate stores of this machine."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from heliostat.member import printing
from heliostat.member.contents import CERTIFICATE_FILE, CRL_FILE, KEY_FILE
from heliostat.member.grants import Right
from heliostat.member.joining.trust import write_bundle
from heliostat.member.places import Machine
from heliostat.member.printing import output_option
from heliostat.member.stores import CRLS, ROOTS, Store, Stores

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("cert", help="Certificates of this machine.")
def cert() -> None:
    """Group of the commands below."""


@cert.group("store", help="Stores of certificates, and who may use them.")
def store_group() -> None:
    """Group of the commands below."""


def _stores() -> Stores:
    stores = Stores(Machine.here())
    if os.geteuid() == 0:
        stores.prepare()
    return stores


def _bundled(store: str) -> None:
    """Programs that read all trusted roots as one file find what was changed."""
    if store == ROOTS:
        write_bundle(Machine.here())


def _told(store: Store, output: str, sentence: str) -> None:
    if output == "json":
        printing.print_json(printing.store_object(store))
    else:
        click.echo(sentence)


@store_group.command("create", help="Make the store NAME; its creator alone may use it.")
@click.argument("name")
@output_option
def create(name: str, output: str) -> None:
    _told(_stores().create(name), output, f"Store {name} is made.")


@store_group.command("list", help="List the stores.")
@output_option
def list_stores(output: str) -> None:
    found = _stores().list()
    if output == "json":
        printing.print_json([printing.store_object(each) for each in found])
        return
    titles = ("name", "fixed", "entries", "granted to")
    printing.print_table(titles, [printing.store_row(each) for each in found], "No stores.")


@store_group.command("delete", help="Delete the store NAME with all in it.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Even if there are keys in it.")
@output_option
def delete(name: str, yes: bool, output: str) -> None:
    stores = _stores()
    count = stores.get(name).entries
    if count and not yes:
        click.confirm(f"{count} entries of {name} are deleted with it. Go on?", abort=True)
    _told(stores.delete(name), output, f"Store {name} is deleted.")


@store_group.command("grant", help="Let the local user USER read the store NAME.")
@click.argument("name")
@click.argument("user")
@click.option("--write", is_flag=True, help="And write to it.")
@output_option
def grant(name: str, user: str, write: bool, output: str) -> None:
    right = Right.WRITE if write else Right.READ
    granted = _stores().grant(name, user, right)
    _told(granted, output, f"{user} may {right} the store {name}.")


@store_group.command("revoke", help="Take the rights of the local user USER away.")
@click.argument("name")
@click.argument("user")
@output_option
def revoke(name: str, user: str, output: str) -> None:
    _told(_stores().revoke(name, user), output, f"{user} has no right on the store {name}.")


@cert.group("entry", help="What lies in a store.")
def entry_group() -> None:
    """Group of the commands below."""


@entry_group.command("list", help="List what lies in STORE.")
@click.argument("store")
@output_option
def list_entries(store: str, output: str) -> None:
    found = _stores().entries(store).list()
    if output == "json":
        printing.print_json([printing.entry_object(each) for each in found])
        return
    now = datetime.now(UTC)
    rows = [printing.entry_row(each, now) for each in found]
    titles = ("name", "subject", "names", "counts for", "key")
    printing.print_table(titles, rows, f"The store {store} is empty.")


@entry_group.command("create", help="Keep FILE in STORE as NAME, in place of what is there.")
@click.argument("store")
@click.argument("name")
@click.argument("file", type=_file)
@click.option("--key", type=_file, help="File with the certificate's private key.")
@output_option
def create_entry(store: str, name: str, file: Path, key: Path | None, output: str) -> None:
    secret = key.read_bytes() if key is not None else None
    made = _stores().entries(store).put(name, file.read_bytes(), secret)
    _bundled(store)
    if output == "json":
        printing.print_json(printing.entry_object(made))
    else:
        click.echo(f"{name} is kept in {made.folder}.")


@entry_group.command("show", help="Print the certificate (or revocation list) NAME of STORE.")
@click.argument("store")
@click.argument("name")
@output_option
def show_entry(store: str, name: str, output: str) -> None:
    entries = _stores().entries(store)
    if output == "json":
        printing.print_json(printing.entry_object(entries.get(name)))
        return
    file = CRL_FILE if store == CRLS else CERTIFICATE_FILE
    click.echo(entries.content(name, file).decode(), nl=False)


@entry_group.command("key", help="Print the private key of NAME in STORE.")
@click.argument("store")
@click.argument("name")
def show_key(store: str, name: str) -> None:
    click.echo(_stores().entries(store).content(name, KEY_FILE).decode(), nl=False)


@entry_group.command("delete", help="Delete NAME from STORE.")
@click.argument("store")
@click.argument("name")
@output_option
def delete_entry(store: str, name: str, output: str) -> None:
    gone = _stores().entries(store).delete(name)
    _bundled(store)
    if output == "json":
        printing.print_json(printing.entry_object(gone))
    else:
        click.echo(f"{name} is deleted from {store}.")
