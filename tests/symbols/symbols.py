#!/usr/bin/env python3
"""Reads the symbols of built programs: no virtual tables and no type information of the library's, exceptions and the
standard library's shared owners apart, and nothing that asks for run-time type information. Prints TAP, one point per
program."""

import re
import subprocess
import sys
from pathlib import Path

# Shared owners: the standard library's own table, used when the last owner goes and at no other time.
SHARED_OWNER = re.compile(r"std::_Sp_counted_(ptr|deleter|ptr_inplace)<")
TABLE = re.compile(r"\b(vtable|VTT|typeinfo|typeinfo name|construction vtable) for (.+)$")
FORBIDDEN = [
    (re.compile(r"\b__dynamic_cast\b"), "dynamic_cast"),
    (re.compile(r"\bstd::(_Function_handler|function)<"), "std::function"),
    (re.compile(r"\bstd::any\b"), "std::any"),
    (re.compile(r"\bstd::__throw_bad_function_call\b"), "std::function"),
]


def problems(symbols):
    for line in symbols.splitlines():
        # "0000000000001139 W name" or "                 U name"
        parts = line.split(None, 2) if line[:1].strip() else ["", *line.split(None, 1)]
        name = parts[-1] if parts else ""
        table = TABLE.search(name)
        if table and "lockstep::" in name:
            # Exceptions derive from std::exception, which has a virtual what().
            is_exception = re.fullmatch(r"lockstep::(\w+::)*\w*Error", table.group(2))
            if not is_exception and not SHARED_OWNER.match(table.group(2)):
                yield name
        for pattern, what in FORBIDDEN:
            if pattern.search(name):
                yield f"{what}: {name}"


def main():
    programs = [Path(argument) for argument in sys.argv[1:]]
    print(f"1..{len(programs)}")
    failed = False
    for number, program in enumerate(programs, 1):
        symbols = subprocess.run(["nm", "-C", str(program)], capture_output=True, text=True, check=True).stdout
        found = sorted(set(problems(symbols)))
        if "lockstep::" not in symbols:
            found.append("no symbol of the library: stripped, or not a program that uses it")
        failed = failed or bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {program.name}: {len(symbols.splitlines())} symbols")
        print("".join(f"#   {line}\n" for line in found), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
