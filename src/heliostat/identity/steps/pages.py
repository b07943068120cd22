"""The pages of a sign-in's steps.  Pure; each works without scripts.

``ways`` are links to other providers; a ``passkey`` is what a script of ours asks the browser
for, as JSON, and brings back in a field of the form.  The button for it is hidden until then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from heliostat.identity.tokens.pages import hidden, page, told

SCRIPT = "/openidconnect/passkey.js"


_CHOOSE_ANOTHER = (
    '<label for="new_password">New password</label>'
    '<input id="new_password" name="new_password" type="password" '
    'autocomplete="new-password" required>'
)
_CODE = (
    '<label for="code">Code of your app, or a recovery code</label>'
    '<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" '
    'spellcheck="false" maxlength="32" required>'
)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A question for a passkey; ``options`` is JSON, ``nonce`` lets the script in."""

    options: str
    nonce: str

    @property
    def head(self) -> str:
        return f'<script src="{SCRIPT}" nonce="{escape(self.nonce)}" defer></script>'

    def button(self, label: str) -> str:
        return (
            '<input type="hidden" name="passkey" value="">'
            f'<button type="button" class="other" hidden data-passkey="{escape(self.options)}">'
            f'{escape(label)}</button><p class="wrong" role="alert" hidden data-passkey-wrong></p>'
        )


@dataclass(frozen=True, slots=True)
class Way:
    """Another way to sign in: what it is called, and where it begins."""

    title: str
    link: str


def who(
    domain: str,
    program: str,
    fields: Mapping[str, str],
    *,
    hint: str = "",
    wrong: str = "",
    action: str = "",
    changes: bool = False,
    code: bool = False,
    ways: Sequence[Way] = (),
    passkey: Passkey | None = None,
) -> str:
    """Name and password; ``fields`` are what asks for the sign-in, sent again with the form.

    ``changes``: and a new password, because the one of before only serves to choose it;
    ``code``: and a code, for who has a second factor.
    """
    more = f"{_CHOOSE_ANOTHER if changes else ''}{_CODE if code else ''}"
    focus = ("", " autofocus") if hint else (" autofocus", "")
    aim = f' action="{escape(action)}"' if action else ""
    program_line = (
        f'<p class="small">to go on to <strong>{escape(program)}</strong></p>' if program else ""
    )
    return page(
        f"Sign in to {domain}",
        f"{told(wrong)}{program_line}"
        f'<form method="post"{aim}>{hidden(fields)}'
        '<label for="username">User</label>'
        f'<input id="username" name="username" value="{escape(hint)}" autocomplete="username" '
        f'autocapitalize="none" spellcheck="false" required{focus[0]}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" '
        f'autocomplete="current-password" required{focus[1]}>{more}'
        f"<button>Sign in</button>{passkey.button('Sign in with a passkey') if passkey else ''}"
        f"</form>{''.join(map(_way, ways))}",
        head=passkey.head if passkey else "",
    )


def second(
    fields: Mapping[str, str],
    *,
    subject: str,
    codes: bool,
    wrong: str = "",
    passkey: Passkey | None = None,
) -> str:
    """A code, or a passkey; a person without codes may still have recovery codes."""
    label = "Code of your app, or a recovery code" if codes else "Recovery code"
    return page(
        "Show that it is you",
        f'{told(wrong)}<p class="small">{escape(subject)}</p>'
        f'<form method="post">{hidden(fields)}'
        f'<label for="code">{label}</label>'
        '<input id="code" name="code" autocomplete="one-time-code" autocapitalize="none" '
        'spellcheck="false" maxlength="32" required autofocus>'
        f"<button>Go on</button>{passkey.button('Use a passkey') if passkey else ''}</form>",
        head=passkey.head if passkey else "",
    )


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret for an app: its QR code as SVG, and the same as text."""

    image: str
    text: str


def enrol(
    fields: Mapping[str, str],
    offer: Offer,
    *,
    may_wait: bool,
    wrong: str = "",
    passkey: Passkey | None = None,
) -> str:
    """An app's secret and its first code, or a new passkey."""
    later = (
        f'<form method="post">{hidden({**fields, "later": "yes"})}'
        '<button class="other">Later</button></form>'
        if may_wait
        else ""
    )
    return page(
        "Add a second factor",
        f"{told(wrong)}<p>This place asks for more than a password. Scan this with an "
        f"authenticator app, and type the code that it shows.</p>"
        f"{offer_form(fields, offer, passkey)}{later}",
        head=passkey.head if passkey else "",
    )


def offer_form(fields: Mapping[str, str], offer: Offer, passkey: Passkey | None) -> str:
    """The form that enrols a factor."""
    return (
        f'{offer.image}<pre class="small">{escape(offer.text)}</pre>'
        f'<form method="post">{hidden(fields)}'
        '<label for="code">Code of the app</label>'
        '<input id="code" name="code" autocomplete="one-time-code" inputmode="numeric" '
        'maxlength="10" required autofocus>'
        '<label for="name">What you call it</label>'
        '<input id="name" name="name" maxlength="60" autocomplete="off">'
        f"<button>Add it</button>{passkey.button('Add a passkey instead') if passkey else ''}"
        "</form>"
    )


def recovery(codes: Sequence[str], onward: str) -> str:
    """Recovery codes, which are shown this once."""
    shown = "\n".join(map(escape, codes))
    return page(
        "Keep these codes",
        "<p>Each signs you in once, should you lose what you have just added. "
        f'They are shown only now.</p><pre>{shown}</pre><a class="other" '
        f'href="{escape(onward)}">I have kept them: go on</a>',
    )


def banner(fields: Mapping[str, str], title: str, text: str, wrong: str = "") -> str:
    """What the operator wants to be agreed to."""
    return page(
        title or "Before you go on",
        f'{told(wrong)}<pre>{escape(text)}</pre><form method="post">{hidden(fields)}'
        '<label class="tick"><input type="checkbox" name="agree" value="yes" required>'
        "I have read this and agree</label><button>Go on</button></form>",
    )


def consent(fields: Mapping[str, str], program: str, asks: Sequence[str]) -> str:
    """What a program would be let do."""
    listed = "".join(f"<li>{escape(each)}</li>" for each in asks)
    return page(
        f"Let {program} in?",
        f"<p><strong>{escape(program)}</strong> asks to</p><ul>{listed}</ul>"
        f'<form method="post">{hidden(fields)}<button name="allow" value="yes">Allow</button>'
        '<button class="other" name="allow" value="no">Do not allow</button></form>',
    )


def _way(way: Way) -> str:
    return f'<a class="other" href="{escape(way.link)}">Sign in with {escape(way.title)}</a>'
