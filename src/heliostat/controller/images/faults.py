"""The errors of image files: one clear sentence each; trying again can't help."""

from __future__ import annotations

from heliostat.core.errors import PermanentError


def invalid_image(message: str) -> PermanentError:
    return PermanentError("InvalidImage", message)


def invalid_vmdk(message: str) -> PermanentError:
    return PermanentError("InvalidVmdkFormat", message)


def invalid_ova(message: str) -> PermanentError:
    return PermanentError("InvalidOva", message)


def unsupported(message: str) -> PermanentError:
    return PermanentError("UnsupportedImageFileType", message)


def too_large(virtual_bytes: int, max_bytes: int) -> PermanentError:
    """A disk that would be larger than the site allows, however small the file is."""
    return invalid_image(
        f"The image's disk has {virtual_bytes} bytes; this site takes at most {max_bytes}."
    )
