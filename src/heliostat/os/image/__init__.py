"""Images: a disk that boots by itself, made from packages and from data in ``distro/``.

``from_nothing.build`` imports what an edition takes and builds its image;
``order.carry_out`` builds from repositories that are there, telling why each stage was
made; ``tiny.build_tiny`` makes the guest that tests and the KVM probe boot.
"""
