"""What is made ahead, told and forbidden, without torch."""
import subprocess
import sys

import pytest

import lath

# No other test asks for these shapes: what is compiled here is counted.
SPEC = "m5n104k160g32"


def test_prepare_makes_every_bucket_once():
    seen = []
    before = lath.stats("emulator")["compiled"]
    count = lath.prepare(SPEC, 24, device="emulator", progress=lambda *a: seen.append(a))
    assert count == 6  # 1, 2, 4, 8, 16, 24
    assert seen == [(i, 6) for i in range(1, 7)]
    made = lath.stats("emulator")["compiled"] - before
    assert 1 <= made <= 6
    lath.prepare(SPEC, 24, device="emulator", progress=False)
    assert lath.stats("emulator")["compiled"] - before == made


def test_who_may_not_compile_is_told():
    lath.set_policy("cached_only")
    with pytest.raises(lath.Error) as raised:
        lath.kernel("m4n120k160g32", device="emulator")
    assert raised.value.kind == "not prepared"
    lath.set_policy("compile")
    assert lath.kernel("m4n120k160g32", device="emulator").max_rows == 4


def test_packs(tmp_path):
    pack = tmp_path / "some.lathpack"
    subprocess.run([sys.executable, "-m", "lath", "pack", "m8n136k160g32", "--targets", "sm_86",
                    "--ptx", "-o", str(pack)], check=True)
    lath.set_policy("cached_only")
    with pytest.raises(lath.Error, match="not prepared|may not be compiled|compile"):
        lath.kernel("m8n136k160g32", device="emulator:sm_86")
    lath.load_pack(pack, "emulator:sm_86")
    assert lath.kernel("m8n136k160g32", device="emulator:sm_86").max_rows == 8
    with pytest.raises(lath.Error) as raised:
        lath.load_pack(pack, "emulator:sm_120a")
    assert raised.value.kind == "unsupported"
    with pytest.raises(lath.Error) as raised:
        lath.load_pack(tmp_path / "none", "emulator:sm_86")
    assert raised.value.kind == "invalid argument"


def test_explain_says_what_the_kernel_does():
    told = lath.explain("m4n64k128", device="emulator")
    assert told["schedule"] == lath.kernel("m4n64k128", device="emulator").schedule
    assert told["target"] == "sm_90a" and told["reasons"]
    assert "schedule" in str(told) and told["schedule"] in str(told)
    assert lath.explain("m4n64k128", 9, device="emulator")["spec"] == "m9n64k128g128"
    given = lath.explain("m4n64k128", schedule="bm8bn32bk64w2st2", device="emulator")
    assert given["schedule"].startswith("bm8bn32bk64w2st2") and given["reasons"] == []


def test_tune(tmp_path):
    """On the emulator it counts what a GPU would take time for."""
    seen = []
    done = lath.tune("m1n56k160g32", [1, 2], device="emulator", candidates=2,
                     database=str(tmp_path / "db"), worker=False,
                     progress=lambda *a: seen.append(a))
    assert done.problems == 2 and done.solved == 2
    assert done.measured > 0 and done.failed == 0 and seen
    stopped = lath.tune("m1n48k160g32", device="emulator", candidates=2,
                        database=str(tmp_path / "other"), worker=False,
                        progress=lambda *a: True)
    assert stopped.solved < 2


@pytest.mark.parametrize("call, kind, message", [
    (lambda: lath.set_policy("none"), ValueError,
     "policy is 'none'; expected 'compile' or 'cached_only'"),
    (lambda: lath.prepare(SPEC, 0, device="emulator"), ValueError, "max_m is 0; expected 1..65536"),
    (lambda: lath.prepare(SPEC, 70000, device="emulator"), ValueError,
     "max_m is 70000; expected 1..65536"),
    (lambda: lath.prepare(3), TypeError,
     "expected a spec, a lath.Weight, a model or a list of them, got int"),
    (lambda: lath.prepare([]), TypeError, "got list"),
    (lambda: lath.prepare("m4n63k128", device="emulator"), lath.Error,
     "n = 63 is not a multiple of 8"),
    (lambda: lath.explain("m4n64k128", device="emulator", schedule="bm7"), lath.Error,
     "bm = 7 is not in 8..256; the nearest is 8"),
])
def test_wrong_calls(call, kind, message):
    with pytest.raises(kind) as raised:
        call()
    assert message in str(raised.value)
