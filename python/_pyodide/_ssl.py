"""`_ssl`: the settings of TLS without TLS.

Owns what ``import ssl`` and libraries that configure a context need: constants, contexts that keep and check their settings,
memory buffers, randomness. Not here: encryption. A page has no raw connections to encrypt; what goes to ``https:`` and ``wss:``
addresses is encrypted by the host.

Invariants: nothing pretends to encrypt or to verify: starting a connection raises; values are those of OpenSSL.
"""

import os
from binascii import Error as _Base64Error
from binascii import a2b_base64

_WHY = "this distribution has no OpenSSL: the host encrypts what goes to https addresses (pyodide.http.pyfetch, requests, urllib3)"

# ---- constants ----

OPENSSL_VERSION = "OpenSSL 3.5.0 (settings only)"
OPENSSL_VERSION_NUMBER = 0x30500000
OPENSSL_VERSION_INFO = _OPENSSL_API_VERSION = (3, 5, 0, 0, 0)
_DEFAULT_CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"

HAS_SNI = HAS_ECDH = HAS_ALPN = HAS_TLS_UNIQUE = True
HAS_TLSv1 = HAS_TLSv1_1 = HAS_TLSv1_2 = HAS_TLSv1_3 = HAS_PSK = HAS_PHA = True
HAS_NPN = HAS_SSLv2 = HAS_SSLv3 = False

CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED = range(3)

PROTOCOL_SSLv23 = PROTOCOL_TLS = 2
PROTOCOL_TLSv1, PROTOCOL_TLSv1_1, PROTOCOL_TLSv1_2 = 3, 4, 5
PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER = 16, 17

PROTO_MINIMUM_SUPPORTED, PROTO_MAXIMUM_SUPPORTED = -2, -1
PROTO_SSLv3, PROTO_TLSv1, PROTO_TLSv1_1, PROTO_TLSv1_2, PROTO_TLSv1_3 = range(0x300, 0x305)

VERIFY_DEFAULT = 0
VERIFY_CRL_CHECK_LEAF = 0x4
VERIFY_CRL_CHECK_CHAIN = 0xC
VERIFY_X509_STRICT = 0x20
VERIFY_ALLOW_PROXY_CERTS = 0x40
VERIFY_X509_TRUSTED_FIRST = 0x8000
VERIFY_X509_PARTIAL_CHAIN = 0x80000

HOSTFLAG_ALWAYS_CHECK_SUBJECT = 0x1
HOSTFLAG_NO_WILDCARDS = 0x2
HOSTFLAG_NO_PARTIAL_WILDCARDS = 0x4
HOSTFLAG_MULTI_LABEL_WILDCARDS = 0x8
HOSTFLAG_SINGLE_LABEL_SUBDOMAINS = 0x10
HOSTFLAG_NEVER_CHECK_SUBJECT = 0x20

ENCODING_PEM, ENCODING_DER = 1, 2

globals().update(
    {
        f"SSL_ERROR_{name}": value
        for name, value in {
            "SSL": 1, "WANT_READ": 2, "WANT_WRITE": 3, "WANT_X509_LOOKUP": 4, "SYSCALL": 5, "ZERO_RETURN": 6, "WANT_CONNECT": 7,
            "EOF": 8, "INVALID_ERROR_CODE": 10,
        }.items()
    }
)
globals().update(
    {
        f"OP_{name}": value
        for name, value in {
            "ALL": 0x80000050, "NO_SSLv2": 0, "NO_SSLv3": 1 << 25, "NO_TLSv1": 1 << 26, "NO_TLSv1_1": 1 << 28, "NO_TLSv1_2": 1 << 27,
            "NO_TLSv1_3": 1 << 29, "CIPHER_SERVER_PREFERENCE": 1 << 22, "SINGLE_DH_USE": 0, "NO_TICKET": 1 << 14, "LEGACY_SERVER_CONNECT": 4,
            "SINGLE_ECDH_USE": 0, "NO_COMPRESSION": 1 << 17, "ENABLE_MIDDLEBOX_COMPAT": 1 << 20, "NO_RENEGOTIATION": 1 << 30,
            "IGNORE_UNEXPECTED_EOF": 1 << 7, "ENABLE_KTLS": 1 << 3,
        }.items()
    }
)
globals().update(
    {
        f"ALERT_DESCRIPTION_{name}": value
        for name, value in {
            "CLOSE_NOTIFY": 0, "UNEXPECTED_MESSAGE": 10, "BAD_RECORD_MAC": 20, "RECORD_OVERFLOW": 22, "DECOMPRESSION_FAILURE": 30,
            "HANDSHAKE_FAILURE": 40, "BAD_CERTIFICATE": 42, "UNSUPPORTED_CERTIFICATE": 43, "CERTIFICATE_REVOKED": 44,
            "CERTIFICATE_EXPIRED": 45, "CERTIFICATE_UNKNOWN": 46, "ILLEGAL_PARAMETER": 47, "UNKNOWN_CA": 48, "ACCESS_DENIED": 49,
            "DECODE_ERROR": 50, "DECRYPT_ERROR": 51, "PROTOCOL_VERSION": 70, "INSUFFICIENT_SECURITY": 71, "INTERNAL_ERROR": 80,
            "USER_CANCELLED": 90, "NO_RENEGOTIATION": 100, "UNSUPPORTED_EXTENSION": 110, "CERTIFICATE_UNOBTAINABLE": 111,
            "UNRECOGNIZED_NAME": 112, "BAD_CERTIFICATE_STATUS_RESPONSE": 113, "BAD_CERTIFICATE_HASH_VALUE": 114, "UNKNOWN_PSK_IDENTITY": 115,
        }.items()
    }
)
_OP_ALL_DEFAULT = globals()["OP_ALL"] & ~0x800 | (1 << 22) | (1 << 17) | (1 << 20) | (1 << 7)

# ---- errors ----


class SSLError(OSError):
    """An error occurred in the SSL implementation."""

    def __str__(self):
        return str(self.strerror if self.strerror is not None else self.args[0] if len(self.args) == 1 else self.args)


SSLError.__module__ = "ssl"


class SSLZeroReturnError(SSLError):
    """SSL/TLS session closed cleanly."""


class SSLWantReadError(SSLError):
    """Non-blocking SSL socket needs to read more data before the requested operation can be completed."""


class SSLWantWriteError(SSLError):
    """Non-blocking SSL socket needs to write more data before the requested operation can be completed."""


class SSLSyscallError(SSLError):
    """System error when attempting SSL operation."""


class SSLEOFError(SSLError):
    """SSL/TLS connection terminated abruptly."""


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate could not be verified."""


for _class in SSLZeroReturnError, SSLWantReadError, SSLWantWriteError, SSLSyscallError, SSLEOFError, SSLCertVerificationError:
    _class.__module__ = "ssl"


def _not_here(what):
    return SSLError(f"{what} is not available: {_WHY}")


# ---- randomness and names ----


def RAND_bytes(n, /):
    """Generate n cryptographically strong pseudo-random bytes."""
    if n < 0:
        raise ValueError("num must be positive")
    return os.urandom(n)


def RAND_add(string, entropy, /):
    """Mix string into the PRNG state. The host's generator needs no help."""
    if not isinstance(string, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"a bytes-like object is required, not {type(string).__name__!r}")
    float(entropy)


def RAND_status():
    """Whether the generator has enough entropy: the host's always has."""
    return True


_OBJECTS = (
    (13, "CN", "commonName", "2.5.4.3"),
    (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
    (131, "codeSigning", "Code Signing", "1.3.6.1.5.5.7.3.3"),
    (132, "emailProtection", "E-mail Protection", "1.3.6.1.5.5.7.3.4"),
    (133, "timeStamping", "Time Stamping", "1.3.6.1.5.5.7.3.8"),
    (180, "OCSPSigning", "OCSP Signing", "1.3.6.1.5.5.7.3.9"),
)


def txt2obj(txt, name=False):
    """Lookup NID, short name, long name and OID of an ASN1_OBJECT."""
    for entry in _OBJECTS:
        if txt == entry[3] or name and txt in entry:
            return entry
    raise ValueError(f"unknown object {str(txt)[:100]!r}")


def nid2obj(nid, /):
    """Lookup NID, short name, long name and OID of an ASN1_OBJECT by NID."""
    if nid < 0:
        raise ValueError("NID must be positive")
    for entry in _OBJECTS:
        if nid == entry[0]:
            return entry
    raise ValueError(f"unknown NID {nid}")


def get_default_verify_paths():
    """Names of the variables and paths of the default certificates. The paths are those of OpenSSL's own defaults."""
    return "SSL_CERT_FILE", "/etc/ssl/cert.pem", "SSL_CERT_DIR", "/etc/ssl/certs"


# ---- buffers and sessions ----


class MemoryBIO:
    """A memory buffer that stands in the place of a socket."""

    def __init__(self):
        self._data = bytearray()
        self._eof = False

    @property
    def pending(self):
        """The number of bytes pending in the memory BIO."""
        return len(self._data)

    @property
    def eof(self):
        """Whether the memory BIO is at EOF."""
        return self._eof and not self._data

    def read(self, size=-1, /):
        """Read up to size bytes from the memory BIO; all of them if size is negative."""
        count = len(self._data) if size < 0 else size
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    def write(self, b, /):
        """Write the bytes and return their number."""
        if self._eof:
            raise SSLError("cannot write() after write_eof()")
        data = memoryview(b).cast("B")
        self._data += data
        return len(data)

    def write_eof(self):
        """Write an EOF marker: when all data is read, `eof` is true."""
        self._eof = True


class SSLSession:
    """A TLS session, which only a connection can make."""

    def __new__(cls, *args, **kwargs):
        raise TypeError("cannot create '_ssl.SSLSession' instances")


class Certificate:
    """A certificate of a connection, which only a connection can make."""

    def __new__(cls, *args, **kwargs):
        raise TypeError("cannot create '_ssl.Certificate' instances")


# ---- contexts ----


def _certificates(text, source):
    """The certificates in a PEM text, as DER."""
    found = []
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    rest = text
    while True:
        _, mark, rest = rest.partition(begin)
        if not mark:
            return found
        body, mark, rest = rest.partition(end)
        try:
            if not mark:
                raise ValueError
            found.append(a2b_base64("".join(body.split()), strict_mode=True))
        except (_Base64Error, ValueError):
            raise SSLError(f"[PEM] bad certificate number {len(found) + 1} in {source}") from None


def _read(path):
    # The errors of `open` are those that OpenSSL's loaders raise.
    with open(path, "rb") as file:
        return file.read().decode("ascii", "replace")


def _flag(value):
    return bool(value)


class _SSLContext:
    """Settings of TLS connections: kept, checked, and not applied to anything."""

    def __new__(cls, protocol, *args, **kwargs):
        if protocol not in (PROTOCOL_TLS, PROTOCOL_TLSv1, PROTOCOL_TLSv1_1, PROTOCOL_TLSv1_2, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER):
            raise ValueError("invalid or unsupported protocol version")
        self = super().__new__(cls)
        client = protocol == PROTOCOL_TLS_CLIENT
        self.__protocol = protocol
        self.__verify_mode = CERT_REQUIRED if client else CERT_NONE
        self.__check_hostname = client
        self.__options = _OP_ALL_DEFAULT
        self.__versions = {
            PROTOCOL_TLSv1: (PROTO_TLSv1, PROTO_TLSv1),
            PROTOCOL_TLSv1_1: (PROTO_TLSv1_1, PROTO_TLSv1_1),
            PROTOCOL_TLSv1_2: (PROTO_TLSv1_2, PROTO_TLSv1_2),
        }.get(protocol, (PROTO_TLSv1_2, PROTO_MAXIMUM_SUPPORTED))
        self.__verify_flags = VERIFY_X509_TRUSTED_FIRST
        self.__ciphers = _DEFAULT_CIPHERS
        self.__authorities = {}
        self.__sni_callback = None
        self.__keylog_filename = None
        self.__num_tickets = 2
        self.__post_handshake_auth = False
        self.__message_callback = None
        self._host_flags = HOSTFLAG_NO_PARTIAL_WILDCARDS
        return self

    @property
    def protocol(self):
        return self.__protocol

    @property
    def verify_mode(self):
        return self.__verify_mode

    @verify_mode.setter
    def verify_mode(self, value):
        if value not in (CERT_NONE, CERT_OPTIONAL, CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if value == CERT_NONE and self.__check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self.__verify_mode = int(value)

    @property
    def check_hostname(self):
        return self.__check_hostname

    @check_hostname.setter
    def check_hostname(self, value):
        self.__check_hostname = _flag(value)
        if self.__check_hostname and self.__verify_mode == CERT_NONE:
            self.__verify_mode = CERT_REQUIRED

    @property
    def options(self):
        return self.__options

    @options.setter
    def options(self, value):
        if value < 0:
            raise OverflowError("can't convert negative value to unsigned int")
        self.__options = int(value)

    @property
    def verify_flags(self):
        return self.__verify_flags

    @verify_flags.setter
    def verify_flags(self, value):
        self.__verify_flags = int(value)

    def __set_version(self, which, value):
        if value not in (PROTO_MINIMUM_SUPPORTED, PROTO_MAXIMUM_SUPPORTED, PROTO_TLSv1, PROTO_TLSv1_1, PROTO_TLSv1_2, PROTO_TLSv1_3, PROTO_SSLv3):
            raise ValueError(f"Unsupported TLS/SSL version 0x{int(value) & 0xFFFFFFFF:x}")
        if self.__protocol not in (PROTOCOL_TLS, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER):
            raise ValueError("The context's protocol doesn't support modification of highest and lowest version.")
        versions = list(self.__versions)
        versions[which] = int(value)
        self.__versions = tuple(versions)

    @property
    def minimum_version(self):
        return self.__versions[0]

    @minimum_version.setter
    def minimum_version(self, value):
        self.__set_version(0, value)

    @property
    def maximum_version(self):
        return self.__versions[1]

    @maximum_version.setter
    def maximum_version(self, value):
        self.__set_version(1, value)

    @property
    def sni_callback(self):
        return self.__sni_callback

    @sni_callback.setter
    def sni_callback(self, value):
        if self.__protocol == PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if value is not None and not callable(value):
            raise TypeError("not a callable object")
        self.__sni_callback = value

    @property
    def _msg_callback(self):
        return self.__message_callback

    @_msg_callback.setter
    def _msg_callback(self, value):
        self.__message_callback = value

    @property
    def keylog_filename(self):
        return self.__keylog_filename

    @keylog_filename.setter
    def keylog_filename(self, value):
        if value is not None:
            with open(value, "ab"):
                pass
        self.__keylog_filename = value

    @property
    def num_tickets(self):
        """Control the number of TLSv1.3 session tickets."""
        return self.__num_tickets

    @num_tickets.setter
    def num_tickets(self, value):
        if value < 0:
            raise ValueError("value must be non-negative")
        if self.__protocol != PROTOCOL_TLS_SERVER:
            raise ValueError("SSLContext is not a server context.")
        self.__num_tickets = int(value)

    @property
    def post_handshake_auth(self):
        return self.__post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value):
        self.__post_handshake_auth = _flag(value)

    @property
    def security_level(self):
        """The current security level."""
        return 2

    def set_ciphers(self, cipherlist, /):
        if not isinstance(cipherlist, str):
            raise TypeError(f"set_ciphers() argument must be str, not {type(cipherlist).__name__}")
        if not cipherlist.strip(": ,"):
            raise SSLError("No cipher can be selected.")
        self.__ciphers = cipherlist

    def get_ciphers(self):
        raise _not_here("The list of ciphers")

    def set_ecdh_curve(self, name, /):
        if not isinstance(name, (str, bytes)):
            raise TypeError(f"expected str, bytes or os.PathLike object, not {type(name).__name__}")

    def load_dh_params(self, filepath, /):
        _read(filepath)

    def _set_alpn_protocols(self, protos, /):
        memoryview(protos)

    def set_default_verify_paths(self):
        """Load default certificates. The host has its own."""

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        if isinstance(cadata, str):
            if not cadata.isascii():
                raise TypeError("cadata should be an ASCII string or a bytes-like object")
            found = _certificates(cadata, "cadata")
            if not found:
                raise SSLError("[SSL] no start line: cadata does not contain a certificate")
        elif cadata is not None:
            found = [bytes(cadata)]
            if not found[0].startswith(b"\x30"):
                raise SSLError("[SSL] not enough data: cadata does not contain a certificate")
        else:
            found = []
        if cafile is not None:
            in_file = _certificates(_read(cafile), repr(os.fspath(cafile)))
            if not in_file:
                raise SSLError("[X509] no certificate or crl found")
            found += in_file
        if capath is not None:
            # OpenSSL looks into the folder only when it needs a certificate.
            os.fspath(capath)
        self.__authorities.update(dict.fromkeys(found))

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        for path, mark in ((certfile, "-----BEGIN CERTIFICATE-----"), (certfile if keyfile is None else keyfile, "PRIVATE KEY-----")):
            if mark not in _read(path):
                raise SSLError("[SSL] PEM lib")

    def cert_store_stats(self):
        """Returns quantities of loaded X.509 certificates."""
        count = len(self.__authorities)
        return {"x509": count, "crl": 0, "x509_ca": count}

    def get_ca_certs(self, binary_form=False):
        """Returns the loaded certificates; only as DER, because reading them takes OpenSSL."""
        if not binary_form and self.__authorities:
            raise _not_here("Reading certificates")
        return list(self.__authorities)

    def session_stats(self):
        return dict.fromkeys(
            ("number", "connect", "connect_good", "connect_renegotiate", "accept", "accept_good", "accept_renegotiate", "hits", "misses", "timeouts", "cache_full"), 0
        )

    def set_psk_client_callback(self, callback):
        _check_callback(callback)

    def set_psk_server_callback(self, callback, identity_hint=None):
        _check_callback(callback)

    def _wrap_socket(self, sock, server_side, server_hostname=None, *, owner=None, session=None):
        raise _not_here("A TLS connection")

    def _wrap_bio(self, incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None):
        raise _not_here("A TLS connection")


def _check_callback(callback):
    if callback is not None and not callable(callback):
        raise TypeError("not a callable object")


def _test_decode_cert(path, /):
    raise _not_here("Reading certificates")
