#!/usr/bin/env python3
"""Installs Lath, and uses it as others do.

Looks at what is installed (headers without LLVM, MLIR and CUDA; exported
symbols; size and needs of the runtime library), builds the programs of
consumer/ by find_package and by pkg-config outside of the tree, and runs them.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

FOREIGN = re.compile(
    r"(^|/)(mlir|llvm|mlir-c|llvm-c)/|/llvm-\d+/include/|(^|/)(cuda|nvJitLink|nvrtc)[^/]*\.h")
LIBC = re.compile(r"^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.\d+$")
MOST_RUNTIME_BYTES = 1_000_000

problems = []


def problem(text):
    problems.append(text)
    print(f"wrong: {text}", file=sys.stderr)


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        print(f"failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}",
              file=sys.stderr)
        sys.exit(1)
    return done.stdout


def check_headers(args, prefix):
    for name, language, standard in (("lath.h", "c++", "-std=c++20"),
                                     ("lath_c.h", "c", "-std=c99"),
                                     ("lath_c.h", "c++", "-std=c++11")):
        header = f"{prefix}/include/lath/{name}"
        compiler = args.cxx if language == "c++" else args.cc
        run(compiler, standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wno-pragma-once-outside-header",
            "-x", language, "-fsyntax-only", "-I", f"{prefix}/include", header)
        files = run(compiler, standard, "-M", "-x", language, "-I",
                    f"{prefix}/include", header).replace("\\\n", " ").split()[1:]
        for file in files:
            if FOREIGN.search(file):
                problem(f"{name} includes {file}")
            if args.source + "/" in os.path.realpath(file) and "/prefix/" not in file:
                problem(f"{name} includes {file}, which is not installed")


def exported(library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return [line.split()[-1] for line in lines]


def check_symbols(prefix):
    names = exported(f"{prefix}/lib/liblath.so")
    plain = re.compile(r"^lath_[a-z_]+$")
    ours = re.compile(r"^_Z(N|NK|TIN|TSN|TVN)4lath")
    for name in names:
        if not plain.match(name) and not ours.match(name):
            problem(f"liblath.so exports {name}")
    for inside in ("4lath8emulator", "4lath4tile", "4lath3cli", "4Impl", "5State"):
        for name in names:
            if inside in name:
                problem(f"liblath.so exports {name}, which is internal")
    if not any("4lath6Engine4gemm" in name for name in names):
        problem("liblath.so does not export Engine::gemm")
    declared = set(re.findall(r"\b(lath_[a-z_]+)\(",
                              open(f"{prefix}/include/lath/lath_c.h").read()))
    for name in sorted(declared - set(names)):
        problem(f"lath_c.h declares {name}, liblath.so does not export it")
    runtime = exported(f"{prefix}/lib/liblath_runtime.so")
    for name in runtime:
        if name not in declared:
            problem(f"liblath_runtime.so exports {name}")
    print(f"liblath.so exports {len(names)} symbols, liblath_runtime.so {len(runtime)}")


def check_runtime(prefix):
    library = f"{prefix}/lib/liblath_runtime.so"
    size = os.path.getsize(os.path.realpath(library))
    if size > MOST_RUNTIME_BYTES:
        problem(f"liblath_runtime.so has {size} bytes; at most {MOST_RUNTIME_BYTES}")
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", library))
    for name in needed:
        if not LIBC.match(name):
            problem(f"liblath_runtime.so needs {name}")
    if "not found" in run("ldd", library):
        problem("liblath_runtime.so misses a library")
    print(f"liblath_runtime.so: {size} bytes, needs {', '.join(sorted(needed))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("cmake", "build", "source", "cc", "cxx", "lath", "fake-cuda"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="lath-install-") as folder:
        prefix = f"{folder}/prefix"
        run(args.cmake, "--install", args.build, "--prefix", f"{folder}/first")
        os.rename(f"{folder}/first", prefix)  # it must not remember where it was
        check_headers(args, prefix)
        check_symbols(prefix)
        check_runtime(prefix)

        pack = f"{folder}/test.lathpack"
        run(args.lath, "pack", "m16n32k256", "m8n64k256s2", "--buckets", "--ptx", "-o", pack)
        damaged = f"{folder}/damaged.lathpack"
        data = bytearray(open(pack, "rb").read())
        data[len(data) // 2] ^= 1
        open(damaged, "wb").write(data)

        consumer = shutil.copytree(f"{args.source}/tests/install/consumer", f"{folder}/consumer")
        run(args.cmake, "-S", consumer, "-B", f"{folder}/build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_C_COMPILER={args.cc}", f"-DCMAKE_CXX_COMPILER={args.cxx}",
            "-DCMAKE_BUILD_TYPE=Debug")
        run(args.cmake, "--build", f"{folder}/build")
        fake = dict(os.environ, LATH_CUDA_DRIVER=args.fake_cuda)
        # No compiler, no assembler and no tool kit are to be had there.
        bare = {"LATH_CUDA_DRIVER": args.fake_cuda, "PATH": ""}
        run(f"{folder}/build/cpp-consumer", pack)
        run(f"{folder}/build/c-consumer")
        run(f"{folder}/build/runtime-consumer", pack, damaged, env=bare)
        maps = subprocess.run([f"{folder}/build/runtime-consumer", pack, damaged],
                              env=dict(bare, LD_TRACE_LOADED_OBJECTS="1"),
                              capture_output=True, text=True).stdout
        if re.search("LLVM|MLIR|stdc|cuda", maps):
            problem(f"a deployment loads more than it should:\n{maps}")

        config = shutil.which("pkg-config") or shutil.which("pkgconf")
        if config:
            env = dict(os.environ, PKG_CONFIG_PATH=f"{prefix}/lib/pkgconfig")
            flags = run(config, "--cflags", "--libs", "lath_runtime", env=env).split()
            program = f"{folder}/by-pkg-config"
            run(args.cc, f"{consumer}/Runtime.c", "-o", program, *flags, "-ldl",
                f"-Wl,-rpath,{prefix}/lib")
            run(program, pack, damaged, env=bare)
            flags = run(config, "--cflags", "--libs", "lath", env=env).split()
            run(args.cxx, "-std=c++20", f"{consumer}/Cpp.cpp", "-o", program, *flags,
                f"-Wl,-rpath,{prefix}/lib")
            run(program, pack, env=fake)
        else:
            print("no pkg-config here: its files are not tested")
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
