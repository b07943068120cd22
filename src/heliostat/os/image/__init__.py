"""Images: a disk that boots by itself, made from packages and from data in ``distro/``.

``build`` makes an image from a manifest; ``tiny.build_tiny`` makes the guest that
tests and the KVM probe boot.
"""

from heliostat.os.image.distro import locate_distro
from heliostat.os.image.pipeline import BuiltImage, build, built_images

__all__ = ["BuiltImage", "build", "built_images", "locate_distro"]
