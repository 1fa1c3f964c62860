#!/usr/bin/env python3
"""Installs Lath, and uses it as others do.

Looks at what is installed (headers without LLVM, MLIR and CUDA; exported
symbols, among them every function that a header declares; size and needs of the
runtime library), builds the programs of consumer/ by find_package and by
pkg-config outside of the tree, with this build's compilers and with GCC where
it is, and runs them. Of add_subdirectory it makes the build files; newcomer
builds by it.
"""
import argparse
import glob
import json
import os
import pathlib
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


def compilers(args):
    """(C, C++) of this build, and GCC, which takes less than Clang."""
    pairs = [(args.cc, args.cxx)]
    gcc = (shutil.which("gcc"), shutil.which("g++"))
    if all(gcc) and os.path.realpath(gcc[1]) != os.path.realpath(args.cxx):
        pairs.append(gcc)
    else:
        print("no other GCC here")
    return pairs


def include_all(prefix):
    """A program that includes every installed header of C++."""
    files = sorted(glob.glob(f"{prefix}/include/lath/**/*.h", recursive=True))
    return "".join(f"#include <{os.path.relpath(f, prefix + '/include')}>\n"
                   for f in files)


def check_headers(args, prefix):
    tests = [("#include <lath/lath.h>\n", "c++", "-std=c++20"),
             (include_all(prefix), "c++", "-std=c++20"),
             ("#include <lath/lath_c.h>\n", "c", "-std=c99"),
             ("#include <lath/lath_c.h>\n", "c++", "-std=c++11")]
    for cc, cxx in compilers(args):
        for program, language, standard in tests:
            command = [cxx if language == "c++" else cc, standard, "-x", language,
                       "-I", f"{prefix}/include", "-"]
            run(*command, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                input=program)
            files = run(*command, "-M", input=program)
            for file in files.replace("\\\n", " ").split()[1:]:
                if FOREIGN.search(file):
                    problem(f"{program} includes {file}")
                if args.source + "/" in os.path.realpath(file) and "/prefix/" not in file:
                    problem(f"{program} includes {file}, which is not installed")


def declared_functions(args, prefix):
    """Mangled name -> name of what the installed headers declare and do not
    define; nothing where there is no Clang to ask."""
    clang = args.cxx if "clang" in os.path.basename(args.cxx) else shutil.which("clang++-22")
    if not clang:
        print("no Clang here: declarations are not compared with what is exported")
        return {}
    text = run(clang, "-std=c++20", "-x", "c++", "-I", f"{prefix}/include", "-fsyntax-only",
               "-Xclang", "-ast-dump=json", "-Xclang", "-ast-dump-filter=lath::", "-",
               input=include_all(prefix))
    functions, defined = {}, set()

    def visit(node):
        inner = node.get("inner", [])
        kind = node.get("kind", "")
        if kind in ("FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXDestructorDecl"):
            here = any(node.get(word) for word in ("isImplicit", "inline", "constexpr", "pure",
                                                   "explicitlyDeleted", "explicitlyDefaulted"))
            if here or any(child.get("kind") == "CompoundStmt" for child in inner):
                defined.add(node.get("mangledName"))
            elif "mangledName" in node:
                functions[node["mangledName"]] = node["name"]
        elif kind in ("CXXRecordDecl", "NamespaceDecl", "LinkageSpecDecl"):
            public = node.get("tagUsed") != "class"
            for child in inner:
                if child.get("kind") == "AccessSpecDecl":
                    public = child["access"] == "public"
                elif public:
                    visit(child)

    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        node, at = decoder.raw_decode(text, at)
        visit(node)
        while at < len(text) and text[at].isspace():
            at += 1
    return {mangled: name for mangled, name in functions.items() if mangled not in defined}


def exported(library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return [line.split()[-1] for line in lines]


def check_symbols(args, prefix):
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
    functions = declared_functions(args, prefix)
    for mangled, name in sorted(functions.items()):
        if mangled not in names:
            problem(f"an installed header declares {name}, liblath.so does not "
                    f"export it: {mangled}")
    print(f"installed headers declare {len(functions)} functions of C++")
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
        # As after tools/demo, which builds the command alone: what is not there
        # has to be built.
        for file in ("include/lath/lath.h", "lib/liblath.so", "lib/liblath_runtime.so"):
            path = pathlib.Path(f"{args.build}/{file}")
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        run(args.cmake, "--install", args.build, "--prefix", f"{folder}/first")
        os.rename(f"{folder}/first", prefix)  # it must not remember where it was
        check_headers(args, prefix)
        check_symbols(args, prefix)
        check_runtime(prefix)

        pack = f"{folder}/test.lathpack"
        run(args.lath, "pack", "m16n32k256", "m8n64k256s2", "--buckets", "--ptx", "-o", pack)
        damaged = f"{folder}/damaged.lathpack"
        data = bytearray(open(pack, "rb").read())
        data[len(data) // 2] ^= 1
        open(damaged, "wb").write(data)

        consumer = shutil.copytree(f"{args.source}/tests/install/consumer", f"{folder}/consumer")
        fake = dict(os.environ, LATH_CUDA_DRIVER=args.fake_cuda)
        # No compiler, no assembler and no tool kit are to be had there.
        bare = {"LATH_CUDA_DRIVER": args.fake_cuda, "PATH": ""}
        for cc, cxx in compilers(args):
            built = f"{folder}/build-{os.path.basename(cxx)}"
            run(args.cmake, "-S", consumer, "-B", built, f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_C_COMPILER={cc}", f"-DCMAKE_CXX_COMPILER={cxx}",
                "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror -pedantic")
            run(args.cmake, "--build", built)
            run(f"{built}/first-consumer")
            run(f"{built}/split-consumer")
            run(f"{built}/cpp-consumer", pack)
            run(f"{built}/c-consumer")
            run(f"{built}/runtime-consumer", pack, damaged, env=bare)
            maps = subprocess.run([f"{built}/runtime-consumer", pack, damaged],
                                  env=dict(bare, LD_TRACE_LOADED_OBJECTS="1"),
                                  capture_output=True, text=True).stdout
            if re.search("LLVM|MLIR|stdc|cuda", maps):
                problem(f"a deployment loads more than it should:\n{maps}")
            run(args.cmake, "-S", consumer, "-B", f"{built}-sub", f"-DLATH_SOURCE={args.source}",
                f"-DCMAKE_C_COMPILER={cc}", f"-DCMAKE_CXX_COMPILER={cxx}")

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
