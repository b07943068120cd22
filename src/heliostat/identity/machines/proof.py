"""How a machine proves who it is: a short JWT under the key of its certificate.

The certificate comes with it (``x5c``) and must be the very one that the directory has for
the computer, by SHA-256, so an authority that was made to sign another gains nothing; one
that was revoked proves nothing any more.
Otherwise it is an assertion as service accounts use (RFC 7523), good once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.core.clock import Clock
from heliostat.core.errors import HeliostatError, PermanentError
from heliostat.identity.directory.contract.computers import ComputerVerbs
from heliostat.identity.directory.views import ComputerView
from heliostat.identity.options import IdentityOptions
from heliostat.identity.service_accounts.certificates import fingerprint, lateness
from heliostat.identity.tokens import jose
from heliostat.identity.tokens.assertions import Assertions, check_assertion
from heliostat.identity.tokens.records import Algorithm
from heliostat.identity.tokens.shown_certificate import NotShown, certificate_in

IsThere = Callable[[str], Awaitable[bool]]
"""Whether the platform still has the VM with this id."""


IsRevoked = Callable[[x509.Certificate], Awaitable[bool]]
"""Whether the tenant's authority took a certificate back."""


async def everything_is(_vm: str) -> bool:
    """For a site without machines of its own."""
    return True


class MachineProofs:
    """Checks machines' assertions for one tenant."""

    def __init__(
        self,
        clock: Clock,
        options: IdentityOptions,
        computers: ComputerVerbs,
        assertions: Assertions,
        is_revoked: IsRevoked,
        is_there: IsThere,
    ) -> None:
        self._clock = clock
        self._options = options
        self._computers = computers
        self._assertions = assertions
        self._is_revoked = is_revoked
        self._is_there = is_there

    async def computer(self, assertion: str, *, plan: bool = False) -> tuple[ComputerView, str]:
        """The computer whose key has signed ``assertion``, and its certificate's SHA-256.

        With ``plan`` the assertion stays good.  Raises ``InvalidClient``.
        """
        try:
            read = jose.parsed(assertion)
        except HeliostatError as error:
            raise _refused("it can't be read") from error
        try:
            certificate = certificate_in(read.header)
        except NotShown as error:
            raise _refused(str(error)) from error
        digest = fingerprint(certificate)
        computer = await self._known(certificate, digest)
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not jose.is_signed_by(
            read, key, Algorithm.ES256
        ):
            raise _refused("its signature is wrong")
        lifetimes = self._options.lifetimes
        limits = self._clock.now_ms() / 1000, lifetimes.assertion_s, lifetimes.tolerance_s
        check_assertion(read.claims, computer.name, frozenset({self._options.issuer}), limits)
        await self._assertions.spend(f"machine/{computer.name}", read.claims, plan=plan)
        return computer, digest

    async def _known(self, certificate: x509.Certificate, digest: str) -> ComputerView:
        computer = await self._computers.computer_with(digest)
        if computer is None:
            raise _refused("no computer of this directory has that certificate")
        if computer.disabled:
            raise _refused(f"{computer.name} is disabled")
        if computer.vm and not await self._is_there(computer.vm):
            raise _refused(f"the VM that {computer.name} was is gone")
        if why := lateness(certificate, self._clock.now_ms()):
            raise _refused(f"the certificate of {computer.name} is no good, {why}")
        if await self._is_revoked(certificate):
            raise _refused(f"the certificate of {computer.name} was revoked")
        return computer


def _refused(why: str) -> PermanentError:
    return PermanentError(
        "InvalidClient",
        f"The machine's proof is refused: {why}.",
        hint="Join again: `helio identity computer join-token NAME` gives a new token.",
    )
