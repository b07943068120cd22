"""What a browser is given to take to a service provider: a form that posts itself, or a link.

Without scripts the form has a button.
"""

from __future__ import annotations

from html import escape

from aiohttp import web

from heliostat.core.ids import Ids
from heliostat.identity.redirects import origin_of
from heliostat.identity.saml.outgoing import Form, Onward
from heliostat.identity.tokens import pages, to_browser


def posted(form: Form, ids: Ids) -> web.Response:
    """The form, on its way."""
    nonce = ids.secret(16)
    body = pages.page(
        f"On to {form.title}",
        f'<form method="post" action="{escape(form.target)}">{pages.hidden(form.fields)}'
        f"<button autofocus>Go on to {escape(form.title)}</button></form>"
        f'<script nonce="{escape(nonce)}">document.forms[0].submit()</script>',
    )
    # where the provider sends the browser after it has read the form is the provider's business
    return to_browser.page(body, f"{origin_of(form.target)} https:", nonce)


def sent_on(onward: Onward, domain: str, ids: Ids) -> web.Response:
    """The next stop of signing out."""
    if onward.form is not None:
        return posted(onward.form, ids)
    if onward.url:
        return to_browser.redirect(onward.url)
    if onward.partial:
        return to_browser.page(
            pages.message(
                "You are signed out here",
                f"Nobody is signed in to {domain}, but some programs have not confirmed it.",
                "Close the browser to be sure.",
            )
        )
    return to_browser.signed_out(domain)
