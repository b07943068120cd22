"""OpenPGP as far as packages and repositories need it: keys, and signatures of data.

Own code, because signatures must be the same bytes for the same input: the libraries at
hand put random salts into them or ask an agent process for each.  The cryptography itself
is the ``cryptography`` library's.  Version 4 keys and signatures (RFC 9580), RSA and
Ed25519, SHA-256 and SHA-512.
"""
