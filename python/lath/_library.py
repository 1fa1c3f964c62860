"""The C interface, lath_c.h, by ctypes.

The library is loaded at the first call, not at ``import lath``.
"""

from __future__ import annotations

import ctypes as c
import functools
import importlib.util
import os
import pathlib
import sys

from ._errors import Error

Handle = c.c_void_p


class _Sized(c.Structure):
    """A struct that begins with its size."""

    def __init__(self, **members):
        super().__init__(struct_size=c.sizeof(type(self)), **members)


class GemmSpec(_Sized):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("m", c.c_int64),
        ("n", c.c_int64),
        ("k", c.c_int64),
        ("group", c.c_int64),
        ("split", c.c_int32),
        ("x", c.c_int32),
        ("zeros", c.c_int32),
        ("reduce", c.c_int32),
        ("layout", c.c_int32),
        ("launches", c.c_int32),
        ("bias", c.c_int32),
        ("reserved", c.c_int32),
    ]


class GemmArguments(_Sized):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("x", c.c_uint64),
        ("qweight", c.c_uint64),
        ("scales", c.c_uint64),
        ("qzeros", c.c_uint64),
        ("out", c.c_uint64),
        ("m", c.c_int64),
        ("workspace", c.c_uint64),
        ("tickets", c.c_uint64),
        ("workspace_bytes", c.c_size_t),
        ("ticket_bytes", c.c_size_t),
        ("bias", c.c_uint64),
    ]


class PrepareProgress(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("done", c.c_size_t),
        ("total", c.c_size_t),
        ("index", c.c_size_t),
        ("error", c.c_char_p),
    ]


class Stats(_Sized):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("entries", c.c_size_t),
        ("bytes", c.c_size_t),
        ("compiled", c.c_uint64),
        ("from_disk", c.c_uint64),
        ("from_packs", c.c_uint64),
        ("dropped", c.c_uint64),
    ]


class TuneOptions(_Sized):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("candidates", c.c_size_t),
        ("budget_seconds", c.c_double),
        ("threads", c.c_uint32),
        ("worker", c.POINTER(c.c_char_p)),
        ("database", c.c_char_p),
    ]


class TuneProgress(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("done", c.c_size_t),
        ("total", c.c_size_t),
        ("what", c.c_char_p),
        ("seconds_left", c.c_double),
    ]


class TuneReport(_Sized):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("problems", c.c_size_t),
        ("solved", c.c_size_t),
        ("measured", c.c_size_t),
        ("known", c.c_size_t),
        ("failed", c.c_size_t),
        ("stopped", c.c_int32),
    ]


PrepareCallback = c.CFUNCTYPE(None, c.POINTER(PrepareProgress), c.c_void_p)
TuneCallback = c.CFUNCTYPE(c.c_int, c.POINTER(TuneProgress), c.c_void_p)

_OUT = c.POINTER(Handle)
_SPEC = c.POINTER(GemmSpec)
_WORDS = c.c_void_p

# Functions that return a status: their arguments.
_CHECKED = {
    "lath_gemm_spec_parse": [c.c_char_p, _SPEC],
    "lath_shared_engine": [c.c_char_p, _OUT],
    "lath_shared_set_policy": [c.c_int],
    "lath_device_allocate": [Handle, c.c_size_t, c.POINTER(c.c_uint64)],
    "lath_device_upload": [Handle, c.c_uint64, c.c_void_p, c.c_size_t],
    "lath_device_download": [Handle, c.c_void_p, c.c_uint64, c.c_size_t],
    "lath_engine_gemm": [Handle, _SPEC, c.c_char_p, _OUT],
    "lath_engine_gemm_on": [Handle, c.c_void_p, _SPEC, c.c_char_p, _OUT],
    "lath_engine_prepare": [Handle, _SPEC, c.c_size_t, _OUT, PrepareCallback, c.c_void_p],
    "lath_engine_prepare_stream": [Handle, c.c_void_p],
    "lath_engine_add_pack": [Handle, c.c_char_p],
    "lath_engine_stats": [Handle, c.POINTER(Stats)],
    "lath_engine_tune": [Handle, _SPEC, c.c_size_t, c.POINTER(TuneOptions), TuneCallback,
                         c.c_void_p, c.POINTER(TuneReport)],
    "lath_kernel_launch": [Handle, c.c_void_p, c.POINTER(GemmArguments)],
    "lath_pack_weights": [_WORDS, c.c_size_t, c.c_int64, c.c_int64, _WORDS, c.c_size_t],
    "lath_unpack_weights": [_WORDS, c.c_size_t, c.c_int64, c.c_int64, _WORDS, c.c_size_t],
    "lath_torch_register": [],
}
# The others: their result, then their arguments.
_PLAIN = {
    "lath_version": [c.c_char_p],
    "lath_last_error": [c.c_char_p],
    "lath_status_name": [c.c_char_p, c.c_int],
    "lath_default_device": [c.c_char_p],
    "lath_engine_device": [Handle, Handle],
    "lath_device_name": [c.c_char_p, Handle],
    "lath_device_target": [c.c_char_p, Handle],
    "lath_device_release": [None, Handle, c.c_uint64],
    "lath_kernel_free": [None, Handle],
    "lath_kernel_max_rows": [c.c_int64, Handle],
    "lath_kernel_schedule": [c.c_char_p, Handle],
    "lath_kernel_spec": [c.c_char_p, Handle],
    "lath_kernel_ptx": [c.c_char_p, Handle],
    "lath_bucket_rows": [c.c_int64, c.c_int64],
    "lath_packed_words": [c.c_size_t, c.c_int64, c.c_int64],
    "lath_main": [c.c_int, c.c_int, c.POINTER(c.c_char_p)],
}


def _path() -> pathlib.Path:
    return pathlib.Path(__file__).with_name("liblath_python.so")


def _name_assembler() -> None:
    """Names nvJitLink's wheel to the library. Where torch is loaded its own
    copy is, and the library finds that by itself."""
    if "LATH_NVJITLINK" in os.environ or "torch" in sys.modules:
        return
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or [] if spec else []:
        found = pathlib.Path(folder, "cu13", "lib", "libnvJitLink.so.13")
        if found.exists():
            os.environ["LATH_NVJITLINK"] = str(found)
            return


def _check(library: c.CDLL, status: int) -> None:
    if status != 0:
        raise Error(library.lath_status_name(status).decode(),
                    library.lath_last_error().decode(errors="replace"))


@functools.lru_cache(maxsize=None)
def library() -> c.CDLL:
    """The library. Its functions raise `Error` where they return a status.

    Raises:
        ImportError: the file is missing or cannot be loaded.
    """
    _name_assembler()
    try:
        loaded = c.CDLL(str(_path()))
    except OSError as error:
        raise ImportError(f"cannot load {_path()}: {error}") from error
    for name, (result, *arguments) in _PLAIN.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments

    def checked(function):
        def call(*arguments):
            _check(loaded, function(*arguments))

        return call

    for name, arguments in _CHECKED.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = c.c_int, arguments
        setattr(loaded, name, checked(function))
    return loaded


def version() -> str:
    return library().lath_version().decode()
