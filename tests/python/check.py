#!/usr/bin/env python3
"""Installs the Python package into a clean environment and tests it there.

The wheel is made of the library that the build has, by the same metadata as
that of `pip install .`: nothing is compiled. First the tests that need no
torch run without it; then torch and transformers are installed, where the
package index can be reached, and all tests run. What is left out is said.

  check.py --cmake CMAKE --build BUILD --source SOURCE [--no-torch]

LATH_TEST_TORCH=0 leaves torch out too.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time


def run(*command, **options):
    print("$", *command, flush=True)
    return subprocess.run([str(word) for word in command], check=True, **options)


def main():
    parser = argparse.ArgumentParser()
    for name in ("cmake", "build", "source"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    parser.add_argument("--no-torch", action="store_true")
    args = parser.parse_args()
    args.cmake = shutil.which(args.cmake) or args.cmake
    build, source = args.build.resolve(), args.source.resolve()
    root = build / "python-test"
    shutil.rmtree(root, ignore_errors=True)
    started = time.monotonic()

    def step(what):
        print(f"-- {time.monotonic() - started:.0f} s: {what}", flush=True)

    step("a clean environment")
    run(sys.executable, "-m", "venv", root / "venv")
    python = root / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "-q", "--disable-pip-version-check"]
    try:
        run(*pip, "install", "scikit-build-core>=1.1", "pytest", "numpy")
    except subprocess.CalledProcessError:
        step("skipped: pytest and its like could not be installed")
        sys.exit(77)

    step("the wheel")
    # Not under the build: git ignores that, and with it scikit-build-core.
    with tempfile.TemporaryDirectory() as staged:
        shutil.copytree(source / "python" / "lath", f"{staged}/lath",
                        ignore=shutil.ignore_patterns("__pycache__"))
        run(args.cmake, "--install", build, "--component", "python", "--prefix", staged,
            stdout=subprocess.DEVNULL)
        run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", root,
            "-C", "wheel.cmake=false", "-C", "wheel.platlib=true",
            "-C", f"wheel.packages={staged}/lath", source)
    wheel, = root.glob("lath-*.whl")
    run(*pip, "install", "--no-deps", wheel)
    step(f"{wheel.name}, {wheel.stat().st_size} bytes")

    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    environment.pop("PYTHONPATH", None)

    def test(*more):
        return run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
                   *more, "tests/python", cwd=source, env=environment)

    step("the tests without torch")
    test()
    if args.no_torch or os.environ.get("LATH_TEST_TORCH") == "0":
        step("torch was left out, as asked")
        return
    step("torch and transformers")
    try:
        run(*pip, "install", "torch>=2.10", "transformers>=5.17")
    except subprocess.CalledProcessError:
        step("torch could not be installed: its tests were left out")
        return
    step("all tests")
    test()
    shutil.rmtree(root)  # gigabytes
    step("done")


if __name__ == "__main__":
    main()
