#!/usr/bin/env python3
"""Checks that code which a document quotes from a source file stands there.

    check-code.py ROOT DOCUMENT...

A block that follows `<!-- from FILE -->` must be in ROOT/FILE line by line,
whatever its indentation.
"""
import re
import sys


def main():
    root, documents = sys.argv[1], sys.argv[2:]
    count = 0
    for document in documents:
        text = open(document, encoding="utf-8").read()
        for name, code in re.findall(r"<!-- from (\S+) -->\n```\w*\n(.*?)```", text, re.S):
            source = [line.strip() for line in open(f"{root}/{name}", encoding="utf-8")]
            quoted = [line.strip() for line in code.rstrip().split("\n")]
            if not any(source[i:i + len(quoted)] == quoted for i in range(len(source))):
                missing = next((q for q in quoted if q not in source), quoted[0])
                sys.exit(f"{document}: not in {name}: {missing}")
            count += 1
    print(f"{count} quotations")


main()
