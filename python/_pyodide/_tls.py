"""TLS by the host: what ``ssl`` does with connections, on the sockets of ``_pyodide._sockets``.

Owns the objects behind ``SSLSocket`` and ``SSLObject``: in Node the host encrypts the connection as the context says, in browsers
``fetch`` does with settings of its own. Not here: contexts and constants (``_ssl``).

A program that encrypts in memory (``SSLContext.wrap_bio``: asyncio, anyio, TLS inside of TLS) hands its bytes to a socket that is not known
here. It is told by a mark in these bytes: the socket that is given the mark starts TLS, and gives the mark back when the handshake has
ended. From then on both sides hand plain bytes on, which the host encrypts.

Invariants: a mark begins with bytes that no other program knows; without the end of a handshake no bytes of the program are sent; a
certificate that does not fit is an error before anything is sent.
"""

import errno as _errno
import os
import weakref

from . import _sockets

_MARK_START = b"\xf5"
_MARK_RANDOM = 16
_MARK_LENGTH = len(_MARK_START) + _MARK_RANDOM + 4

_mark = b""
_waiting = {}
_settings = weakref.WeakKeyDictionary()

_VERIFY_MESSAGES = {
    "CERT_HAS_EXPIRED": "certificate has expired",
    "CERT_NOT_YET_VALID": "certificate is not yet valid",
    "DEPTH_ZERO_SELF_SIGNED_CERT": "self-signed certificate",
    "SELF_SIGNED_CERT_IN_CHAIN": "self-signed certificate in certificate chain",
    "UNABLE_TO_GET_ISSUER_CERT": "unable to get issuer certificate",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY": "unable to get local issuer certificate",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE": "unable to get local issuer certificate",
    "CERT_REVOKED": "certificate revoked",
    "CERT_UNTRUSTED": "certificate not trusted",
    "HOSTNAME_MISMATCH": "Hostname mismatch",
}

_NAMES = {
    "C": "countryName", "CN": "commonName", "L": "localityName", "O": "organizationName", "OU": "organizationalUnitName",
    "ST": "stateOrProvinceName", "emailAddress": "emailAddress", "serialNumber": "serialNumber",
}


def error(code, message):
    """The exception of ``ssl`` for an error of the host's TLS."""
    import ssl

    if code == "ERR_TLS_CERT_ALTNAME_INVALID":
        code, detail = "HOSTNAME_MISMATCH", message.partition("altnames: ")[2] or message
        detail = f"Hostname mismatch, certificate is not valid. {detail}"
    else:
        detail = _VERIFY_MESSAGES.get(code)
    if detail is not None:
        failure = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {detail}")
        failure.library, failure.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
        failure.verify_code, failure.verify_message = 1, detail
        return failure
    reason = code.removeprefix("ERR_SSL_")
    failure = ssl.SSLError(1, f"[SSL: {reason}] {message}")
    failure.library, failure.reason = "SSL", reason
    return failure


def _own_mark():
    """What all marks of this program begin with. Made when it is needed: a snapshot of the interpreter must not hold it."""
    global _mark
    if not _mark:
        _mark = _MARK_START + os.urandom(_MARK_RANDOM)
    return _mark


class _Settings:
    """What a context was told that it does not tell again."""

    def __init__(self):
        self.alpn = []
        self.certificate = self.key = self.passphrase = None


def _settings_of(context):
    found = _settings.get(context)
    if found is None:
        found = _settings[context] = _Settings()
    return found


def _options(context, server_side, server_hostname):
    import ssl

    from _pyodide_core import to_js

    known = _settings_of(context)
    versions = {ssl.TLSVersion.TLSv1: "TLSv1", ssl.TLSVersion.TLSv1_1: "TLSv1.1", ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}
    authorities = "".join(map(ssl.DER_cert_to_PEM_cert, context.get_ca_certs(binary_form=True)))
    name = server_hostname.decode("ascii") if isinstance(server_hostname, bytes) else server_hostname
    return to_js(
        {
            "serverSide": bool(server_side),
            "serverName": name or None,
            "verify": context.verify_mode != ssl.CERT_NONE,
            "checkName": bool(context.check_hostname),
            "authorities": authorities or None,
            "certificate": known.certificate,
            "key": known.key,
            "passphrase": known.passphrase,
            "alpn": known.alpn,
            "minimum": versions.get(context.minimum_version),
            "maximum": versions.get(context.maximum_version),
        }
    )


class _Connection:
    """What ``SSLSocket`` and ``SSLObject`` call: one TLS connection of the host."""

    def __init__(self, context, server_side, server_hostname, owner, session):
        self.context = context
        self.server_side = bool(server_side)
        self.server_hostname = server_hostname
        self._owner = None if owner is None else weakref.ref(owner)
        self.session = session
        self.session_reused = False
        self._fd = -1
        self._info = None

    @property
    def owner(self):
        return None if self._owner is None else self._owner()

    def _begin(self, fd, reply):
        from _pyodide_core import to_js

        self._fd = fd
        net = _sockets.network()
        net.startTls(fd, _options(self.context, self.server_side, self.server_hostname), to_js(reply) if reply else None)

    def _finish(self):
        """The handshake has ended, well or not."""
        net = _sockets.network()
        failure = net.failure(self._fd) if net.isSocket(self._fd) else None
        if failure is not None:
            if failure.code == "ECONNRESET":
                import ssl

                raise ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol")
            raise _sockets._host_error(failure)
        info = net.tls(self._fd)
        self._info = {
            "version": info.version,
            "cipher": info.cipher,
            "bits": info.bits,
            "alpn": info.alpn,
            "certificate": info.certificate.to_bytes() if info.certificate is not None else None,
            "details": info.details,
        }

    # ---- what is known of it ----

    def _known(self):
        if self._info is None:
            raise ValueError("handshake not done yet")
        return self._info

    def getpeercert(self, binary_form=False, /):
        """The certificate of the other side; empty where the host does not show it, as browsers do not."""
        import json
        import ssl

        info = self._known()
        if binary_form:
            return info["certificate"]
        if info["details"] is None or self.context.verify_mode == ssl.CERT_NONE:
            return {} if info["certificate"] or not self.server_side else None
        details = json.loads(info["details"])

        def name(of):
            pairs = []
            for key, value in of.items():
                for one in value if isinstance(value, list) else [value]:
                    pairs.append(((_NAMES.get(key, key), one),))
            return tuple(pairs)

        found = {
            "subject": name(details["subject"]),
            "issuer": name(details["issuer"]),
            "version": 3,
            "serialNumber": details["serialNumber"],
            "notBefore": details["validFrom"],
            "notAfter": details["validTo"],
        }
        alternatives = []
        for part in details["names"].split(", "):
            kind, mark, value = part.partition(":")
            if mark:
                alternatives.append((kind, value))
        if alternatives:
            found["subjectAltName"] = tuple(alternatives)
        return found

    def get_verified_chain(self):
        return None

    get_unverified_chain = get_verified_chain

    def selected_alpn_protocol(self):
        return None if self._info is None else self._info["alpn"]

    def selected_npn_protocol(self):
        return None

    def cipher(self):
        info = self._info
        return None if info is None or info["cipher"] is None else (info["cipher"], info["version"], info["bits"])

    def shared_ciphers(self):
        return None

    def compression(self):
        return None

    def version(self):
        return None if self._info is None else self._info["version"]

    def get_channel_binding(self, cb_type="tls-unique"):
        if cb_type != "tls-unique":
            raise ValueError(f"Unsupported channel binding type {cb_type!r}")
        return None

    def verify_client_post_handshake(self):
        raise OSError(_errno.EOPNOTSUPP, "The host does not ask for a certificate after the handshake")


class _OnSocket(_Connection):
    """Behind ``SSLSocket``."""

    def __init__(self, sock, *rest):
        super().__init__(*rest)
        self._sock = weakref.ref(sock)
        self._begun = False

    def _socket(self):
        sock = self._sock()
        if sock is None:
            raise _sockets._error(_errno.EBADF)
        return sock

    def do_handshake(self):
        import ssl

        if self._info is not None:
            return
        sock = self._socket()
        fd = sock.fileno()
        net = _sockets.network()
        if not self._begun:
            self._begun = True
            self._begin(fd, None)
        try:
            _sockets.wait_until(lambda: not net.isSecuring(fd), fd, sock.gettimeout(), "_ssl.c: The handshake operation timed out")
        except BlockingIOError:
            raise ssl.SSLWantReadError(2, "The operation did not complete (read)") from None
        self._finish()

    def read(self, count=1024, buffer=None, /):
        import ssl

        sock = self._socket()
        try:
            if buffer is not None:
                return _sockets.socket.recv_into(sock, buffer, count)
            return _sockets.socket.recv(sock, count)
        except BlockingIOError:
            raise ssl.SSLWantReadError(2, "The operation did not complete (read)") from None
        except TimeoutError:
            raise TimeoutError("The read operation timed out") from None

    def write(self, data, /):
        import ssl

        try:
            return _sockets.socket.send(self._socket(), data)
        except BlockingIOError:
            raise ssl.SSLWantWriteError(3, "The operation did not complete (write)") from None
        except TimeoutError:
            raise TimeoutError("The write operation timed out") from None

    def pending(self):
        return _sockets.network().queued(self._fd)

    def shutdown(self):
        """Ends the encrypted connection. The host ends the connection below with it."""
        return self._socket()


class _InMemory(_Connection):
    """Behind ``SSLObject``: between two buffers, with marks for the socket behind them."""

    def __init__(self, incoming, outgoing, *rest):
        super().__init__(*rest)
        self._incoming = incoming
        self._outgoing = outgoing
        self._mark = None
        self._received = b""

    def do_handshake(self):
        import ssl

        if self._info is not None:
            return
        if self._mark is None:
            number = id(self) & 0xFFFFFFFF
            self._mark = _own_mark() + number.to_bytes(4, "big")
            _waiting[number] = self
            self._outgoing.write(self._mark)
        self._received += self._incoming.read(_MARK_LENGTH - len(self._received))
        if self._received != self._mark:
            if self._received and not self._mark.startswith(self._received):
                raise ssl.SSLError(
                    1,
                    "[SSL: WRONG_CONNECTION] TLS is done by the host here, on its own sockets: these bytes came from something else. "
                    "Load the package `ssl` for TLS between buffers",
                )
            if self._incoming.eof:
                raise ssl.SSLEOFError(8, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol")
            raise ssl.SSLWantReadError(2, "The operation did not complete (read)")
        self._finish()

    def read(self, count=1024, buffer=None, /):
        import ssl

        self._known()
        data = self._incoming.read(count)
        if not data and count and not self._incoming.eof:
            raise ssl.SSLWantReadError(2, "The operation did not complete (read)")
        if buffer is None:
            return data
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def write(self, data, /):
        self._known()
        return self._outgoing.write(data)

    def pending(self):
        return self._incoming.pending

    def shutdown(self):
        return None


def intercept(sock, view):
    """If bytes for a socket are the mark of a connection in memory, starts TLS there; returns how many bytes were taken."""
    start = len(_mark)
    if not start or bytes(view[:start]) != _mark:
        return 0
    connection = _waiting.pop(int.from_bytes(view[start:_MARK_LENGTH], "big"), None)
    if connection is None:
        return 0
    connection._begin(sock.fileno(), connection._mark)
    return _MARK_LENGTH


def install(ssl):
    """Lets the contexts of ``ssl`` make connections of the host."""
    native = hasattr(ssl._ssl, "_SSLSocket")
    plain = ssl.SSLContext
    set_alpn_protocols, load_cert_chain, wrap_bio = plain.set_alpn_protocols, plain.load_cert_chain, plain._wrap_bio

    def _wrap_socket(self, sock, server_side, server_hostname=None, *, owner=None, session=None):
        return _OnSocket(sock, self, server_side, server_hostname, owner, session)

    def _wrap_bio(self, incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None):
        if native and _sockets.network().kind == "sockets":
            return wrap_bio(self, incoming, outgoing, server_side, server_hostname, owner=owner, session=session)
        return _InMemory(incoming, outgoing, self, server_side, server_hostname, owner, session)

    def _set_alpn_protocols(self, alpn_protocols):
        set_alpn_protocols(self, alpn_protocols)
        _settings_of(self).alpn = list(alpn_protocols)

    def _load_cert_chain(self, certfile, keyfile=None, password=None):
        load_cert_chain(self, certfile, keyfile, password)
        known = _settings_of(self)
        with open(certfile, encoding="ascii", errors="replace") as file:
            known.certificate = known.key = file.read()
        if keyfile is not None:
            with open(keyfile, encoding="ascii", errors="replace") as file:
                known.key = file.read()
        secret = password() if callable(password) else password
        known.passphrase = bytes(secret).decode() if isinstance(secret, (bytes, bytearray)) else secret

    for name, function in (
        ("_wrap_socket", _wrap_socket),
        ("_wrap_bio", _wrap_bio),
        ("set_alpn_protocols", _set_alpn_protocols),
        ("load_cert_chain", _load_cert_chain),
    ):
        function.__name__ = name
        function.__qualname__ = f"SSLContext.{name}"
        setattr(plain, name, function)
