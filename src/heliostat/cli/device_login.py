"""``helio login``: shows where to type which code, and waits for somebody to do so.

Nothing is opened by itself.  What people read goes to standard error (with ``-o json`` as one
line of JSON), so that scripts get the result alone.  Ctrl-C leaves nothing behind: a code that
nobody types in ends by itself.
"""

from __future__ import annotations

import json
import sys

from heliostat.cli.failures import Interrupted
from heliostat.cli.session import Session
from heliostat.client.devices import DeviceSignIn
from heliostat.client.tokens import DeviceCode, Grant, TokenService


def sign_in(session: Session, service: TokenService, domain: str) -> Grant:
    """The tokens of whoever allows it, of ``domain`` or (where empty) the site's own."""
    signing_in = DeviceSignIn(service, domain)
    code = signing_in.begin()
    as_json = session.choices.json
    for line in [_as_json(code)] if as_json else instructions(code):
        print(line, file=sys.stderr, flush=True)
    live = sys.stderr.isatty() and not session.choices.quiet
    waiting = _Waiting(live=live, silent=as_json and not live)
    try:
        return signing_in.wait(code, waiting.told)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "Stopped waiting; nobody is signed in.", "`helio login` begins again."
        ) from error
    finally:
        waiting.wiped()


def instructions(code: DeviceCode) -> list[str]:
    """What a person has to do, and how to know that it is right."""
    lines = [
        "To sign in, open this address in any browser, on any machine:",
        f"    {code.verification_uri}",
        f"and type in the code  {code.user_code}",
    ]
    if code.verification_uri_complete:
        lines.append(f"(or open {code.verification_uri_complete} and compare the code)")
    return lines


def _as_json(code: DeviceCode) -> str:
    """The same in one line, for a program that shows it in its own way."""
    told = {
        "verificationUri": code.verification_uri,
        "verificationUriComplete": code.verification_uri_complete,
        "userCode": code.user_code,
        "expiresIn": code.expires_in,
    }
    return json.dumps(told)


class _Waiting:
    """One line that says how long the code is still good."""

    def __init__(self, *, live: bool, silent: bool) -> None:
        self._live = live
        self._silent = silent
        self._told = False

    def told(self, left_s: float) -> None:
        minutes, seconds = divmod(max(0, round(left_s)), 60)
        if self._live:
            print(
                f"\r\033[KWaiting ({minutes}:{seconds:02} left) ...",
                end="",
                file=sys.stderr,
                flush=True,
            )
        elif not (self._told or self._silent):
            print(f"Waiting for at most {minutes} minutes ...", file=sys.stderr, flush=True)
        self._told = True

    def wiped(self) -> None:
        if self._live and self._told:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
