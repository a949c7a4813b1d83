#!/usr/bin/env python3
"""What the README shows must work: its programs compile, its links and scripts exist. Prints TAP."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- compiler and flags")
    arguments = parser.parse_args()
    command = [part for part in arguments.command if part != "--"]
    text = (arguments.root / "README.md").read_text(encoding="utf-8")

    results = []  # (problem or "", what)
    programs = [block for block in re.findall(r"^```cpp\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
                if re.search(r"\bint main\(", block)]
    with tempfile.TemporaryDirectory(prefix="lockstep-readme-") as scratch:
        for number, program in enumerate(programs, 1):
            source = Path(scratch) / f"program_{number}.cpp"
            source.write_text(program, encoding="utf-8")
            compiled = subprocess.run([*command, "-fsyntax-only", str(source)], capture_output=True, text=True)
            results.append((compiled.stderr if compiled.returncode else "", f"program {number} compiles"))

    outside_code = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", outside_code)
    paths = re.findall(r"`((?:include|tests|examples|benchmarks|subprojects)/[\w./-]*\w)`", outside_code)
    paths = [path for path in paths if not path.endswith(".wrap")]  # in the reader's project
    scripts = re.findall(r"^sh (\S+\.sh)", text, re.MULTILINE)
    for path in sorted(set(links + paths + scripts)):
        missing = not (arguments.root / path).exists()
        results.append(("it does not exist" if missing else "", f"{path} exists"))
    if not programs:
        results.append(("found none", "a program is shown"))

    print(f"1..{len(results)}")
    for number, (problem, what) in enumerate(results, 1):
        print(f"{'not ok' if problem else 'ok'} {number} - {what}")
        print("".join(f"#   {line}\n" for line in problem.splitlines()[:40]), end="")
    return 1 if any(problem for problem, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
