"""The folder of an authority as the first version made it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from heliostat.identity.authority.certificates import builder, common_name, key_usage, pem
from heliostat.identity.authority.key_files import write_key


def legacy_authority(folder: Path, domain: str = "heliostat.local") -> x509.Certificate:
    """A root with path length 0, its key in the clear; gives the root."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = common_name(f"Heliostat CA of {domain}")
    now = datetime.now(UTC)
    root = (
        builder(name, name, key.public_key(), now, now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(issues=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_key(folder / "ca.key", key)
    (folder / "ca.pem").write_bytes(pem(root))
    return root
