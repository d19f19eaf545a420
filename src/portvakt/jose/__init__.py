"""Keys, signatures and tokens: RFC 7515 to 7519, 7638 and 8037, as far as portvakt speaks them.

Built on the primitives of `cryptography` (docs/decisions/0004-own-jws-encoder.md). Nothing here reads a clock or
the network; randomness is drawn only where a key is generated and where a signature needs its own.
"""
