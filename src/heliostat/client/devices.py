"""Signing in without a browser at hand: a code is shown, typed in elsewhere and waited for.

``begin`` asks for the code, ``wait`` polls until somebody has allowed it (RFC 8628).  A line
that is cut meanwhile is tried again: the code stays good on every controller.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from heliostat.client.faults import Unreachable
from heliostat.client.tokens import DeviceCode, Grant, TokenService
from heliostat.core.errors import HeliostatError

SLOWER_S = 5
"""What a poll that came too soon adds to the interval (RFC 8628, 3.5)."""


class DeviceSignIn:
    """One sign-in that is waited for, of somebody of ``domain`` (default: the site's)."""

    def __init__(
        self,
        service: TokenService,
        domain: str = "",
        *,
        sleep: Callable[[float], None] = time.sleep,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._domain = domain
        self._sleep = sleep
        self._now_s = now_s

    def begin(self) -> DeviceCode:
        return self._service.device_code(self._domain)

    def wait(self, code: DeviceCode, waiting: Callable[[float], None]) -> Grant:
        """The tokens; ``waiting`` hears before each poll how many seconds are left.

        Raises ``SignInDenied`` and ``DeviceCodeExpired``.
        """
        until_s, interval_s = self._now_s() + code.expires_in, float(code.interval)
        while True:
            left_s = until_s - self._now_s()
            waiting(left_s)
            if left_s <= 0:
                raise HeliostatError("DeviceCodeExpired", "Nobody has allowed it in time.")
            self._sleep(min(interval_s, left_s))
            try:
                return self._service.by_device_code(code.device_code, self._domain)
            except Unreachable:
                interval_s += SLOWER_S
            except HeliostatError as error:
                if error.code == "SlowDown":
                    interval_s += SLOWER_S
                elif error.code not in ("AuthorizationPending", "TooManyRequests"):
                    raise
