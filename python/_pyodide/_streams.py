"""Standard streams of a Python that a page or program talks to: a flush reaches the handler.

Owns what ``sys.stdout`` and ``sys.stderr`` are there (IO-13). Not here: the handlers and the devices they stand behind.
Invariant: nothing that was written before is lost, and the streams keep their encoding and their way of buffering.
"""

import os
import sys
from _io import TextIOWrapper
from errno import EINVAL


class _Stream(TextIOWrapper):
    """Text to a device whose handler wants to know when a line is not going to be finished soon."""

    def flush(self):
        super().flush()
        try:
            os.fsync(self.fileno())
        except OSError as error:
            # Files and pipes that cannot be synchronised have nothing to pass on.
            if error.errno != EINVAL:
                raise


def install():
    """Replace ``sys.stdout`` and ``sys.stderr``; once, at start."""
    for name in ("stdout", "stderr"):
        old = getattr(sys, name)
        if type(old) is not TextIOWrapper:
            continue
        settings = {"encoding": old.encoding, "errors": old.errors, "line_buffering": True, "newline": "\n"}
        mode = getattr(old, "mode", "w")
        stream = _Stream(old.detach(), **settings)
        stream.mode = mode
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
