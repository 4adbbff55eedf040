"""``select`` for sockets of the host: waiting that the C library cannot do, because bytes arrive through JavaScript.

Owns ``select.select`` and ``select.poll`` for sockets and other files together. Not here: sockets (``_pyodide._sockets``).
Invariant: without sockets everything is what the C module does.
"""

import sys
from time import sleep

_POLLIN, _POLLOUT, _POLLERR, _POLLHUP, _POLLNVAL = 1, 4, 8, 16, 32


def _descriptor(item):
    if isinstance(item, int):
        fd = item
    else:
        method = getattr(item, "fileno", None)
        if method is None:
            raise TypeError("argument must be an int, or have a fileno() method.")
        fd = method()
        if not isinstance(fd, int):
            raise TypeError("fileno() returned a non-integer")
    if fd < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({fd})")
    return fd


def _has_sockets(descriptors):
    sockets = sys.modules.get("_pyodide._sockets")
    return sockets is not None and any(sockets.is_socket(fd) for fd in descriptors)


def _must_wait(descriptors):
    return _has_sockets(descriptors) or _has_slow_input(descriptors)


def _has_slow_input(descriptors):
    """Whether one is standard input from a terminal or a pipe: in the ``python`` command alone."""
    try:
        from _pyodide_host import isSlowInput
    except ModuleNotFoundError:
        return False
    return any(isSlowInput(fd) for fd in descriptors)


# How long to wait before Python looks at signals again.
_SLICE_S = 0.1


def _wait_for_input(seconds):
    from time import sleep

    from _pyodide_host import waitForInput

    waitForInput(1000 * (_SLICE_S if seconds is None else min(seconds, _SLICE_S)))
    sleep(0)  # which looks for signals; the evaluation loop does so only now and then


def install(module):
    """Replaces ``select`` and ``poll`` of the C module."""
    plain_select, plain_poll = module.select, module.poll

    def wait(poll_now, seconds, descriptors):
        """Calls ``poll_now`` until it returns something or time is over."""
        from time import monotonic

        wait_any = _wait_for_input
        if _has_sockets(descriptors):
            from ._sockets import look, wait_any

            if seconds is not None and seconds <= 0:
                look()

        end = None if seconds is None else monotonic() + max(0.0, seconds)
        while True:
            found = poll_now()
            left = None if end is None else end - monotonic()
            if found or (left is not None and left <= 0):
                return found
            wait_any(left)

    def select(rlist, wlist, xlist, timeout=None, /):
        """Wait until one or more file descriptors are ready for some kind of I/O."""
        # An object is asked for its descriptor once; it may change the list while it is.
        lists = [[], [], []]
        for found, items in zip(lists, (rlist, wlist, xlist)):
            if not hasattr(items, "__getitem__") or not hasattr(items, "__len__"):
                items = list(items)
            position = 0
            while position < len(items):
                item = items[position]
                found.append((item, _descriptor(item)))
                position += 1
        descriptors = [fd for found in lists for _, fd in found]
        if not descriptors and timeout:
            # The way to sleep before there was another.
            sleep(timeout)
            return [], [], []
        if not _must_wait(descriptors):
            ready = plain_select(*([fd for _, fd in found] for found in lists), timeout)
            return tuple([item for item, fd in found if fd in fds] for found, fds in zip(lists, ready))
        if timeout is not None:
            timeout = float(timeout)
            if timeout < 0:
                raise ValueError("timeout must be non-negative")
        interests = {}
        for found, bits in zip(lists, (_POLLIN, _POLLOUT, 0)):
            for _, fd in found:
                interests[fd] = interests.get(fd, 0) | bits
        poller = plain_poll()
        for fd, bits in interests.items():
            poller.register(fd, bits)
        ready = dict(wait(lambda: poller.poll(0), timeout, descriptors))
        for bits in ready.values():
            if bits & _POLLNVAL:
                import errno
                import os

                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        readable = [item for item, fd in lists[0] if ready.get(fd, 0) & (_POLLIN | _POLLHUP | _POLLERR)]
        writable = [item for item, fd in lists[1] if ready.get(fd, 0) & (_POLLOUT | _POLLERR)]
        return readable, writable, []

    class Poll:
        """Supports registering and unregistering file descriptors, and then polling them for I/O events."""

        __slots__ = ("_descriptors", "_poll")

        def __new__(cls):
            raise TypeError("cannot create 'select.poll' instances")

        def register(self, fd, eventmask=_POLLIN | 2 | _POLLOUT, /):
            """Register a file descriptor with the polling object."""
            self._poll.register(fd, eventmask)
            self._descriptors.add(_descriptor(fd))

        def modify(self, fd, eventmask, /):
            """Modify an already registered file descriptor."""
            self._poll.modify(fd, eventmask)

        def unregister(self, fd, /):
            """Remove a file descriptor being tracked by the polling object."""
            self._poll.unregister(fd)
            self._descriptors.discard(_descriptor(fd))

        def poll(self, timeout=None, /):
            """Polls the registered file descriptors; the timeout is in milliseconds."""
            if not _must_wait(self._descriptors):
                return self._poll.poll(timeout)
            return wait(lambda: self._poll.poll(0), None if timeout is None or timeout < 0 else timeout / 1000, self._descriptors)

    def poll():
        """Returns a polling object, which supports registering and unregistering file descriptors, and then polling them for I/O events."""
        made = object.__new__(Poll)
        made._poll = plain_poll()
        made._descriptors = set()
        return made

    for own in (select, poll, Poll):
        own.__module__ = "select"
    select.__qualname__ = "select"
    poll.__qualname__ = Poll.__name__ = Poll.__qualname__ = "poll"
    # As the functions of a C module they do not become methods of a class that has them as attributes, such as the selectors.
    module.select, module.poll = staticmethod(select), staticmethod(poll)
