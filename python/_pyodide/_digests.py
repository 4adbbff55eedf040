"""Digests that CPython has from OpenSSL elsewhere, as objects of ``hashlib``.

Owns the objects. Not here: the computation, which is in the core, and the digests that CPython brings itself.
"""

import _pyodide_core as _core

# Name: digest size, block size.
_SIZES = {"ripemd160": (20, 64), "sha512_224": (28, 128), "sha512_256": (32, 128), "sm3": (32, 64), "md5-sha1": (36, 64)}
_ALIASES = {
    "rmd160": "ripemd160",
    "ripemd": "ripemd160",
    "sha512-224": "sha512_224",
    "sha512/224": "sha512_224",
    "sha512-256": "sha512_256",
    "sha512/256": "sha512_256",
}
# Names by which OpenSSL knows what CPython brings itself.
_BUILTIN = {"blake2b512": "blake2b", "blake2s256": "blake2s"}


def _bytes(data):
    if isinstance(data, str):
        raise TypeError("Strings must be encoded before hashing")
    try:
        return bytes(memoryview(data).cast("B"))
    except TypeError:
        raise TypeError(f"object supporting the buffer API required, not {type(data).__name__!r}") from None


class _Digest:
    """A digest whose state is kept here as bytes."""

    def __init__(self, name, data=b""):
        self.name = name
        self.digest_size, self.block_size = _SIZES[name]
        self._state = b""
        self.update(data)

    def update(self, data, /):
        """Update this digest's state with the data."""
        self._state = _core.digest_update((self.name, self._state, _bytes(data)))

    def digest(self):
        """Return the digest value as a bytes object."""
        return _core.digest_finish((self.name, self._state))

    def hexdigest(self):
        """Return the digest value as a string of hexadecimal digits."""
        return self.digest().hex()

    def copy(self):
        """Return a copy of the digest."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __repr__(self):
        return f"<{self.name} digest object at {id(self):#x}>"


class _Md5Sha1(_Digest):
    """Both digests, one after the other, as TLS 1.0 has them."""

    def __init__(self, name, data=b""):
        from hashlib import md5, sha1

        self.name = name
        self.digest_size, self.block_size = _SIZES[name]
        self._parts = md5(), sha1()
        self.update(data)

    def update(self, data, /):
        data = _bytes(data)
        for part in self._parts:
            part.update(data)

    def digest(self):
        return b"".join(part.digest() for part in self._parts)

    def copy(self):
        new = super().copy()
        new._parts = tuple(part.copy() for part in self._parts)
        return new


def constructor_of(name):
    """The constructor of a digest: called with the first data, as those of ``hashlib`` are.

    Raises ValueError if there is no digest of that name.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {type(name).__name__}")
    plain = name.lower()
    plain = _ALIASES.get(plain, plain)
    if plain not in _SIZES:
        import hashlib

        builtin = _BUILTIN.get(plain) or plain.replace("-", "_")
        found = getattr(hashlib, builtin, None) if builtin != name and builtin in hashlib.algorithms_guaranteed else None
        if found is None:
            raise ValueError(f"unsupported hash type {name}")
        return found
    cls = _Md5Sha1 if plain == "md5-sha1" else _Digest

    def constructor(data=b"", *, usedforsecurity=True, string=None):
        return cls(plain, data if string is None else string)

    constructor.__name__ = constructor.__qualname__ = plain
    return constructor
