#!/usr/bin/env python3
"""Runs a command on a terminal of its own, and ends as it ends."""
import os
import pty
import sys

sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
