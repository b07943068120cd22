"""The documentation page: complete, self-contained, and its links and lines lead somewhere."""

from __future__ import annotations

import json
import shlex
from html.parser import HTMLParser

import click
import pytest

from heliostat import __version__
from heliostat.cli.main import root
from heliostat.core.codes import CODES
from heliostat.wire import openapi
from heliostat.wire.page.builder import render
from heliostat.wire.page.commands import COMMANDS
from heliostat.wire.page.samples import curl
from heliostat.wire.route import Body
from heliostat.wire.routes import BY_OPERATION, ROUTES

VOID = {"meta", "input", "link", "br"}


class Page(HTMLParser):
    """What the page consists of."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.feed(render(__version__).decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if identity := found.get("id"):
            self.ids.append(identity)
        if tag == "a":
            self.links.append(found.get("href") or "")
        self.fetched += [value or "" for name, value in attrs if name in ("src", "srcset")]
        if tag == "link":
            self.fetched.append(found.get("href") or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Page:
    return Page()


def test_it_is_well_formed_and_fetches_nothing(page: Page) -> None:
    assert page.open == []
    assert page.fetched == []
    assert b"@import" not in render(__version__)
    assert b"url(" not in render(__version__)


def test_everything_is_on_it(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert set(page.ids) >= {route.operation for route in ROUTES}
    assert set(page.ids) >= {f"code-{code}" for code in CODES}
    schemas = openapi.document(__version__)["components"]["schemas"]
    assert set(page.ids) >= {f"type-{name}" for name in schemas}


def test_every_link_leads_somewhere(page: Page) -> None:
    for link in page.links:
        assert link == "/openapi.json" or link.removeprefix("#") in page.ids


@pytest.mark.parametrize("operation", COMMANDS)
def test_the_command_exists(operation: str) -> None:
    assert operation in BY_OPERATION
    _, *words = shlex.split(COMMANDS[operation])
    command: click.Command | None = root
    context = click.Context(root)
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
    assert command is not None
    options = {each for option in command.params for each in option.opts}
    assert {word for word in words if word.startswith("-")} <= options
    given = [word for word in words if word[0].isupper() or word[0].islower()]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    assert len(given) >= len([each for each in arguments if each.required])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_the_sample_is_what_the_server_understands(route: object) -> None:
    assert hasattr(route, "operation")
    row = BY_OPERATION[route.operation]
    description = openapi.document(__version__)
    told = description["paths"][row.path][row.method.lower()]
    body = None
    if row.body is Body.JSON:
        body = told["requestBody"]["content"]["application/json"]["schema"]
    words = shlex.split(curl(row, body, description["components"]["schemas"]))
    assert words[-1].endswith(row.path.rpartition("/")[2]) or "{" in row.path
    if "--json" in words:
        import msgspec

        text = words[words.index("--json") + 1]
        assert msgspec.json.decode(text.encode(), type=row.request) is not None
        assert json.loads(text) is not None
