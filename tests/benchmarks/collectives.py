#!/usr/bin/env python3
"""Runs the benchmark of the collectives with tiny sizes: that it measures what it says, with correct results.

Usage: collectives.py PROGRAM CONTENDER_PROGRAM... Prints TAP."""

import json
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import tap

PROGRAM = ""
BUILT = []  # names of contenders' programs
PLOT = Path(__file__).resolve().parents[2] / "benchmarks" / "collectives" / "plot.py"
OPERATIONS = {"all_reduce", "reduce", "reduce_scatter", "all_gather", "broadcast", "gather", "scatter", "all_to_all",
              "send_receive"}
SIZES = [4, 96, 5000, 65536]
DEADLINE = 240  # seconds for any one run


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=DEADLINE)


class Collectives(unittest.TestCase):
    def measure(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            result = run("--sizes", ",".join(map(str, SIZES)), "--rounds", "3", "--batch-ms", "1", "--json", str(report),
                         *arguments)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            content = json.loads(report.read_text())
            for one in content["results"]:
                self.assertEqual(one["wrong"], 0, one)
                self.assertTrue(0 < one["minimum"] <= one["median"] <= one["percentile_99"], one)
                self.assertAlmostEqual(one["algorithm_bandwidth"] * one["median"] / one["bytes"], 1, delta=1e-3)
            return result.stdout, content

    def test_every_operation(self):
        contenders = ["ring", "ring-heap", "threads"]
        table, report = self.measure("-n", "2", "--operation", "all", "--contenders", ",".join(contenders))
        rows = {(one["operation"], one["bytes"], one["contender"]) for one in report["results"]}
        for operation in OPERATIONS:
            for contender in contenders:
                self.assertIn((operation, 65536, contender), rows)
            self.assertRegex(table, rf"(?m)^{operation}, 2 ranks")
        self.assertEqual({one["bytes"] for one in report["results"] if one["operation"] == "all_reduce"}, set(SIZES))

    def test_other_libraries(self):
        names = [name for name in ("openmpi", "gloo") if f"collectives_{name}" in BUILT]
        table, report = self.measure("-n", "2", "--contenders", ",".join(["ring", *names]))
        self.assertEqual({one["contender"] for one in report["results"]}, {"ring", *names})
        self.assertIn("when all ranks copy", table)

    def test_more_ranks_than_processors(self):
        table, report = self.measure("-n", "3,5", "--contenders", "ring")
        self.assertEqual({one["ranks"] for one in report["results"]}, {3, 5})
        for one in report["results"]:
            expected = 2 * (one["ranks"] - 1) / one["ranks"]
            self.assertAlmostEqual(one["bus_bandwidth"] / one["algorithm_bandwidth"], expected, delta=1e-3)

    def test_plot(self):
        with tempfile.TemporaryDirectory() as folder:
            report, image = Path(folder) / "report.json", Path(folder) / "plot.svg"
            results = [{"operation": "all_reduce", "ranks": 2, "contender": name, "bytes": bytes, "median": 1e-9 * bytes}
                       for name in ("a", "b<") for bytes in (4, 1024)]
            report.write_text(json.dumps({"processor": "one & only", "processors": 2, "results": results}))
            subprocess.run([sys.executable, PLOT, report, image], check=True, timeout=DEADLINE)
            tree = xml.etree.ElementTree.parse(image)
            self.assertEqual(len(tree.findall(".//{*}polyline")), 2)
            self.assertIn("b<", [text.text for text in tree.findall(".//{*}text")])

    def test_very_many_calls(self):
        result = run("-n", "2", "--contenders", "ring", "--repeat-small", "1500000")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("wrong elements: 0", result.stdout)
        self.assertEqual(re.findall(r"(?m)^ +(\d+) ", result.stdout), ["1000000", "1500000"])
        before, after = re.findall(r"(\d+) descriptors", result.stdout)
        self.assertEqual(before, after)

    def test_bad_arguments(self):
        for arguments in (["--rounds"], ["--size", "4"], ["-n", "0"], ["--operation", "sum"], ["--sizes", "4X"],
                          ["--contenders", "none"], ["--build", "a=b"]):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("collectives: ", result.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    BUILT = [Path(name).name for name in sys.argv[2:]]
    sys.exit(tap.main())
