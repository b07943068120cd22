"""What is answered to who may not sign in, always in the same words."""

from __future__ import annotations

from heliostat.core.errors import PermanentError


def refused() -> PermanentError:
    """A wrong password, an unknown name, a disabled and a locked one are told alike."""
    return PermanentError(
        "InvalidLoginCredentials",
        "User name or password is wrong, or the account is disabled or locked.",
        hint="Check both. After five wrong passwords an account opens again by itself "
        "in five minutes.",
    )


def not_alone(subject: str, site: str) -> PermanentError:
    """The password is right, and its owner has a second factor, which was not shown."""
    return PermanentError(
        "SecondFactorRequired",
        f"Knowing the password alone does not change that of {subject}.",
        hint=f"Change it in a browser, on the account page: "
        f"{site}/openidconnect/account/{subject.rpartition('@')[2]}",
    )


def change_needed() -> PermanentError:
    """The password is right, and only good for choosing another one."""
    return PermanentError(
        "PasswordChangeNeeded",
        "The password is right, but it has to be changed before it signs anybody in again.",
    )
