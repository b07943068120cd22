"""What texts in the system's data may be, as types: permissions, paths, relations.

Each has a description, which is what a person is told whose text is none of it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Mode = Annotated[
    str,
    Meta(pattern="^[0-7]{4}$", description='four octal digits in quotation marks, such as "0755"'),
]
"""Permissions."""

AbsolutePath = Annotated[str, Meta(pattern="^/", description="a path that begins with /")]

RelationText = Annotated[
    str,
    Meta(
        pattern=r"^(\(.+\)|[^\s<>=(]\S*(\s+(<=|>=|<|>|=)\s*[^\s<>=]\S*)?)$",
        description="a relation: NAME, NAME >= VERSION or (ONE or OTHER)",
    ),
]
"""What a package asks of others, as spec files write it."""

Capabilities = Annotated[
    str,
    Meta(
        pattern=r"^(cap_[a-z_]+(,cap_[a-z_]+)*[=+][eip]+( |$))*$",
        description="capabilities as libcap writes them, such as cap_net_raw=ep",
    ),
]

ResidueDigest = Annotated[
    str, Meta(pattern="^[0-9a-f]{12}$", description="a digest as a refusal prints it")
]
"""Of hand-written code that somebody read."""
