"""Which passwords are accepted.  Pure.

After NIST SP 800-63B (5.1.1.2): length, and a list of the ones that attackers try
first.  Kinds of characters and former passwords count only where a tenant wants it.
"""

from __future__ import annotations

from heliostat.core.errors import PermanentError
from heliostat.identity.passwords.blocklist import why_common
from heliostat.identity.passwords.options import PasswordPolicy

# The most common passwords of eight characters or more in public leaks, and words of this product.
SHORT_NAME = 3
COMMON = frozenset(
    """
    password password1 password12 password123 passw0rd p@ssw0rd p@ssword pa$$word changeme
    changeme1 changeme123 letmein1 letmein123 welcome1 welcome12 welcome123 iloveyou
    iloveyou1 sunshine princess football baseball superman trustno1 starwars whatever
    computer michelle jennifer internet corvette mercedes maverick samantha charlie1
    qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 1q2w3e4r 1q2w3e4r5t 1qaz2wsx zaq12wsx
    q1w2e3r4 asdfghjk asdfghjkl zxcvbnm1 zxcvbnm123 abcd1234 abc12345 abcdefgh abcdefg1
    a1b2c3d4 12345678 123456789 1234567890 87654321 987654321 9876543210 11111111 00000000
    88888888 12341234 11223344 123123123 12121212 123456abc administrator admin123 admin1234
    administrator1 root1234 rootroot toortoor default1 secret123 secretpassword heliostat
    heliostat1 heliostat123 vmware123 vmware1! photon123 esxcloud secret12 testtest test1234
    password! password1! welcome1! monkey123 dragon123 master123 shadow123 killer123
    hunter22 google123 facebook1 samsung1 summer2024 summer2025 winter2024 winter2025
    spring2025 autumn2025
    """.split()  # noqa: SIM905 - two hundred lines otherwise
)


def refuse_weak(password: str, name: str, policy: PasswordPolicy, domain: str = "") -> None:
    """Raise ``WeakPassword`` with the reason, unless the password will do."""
    reason = weakness(password, name, policy, domain)
    if reason:
        raise PermanentError("WeakPassword", f"The password {reason}.")


def weakness(password: str, name: str, policy: PasswordPolicy, domain: str = "") -> str:
    """Why ``password`` is refused, as the end of a sentence; empty if it is accepted."""
    if len(password) < policy.minimum_length:
        return f"has {len(password)} characters; at least {policy.minimum_length} are needed"
    if len(password) > policy.maximum_length:
        return f"has {len(password)} characters; at most {policy.maximum_length} are allowed"
    kinds = _kinds(password)
    if kinds < policy.character_classes:
        return (
            f"mixes {kinds} of lower case, upper case, digits and others; "
            f"{policy.character_classes} are needed"
        )
    folded, plain = password.casefold(), name.casefold()
    if plain and folded.strip("0123456789!.@#-_ ") == plain:
        return "is the user's name"
    if len(plain) >= SHORT_NAME and plain in folded and not policy.name_inside:
        return "holds the user's name"
    if policy.blocklist:
        if folded in COMMON:
            return "is on the list of common passwords"
        names = (name, domain, *domain.split("."))
        return why_common(password, names, policy.own_words)
    return ""


def _kinds(password: str) -> int:
    tests = (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum())
    return sum(any(map(test, password)) for test in tests)
