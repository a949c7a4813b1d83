#!/usr/bin/env python3
"""Prints "N passed, N failed" from Meson's log (testlog*.json): test cases, as the tests' own output reports them.

A doctest program counts its test cases, a TAP test its points, any other test is one. A program that failed without a
failed test case (a crash, a time-out, a leak found at exit) counts as one failure. The exit status is 1 after a failure
and when nothing ran.
"""

import json
import re
import sys

DOCTEST = re.compile(r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
TAP = re.compile(r"^(not )?ok\b(?!.*# SKIP)", re.MULTILINE)


def count(test):
    """Returns (passed, failed) of one line of the log."""
    output = re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout") or "")
    result = test["result"]
    if result == "SKIP":
        return 0, 0
    if "[doctest]" in output:
        found = DOCTEST.findall(output)
        passed = sum(int(p) for p, _ in found)
        failed = sum(int(f) for _, f in found)
    elif output.lstrip().startswith("TAP ") or re.match(r"\s*1\.\.\d+", output):
        marks = TAP.findall(output)
        failed = sum(1 for mark in marks if mark)
        passed = len(marks) - failed
    else:
        passed, failed = 1, 0
        if result not in ("OK", "EXPECTEDFAIL"):
            passed = 0
    if result not in ("OK", "EXPECTEDFAIL") and failed == 0:
        failed = 1
    return passed, failed


def main():
    passed = failed = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                p, f = count(json.loads(line))
                passed += p
                failed += f
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
