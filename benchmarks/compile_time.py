#!/usr/bin/env python3
"""What does a user's build cost? User time and peak memory of compiling the umbrella and two example programs, as ratios
to `#include <Eigen/Core>`, the baseline. The contenders are compiled in turn, several times over, and the medians count.
With --check the exit status is 1 when a ratio, of the time or of the memory, is above its budget."""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What is compiled, and how many times the baseline's time and memory it may take.
CONTENDERS = [
    ("#include <Eigen/Core>", None, 1.0),
    ("#include <lockstep/lockstep.hpp>", "include/lockstep/lockstep.hpp", 1.3),
    ("the multilayer perceptron", "examples/02_mlp_digits.cpp", 3.0),
    ("the GPT", "examples/gpt/gpt.cpp", 6.0),
]


def eigen_flags():
    found = subprocess.run(["pkg-config", "--cflags-only-I", "eigen3"], capture_output=True, text=True)
    return found.stdout.replace("-I", "-isystem").split() or ["-isystem/usr/include/eigen3"]


def compile_once(command):
    """Returns (seconds of user time, MiB at the peak) of a compilation; the largest process of the driver's counts."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{errors.decode()}")
    return usage.ru_utime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="how often each is compiled (default 5)")
    parser.add_argument("--compilers", nargs="+", default=["g++", "clang++"])
    parser.add_argument("--flags", nargs="+", default=["-O2"], help="default -O2; write --flags=-O3")
    parser.add_argument("--check", action="store_true", help="fail when a budget is exceeded")
    arguments = parser.parse_args()

    exceeded = False
    with tempfile.TemporaryDirectory(prefix="lockstep-compile-time-") as scratch:
        sources = []
        for number, (name, path, budget) in enumerate(CONTENDERS):
            if path is None or path.startswith("include/"):
                source = Path(scratch) / f"{number}.cpp"
                source.write_text(f"{name}\n", encoding="utf-8")
            else:
                source = ROOT / path
            if path is not None and not (ROOT / path).is_file():
                print(f"left out, not in the tree: {path}")
                continue
            sources.append((name, source, budget))

        for compiler in arguments.compilers:
            if shutil.which(compiler) is None:
                print(f"left out, not installed: {compiler}")
                continue
            version = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
            print(f"\n{version}, {' '.join(arguments.flags)}, median of {arguments.runs}")
            print(f"{'':36}{'seconds':>9}{'ratio':>8}{'MiB':>7}{'ratio':>8}{'budget':>8}")
            measured = {name: [] for name, _, _ in sources}
            for _ in range(arguments.runs):
                for name, source, _ in sources:
                    measured[name].append(compile_once(
                        [compiler, "-std=c++20", *arguments.flags, "-fno-rtti", "-pthread", f"-I{ROOT / 'include'}",
                         f'-DEXAMPLES_HEADERS="{ROOT / "include"}"', *eigen_flags(), "-c", str(source), "-o", str(Path(scratch) / "object.o")]))
            baseline = [statistics.median(column) for column in zip(*measured[sources[0][0]])]
            for name, _, budget in sources:
                seconds, memory = (statistics.median(column) for column in zip(*measured[name]))
                ratios = seconds / baseline[0], memory / baseline[1]
                over = max(ratios) > budget
                exceeded = exceeded or over
                print(f"{name:36}{seconds:9.2f}{ratios[0]:8.2f}{memory:7.0f}{ratios[1]:8.2f}{budget:8.1f}"
                      f"  {'exceeded' if over else 'kept'}")
    return 1 if arguments.check and exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
