"""Images: a disk that boots by itself, made from packages and from data in ``distro/``."""
