"""The command `lath`, as a script and as ``python -m lath``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the command with these words (those of the process) and returns
    its exit code."""
    from ._library import library

    words = [b"lath", *map(os.fsencode, sys.argv[1:] if arguments is None else arguments)]
    # Ctrl-C ends it at once, as it does any program: Python would wait.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    return library().lath_main(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None))


if __name__ == "__main__":
    sys.exit(main())
