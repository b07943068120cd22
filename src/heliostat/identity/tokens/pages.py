"""The pages that a browser is shown while somebody signs in or out.  Pure; no JavaScript.

Everything from outside is escaped.  Pages load nothing, can't be framed, and their forms
go to this server, or from there on to ``onward``, where the client waits.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1b1f24}
main{max-width:22rem;margin:12vh auto 0;padding:2rem;background:#fff;border-radius:.5rem;
box-shadow:0 1px 4px rgba(0,0,0,.15)}
h1{font-size:1.25rem;margin:0 0 1rem}
label{display:block;margin:.75rem 0 .25rem}
input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit;border:1px solid #6b7280;
border-radius:.25rem}
button{margin-top:1.25rem;width:100%;padding:.6rem;font:inherit;font-weight:600;color:#fff;
background:#1d4ed8;border:0;border-radius:.25rem;cursor:pointer}
:focus-visible{outline:3px solid #93b4ff;outline-offset:1px}
.wrong{padding:.5rem .75rem;background:#fdecec;border-left:4px solid #b42318}
.small{color:#4b5563;font-size:.875rem}
@media(prefers-color-scheme:dark){body{background:#111418;color:#e6e8eb}main{background:#1b1f24}
input{background:#111418;color:inherit}.wrong{background:#3a1a18}.small{color:#a3abb5}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def headers(onward: str = "") -> dict[str, str]:
    """Of every page; ``onward`` is the origin that a form's answer may redirect to."""
    target = f"'self' {onward}".strip()
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        f"form-action {target}; frame-ancestors 'none'; base-uri 'none'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def sign_in(
    domain: str, program: str, fields: Mapping[str, str], token: str, *, wrong: str = ""
) -> str:
    """Name and password; ``fields`` are the client's request, sent again with the form."""
    hint = escape(fields.get("login_hint", ""))
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    focus = ("", " autofocus") if hint else (" autofocus", "")
    return _page(
        f"Sign in to {domain}",
        f"{told}"
        f'<p class="small">to go on to <strong>{escape(program)}</strong></p>'
        f'<form method="post">{_hidden({**fields, "form_token": token})}'
        '<label for="username">User</label>'
        f'<input id="username" name="username" value="{hint}" autocomplete="username" '
        f'autocapitalize="none" spellcheck="false" required{focus[0]}>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" '
        f'autocomplete="current-password" required{focus[1]}>'
        "<button>Sign in</button></form>",
    )


def pass_on(program: str, target: str, answer: Mapping[str, str]) -> str:
    """For ``response_mode=form_post``: a button, since nothing here runs by itself."""
    return _page(
        f"Back to {program}",
        f'<form method="post" action="{escape(target)}">{_hidden(answer)}'
        f"<button autofocus>Go on to {escape(program)}</button></form>",
    )


def sign_out(domain: str, fields: Mapping[str, str], token: str) -> str:
    """Asks, because any page could send a browser here."""
    return _page(
        f"Sign out of {domain}?",
        f'<form method="post">{_hidden({**fields, "form_token": token})}'
        "<button autofocus>Sign out</button></form>",
    )


def message(title: str, sentence: str, hint: str = "") -> str:
    """What there is to say, and nothing to do."""
    return _page(title, f'<p>{escape(sentence)}</p><p class="small">{escape(hint)}</p>')


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
