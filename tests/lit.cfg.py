# lit configuration of tests/lit and tests/errors.
#
# On PATH: lath, lath-opt, FileCheck, not, split-file, expect-exit (all but
# the last also as %lath, %lath-opt, %FileCheck). Features: ptxas (the
# assembler of CUDA 13, as %ptxas), gpu.
import glob
import os
import shutil

import lit.formats

source, build = config.lath_source, config.lath_build
config.name = "Lath"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.join(source, "tests")
config.test_exec_root = os.path.join(build, "tests")

bin_dir = os.path.join(build, "bin")
config.environment["PATH"] = os.pathsep.join(
    [bin_dir, os.path.join(source, "tests", "errors"), config.llvm_tools,
     os.environ.get("PATH", "")])
# Tests neither read nor fill the caches of the user.
config.environment["HOME"] = os.path.join(build, "tests", "home")
config.environment["XDG_CACHE_HOME"] = os.path.join(build, "tests", "cache")
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LATH_NVJITLINK"):
    if name in os.environ:
        config.environment[name] = os.environ[name]


def find_ptxas():
    found = [os.environ.get("LATH_PTXAS"), shutil.which("ptxas"),
             "/usr/local/cuda/bin/ptxas"]
    found += glob.glob(os.path.join(
        source, ".venv/lib/python3*/site-packages/nvidia/cu13/bin/ptxas"))
    return next((p for p in found if p and os.access(p, os.X_OK)), None)


config.substitutions.append((r"%lath-opt\b", os.path.join(bin_dir, "lath-opt")))
config.substitutions.append((r"%lath\b(?!-)", os.path.join(bin_dir, "lath")))
config.substitutions.append((r"%FileCheck\b", os.path.join(config.llvm_tools, "FileCheck")))
# What this user tuned must not change what tests see.
config.environment["LATH_TUNING_DB"] = os.path.join(config.test_exec_root, "no-tuning.sqlite")
ptxas = find_ptxas()
if ptxas:
    config.available_features.add("ptxas")
    config.environment["LATH_PTXAS"] = ptxas
    config.substitutions.append((r"%ptxas\b", ptxas))
if os.path.exists("/dev/nvidiactl"):
    config.available_features.add("gpu")
