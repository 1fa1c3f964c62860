#!/usr/bin/env python3
"""Checks that code which a document quotes from a source file stands there.

    check-code.py ROOT DOCUMENT...

A block that follows `<!-- from FILE -->` must be in ROOT/FILE, white space
aside.
"""
import re
import sys


def without_space(text):
    return re.sub(r"\s+", "", text)


def main():
    root, documents = sys.argv[1], sys.argv[2:]
    count = 0
    for document in documents:
        text = open(document, encoding="utf-8").read()
        for name, code in re.findall(r"<!-- from (\S+) -->\n```\w*\n(.*?)```", text, re.S):
            source = open(f"{root}/{name}", encoding="utf-8").read()
            if without_space(code) not in without_space(source):
                sys.exit(f"{document}: not in {name}:\n{code}")
            count += 1
    print(f"{count} quotations")


main()
