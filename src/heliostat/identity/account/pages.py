"""The page on which people look after their own account.  Pure; works without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from heliostat.identity.factors.views import FactorView
from heliostat.identity.steps.pages import Offer, Passkey, offer_form
from heliostat.identity.tokens.pages import hidden, page, told

_KINDS = {"totp": "Authenticator app", "passkey": "Passkey", "recovery": "Recovery codes"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table, with what a button does to it."""

    id: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """All that is shown of somebody."""

    subject: str
    domain: str
    has_password: bool
    factors: Sequence[FactorView]
    sessions: Sequence[Row]
    consents: Sequence[Row]


def account(shown: Account, fields: Mapping[str, str], *, wrong: str = "", done: str = "") -> str:
    """Everything, each with its own form."""
    parts = [
        told(wrong),
        f'<p role="status">{escape(done)}</p>' if done else "",
        f"<p>{escape(shown.subject)}</p>",
        _password(fields) if shown.has_password else "",
        _factors(shown.factors, fields),
        _table(
            "Where you are signed in", ("What", "Since"), shown.sessions, fields,
            act="end-session", label="Sign out", empty="Nowhere else.",
        ),
        _table(
            "Programs that you have let in", ("Program", "For"), shown.consents, fields,
            act="withdraw", label="Take back", empty="None has asked.",
        ),
        f'<p><a class="other" href="/openidconnect/logout/{escape(shown.domain)}">Sign out</a></p>',
    ]  # fmt: skip
    return page("Your account", "".join(parts), wide=True)


def adding(
    fields: Mapping[str, str], offer: Offer, back: str, *, wrong: str = "",
    passkey: Passkey | None = None,
) -> str:  # fmt: skip
    """Where a second factor is added."""
    return page(
        "Add a second factor",
        f"{told(wrong)}<p>Scan this with an authenticator app, and type the code that it shows.</p>"
        f"{offer_form({**fields, 'act': 'add'}, offer, passkey)}"
        f'<a class="other" href="{escape(back)}">Back to your account</a>',
        head=passkey.head if passkey else "",
    )


def when(at_ms: int) -> str:
    """A time as people read it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC" if at_ms else "never"


def _password(fields: Mapping[str, str]) -> str:
    return (
        f'<h2>Password</h2><form method="post">{hidden({**fields, "act": "password"})}'
        '<label for="old">Present password</label>'
        '<input id="old" name="old" type="password" autocomplete="current-password" required>'
        '<label for="new">New password</label>'
        '<input id="new" name="new" type="password" autocomplete="new-password" required>'
        "<button>Change the password</button></form>"
        '<p class="small">It signs you out everywhere else.</p>'
    )


def _factors(factors: Sequence[FactorView], fields: Mapping[str, str]) -> str:
    rows = [
        Row(
            each.id,
            (
                each.name if each.kind != "recovery" else f"{each.left} recovery codes",
                _KINDS.get(each.kind, each.kind),
                when(each.used_ms),
            ),
        )
        for each in factors
    ]
    columns = ("Name", "What", "Last used")
    table = _table(
        "Second factors", columns, rows, fields, act="remove", label="Remove", empty="None yet."
    )
    renew = (
        f'<form method="post">{hidden({**fields, "act": "renew"})}'
        '<button class="other">Make new recovery codes</button></form>'
        if any(each.kind == "recovery" for each in factors)
        else ""
    )
    return (
        f'{table}<form method="post">{hidden({**fields, "act": "offer"})}'
        f'<button class="other">Add a second factor</button></form>{renew}'
    )


def _table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    fields: Mapping[str, str],
    *,
    act: str,
    label: str,
    empty: str,
) -> str:
    if not rows:
        return f'<h2>{escape(title)}</h2><p class="small">{escape(empty)}</p>'
    head = "".join(f"<th>{escape(each)}</th>" for each in columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
        + f'<td><form method="post">{hidden({**fields, "act": act, "id": row.id})}'
        f"<button>{escape(label)}</button></form></td></tr>"
        for row in rows
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}<th></th></tr>{body}</table>"
