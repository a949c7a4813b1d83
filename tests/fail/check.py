#!/usr/bin/env python3
"""Wrong programs must not compile, and the compiler must say why, at the user's line. Prints TAP.

A file tests/fail/<topic>.cpp holds sections `#if defined(CASE_<name>)`, each with lines `// expect: <text>`, where
`||` separates what different compilers say. The file must compile with no case set, so a failure is the case's own.
With one case set it must fail; each expected text must be in the diagnostics; the first error, or the first place an
error was required from, must be in this file; and the diagnostics must not be longer than `// at-most: <lines>`
(default 40).
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

DEFAULT_LIMIT = 40


def read_cases(path):
    """Returns [(name, expected texts, limit)]."""
    cases = []
    for line in path.read_text(encoding="utf-8").splitlines():
        opened = re.match(r"\s*#\s*(?:el)?if\b.*\bdefined\(CASE_(\w+)\)", line)
        expected = re.match(r"\s*//\s*expect:\s*(.+?)\s*$", line)
        limit = re.match(r"\s*//\s*at-most:\s*(\d+)", line)
        if opened:
            cases.append([opened.group(1), [], DEFAULT_LIMIT])
        elif expected and cases:
            cases[-1][1].append(expected.group(1))
        elif limit and cases:
            cases[-1][2] = int(limit.group(1))
    return cases


def normalized(text):
    """One space between words, plain quotes: diagnostics break and quote differently."""
    for quote in "\u2018\u2019":
        text = text.replace(quote, "'")
    return " ".join(text.split())


def points_at(diagnostics, path):
    """Is the first error, or the first place that required it, in the user's file?"""
    for pattern in (r":\d+:\d+: (?:fatal )?error:", r"(?::\s+required from|requested here|in 'constexpr' expansion)"):
        first = next((line for line in diagnostics.splitlines() if re.search(pattern, line)), None)
        if first is not None and path.name in first.split(":")[0]:
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="compiler and flags")
    arguments = parser.parse_args()
    command = [part for part in arguments.command if part != "--"]

    def compile_with(*flags):
        return subprocess.run([*command, "-fsyntax-only", *flags, str(arguments.file)], capture_output=True, text=True,
                              env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"})

    cases = read_cases(arguments.file)
    topic = arguments.file.stem
    print(f"1..{len(cases) + 1}")
    valid = compile_with()
    print(f"{'ok' if valid.returncode == 0 else 'not ok'} 1 - {topic} compiles when nothing is wrong")
    if valid.returncode != 0:
        print("\n".join("#   " + line for line in valid.stderr.splitlines()[:40]))
    failed = valid.returncode != 0 or not cases

    for number, (name, expected, limit) in enumerate(cases, 2):
        result = compile_with(f"-DCASE_{name}")
        diagnostics = result.stderr
        lines = len(diagnostics.splitlines())
        problems = []
        if result.returncode == 0:
            problems.append("it compiles")
        if not expected:
            problems.append("the case has no '// expect:' line")
        problems += [f"the diagnostics do not say: {text}" for text in expected
                     if not any(normalized(part) in normalized(diagnostics) for part in text.split("||"))]
        if result.returncode != 0 and not points_at(diagnostics, arguments.file):
            problems.append("the first error is not at the user's line")
        if lines > limit:
            problems.append(f"{lines} lines of diagnostics, more than {limit}")
        print(f"{'not ok' if problems else 'ok'} {number} - {topic}: {name} ({lines} lines)")
        if problems:
            failed = True
            print("\n".join("#   " + line for line in problems + diagnostics.splitlines()[:40]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
