"""What `lath tune` shows on a terminal, and what Ctrl-C leaves.

usage: terminal.py LATH FOLDER

A progress bar needs a terminal and Ctrl-C a running process, so the command
runs on a pseudo-terminal of 60 columns here.
"""
import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios

COLUMNS = 60


class Terminal:
    """Runs a command whose standard error is a terminal."""

    def __init__(self, command):
        self.end, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=end, text=True,
            start_new_session=True)
        os.close(end)
        self.shown = ""

    def read(self):
        """False at the end."""
        try:
            part = os.read(self.end, 4096)
        except OSError:  # nobody has the other end
            part = b""
        self.shown += part.decode()
        return bool(part)

    def lines(self):
        """Each state of the rewritten line, without control characters."""
        return [re.sub(r"\x1b\[K", "", line).strip("\n")
                for line in self.shown.split("\r") if line]

    def finish(self):
        while self.read():
            pass
        output = self.process.stdout.read()
        return self.process.wait(), output


def main():
    lath, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    db = os.path.join(folder, "db.sqlite")
    tune = [lath, "tune", "m1n256k1024g128", "m8n256k1024g128", "--candidates", "12",
            "--device", "emulator", "--db", db]

    # Ctrl-C in the middle: what was measured stays.
    terminal = Terminal(tune)
    while not re.search(r" 1\d/\d+ ", terminal.shown):
        assert terminal.read(), terminal.shown
    terminal.process.send_signal(signal.SIGINT)
    code, output = terminal.finish()
    assert code == 1, (code, terminal.shown)
    assert "stopped; what was measured is kept" in terminal.shown, terminal.shown
    assert "the same command goes on from there" in terminal.shown
    kept = int(re.search(r"candidates +(\d+) measured", output)[1])
    assert 0 < kept < 24, output

    # The bar: its width, its counts, the time left; gone at the end.
    bars = [line for line in terminal.lines() if line.startswith("[")]
    assert len(bars) > 2, terminal.shown
    for bar in bars:
        assert len(bar) <= COLUMNS, (len(bar), bar)
        assert re.match(r"\[#*\.*\] +\d+/\d+ m[18]n256k1024g128: ", bar), bar
    counts = [int(re.search(r"(\d+)/", bar)[1]) for bar in bars]
    assert counts == sorted(counts), counts
    filled = [bar.count("#") for bar in bars]
    assert filled == sorted(filled), filled

    # Again: it goes on from there, and shows how long it will take.
    terminal = Terminal(tune)
    fcntl.ioctl(terminal.end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    code, output = terminal.finish()
    assert code == 0, (code, terminal.shown)
    measured, known = map(int, re.search(
        r"candidates +(\d+) measured, (\d+) known before", output).groups())
    assert known == kept, (known, kept)
    assert measured > 0
    assert re.search(r"\d+ of \d+ \w+ +about \d+ s left", terminal.shown), terminal.shown
    assert terminal.shown.rstrip("\r\n").split("\r")[-1].startswith("\x1b[K"), terminal.shown

    # No terminal, no bar.
    quiet = subprocess.run(tune, capture_output=True, text=True)
    assert quiet.returncode == 0 and "[#" not in quiet.stderr, quiet.stderr
    print("all right")


if __name__ == "__main__":
    main()
