"""Runs unittest test cases and prints TAP, one point per test."""

import sys
import unittest


class TapResult(unittest.TestResult):
    """Prints one TAP line per test."""

    number = 0

    def line(self, word, test, details="", directive=""):
        self.number += 1
        print(f"{word} {self.number} - {test.id().split('.', 1)[1]}{directive}")
        for line in details.splitlines():
            print(f"#   {line}")
        sys.stdout.flush()

    def addSuccess(self, test):
        self.line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("not ok", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line("not ok", test, self.errors[-1][1])

    def addSkip(self, test, reason):
        self.line("ok", test, directive=f" # SKIP {reason}")


def main():
    """Runs the tests of the calling program and returns its exit status."""
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    print(f"1..{tests.countTestCases()}")
    result = TapResult()
    tests.run(result)
    return 0 if result.wasSuccessful() else 1
