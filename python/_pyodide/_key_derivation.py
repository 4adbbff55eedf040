"""`hashlib.pbkdf2_hmac` and `hashlib.scrypt`, which CPython has from OpenSSL elsewhere.

Owns the rules for the arguments, which are those of OpenSSL's versions. Not here: the derivation, which is in the core.
"""

from operator import index

import _pyodide_core as _core

_INT_MAX = 0x7FFFFFFF
_SCRYPT_MEMORY_BYTES = 32 << 20


def _bytes(value, name):
    if isinstance(value, str):
        raise TypeError(f"{name}: strings must be encoded before hashing")
    try:
        return bytes(memoryview(value).cast("B"))
    except TypeError:
        raise TypeError(f"{name}: a bytes-like object is required, not {type(value).__name__!r}") from None


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function."""
    if not isinstance(hash_name, str):
        raise TypeError(f"pbkdf2_hmac() argument 'hash_name' must be str, not {type(hash_name).__name__}")
    password, salt, iterations = _bytes(password, "password"), _bytes(salt, "salt"), index(iterations)
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if iterations > _INT_MAX:
        raise OverflowError("iteration value is too great.")
    length = 0
    if dklen is not None:
        length = index(dklen)
        if length < 1:
            raise ValueError("key length must be greater than 0.")
        if length > _INT_MAX:
            raise OverflowError("key length is too great.")
    return _core.pbkdf2_hmac((hash_name, password, salt, iterations, length))


def scrypt(password, *, salt, n, r, p, maxmem=0, dklen=64):
    """scrypt password-based key derivation function."""
    password, salt = _bytes(password, "password"), _bytes(salt, "salt")
    n, r, p, maxmem, dklen = index(n), index(r), index(p), index(maxmem), index(dklen)
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2.")
    if r < 1 or p < 1 or max(n, r, p) >> 64:
        raise ValueError("Invalid parameter combination for n, r, p, maxmem.")
    if not 0 <= maxmem <= _INT_MAX:
        raise ValueError(f"maxmem must be positive and smaller than {_INT_MAX}")
    if not 1 <= dklen <= _INT_MAX:
        raise ValueError(f"dklen must be greater than 0 and smaller than {_INT_MAX}")
    return _core.scrypt((password, salt, n, r, p, maxmem or _SCRYPT_MEMORY_BYTES, dklen))
