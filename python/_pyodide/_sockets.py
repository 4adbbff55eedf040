"""Sockets: what Python's C module ``_socket`` is elsewhere, on top of the network of the host.

Owns the class ``socket`` of ``_socket`` and its functions for names; waiting with ``select``, ``poll`` and event loops; errors.
In Node these are sockets of the operating system; in browsers a connection carries HTTP, which the host's ``fetch`` answers. Not here:
moving bytes (``runtime/src/network``), TLS (``_pyodide._tls``).

Invariants: a call that waits suspends the stack where that is possible and blocks elsewhere, and a signal ends it; what cannot work
raises an OSError that says why; importing this module makes nothing.
"""

import errno as _errno
import os
import sys
import time

_READABLE, _WRITABLE, _FAILED = 1, 2, 4

# How long to wait before Python looks at signals again.
_SLICE_S = 0.1

# The evaluation loop looks into the interrupt buffer only now and then; a loop that mostly blocks would take half a minute to get there.
_look_for_signals = time.sleep

_MESSAGES = {
    "ENOTFOUND": "Name or service not known",
    "EAI_AGAIN": "Temporary failure in name resolution",
}

_net = None


def network():
    """The network of this interpreter: an object of JavaScript."""
    global _net
    if _net is None:
        try:
            from pyodide_js import _api as host
        except ModuleNotFoundError:
            # The `python` command.
            import _pyodide_host as host

        _net = host.network
    return _net


def _host_error(failure):
    """The OSError for what the host said."""
    code, message = failure.code, failure.message
    number = getattr(_errno, code, None)
    if code == "ENOTFOUND" or code.startswith("EAI_"):
        return _gaierror(code)
    if number is None:
        if code.startswith(("ERR_TLS", "ERR_SSL", "CERT", "DEPTH", "SELF", "UNABLE", "EPROTO", "HOSTNAME")):
            from ._tls import error

            return error(code, message)
        return OSError(_errno.EIO, message)
    if message.startswith(("connect ", "listen ", "read ", "write ", "bind ", "getaddrinfo ")):
        message = os.strerror(number)
    return OSError(number, message)


def _gaierror(code):
    import _socket

    name = {"ENOTFOUND": "EAI_NONAME"}.get(code, code)
    return _socket.gaierror(getattr(_socket, name, _socket.EAI_NONAME), _MESSAGES.get(code, "Name or service not known"))


def _error(number, message=None):
    return OSError(number, message or os.strerror(number))


# ---- waiting ----


def _can_wait():
    from _pyodide_core import can_run_sync

    return can_run_sync() or network().canBlock


def _wait_once(fd, seconds):
    """Waits for a change of a socket (0: of any, -1: of a lookup), at most so long; signals are looked at afterwards."""
    from _pyodide_core import can_run_sync

    net = network()
    seconds = _SLICE_S if seconds is None else max(0.0, min(seconds, _SLICE_S))
    if can_run_sync():
        from ._hooks import block_on_promise

        block_on_promise(net.changed(fd, seconds * 1000))
    elif net.canBlock:
        net.wait(seconds * 1000)
        _look_for_signals(0)
    else:
        raise OSError(
            _errno.EDEADLK,
            "Waiting for a connection would block this page for ever: the stack cannot be suspended here. "
            "Enter Python with `runPythonAsync`, or use `await`",
        )


# Who asks again and again without waiting has the network asked so often.
_LOOK_S = 0.001
_last_look = 0.0


def look():
    """Takes notice of what has happened to sockets meanwhile, without waiting: a program that only ever asks gets its bytes, too."""
    global _last_look
    now = time.monotonic()
    if now - _last_look < _LOOK_S:
        return
    net = network()
    if net.canBlock:
        net.wait(0)
    else:
        from _pyodide_core import can_run_sync

        if can_run_sync():
            _wait_once(0, 0)
    _last_look = time.monotonic()


def wait_until(ready, fd, timeout, message="timed out"):
    """Waits until ``ready()`` is true. Raises TimeoutError after ``timeout`` seconds (None: never)."""
    if ready():
        return
    if timeout is not None and timeout <= 0:
        look()
        if ready():
            return
        raise _error(_errno.EAGAIN)
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if end is None else end - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError(message)
        _wait_once(fd, left)
        if ready():
            return


# ---- addresses ----

_SERVICES = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "pop3": 110, "ntp": 123, "imap": 143, "imap2": 143,
    "ldap": 389, "https": 443, "smtps": 465, "submission": 587, "ldaps": 636, "imaps": 993, "pop3s": 995, "mysql": 3306,
    "postgresql": 5432, "redis": 6379, "http-alt": 8080,
}


def _port(value, name="port"):
    try:
        port = value.__index__()
    except AttributeError:
        raise TypeError(f"an integer is required for the {name}, not {type(value).__name__}") from None
    if not 0 <= port <= 0xFFFF:
        raise OverflowError(f"{name} must be 0-65535.")
    return port


def _host_text(value):
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("ascii")
    if not isinstance(value, str):
        raise TypeError(f"getaddrinfo() argument 1 must be string or None, not {type(value).__name__}")
    if not value.isascii():
        value = value.encode("idna").decode("ascii")
    if "\0" in value:
        raise ValueError("host name must not contain null character")
    return value


def _numeric_family(host):
    """AF_INET or AF_INET6 for an address in digits, else None."""
    import _socket as s

    for family in (s.AF_INET6,) if ":" in host else (s.AF_INET,):
        try:
            s.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
        return family
    return None


def _ipv6_functions(module):
    """``inet_pton`` and ``inet_ntop`` that know IPv6, which the C functions of this build do not."""
    plain_pton, plain_ntop = module.inet_pton, module.inet_ntop

    def inet_pton(address_family, ip_string, /):
        """Convert an IP address from string format to a packed string suitable for use with low-level network functions."""
        if address_family != module.AF_INET6:
            return plain_pton(address_family, ip_string)
        from ipaddress import AddressValueError, IPv6Address

        try:
            return IPv6Address(ip_string).packed
        except AddressValueError:
            raise OSError("illegal IP address string passed to inet_pton") from None

    def inet_ntop(address_family, packed_ip, /):
        """Convert a packed IP address of the given family to string format."""
        if address_family != module.AF_INET6:
            return plain_ntop(address_family, packed_ip)
        from ipaddress import IPv6Address

        if len(packed_ip) != 16:
            raise ValueError("invalid length of packed IP address string")
        return str(IPv6Address(bytes(packed_ip)))

    module.inet_pton, module.inet_ntop = inet_pton, inet_ntop


def _start_lookup(host):
    return network().lookup(host)


def _take_lookup(number):
    """The addresses of a lookup that has ended, else None. Raises gaierror."""
    found = network().found(number)
    if found is None:
        return None
    if found.failure is not None:
        raise _gaierror(found.failure.code)
    return list(found.addresses)


def _resolve(host):
    number = _start_lookup(host)
    result = _take_lookup(number)
    while result is None:
        _wait_once(-1, None)
        result = _take_lookup(number)
    return result


def _plan(host, port, family, type, proto, flags):
    """What getaddrinfo can say without asking: (the addresses or None, the name to ask for, the rest)."""
    import _socket as s

    host = _host_text(host)
    if isinstance(port, (bytes, bytearray)):
        port = bytes(port).decode("ascii")
    if port is None:
        number = 0
    elif isinstance(port, str):
        if port.isdigit():
            number = int(port)
        elif not port:
            number = 0
        elif port in _SERVICES and not flags & s.AI_NUMERICSERV:
            number = _SERVICES[port]
        else:
            raise s.gaierror(s.EAI_SERVICE, "Servname not supported for ai_socktype")
    elif isinstance(port, int):
        number = port & 0xFFFF
    else:
        raise TypeError("Int or String expected")
    if host is None and port is None:
        raise s.gaierror(s.EAI_NONAME, "Name or service not known")
    if family not in (0, s.AF_INET, s.AF_INET6):
        raise s.gaierror(s.EAI_FAMILY, "ai_family not supported")
    if type not in (0, s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_RAW):
        raise s.gaierror(s.EAI_SOCKTYPE, "ai_socktype not supported")
    if host is None or host == "":
        addresses = ["0.0.0.0"] if flags & s.AI_PASSIVE else ["127.0.0.1"]
        if family == s.AF_INET6:
            addresses = ["::"] if flags & s.AI_PASSIVE else ["::1"]
    elif _numeric_family(host) is not None:
        addresses = [host]
    elif flags & s.AI_NUMERICHOST:
        raise s.gaierror(s.EAI_NONAME, "Name or service not known")
    else:
        addresses = None
    return addresses, host, (number, family, type, proto, host if flags & s.AI_CANONNAME else "")


def _infos(addresses, rest):
    import _socket as s

    port, family, type, proto, canonical = rest
    result = []
    for address in sorted(addresses, key=lambda one: ":" in one):
        kind = s.AF_INET6 if ":" in address else s.AF_INET
        if family not in (0, kind):
            continue
        sockaddr = (address, port) if kind == s.AF_INET else (address.partition("%")[0], port, 0, 0)
        for socktype, protocol in ((s.SOCK_STREAM, s.IPPROTO_TCP), (s.SOCK_DGRAM, s.IPPROTO_UDP)):
            if type in (0, socktype) and proto in (0, protocol):
                result.append((kind, socktype, protocol, canonical, sockaddr))
    if not result:
        raise s.gaierror(s.EAI_NONAME, "Name or service not known")
    return result


def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    """getaddrinfo(host, port [, family, type, proto, flags]) -> list of (family, type, proto, canonname, sockaddr)"""
    sys.audit("socket.getaddrinfo", host, port, family, type, proto)
    addresses, name, rest = _plan(host, port, family, type, proto, flags)
    return _infos(_resolve(name) if addresses is None else addresses, rest)


async def getaddrinfo_async(host, port, family=0, type=0, proto=0, flags=0):
    """As :func:`getaddrinfo`, for event loops."""
    sys.audit("socket.getaddrinfo", host, port, family, type, proto)
    addresses, name, rest = _plan(host, port, family, type, proto, flags)
    if addresses is None:
        number = _start_lookup(name)
        addresses = _take_lookup(number)
        while addresses is None:
            await network().changed(-1, 60_000)
            addresses = _take_lookup(number)
    return _infos(addresses, rest)


def gethostbyname(hostname, /):
    """gethostbyname(host) -> address"""
    import _socket

    return getaddrinfo(hostname, None, _socket.AF_INET, _socket.SOCK_STREAM)[0][4][0] if hostname else "0.0.0.0"


def gethostbyname_ex(hostname, /):
    """gethostbyname_ex(host) -> (name, aliaslist, addresslist)"""
    import _socket

    infos = getaddrinfo(hostname, None, _socket.AF_INET, _socket.SOCK_STREAM)
    return hostname, [], [info[4][0] for info in infos]


def gethostbyaddr(ip_address, /):
    """gethostbyaddr(host) -> (name, aliaslist, addresslist). The host does not look names up by address: the name is that given."""
    name, _, addresses = gethostbyname_ex(ip_address)
    return name, [], addresses


def getnameinfo(sockaddr, flags, /):
    """getnameinfo(sockaddr, flags) --> (host, port), in digits: the host does not look names up by address"""
    import _socket

    if not isinstance(sockaddr, tuple):
        raise TypeError("getnameinfo() argument 1 must be a tuple")
    if len(sockaddr) < 2:
        raise TypeError("getnameinfo(): illegal sockaddr argument")
    if flags & _socket.NI_NAMEREQD:
        raise _gaierror("ENOTFOUND")
    if _numeric_family(sockaddr[0]) is None:
        raise _gaierror("ENOTFOUND")
    service = str(_port(sockaddr[1]))
    if not flags & _socket.NI_NUMERICSERV:
        service = next((name for name, number in _SERVICES.items() if str(number) == service), service)
    return sockaddr[0], service


def getservbyname(servicename, protocolname=None, /):
    """getservbyname(servicename[, protocolname]) -> integer"""
    if servicename not in _SERVICES or protocolname not in (None, "tcp", "udp"):
        raise OSError("service/proto not found")
    return _SERVICES[servicename]


def getservbyport(port, protocolname=None, /):
    """getservbyport(port[, protocolname]) -> string"""
    for name, number in _SERVICES.items():
        if number == _port(port) and protocolname in (None, "tcp", "udp"):
            return name
    raise OSError("port/proto not found")


# ---- sockets ----

_default_timeout = None


def getdefaulttimeout():
    """getdefaulttimeout() -> timeout"""
    return _default_timeout


def setdefaulttimeout(timeout, /):
    """setdefaulttimeout(timeout)"""
    global _default_timeout
    _default_timeout = _checked_timeout(timeout)


def _checked_timeout(timeout):
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) and not hasattr(timeout, "__float__") and not hasattr(timeout, "__index__"):
        raise TypeError(f"{type(timeout).__name__!r} object cannot be interpreted as an integer")
    value = float(timeout)
    if value != value:
        raise ValueError("Invalid value NaN (not a number)")
    if value < 0:
        raise ValueError("Timeout value out of range")
    return value


class _Shared:
    """What all sockets with one descriptor share."""

    __slots__ = ("bound", "bytes_sent", "family", "listening", "options", "proto", "shut", "type")

    def __init__(self, family, type, proto):
        self.family = family
        self.type = type
        self.proto = proto
        self.options = {}
        self.bound = None
        self.listening = False
        self.shut = 0
        self.bytes_sent = False


_shared: dict[int, _Shared] = {}


def _view(data):
    """The bytes of an object as a memoryview of bytes."""
    view = memoryview(data)
    return view if view.format == "B" and view.ndim == 1 and view.contiguous else view.cast("B")


class socket:
    """socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object
    socket(family=-1, type=-1, proto=-1, fileno=fd) -> socket object

    A connection of the host. In browsers it carries HTTP requests only.
    """

    # The class `socket.socket` has properties of the same names, which ask these.
    __slots__ = ("_family", "_fd", "_proto", "_timeout", "_type")

    family = property(lambda self: self._family, doc="the socket family")
    type = property(lambda self: self._type, doc="the socket type")
    proto = property(lambda self: self._proto, doc="the socket protocol")

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        self._fd = -1
        self._timeout = None
        self._family = self._type = self._proto = 0
        return self

    def __init__(self, family=-1, type=-1, proto=-1, fileno=None):
        import _socket as s

        sys.audit("socket.__new__", self, family, type, proto)
        if fileno is not None:
            if not isinstance(fileno, int):
                raise TypeError(f"an integer is required (got type {fileno.__class__.__name__})")
            if fileno < 0:
                raise ValueError("negative file descriptor")
            shared = _shared.get(fileno)
            if shared is None or not network().isSocket(fileno):
                raise OSError(_errno.ENOTSOCK if _is_open(fileno) else _errno.EBADF, "The file descriptor is not that of a socket")
            self._fd = fileno
            self._family, self._type, self._proto = shared.family, shared.type, shared.proto
            self._timeout = _default_timeout
            return
        family = s.AF_INET if family == -1 else int(family)
        type = s.SOCK_STREAM if type == -1 else int(type)
        proto = 0 if proto == -1 else int(proto)
        nonblocking = type & getattr(s, "SOCK_NONBLOCK", 0)
        type &= ~(getattr(s, "SOCK_NONBLOCK", 0) | getattr(s, "SOCK_CLOEXEC", 0))
        if family not in (s.AF_INET, s.AF_INET6, s.AF_UNIX):
            raise _error(_errno.EAFNOSUPPORT)
        if type != s.SOCK_STREAM:
            raise OSError(
                _errno.EPROTONOSUPPORT, "Only connections (SOCK_STREAM) are available in WebAssembly: hosts give no datagrams or raw sockets"
            )
        if proto not in (0, s.IPPROTO_TCP):
            raise _error(_errno.EPROTONOSUPPORT)
        self._fd = network().open()
        self._family, self._type, self._proto = family, type, proto
        _shared[self._fd] = _Shared(family, type, proto)
        self._timeout = 0.0 if nonblocking else _default_timeout

    def __del__(self):
        if self._fd >= 0 and self._fd in _shared:
            if sys is not None and not sys.is_finalizing():
                import warnings

                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=1)
            fd, self._fd = self._fd, -1
            _close(fd)

    def __repr__(self):
        return f"<socket object, fd={self._fd}, family={self._family:d}, type={self._type:d}, proto={self._proto}>"

    @property
    def timeout(self):
        """the socket timeout"""
        return self._timeout

    # ---- life ----

    def _state(self):
        """The shared state. Raises OSError if the socket is closed."""
        shared = _shared.get(self._fd)
        if shared is None:
            raise _error(_errno.EBADF)
        if not network().isSocket(self._fd):
            # os.close() has closed it.
            del _shared[self._fd]
            raise _error(_errno.EBADF)
        return shared

    def fileno(self):
        """fileno() -> integer"""
        return self._fd

    def detach(self):
        """detach() -> file descriptor. The socket is closed; the descriptor is not."""
        fd, self._fd = self._fd, -1
        return fd

    def close(self):
        """close(): Close the socket. It cannot be used after this call."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            close(fd)

    def settimeout(self, timeout, /):
        """settimeout(timeout): in seconds; None blocks, 0 never waits."""
        timeout = _checked_timeout(timeout)
        self._state()
        self._timeout = timeout

    def gettimeout(self):
        """gettimeout() -> timeout"""
        return self._timeout

    def setblocking(self, flag, /):
        """setblocking(flag)"""
        self._state()
        self._timeout = None if flag else 0.0

    def getblocking(self):
        """getblocking(): False if the timeout is 0"""
        return self._timeout != 0.0

    # ---- connections ----

    def _address(self, address, what):
        import _socket as s

        if self._family == s.AF_UNIX:
            path = os.fsdecode(address) if isinstance(address, (str, bytes, bytearray)) else None
            if path is None:
                raise TypeError(f"a bytes-like object is required, not {type(address).__name__!r}")
            return {"path": path}
        if not isinstance(address, tuple):
            raise TypeError(f"{what}(): AF_INET address must be tuple, not {type(address).__name__}")
        least, most = (2, 2) if self._family == s.AF_INET else (2, 4)
        if not least <= len(address) <= most:
            raise TypeError(f"{what}(): wrong number of values in an address: {len(address)}")
        host = address[0]
        if isinstance(host, (bytes, bytearray)):
            host = bytes(host).decode("ascii")
        if not isinstance(host, str):
            raise TypeError(f"str, bytes or bytearray expected, not {type(host).__name__}")
        port = _port(address[1], f"{what}(): port")
        if host == "":
            host = "0.0.0.0" if self._family == s.AF_INET else "::"
        elif host == "<broadcast>":
            host = "255.255.255.255"
        elif _numeric_family(host) is None:
            host = getaddrinfo(host, port, self._family, s.SOCK_STREAM)[0][4][0]
        return {"host": host, "port": port}

    def connect(self, address, /):
        """connect(address): Connect the socket to a remote address."""
        failure = self._connect(address)
        if failure is not None:
            raise failure

    def connect_ex(self, address, /):
        """connect_ex(address) -> errno: as connect(), but returns an error code."""
        failure = self._connect(address)
        if failure is None:
            return 0
        if failure.errno is None:
            if isinstance(failure, TimeoutError):
                return _errno.EAGAIN
            raise failure
        return failure.errno

    def _connect(self, address):
        from _pyodide_core import to_js

        sys.audit("socket.connect", self, address)
        shared = self._state()
        net = network()
        phase = net.phase(self._fd)
        if phase == "connecting":
            look()
            phase = net.phase(self._fd)
        if phase == "open":
            return _error(_errno.EISCONN)
        if phase == "connecting":
            return _error(_errno.EALREADY)
        if phase == "listening" and shared.listening:
            return _error(_errno.EISCONN)
        target = self._address(address, "connect")
        source = None
        if shared.bound is not None:
            # Binding has reserved the port by listening there.
            local = net.local(self._fd)
            source = {"host": local.host, "port": local.port}
            _reopen(self._fd)
        if target.get("host") in ("0.0.0.0", "::"):
            target["host"] = "127.0.0.1" if target["host"] == "0.0.0.0" else "::1"
        fd = self._fd
        net.connect(fd, to_js(target), to_js(source) if source else None)
        if net.phase(fd) == "connecting":
            if self._timeout == 0:
                return _error(_errno.EINPROGRESS)
            try:
                wait_until(lambda: net.phase(fd) != "connecting", fd, self._timeout)
            except TimeoutError as late:
                return late
        failure = net.failure(fd)
        if failure is not None:
            error = _host_error(failure)
            _reopen(fd)
            return error
        self._apply_options(shared)
        return None

    def bind(self, address, /):
        """bind(address): Bind the socket to a local address."""
        from _pyodide_core import to_js

        sys.audit("socket.bind", self, address)
        shared = self._state()
        if shared.bound is not None or network().phase(self._fd) != "new":
            raise _error(_errno.EINVAL)
        net, fd = network(), self._fd
        # The port is taken now, so that getsockname() can tell it.
        net.listen(fd, to_js(self._address(address, "bind")), 511)
        wait_until(lambda: net.phase(fd) != "connecting", fd, None)
        failure = net.failure(fd)
        if failure is not None:
            error = _host_error(failure)
            _reopen(fd)
            raise error
        shared.bound = address

    def listen(self, backlog=128, /):
        """listen([backlog]): Enable a server to accept connections."""
        import _socket as s

        shared = self._state()
        backlog.__index__()
        if shared.bound is None:
            if self._family == s.AF_UNIX:
                raise _error(_errno.EINVAL)
            self.bind(("0.0.0.0" if self._family == s.AF_INET else "::", 0))
        shared.listening = True

    def _accept(self):
        """_accept() -> (integer, address info)"""
        shared = self._state()
        if not shared.listening:
            raise _error(_errno.EINVAL)
        net, fd = network(), self._fd
        accepted = 0

        def ready():
            nonlocal accepted
            if not net.isSocket(fd):
                raise _error(_errno.EBADF)
            accepted = net.accept(fd)
            return accepted or net.failure(fd) is not None

        wait_until(ready, fd, self._timeout)
        if not accepted:
            raise _host_error(net.failure(fd))
        _shared[accepted] = new = _Shared(self._family, self._type, self._proto)
        new.options.update(shared.options)
        return accepted, self._sockaddr(net.peer(accepted))

    def _sockaddr(self, address):
        import _socket as s

        if address is None:
            return None
        if self._family == s.AF_UNIX:
            return address.path
        host = (address.host or "").removeprefix("::ffff:") if self._family == s.AF_INET else address.host or ""
        return (host, address.port or 0) if self._family == s.AF_INET else (host, address.port or 0, 0, 0)

    def getsockname(self):
        """getsockname() -> address info"""
        import _socket as s

        self._state()
        address = self._sockaddr(network().local(self._fd))
        if address is None:
            return {s.AF_INET: ("0.0.0.0", 0), s.AF_INET6: ("::", 0, 0, 0)}.get(self._family, "")
        return address

    def getpeername(self):
        """getpeername() -> address info"""
        self._state()
        address = self._sockaddr(network().peer(self._fd))
        if address is None or network().phase(self._fd) != "open":
            raise _error(_errno.ENOTCONN)
        return address

    def shutdown(self, how, /):
        """shutdown(flag): SHUT_RD, SHUT_WR or SHUT_RDWR."""
        shared = self._state()
        if how not in (0, 1, 2):
            raise _error(_errno.EINVAL)
        if network().phase(self._fd) != "open":
            raise _error(_errno.ENOTCONN)
        if how != 0 and not shared.shut & 2:
            network().end(self._fd)
        shared.shut |= {0: 1, 1: 2, 2: 3}[how]

    # ---- options ----

    def setsockopt(self, level, option, value, optlen=None, /):
        """setsockopt(level, option, value)"""
        shared = self._state()
        if value is None:
            value = 0
        elif not isinstance(value, int):
            value = bytes(value)
        shared.options[level, option] = value
        if network().phase(self._fd) == "open":
            self._apply_options(shared, (level, option))

    def _apply_options(self, shared, only=None):
        import _socket as s

        for key, name in (((s.IPPROTO_TCP, s.TCP_NODELAY), "noDelay"), ((s.SOL_SOCKET, s.SO_KEEPALIVE), "keepAlive")):
            if key in shared.options and only in (None, key):
                network().option(self._fd, name, bool(shared.options[key]))

    def getsockopt(self, level, option, buflen=0, /):
        """getsockopt(level, option[, buffersize]) -> value"""
        import _socket as s

        shared = self._state()
        if not 0 <= buflen <= 1024:
            raise OSError("getsockopt buflen out of range")
        if (level, option) == (s.SOL_SOCKET, s.SO_ERROR):
            failure = network().failure(self._fd)
            value = 0 if failure is None else (_host_error(failure).errno or _errno.EIO)
        elif (level, option) == (s.SOL_SOCKET, s.SO_TYPE):
            value = shared.type
        elif (level, option) == (s.SOL_SOCKET, getattr(s, "SO_DOMAIN", -1)):
            value = shared.family
        elif (level, option) == (s.SOL_SOCKET, getattr(s, "SO_ACCEPTCONN", -1)):
            value = int(shared.listening)
        else:
            value = shared.options.get((level, option), 0)
            if not value and level == s.SOL_SOCKET and option in (s.SO_RCVBUF, s.SO_SNDBUF):
                value = 1 << 16
        if buflen == 0:
            return value if isinstance(value, int) else int.from_bytes(value[:4], "little")
        return value[:buflen] if isinstance(value, bytes) else value.to_bytes(4, "little", signed=value < 0)[:buflen]

    # ---- receiving ----

    def _receive(self, count, flags):
        """The next bytes as a JavaScript array of bytes, or bytes; empty at the end."""
        import _socket as s

        shared = self._state()
        net, fd = network(), self._fd
        phase = net.phase(fd)
        if phase not in ("open", "closed") or (phase == "closed" and net.failure(fd) is None):
            raise _error(_errno.ENOTCONN)
        if count == 0 or shared.shut & 1:
            return b""

        def ready():
            return net.state(fd) & _READABLE

        timeout = 0.0 if flags & s.MSG_DONTWAIT else self._timeout
        if not ready() and timeout == 0:
            look()
            if not ready():
                raise _error(_errno.EAGAIN)
        if not ready():
            if net.kind == "requests" and not net.isAsking(fd) and not shared.bytes_sent:
                raise OSError(
                    _errno.EPROTONOSUPPORT,
                    "Nothing will arrive: browsers give programs no sockets, so that a connection carries HTTP requests only, and none was sent",
                )
            wait_until(ready, fd, timeout)
        data = net.read(fd, count, bool(flags & s.MSG_PEEK))
        if data.length:
            return data
        failure = net.failure(fd)
        if failure is not None:
            raise TimeoutError("timed out") if failure.code == "ETIMEDOUT" and net.kind == "requests" else _host_error(failure)
        return b""

    def recv(self, bufsize, flags=0, /):
        """recv(buffersize[, flags]) -> data"""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        data = self._receive(bufsize, flags)
        if flags:
            data = self._fill(data, bufsize, flags)
        return data if isinstance(data, bytes) else data.to_bytes()

    def _fill(self, data, count, flags):
        """MSG_WAITALL: goes on until there are so many bytes, or none any more."""
        import _socket as s

        if not flags & s.MSG_WAITALL or flags & s.MSG_PEEK:
            return data
        whole = bytearray(data if isinstance(data, bytes) else data.to_bytes())
        while len(whole) < count:
            more = self._receive(count - len(whole), flags)
            if not (more if isinstance(more, bytes) else more.length):
                break
            whole += more if isinstance(more, bytes) else more.to_bytes()
        return bytes(whole)

    def recv_into(self, buffer, nbytes=0, flags=0):
        """recv_into(buffer, [nbytes[, flags]]) -> nbytes_read"""
        view = _view(buffer)
        if view.readonly:
            raise TypeError("recv_into() argument 1 must be read-write bytes-like object, not bytes")
        if nbytes < 0:
            raise ValueError("negative buffersize in recv_into")
        if nbytes > len(view):
            raise ValueError("buffer too small for requested bytes")
        data = self._fill(self._receive(nbytes or len(view), flags), nbytes or len(view), flags)
        if isinstance(data, bytes):
            view[: len(data)] = data
            return len(data)
        length = data.length
        data.assign_to(view[:length])
        return length

    def recvfrom(self, bufsize, flags=0, /):
        """recvfrom(buffersize[, flags]) -> (data, address info)"""
        return self.recv(bufsize, flags), None

    def recvfrom_into(self, buffer, nbytes=0, flags=0):
        """recvfrom_into(buffer[, nbytes[, flags]]) -> (nbytes, address info)"""
        return self.recv_into(buffer, nbytes, flags), None

    def recvmsg(self, bufsize, ancbufsize=0, flags=0, /):
        """recvmsg(bufsize[, ancbufsize[, flags]]) -> (data, ancdata, msg_flags, address)"""
        return self.recv(bufsize, flags), [], 0, None

    def recvmsg_into(self, buffers, ancbufsize=0, flags=0, /):
        """recvmsg_into(buffers[, ancbufsize[, flags]]) -> (nbytes, ancdata, msg_flags, address)"""
        views = [_view(buffer) for buffer in buffers]
        data = memoryview(self.recv(sum(map(len, views)), flags))
        count = len(data)
        for view in views:
            part = data[: len(view)]
            view[: len(part)] = part
            data = data[len(part) :]
        return count, [], 0, None

    # ---- sending ----

    def send(self, data, flags=0, /):
        """send(data[, flags]) -> count"""
        return self._send(_view(data), 0.0 if self._timeout == 0 else self._timeout)

    def _send(self, view, timeout):
        from _pyodide_core import can_run_sync, to_js

        shared = self._state()
        net, fd = network(), self._fd
        if shared.shut & 2:
            raise _error(_errno.EPIPE)
        phase = net.phase(fd)
        failure = net.failure(fd)
        if failure is not None:
            raise _host_error(failure)
        if phase != "open":
            raise _error(_errno.EPIPE if phase == "closed" else _errno.ENOTCONN)
        if len(view) == 0:
            return 0
        if view[0] == 0xF5 and "_pyodide._tls" in sys.modules:
            from ._tls import intercept

            taken = intercept(self, view)
            if taken:
                return taken
        if not net.state(fd) & _WRITABLE:
            wait_until(lambda: net.state(fd) & _WRITABLE, fd, timeout)
            if net.failure(fd) is not None:
                raise _host_error(net.failure(fd))
        # In parts, so that a large body is not there twice.
        part = view[: 1 << 18]
        blocking = timeout != 0
        # Milliseconds that a request may block (0: as long as it takes), where it cannot be waited for otherwise.
        limit = 0 if timeout is None else max(1, round(timeout * 1000))
        count = net.write(fd, to_js(part), limit if blocking and not can_run_sync() and not net.canBlock else -1)
        shared.bytes_sent = True
        if blocking and net.isAsking(fd):
            # A request that gets no answer fails here already, as a connection that cannot be made does elsewhere.
            end = None if timeout is None else time.monotonic() + timeout
            while net.isAsking(fd) and (end is None or time.monotonic() < end):
                _wait_once(fd, None if end is None else end - time.monotonic())
        failure = net.failure(fd)
        # Time that is over is for whoever waits for the answer.
        if failure is not None and net.queued(fd) == 0 and failure.code != "ETIMEDOUT":
            raise _host_error(failure)
        return count

    def sendall(self, data, flags=0, /):
        """sendall(data[, flags]): sends all of it, or raises."""
        view = _view(data)
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            left = self._timeout if not self._timeout else max(1e-6, end - time.monotonic())
            view = view[self._send(view, left) :]
            if len(view) == 0:
                return

    def sendto(self, data, *args):
        """sendto(data[, flags], address) -> count. The address of a connection is fixed: it is ignored."""
        return self.send(data)

    def sendmsg(self, buffers, ancdata=(), flags=0, address=None, /):
        """sendmsg(buffers[, ancdata[, flags[, address]]]) -> count"""
        if ancdata:
            raise OSError(_errno.EOPNOTSUPP, "Ancillary data cannot be sent in WebAssembly")
        return self.send(b"".join(map(bytes, map(_view, buffers))))


def _is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _close(fd):
    shared = _shared.pop(fd, None)
    if shared is not None and network().isSocket(fd):
        network().close(fd)


def _reopen(fd):
    """Makes a socket new again, under the same number: after a connection that failed, or when a port was only reserved."""
    shared = _shared[fd]
    shared.bound = None
    network().renew(fd)


def close(fd, /):
    """close(integer) -> None: closes a socket by its descriptor."""
    if fd not in _shared:
        raise _error(_errno.EBADF)
    _close(fd)


def dup(fd, /):
    """dup(integer) -> integer: duplicates the descriptor of a socket."""
    shared = _shared.get(fd)
    if shared is None:
        raise _error(_errno.EBADF)
    new = os.dup(fd)
    _shared[new] = shared
    return new


def socketpair(family=None, type=None, proto=0, /):
    """socketpair([family[, type [, proto]]]) -> (socket object, socket object): two ends of one connection, inside this program."""
    import _socket as s

    family = s.AF_UNIX if family is None else family
    type = s.SOCK_STREAM if type is None else type
    if type & ~(getattr(s, "SOCK_NONBLOCK", 0) | getattr(s, "SOCK_CLOEXEC", 0)) != s.SOCK_STREAM:
        raise _error(_errno.EPROTONOSUPPORT)
    pair = socket(family, type, proto), socket(family, type, proto)
    network().pair(pair[0]._fd, pair[1]._fd)
    return pair


# ---- select ----


def wait_any(seconds):
    """Waits for a change of any socket."""
    _wait_once(0, seconds)


class _Keys(dict):
    """What is registered, found by descriptor or by the object that has one."""

    def get(self, fileobj, default=None):
        return dict.get(self, fileobj if isinstance(fileobj, int) else fileobj.fileno(), default)


class _Selector:
    """What event loops register sockets with, as far as asyncio uses a selector."""

    def __init__(self):
        self._keys = _Keys()

    def get_map(self):
        return self._keys

    def get_key(self, fd):
        key = self._keys.get(fd)
        if key is None:
            raise KeyError(f"{fd!r} is not registered")
        return key

    def register(self, fd, events, data=None):
        from selectors import SelectorKey

        if not isinstance(fd, int):
            fd = fd.fileno()
        if not is_socket(fd):
            # As `epoll` refuses files.
            raise PermissionError(_errno.EPERM, "Only sockets can be watched: other files are always ready") if _is_open(fd) else _error(_errno.EBADF)
        key = self._keys[fd] = SelectorKey(fd, fd, events, data)
        return key

    modify = register

    def unregister(self, fd):
        return self._keys.pop(self.get_key(fd).fd)

    def _ready(self, key):
        """The events of a key that are there: EVENT_READ is 1, EVENT_WRITE is 2, as in the network's states."""
        net = network()
        if not net.isSocket(key.fd):
            return 0
        state = net.state(key.fd)
        return key.events if state & _FAILED else state & key.events

    def close(self):
        self._keys.clear()


class BlockingSelector(_Selector):
    """For loops that block: waits for sockets and for time.

    Invariant: a wake that comes between the loop's last look at what is ready and the wait (a handler of a signal runs anywhere) ends
    the wait, so it is forgotten only when ``select`` returns.
    """

    _woken = False

    def select(self, timeout=None):
        try:
            return self._select(timeout)
        finally:
            self._woken = False

    def _select(self, timeout):
        end = None if timeout is None else time.monotonic() + timeout
        if timeout is not None and timeout <= 0:
            look()
        while True:
            found = [(key, events) for key in self._keys.values() if (events := self._ready(key))]
            left = None if end is None else end - time.monotonic()
            # A handler of a signal may have given the loop something to do.
            if found or self._woken or (left is not None and left <= 0):
                return found
            wait_any(left)

    def wake(self):
        self._woken = True


class Watcher(_Selector):
    """For loops that JavaScript drives: tells the loop when something has happened to a socket."""

    def __init__(self, loop):
        super().__init__()
        self._loop = loop
        self._pending = set()
        self._callback = None

    def register(self, fd, events, data=None):
        key = super().register(fd, events, data)
        net = network()
        if self._callback is None:
            from _pyodide_core import create_proxy

            self._callback = create_proxy(self._changed)
        net.watch(key.fd, self._callback)
        self._changed(key.fd)
        return key

    modify = register

    def unregister(self, fd):
        key = super().unregister(fd)
        network().unwatch(key.fd)
        if not self._keys and self._callback is not None:
            self._callback.destroy()
            self._callback = None
        return key

    def _changed(self, fd):
        if fd not in self._pending and fd in self._keys:
            self._pending.add(fd)
            self._loop.call_soon(self._check, fd)

    def _check(self, fd):
        self._pending.discard(fd)
        key = self._keys.get(fd)
        if key is None:
            return
        events = self._ready(key)
        if events:
            self._loop._process_events([(key, events)])
            # It may be ready still, when its callbacks have run.
            self._changed(fd)

    def close(self):
        for fd in list(self._keys):
            self.unregister(fd)


def is_socket(fd):
    """Is this the descriptor of one of these sockets?"""
    return fd in _shared


def install(module):
    """Puts the classes and functions of this module into ``_socket``."""
    for name in (
        "socket", "getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "getservbyname", "getservbyport",
        "getdefaulttimeout", "setdefaulttimeout", "close", "dup", "socketpair",
    ):
        setattr(module, name, globals()[name])
    module.SocketType = socket
    _ipv6_functions(module)
    # CPython leaves these out, because C code finds no such sockets.
    module.AF_UNIX = 1
    module.SO_REUSEADDR = 2
    # Nothing is asked of the network here: this runs before a snapshot of the interpreter is taken.
    module.has_ipv6 = True
