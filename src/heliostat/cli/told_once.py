"""Secrets that an answer holds once: asked again with the same key it is told without them.

A command whose first answer was lost asks again and learns that the thing was made.  Whoever
took the empty secret for the true one would write files that open nothing, over good ones.
"""

from __future__ import annotations

from heliostat.core.errors import PermanentError


def told_once(secret: str, what: str, instead: str) -> str:
    """``secret``; raises ``SecretToldBefore``.

    ``what`` was made, as the beginning of a sentence; ``instead`` is the command that gives it
    another secret.
    """
    if not secret:
        raise PermanentError(
            "SecretToldBefore",
            f"{what}, and the answer that told its secret did not arrive.",
            hint=f"Nothing was written. Give it another secret: `{instead}`.",
        )
    return secret
