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


def plain_output(test):
    return re.sub(r"\x1b\[[0-9;]*m", "", test.get("stdout") or "")


def is_tap(output):
    return output.lstrip().startswith("TAP ") or re.match(r"\s*1\.\.\d+", output) is not None


def count(test):
    """Returns (passed, failed) of one line of the log."""
    output = plain_output(test)
    result = test["result"]
    if result == "SKIP":
        return 0, 0
    if "[doctest]" in output:
        found = DOCTEST.findall(output)
        passed = sum(int(p) for p, _ in found)
        failed = sum(int(f) for _, f in found)
    elif is_tap(output):
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


def print_tap_failures(test):
    """What failed in a TAP test and why; Meson prints the whole output of other tests itself, but not of these."""
    output = plain_output(test)
    if not is_tap(output):
        return
    print(f"\n{test['name']}:")
    shown = False
    for line in output.splitlines():
        if re.match(r"(not )?ok\b", line):
            shown = line.startswith("not")
        if shown:
            print(f"  {line}")
    print()


def main():
    passed = failed = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                newly_passed, newly_failed = count(test)
                passed += newly_passed
                failed += newly_failed
                if newly_failed:
                    print_tap_failures(test)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
