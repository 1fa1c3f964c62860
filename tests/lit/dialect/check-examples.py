#!/usr/bin/env python3
"""Parses every ```mlir example of the dialect's descriptions.

    check-examples.py lath-opt Tile*.td

An operation's example is put into a function whose arguments are the values
that it uses and does not define: by the conventions of the dialect, those in
brackets have the type that follows them, else i32, as have those after `extent`, `extents`,
`strides` or `parity`; the others have the types listed after the colon, in order. A type becomes a function argument, an attribute one of a
function. Every operation must have an example that names it.
"""
import re
import subprocess
import sys

# Layouts that examples of operations refer to by a name.
ALIASES = {
    "#l": "#tile.layout<[16, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], "
          "[0, 32], [0, 64], [1, 0], [2, 0], [4, 0], [8, 0]]>",
    "#r": "#tile.layout<[16, 128], register = [[0, 1], [0, 2], [0, 4], [2, 0], [4, 0], "
          "[8, 0]], lane = [[0, 8], [0, 16], [0, 32], [0, 64], [1, 0]]>",
    "#c": "#tile.layout<[16, 64], register = [[0, 1], [2, 0], [4, 0], [8, 0]], "
          "lane = [[0, 2], [0, 4], [0, 8], [0, 16], [0, 32]], warp = [[1, 0]]>",
    "#l0": "#tile.layout<[16, 64], register = [[0, 1], [2, 0], [4, 0], [8, 0], [1, 0]], "
           "lane = [[0, 2], [0, 4], [0, 8], [0, 16], [0, 32]]>",
    "#l1": "#tile.layout<[16, 64], register = [[0, 32], [2, 0], [4, 0], [8, 0], [1, 0]], "
           "lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]]>",
    "#a": "#tile.layout<[64, 16], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2], [0, 4], "
          "[0, 8], [8, 0], [16, 0], [32, 0]]>",
    "#rows": "#tile.layout<[128, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], "
             "[0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0], [64, 0]]>",
    "#columns": "#tile.layout<[256, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], "
                "[0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0], [64, 0], [128, 0]]>",
    "#o": "#tile.layout<[1, 2, 128], offset = [[0, 0, 1], [0, 0, 2], [0, 0, 4], [0, 0, 8], "
          "[0, 0, 16], [0, 0, 32], [0, 0, 64], [0, 1, 0]]>",
}


def examples(path):
    """(line, mnemonic of the operation or None, text) of each example."""
    mnemonic, text, start, found = None, None, 0, []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        named = re.search(r'Tile_Op<"(\w+)"', line)
        if named:
            mnemonic = named.group(1)
        if line.strip() == "```mlir":
            text, start = [], number + 1
        elif line.strip() == "```":
            found.append((start, mnemonic, "\n".join(text)))
            text = None
        elif text is not None:
            text.append(line.strip())
    return found


def split_types(text):
    """Splits at commas outside of brackets."""
    parts, depth, last = [], 0, 0
    for i, c in enumerate(text):
        depth += c in "<([{"
        depth -= c in ">)]}" and text[i - 1] != "-"
        if c == "," and depth == 0:
            parts.append(text[last:i])
            last = i + 1
    return [p.strip() for p in parts + [text[last:]] if p.strip()]


def arguments(text, defined):
    """Function arguments of one operation's example."""
    results, _, rest = text.rpartition(" = tile.") if " = tile." in text else ("", "", text)
    rest = re.sub(r"\{[^}]*\}", "", rest)
    body = re.match(r"(?:\[[^\]]*\]|(?! :)[^\[])*", rest).group()
    types = split_types(rest[len(body):].removeprefix(" :").split("->")[0])
    numbers = re.findall(r"(?:extents?|strides|parity) (%\w+(?:, %\w+)*)", body)
    indices = {n for listed in numbers for n in listed.split(", ")}
    found = {}
    for match in re.finditer(r"(%\w+)(?: : (tensor<[^>]*>))?", body):
        before = body[:match.start()]
        inside = before.count("[") > before.count("]")
        index = inside or match.group(1) in indices
        own = match.group(2) or "i32"
        found.setdefault(match.group(1), own if index else types.pop(0))
    arguments = ", ".join(f"{n}: {t}" for n, t in found.items() if n not in defined)
    defined.update(found)
    defined.update(re.findall(r"%\w+", results))
    return arguments


def operation_function(name, text):
    # One operation a line; continuation lines start with a colon or a type.
    operations, defined, declared = [], set(), []
    for line in text.split("\n"):
        if operations and not re.match(r"(%[\w, %]+ = )?tile\.", line):
            operations[-1] += " " + line
        else:
            operations.append(line)
    for operation in operations:
        declared.append(arguments(operation, defined))
    return "func.func @{}({}) {{\n  {}\n  return\n}}\n".format(
        name, ", ".join(d for d in declared if d), "\n  ".join(operations))


def main():
    opt, paths = sys.argv[1], sys.argv[2:]
    module = "".join(f"{name} = {layout}\n" for name, layout in ALIASES.items())
    count, with_example, declared = 0, set(), set()
    for path in sorted(paths):
        declared.update(re.findall(r'Tile_Op<"(\w+)"', open(path, encoding="utf-8").read()))
        for line, mnemonic, text in examples(path):
            name = re.sub(r"\W", "_", path.rsplit("/", 1)[-1]) + f"_{line}"
            if text.startswith("!"):
                types = re.split(r"\n(?=!)", text)
                module += f"func.func private @{name}({', '.join(types)})\n"
            elif text.startswith("#"):
                module += f"func.func private @{name}() attributes {{example = {text}}}\n"
            else:
                if f"tile.{mnemonic}" not in text:
                    sys.exit(f"{path}:{line}: the example does not show tile.{mnemonic}")
                with_example.add(mnemonic)
                module += operation_function(name, text)
            count += 1
    if declared - with_example:
        sys.exit(f"without an example: {', '.join(sorted(declared - with_example))}")
    done = subprocess.run([opt, "-"], input=module, capture_output=True, text=True)
    if done.returncode:
        for number, line in enumerate(module.split("\n"), 1):
            print(f"{number:4} {line}")
        sys.exit(done.stderr)
    print(f"{count} examples, {len(declared)} operations")


main()
