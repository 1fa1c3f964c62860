"""What importing costs, and the command."""
import pathlib
import pickle
import subprocess
import sys

import pytest

import lath


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_loads_nothing():
    loaded = python("import lath, sys; print('torch' in sys.modules, 'numpy' in sys.modules, "
                    "'liblath' in open('/proc/self/maps').read(), "
                    "'libcuda' in open('/proc/self/maps').read())")
    assert loaded == "False False False False"


def test_the_library_loads_no_torch_and_brings_no_cuda():
    assert python("import lath, sys; lath.default_device(); print('torch' in sys.modules)"
                  ) == "False"


def test_every_name_is_there_or_asks_for_torch():
    for name in lath.__all__:
        try:
            assert getattr(lath, name) is not None
        except ImportError as missing:
            assert missing.name in ("torch", "transformers", "safetensors")
    assert set(lath.__all__) == set(dir(lath))
    with pytest.raises(AttributeError, match="module 'lath' has no attribute 'gemm'"):
        lath.gemm


def test_it_is_typed():
    assert pathlib.Path(lath.__file__).with_name("py.typed").exists()


def test_errors_travel():
    with pytest.raises(lath.Error) as raised:
        lath.kernel("m4n63k128")
    error = raised.value
    assert error.kind == "invalid spec"
    assert error.message == "n = 63 is not a multiple of 8; the nearest are 56 and 64"
    assert error.notes == ["in 'm4n63k128g128'"]
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.kind, copy.message, copy.notes) == (error.kind, error.message, error.notes)


@pytest.mark.parametrize("command", [[sys.executable, "-m", "lath"],
                                     [str(pathlib.Path(sys.executable).with_name("lath"))]])
def test_the_command(command):
    done = subprocess.run([*command, "--version"], capture_output=True, text=True)
    assert done.stdout.startswith(f"lath {lath.__version__} ") and done.returncode == 0
    done = subprocess.run([*command, "run", "m3n64k128", "--device", "emulator"],
                          capture_output=True, text=True)
    assert ": ok" in done.stdout and done.returncode == 0, done.stderr
    done = subprocess.run([*command, "emt"], capture_output=True, text=True)
    assert "the nearest is 'emit'" in done.stderr and done.returncode == 2
