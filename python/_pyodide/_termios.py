"""``termios`` for the ``python`` command, on top of the program ``stty`` of the host.

Owns the settings of the terminal as Linux has them, and the size of its window (``ioctl``, for the line editor of the interactive
interpreter). Not here: reading and writing.
Invariants: a descriptor that is no terminal is an error, as elsewhere; what ``stty`` says is passed on as it is.
"""

import errno as _errno
import os as _os

_IFLAGS = "IGNBRK BRKINT IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8"
_OFLAGS = "OPOST OLCUC ONLCR OCRNL ONOCR ONLRET OFILL OFDEL"
_LFLAGS = "ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP ECHOCTL ECHOPRT ECHOKE FLUSHO . PENDIN IEXTEN EXTPROC"
_CHARACTERS = "VINTR VQUIT VERASE VKILL VEOF VTIME VMIN VSWTC VSTART VSTOP VSUSP VEOL VREPRINT VDISCARD VWERASE VLNEXT VEOL2"
_SPEEDS = (0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400)
_FAST = (57600, 115200, 230400, 460800)

for _names in (_IFLAGS, _OFLAGS, _LFLAGS):
    globals().update({name: 1 << bit for bit, name in enumerate(_names.split()) if name != "."})
globals().update({name: number for number, name in enumerate(_CHARACTERS.split())})
globals().update({f"B{speed}": number for number, speed in enumerate(_SPEEDS)})
globals().update({f"B{speed}": 0x1001 + number for number, speed in enumerate(_FAST)})

CS5, CS6, CS7, CS8 = 0x00, 0x10, 0x20, 0x30
CSIZE, CSTOPB, CREAD, PARENB, PARODD, HUPCL, CLOCAL = 0x30, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
CBAUD = 0x100F
NCCS = 32
TCSANOW, TCSADRAIN, TCSAFLUSH = 0, 1, 2
TCIFLUSH, TCOFLUSH, TCIOFLUSH = 0, 1, 2
TCOOFF, TCOON, TCIOFF, TCION = 0, 1, 2, 3
TIOCGWINSZ = 0x5413

_VMIN, _VTIME, _ICANON = 6, 5, 2


class error(Exception):
    """What ``termios.error`` is elsewhere."""


error.__module__ = "termios"


def _descriptor(fd):
    number = fd if isinstance(fd, int) else fd.fileno()
    if not _os.isatty(number):
        raise error(_errno.ENOTTY, _os.strerror(_errno.ENOTTY))
    return number


def _terminal():
    from _pyodide_host import terminal

    return terminal


def _failed(failure):
    return error(_errno.EIO, f"The terminal cannot be asked or changed: {failure}")


def tcgetattr(fd, /):
    """Get the tty attributes for file descriptor fd."""
    from pyodide.ffi import JsException

    try:
        _descriptor(fd)
        text = _terminal().get()
        numbers = [int(part, 16) for part in text.split(":")]
    except JsException as failure:
        raise _failed(failure) from None
    except ValueError:
        raise error(_errno.ENOTSUP, "The program `stty` of this system describes terminals in another way than that of Linux") from None
    iflag, oflag, cflag, lflag, *characters = numbers
    characters += [0] * (NCCS - len(characters))
    cc = [
        code if not lflag & _ICANON and index in (_VMIN, _VTIME) else bytes((code,)) for index, code in enumerate(characters[:NCCS])
    ]
    speed = cflag & CBAUD
    return [iflag, oflag, cflag, lflag, speed, speed, cc]


def tcsetattr(fd, when, attributes, /):
    """Set the tty attributes for file descriptor fd."""
    from pyodide.ffi import JsException

    number = _descriptor(fd)
    if not isinstance(attributes, list) or len(attributes) != 7:
        raise TypeError("tcsetattr, arg 3: must be 7 element list")
    iflag, oflag, cflag, lflag, _, _, cc = attributes
    if not isinstance(cc, list) or len(cc) != NCCS:
        raise TypeError(f"tcsetattr: attributes[6] must be {NCCS} element list")
    # As many characters as `stty` has told.
    try:
        known = len(_terminal().get().split(":")) - 4
        codes = [code if isinstance(code, int) else code[0] for code in cc[:known]]
        _terminal().set(":".join(f"{value:x}" for value in (iflag, oflag, cflag, lflag, *codes)))
    except JsException as failure:
        raise _failed(failure) from None
    if when == TCSAFLUSH:
        tcflush(number, TCIFLUSH)


def tcgetwinsize(fd, /):
    """Get the tty winsize for file descriptor fd: (lines, columns)."""
    size = _os.get_terminal_size(_descriptor(fd))
    return size.lines, size.columns


def tcflush(fd, queue, /):
    """Discard queued data on file descriptor fd."""
    from _pyodide_host import discardInput

    _descriptor(fd)
    if queue != TCOFLUSH:
        discardInput()


def tcdrain(fd, /):
    """Wait until all output written to file descriptor fd has been transmitted."""
    _descriptor(fd)


def tcflow(fd, action, /):
    """Suspend or resume input or output on file descriptor fd: the host does neither."""
    _descriptor(fd)
    raise error(_errno.ENOTSUP, _os.strerror(_errno.ENOTSUP))


def tcsendbreak(fd, duration, /):
    """Send a break on file descriptor fd: the host cannot."""
    _descriptor(fd)
    raise error(_errno.ENOTSUP, _os.strerror(_errno.ENOTSUP))


def ioctl(fd, request, arg=0, mutate_flag=True, /):
    """What the line editor wants of ``fcntl.ioctl``: the size of the window."""
    if request != TIOCGWINSZ:
        raise OSError(_errno.ENOTTY, _os.strerror(_errno.ENOTTY))
    from struct import pack

    size = _os.get_terminal_size(_descriptor(fd))
    return pack("HHHH", size.lines, size.columns, 0, 0)
