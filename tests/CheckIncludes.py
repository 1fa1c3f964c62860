#!/usr/bin/env python3
"""Checks what includes what, and what else the text of the sources must keep.

1. Public headers pull in no header of MLIR, LLVM or CUDA, whatever they
   include in turn (asked of the compiler with -M), and each compiles alone.
2. Includes go one way: tools -> kernels -> {compiler, runtime}; the runtime
   includes the plain data of compiler/base only; inside the compiler
   dsl -> ir <- transforms <- lowering; the rooms of kernels/ down only.
3. Nothing reads or writes numbers, or looks at characters, as a locale would:
   std::from_chars, fmt and compiler/base/Ascii.h do not.
4. lath::runtime has what it uses: a file of LATH_RUNTIME_SOURCES includes only
   headers whose own source, if there is one, is in that list too. The linker
   would find that out for what it keeps alone.
5. What an installed header includes is installed (LATH_PUBLIC_HEADERS).
6. A file of the compiler, the runtime and the kernels is one idea, which takes
   500 lines at most.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

PUBLIC = ["compiler/base/*.h", "compiler/Compile.h", "compiler/dsl/Program.h",
          "runtime/*.h", "kernels/**/*.h"]
FOREIGN = re.compile(
    r"(^|/)(mlir|llvm|mlir-c|llvm-c)/|/llvm-\d+/include/|(^|/)(cuda|nvJitLink|nvrtc)[^/]*\.h")

# Rooms of kernels/, each with those right below it.
ROOMS = {
    "programs": [],
    "gemm": [],
    "launch": ["gemm"],
    "weights": ["launch"],
    "checkpoint": ["weights"],
    "choose": ["gemm"],
    "pack": ["choose", "weights"],
    "tuned": ["choose", "programs"],
    "tune": ["tuned", "weights"],
    "engine": ["tune", "pack", "checkpoint"],
    "c": ["engine"],
    "examples": ["programs"],
}


def below(room):
    found = dict.fromkeys(ROOMS[room])
    for other in ROOMS[room]:
        found.update(dict.fromkeys(below(other)))
    return list(found)


# Folder -> what it may include: folders, or single headers. The first folder
# that holds the file counts. A header directly in compiler/ is open to all of
# compiler/; plain data lies in compiler/base.
BASE = "compiler/base"
TOP = "compiler/*.h"
ALLOWED = [
    (BASE, [BASE]),
    ("compiler/ir", ["compiler/ir", BASE, TOP]),
    ("compiler/dsl", ["compiler/dsl", "compiler/ir", BASE, TOP]),
    ("compiler/transforms", ["compiler/transforms", "compiler/ir", BASE, TOP]),
    ("compiler/lowering", ["compiler/lowering", "compiler/transforms",
                           "compiler/ir", BASE, TOP]),
    ("compiler/codegen", ["compiler/codegen", "compiler/ir", BASE, TOP]),
    ("compiler", ["compiler"]),
    ("runtime", ["runtime", BASE]),
    *((f"kernels/{room}", [f"kernels/{r}" for r in (room, *below(room))]
       + ["compiler", "runtime"]) for room in ROOMS),
    ("kernels", ["kernels", "compiler", "runtime"]),
    ("tools", ["tools", "kernels", "compiler", "runtime"]),
]
# Folders that may include no header of MLIR and LLVM at all.
NO_LLVM = [BASE, "runtime", "kernels", "tools/lath", "tools/verify", "tools/stress"]
# What asks the locale: the C library's readers and printers of numbers, what
# C++ makes of them, and streams of text.
LOCALE = re.compile(
    r"\b(strto(d|f|ld|l|ul|ll|ull)|ato(f|i|l|ll)|sto(d|f|ld|i|l|ul|ll|ull)"
    r"|v?(s|sn|f)?printf|v?sscanf|setlocale"
    r"|is(alpha|alnum|digit|space|upper|lower|punct|xdigit)|to(upper|lower))\s*\("
    r"|\bstd::(locale|cout|cerr|[io]?stringstream)\b")
MOST_LINES = 500
OURS = re.compile(r"^(compiler|runtime|kernels|tools|tests)/")


def may_include(target, allowed):
    for rule in allowed:
        if rule == TOP:
            if re.fullmatch(r"compiler/[^/]+\.h", target):
                return True
        elif target == rule or target.startswith(rule + "/"):
            return True
    return False


def includes(path):
    """(line number, header) of every include."""
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        m = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if m:
            yield number, m.group(1)


def check_directions(source):
    errors = []
    for top in ("compiler", "runtime", "kernels", "tools"):
        for path in sorted(glob.glob(f"{source}/{top}/**/*", recursive=True)):
            if not path.endswith((".h", ".cpp")):
                continue
            name = os.path.relpath(path, source)
            room = re.match(r"kernels/([^/]+)/", name)
            if room and room[1] not in ROOMS:
                errors.append(f"{name}: {room[1]} is no room of kernels/")
            allowed = next(a for f, a in ALLOWED if name.startswith(f + "/"))
            for number, target in includes(path):
                if OURS.match(target) and not may_include(target, allowed):
                    errors.append(f"{name}:{number}: may not include {target}")
                if (re.match(r"(mlir|llvm)(-c)?/", target)
                        and any(name.startswith(f + "/") for f in NO_LLVM)):
                    errors.append(f"{name}:{number}: may not include {target}: "
                                  "no MLIR or LLVM here")
    return errors


def check_locale(source):
    errors = []
    for top in ("compiler", "runtime", "kernels", "tools"):
        for path in sorted(glob.glob(f"{source}/{top}/**/*", recursive=True)):
            if not path.endswith((".h", ".cpp")):
                continue
            for number, line in enumerate(open(path, encoding="utf-8"), 1):
                m = LOCALE.search(line.split("//")[0])
                if m:
                    errors.append(f"{os.path.relpath(path, source)}:{number}: "
                                  f"'{m[0]}' depends on the locale")
    return errors


def check_runtime(source):
    with open(f"{source}/kernels/CMakeLists.txt", encoding="utf-8") as file:
        listed = re.search(r"set\(LATH_RUNTIME_SOURCES\s+(.*?)\s+PARENT_SCOPE", file.read(), re.S)
    files = listed[1].split()
    errors = []
    for name in files:
        for number, header in includes(f"{source}/{name}"):
            own = header.removesuffix(".h") + ".cpp"
            if own not in files and os.path.exists(f"{source}/{own}"):
                errors.append(f"{name}:{number}: {header} is of {own}, which "
                              "LATH_RUNTIME_SOURCES does not list")
    return errors


def check_installed(source):
    with open(f"{source}/cmake/LathInstall.cmake", encoding="utf-8") as file:
        listed = re.search(r"set\(LATH_PUBLIC_HEADERS\s+(.*?)\)", file.read(), re.S)
    headers = listed[1].split()
    return [f"{name}:{number}: {header} is not in LATH_PUBLIC_HEADERS"
            for name in headers for number, header in includes(f"{source}/{name}")
            if OURS.match(header) and header not in headers]


def check_lengths(source):
    errors = []
    for top in ("compiler", "runtime", "kernels"):
        for path in sorted(glob.glob(f"{source}/{top}/**/*", recursive=True)):
            if not path.endswith((".h", ".cpp", ".td")):
                continue
            with open(path, encoding="utf-8") as file:
                lines = sum(1 for _ in file)
            if lines > MOST_LINES:
                errors.append(f"{os.path.relpath(path, source)}: {lines} lines; "
                              f"at most {MOST_LINES}")
    return errors


def check_public(header, args):
    command = [args.compiler, "-std=c++20", "-M", "-x", "c++",
               "-I", args.source, "-I", args.build, os.path.join(args.source, header)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return [f"{header}: does not preprocess alone:\n{done.stderr}"]
    paths = done.stdout.replace("\\\n", " ").split()[1:]
    return [f"{header}: pulls in {p}" for p in paths if FOREIGN.search(p)][:3]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--compiler", default="clang++-22")
    args = parser.parse_args()

    headers = [os.path.relpath(p, args.source) for pattern in PUBLIC
               for p in sorted(glob.glob(os.path.join(args.source, pattern),
                                         recursive=True))]
    errors = (check_directions(args.source) + check_locale(args.source)
              + check_lengths(args.source)
              + check_runtime(args.source) + check_installed(args.source))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda h: check_public(h, args), headers):
            errors += found
    for error in errors:
        print(error, file=sys.stderr)
    print(f"{len(headers)} public headers, {len(errors)} faults")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
