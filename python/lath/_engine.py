"""What is made ahead, measured and told: prepare, tune, packs, policy,
explain, stats. Needs no torch."""

from __future__ import annotations

import ctypes as c
import json
import os
import subprocess
import sys
import typing

from ._kernel import (Handle, buckets, default_device, device_name, engine, parse, templates)
from ._library import (GemmSpec, PrepareCallback, Stats, TuneCallback, TuneOptions, TuneReport,
                       library)

_POLICIES = {"compile": 0, "cached_only": 1}


def set_policy(policy: str) -> None:
    """What may be done for a kernel that is not in memory, on all devices.

    Args:
        policy: ``"compile"``: whatever it takes. ``"cached_only"``: load it
            from a pack or the disk; else `lath.linear` uses one in memory that
            was made for more rows, or fails with "not prepared".
    """
    if policy not in _POLICIES:
        raise ValueError(f"policy is {policy!r}; expected 'compile' or 'cached_only'")
    library().lath_shared_set_policy(_POLICIES[policy])


def load_pack(path: str | os.PathLike, device: object = None) -> None:
    """Kernels of a pack (``lath pack``) are found from now on, on one device.

    Raises:
        Error: "invalid argument" where the file is none or broken,
            "unsupported" where it has no kernels for this device.
    """
    library().lath_engine_add_pack(engine(device), os.fsencode(path))


def _structs(texts: typing.Iterable[str]):
    specs = [parse(text) for text in texts]
    return (GemmSpec * len(specs))(*specs), len(specs)


class _Bar:
    """A line on a terminal; nothing elsewhere."""

    def __init__(self, what: str):
        self.what, self.shown = what, sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if self.shown:
            end = "\n" if done == total else ""
            print(f"\r{self.what}: {done} of {total}", end=end, file=sys.stderr, flush=True)


def prepare(what: object, max_m: int = 64, *, device: object = None,
            progress: bool | typing.Callable[[int, int], None] = True) -> int:
    """Makes all kernels that launches of up to `max_m` rows need, on all
    cores, so that none is made later and graphs can be captured.

    On a GPU the streams that will need it get their scratch memory too: the
    current stream of torch, and that on which ``torch.cuda.graph`` captures if
    none is named. To capture on another stream, call this under
    ``torch.cuda.stream`` of it.

    Args:
        what: a model with `lath.nn.QuantLinear` layers, a `lath.Weight`, a
            spec as text, or a list of these.
        max_m: the most rows (tokens of a batch), 1..65536.
        device: left out, where the weights are.
        progress: True: a line on a terminal; or called with (done, total).

    Returns:
        How many kernels were prepared.

    Raises:
        Error: of the first that failed; the others are made all the same.
    """
    texts, where = templates(what, device)
    rows = buckets(max_m)
    specs, count = _structs(text.format(m=m) for text in texts for m in rows)
    tell = progress if callable(progress) else _Bar("lath: preparing") if progress else None

    def call(at, data):
        if tell:
            tell(at.contents.done, at.contents.total)

    lath, e = library(), engine(where)
    handles = (Handle * count)()
    lath.lath_engine_prepare(e, specs, count, handles, PrepareCallback(call), None)
    # They stay in memory: graphs will hold them.
    _prepared.extend(handles)
    if where.startswith("cuda"):
        for stream in _streams(where):
            lath.lath_engine_prepare_stream(e, stream)
    return count


_prepared: list[int] = []


def _streams(device: str) -> list[int]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return [0]
    with torch.cuda.device(int(device[5:] or 0)):
        streams = [torch.cuda.current_stream().cuda_stream]
        graph = torch.cuda.graph
        if hasattr(graph, "default_capture_stream"):
            # As torch.cuda.graph itself does at its first use.
            if graph.default_capture_stream is None:
                graph.default_capture_stream = torch.cuda.Stream()
            if graph.default_capture_stream.device_index == torch.cuda.current_device():
                streams.append(graph.default_capture_stream.cuda_stream)
    return streams


class Tuned(typing.NamedTuple):
    """What `tune` did: of so many problems so many have a fastest schedule;
    candidates that were measured, were known before, and failed."""

    problems: int
    solved: int
    measured: int
    known: int
    failed: int


def tune(what: object, m: int | typing.Sequence[int] = (1, 16), *, device: object = None,
         candidates: int = 0, budget_seconds: float = 0, database: str | None = None,
         worker: bool = True,
         progress: bool | typing.Callable[[int, int], None] = True) -> Tuned:
    """Measures schedules and keeps the fastest in the tuning database, where
    every later request of this user finds them.

    Args:
        what: as of `prepare`.
        m: rows to tune for.
        device: left out, where the weights are.
        candidates: schedules of each problem; 0: 48.
        budget_seconds: after which none is begun; 0: none.
        database: its file; left out, LATH_TUNING_DB, else the user's.
        worker: measure in a process of its own, which a candidate that hangs
            takes along.
        progress: True: a line on a terminal; or called with (done, total);
            what returns True ends the tuning.

    On the emulator, which has no clock, a cost is counted that no GPU's request
    uses.

    Raises:
        Error: "not prepared" while a stream is captured, …
    """
    texts, where = templates(what, device)
    rows = [m] if isinstance(m, int) else list(m)
    specs, count = _structs(text.format(m=one) for text in texts for one in rows)
    tell = progress if callable(progress) else _Bar("lath: tuning") if progress else None

    def call(at, data):
        return int(bool(tell and tell(at.contents.done, at.contents.total)))

    words = [os.fsencode(sys.executable), b"-m", b"lath", b"tune-worker", b"--device",
             where.encode(), None]
    options = TuneOptions(candidates=candidates, budget_seconds=budget_seconds,
                          database=os.fsencode(database) if database else None)
    if worker:
        options.worker = (c.c_char_p * len(words))(*words)
    report = TuneReport()
    library().lath_engine_tune(engine(where), specs, count, c.byref(options),
                               TuneCallback(call), None, c.byref(report))
    return Tuned(*(getattr(report, name) for name in Tuned._fields))


class Explanation(dict):
    """What ``lath explain`` says: ``["schedule"]``, ``["reasons"]``,
    ``["candidates"]``, ``["bytes"]``, … ; as text, a page."""

    def __init__(self, members: dict, page: str):
        super().__init__(members)
        self.page = page

    def __str__(self):
        return self.page


def explain(what: object, m: int | None = None, *, device: object = None,
            schedule: str | None = None) -> Explanation:
    """Why a problem is computed as it is, and what it costs.

    Args:
        what: a `lath.Weight`, with `m` rows; or a spec as text, whose own rows
            count where `m` is left out.
        device: left out, where the weight is; on the CPU, an H200.
        schedule: that of the caller instead of the chosen one.

    Raises:
        Error: of kind "invalid spec", …
    """
    texts, where = templates(what, device)
    if len(texts) != 1:
        raise TypeError("explain takes one weight or spec")
    if m is None and not isinstance(what, str):
        raise TypeError("m, the number of rows, is missing")
    spec = what if m is None else texts[0].format(m=m)
    parse(spec)
    lath = library()
    on = lath.lath_engine_device(engine(where))
    words = ["explain", spec, "--target", lath.lath_device_target(on).decode()]
    if where.startswith("cuda"):
        words += ["--gpu", lath.lath_device_name(on).decode()]
    if schedule is not None:
        words += ["--schedule", schedule]
    return Explanation(json.loads(_command(*words, "--format", "json")), _command(*words))


def _command(*words: str) -> str:
    from ._errors import Error

    done = subprocess.run([sys.executable, "-m", "lath", *words], capture_output=True, text=True)
    if done.returncode:
        message = done.stderr.strip().replace("lath: error: ", "", 1)
        raise Error("invalid argument" if done.returncode == 2 else "unsupported", message)
    return done.stdout


def stats(device: object = None) -> dict[str, int]:
    """Counts of the device's engine: kernels in memory (``entries``, and their
    ``bytes``), ``compiled``, ``from_disk``, ``from_packs``, ``dropped``."""
    s = Stats()
    library().lath_engine_stats(engine(device), c.byref(s))
    return {name: getattr(s, name) for name, _ in Stats._fields_[1:]}


__all__ = ["default_device", "device_name", "explain", "load_pack", "prepare", "set_policy",
           "stats", "tune"]
