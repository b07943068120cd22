"""The pages that a browser is shown while somebody signs in or out.  Pure; work without scripts.

Everything from outside is escaped.  Pages can't be framed, and their forms go to this server,
or from there on to ``onward``, where the client waits.  They load nothing but, where passkeys
can be used, one script of ours, which the page's nonce lets in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
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
button.other,a.other{display:block;box-sizing:border-box;margin-top:.75rem;width:100%;padding:.6rem;
font-weight:600;text-align:center;text-decoration:none;color:#1d4ed8;background:none;
border:1px solid #1d4ed8;border-radius:.25rem}
[hidden]{display:none!important}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.25rem .5rem .25rem 0}
td form{display:inline}td button{width:auto;margin:0;padding:.2rem .6rem}
.wide{max-width:44rem}pre{white-space:pre-wrap;overflow-wrap:anywhere}
.code{display:block;margin:1rem auto;background:#fff}
label.tick{display:flex;gap:.5rem}label.tick input{width:auto}
.small{color:#4b5563;font-size:.875rem}
@media(prefers-color-scheme:dark){body{background:#111418;color:#e6e8eb}main{background:#1b1f24}
input{background:#111418;color:inherit}.wrong{background:#3a1a18}button.other,a.other{color:#93b4ff;border-color:#93b4ff}.small{color:#a3abb5}}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def headers(onward: str = "", nonce: str = "", frames: Sequence[str] = ()) -> dict[str, str]:
    """Of every page; ``onward`` is the origin that a form's answer may redirect to.

    ``nonce`` is that of the page's script, if it has one; ``frames`` are origins that it shows.
    """
    target = f"'self' {onward}".strip()
    framed = f"frame-src {' '.join(frames)}; " if frames else ""
    script = f"script-src 'nonce-{nonce}'; " if nonce else ""
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'none'; {script}{framed}"
        f"style-src 'sha256-{_STYLE_HASH}'; form-action {target}; "
        "frame-ancestors 'none'; base-uri 'none'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def pass_on(program: str, target: str, answer: Mapping[str, str]) -> str:
    """For ``response_mode=form_post``: a button, since nothing here runs by itself."""
    return page(
        f"Back to {program}",
        f'<form method="post" action="{escape(target)}">{hidden(answer)}'
        f"<button autofocus>Go on to {escape(program)}</button></form>",
    )


def sign_out(domain: str, fields: Mapping[str, str], token: str) -> str:
    """Asks, because any page could send a browser here."""
    return page(
        f"Sign out of {domain}?",
        f'<form method="post">{hidden({**fields, "form_token": token})}'
        "<button autofocus>Sign out</button></form>",
    )


def device_code(fields: Mapping[str, str], *, action: str, code: str, wrong: str) -> str:
    """Where the code that a machine shows is typed in."""
    return page(
        "Sign in a machine",
        f"{told(wrong)}<p>Type in the code that the machine shows.</p>"
        f'<form method="post" action="{escape(action)}">{hidden(fields)}'
        '<label for="user_code">Code</label>'
        f'<input id="user_code" name="user_code" value="{escape(code)}" autocomplete="off" '
        'autocapitalize="characters" spellcheck="false" maxlength="20" required autofocus>'
        "<button>Go on</button></form>",
    )


def device_request(
    fields: Mapping[str, str],
    *,
    action: str,
    subject: str,
    program: str,
    code: str,
    address: str,
    minutes: int,
    asks: Sequence[str],
) -> str:
    """Which machine asks for what, and whether to allow it."""
    listed = "".join(f"<li>{escape(each)}</li>" for each in asks)
    age = "less than a minute ago" if minutes < 1 else f"{minutes} min ago"
    place = f" from <strong>{escape(address)}</strong>" if address else ""
    return page(
        f"Sign in {program}?",
        f"<p><strong>{escape(program)}</strong> has asked{place}, {age}, to be signed in as "
        f"<strong>{escape(subject)}</strong>, and to</p><ul>{listed}</ul>"
        f"<p>The machine in front of you must show exactly this code:</p>"
        f'<p><strong>{escape(code)}</strong></p><p class="wrong">Did somebody send you this code, '
        "or read it out to you? Then do not allow it: they would be signed in as you.</p>"
        f'<form method="post" action="{escape(action)}">{hidden(fields)}'
        '<button name="allow" value="no">Do not allow</button>'
        '<button class="other" name="allow" value="yes">It is mine, and the code is the same: '
        "allow</button></form>",
    )


def signed_out_of(
    domain: str, frames: Sequence[tuple[str, str]], target: str, own_origin: str
) -> str:
    """Programs are told by loading an address of theirs each; then the browser goes on.

    They may run their scripts with their own cookies, and nothing that concerns this page: one
    of our own origin may do neither.
    """
    shown = "".join(
        f'<iframe title="{escape(title)}" src="{escape(uri)}" hidden '
        f'sandbox="{"" if _is_of(uri, own_origin) else "allow-scripts allow-same-origin"}">'
        "</iframe>"
        for title, uri in frames
    )
    names = ", ".join(escape(title) for title, _ in frames)
    onward = f'<a class="other" href="{escape(target)}">Go on</a>' if target else ""
    refresh = f'<meta http-equiv="refresh" content="3;url={escape(target)}">' if target else ""
    return page(
        "You are signed out",
        f"<p>Nobody is signed in to {escape(domain)}. {names} is told.</p>{shown}{onward}",
        head=refresh,
    )


def _is_of(uri: str, origin: str) -> bool:
    return uri == origin or uri.startswith((f"{origin}/", f"{origin}?"))


def message(title: str, sentence: str, hint: str = "", ways: Sequence[tuple[str, str]] = ()) -> str:
    """What there is to say, and nothing to do but to sign out elsewhere, too."""
    links = "".join(
        f'<a class="other" href="{escape(link)}">Sign out of {escape(name)}, too</a>'
        for name, link in ways
    )
    return page(title, f'<p>{escape(sentence)}</p><p class="small">{escape(hint)}</p>{links}')


def told(wrong: str) -> str:
    """What went wrong, read out by screen readers."""
    return f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""


def hidden(fields: Mapping[str, str]) -> str:
    """Fields that a form brings back."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def page(title: str, body: str, *, head: str = "", wide: bool = False) -> str:
    """A whole page; ``body`` and ``head`` are HTML."""
    main = '<main class="wide">' if wide else "<main>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{head}</head>"
        f"<body>{main}<h1>{escape(title)}</h1>{body}</main></body></html>"
    )
