#!/usr/bin/env python3
"""Checks what no compiler checks: layers, lists, sizes, words. Prints TAP; `--write-lists` brings the lists of headers
and tests in include/meson.build and tests/meson.build up to date with the tree instead. In a git checkout the tree is
what git tracks, so add new files first."""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

# Dependency order. A folder includes only folders above it, or only those named.
LAYERS = ["core", "tensor", "kernels", "autograd", "nn", "optim", "data", "comm", "parallel", "io", "accelerator",
          "testing"]
ONLY = {
    "optim": ["core", "tensor", "kernels", "nn"],
    "data": ["core", "tensor"],
    "comm": ["core", "tensor"],
    "io": ["core", "tensor"],
}

# Headers that need a compiler or library that may be absent, by what they need. They are installed, and probed and
# tested where it is there.
OPTIONAL = {
    "cuda": re.compile(r"\.cuh$|/cuda/|^lockstep/cuda\.hpp$|/comm/nccl\.hpp$|/tensor/cuda\.hpp$"),
    "mpi": re.compile(r"^lockstep/mpi\.hpp$|/comm/mpi(\.hpp$|/)|/cpu_mpi\.hpp$"),
    "openssl": re.compile(r"^lockstep/cluster\.hpp$|/comm/tcp(\.hpp$|/)|/comm/cluster\.hpp$|/cpu_cluster\.hpp$"),
}

HEADER_LIMIT = 500  # lines

# In headers: no run-time dispatch, no end of the process, nothing that costs every user's build dearly.
FORBIDDEN_WORDS = [
    (r"\bvirtual\b", "virtual"),
    (r"\bstd::(function|any|move_only_function)\b", "type erasure"),
    (r"\bdynamic_cast\b", "dynamic_cast"),
    (r"\btypeid\b", "typeid"),
    (r"(?<![\w.>])(?<!void )(std::)?(abort|exit|_exit|quick_exit|terminate)\s*\(", "ending the process"),
    (r"\bassert\s*\(", "assert (throw an error that says what is wrong)"),
    (r"\busing namespace\b", "using namespace"),
]
FORBIDDEN_INCLUDES = {
    "any", "condition_variable", "filesystem", "fstream", "functional", "future", "iomanip", "iostream", "map",
    "mutex", "ostream", "random", "ranges", "regex", "set", "sstream", "thread", "typeindex", "typeinfo",
    "unordered_map", "unordered_set", "cassert",
}
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")

TOP_LEVEL = {"LICENSE", "README.md", "benchmarks", "examples", "include", "meson.build", "meson_options.txt",
             "subprojects", "tests"}
TEXT = {".hpp", ".cuh", ".cpp", ".cu", ".py", ".sh", ".build", ".txt", ".md", ".wrap", ".in", ".json", ""}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def without_comments_and_strings(text):
    """Blanks comments and literals, keeps the line numbers."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return pattern.sub(lambda m: '""' if m.group().startswith('"') else re.sub(r"[^\n]", " ", m.group()), text)


def tracked_files(root):
    """The files of the project: what git knows, or, outside a checkout, everything but builds."""
    if shutil.which("git") is not None:
        git = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, text=True)
        if git.returncode == 0 and git.stdout:
            return [root / name for name in git.stdout.split("\0") if name and (root / name).is_file()]

    def is_ours(path):
        parts = path.relative_to(root).parts
        downloaded = parts[0] == "subprojects" and len(parts) > 2 and parts[1] not in ("packagefiles", "lockstep-cli")
        return parts[0] not in (".git", "build") and "__pycache__" not in parts and not downloaded

    return [path for path in root.rglob("*") if path.is_file() and is_ours(path)]


class Tree:
    def __init__(self, root):
        self.root = root
        self.include = root / "include"
        self.files = sorted(tracked_files(root))
        self.headers = [p for p in self.files if self.include in p.parents and p.suffix in (".hpp", ".cuh")]
        self.text = {p: p.read_text(encoding="utf-8") for p in self.headers}
        self.code = {p: without_comments_and_strings(t) for p, t in self.text.items()}

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def includes(self, path):
        """(line, delimiter, target) of every include."""
        for number, line in enumerate(self.text[path].splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1), match.group(2)

    def is_umbrella(self, path):
        """Nothing but includes, so there is nothing to test."""
        lines = [line.strip() for line in self.code[path].splitlines()]
        return all(not line or line.startswith("#") for line in lines)

    def expected_lists(self):
        """Header and test lists as the tree has them, per folder, or per what they need."""
        headers = {folder: [] for folder in ["", *LAYERS]}
        optional = {need: [] for need in OPTIONAL}
        optional_tests = {need: [] for need in OPTIONAL}
        for path in self.headers:
            relative = path.relative_to(self.include)
            need = need_of(relative.as_posix())
            if need:
                optional[need].append(relative.as_posix())
                continue
            parts = relative.parts[1:]
            folder = parts[0] if len(parts) > 1 else ""
            headers.setdefault(folder, []).append("/".join(parts[1:] if folder else parts))
        tests = {}
        for folder in [*LAYERS, "static", "vectors"]:
            base = self.root / "tests" / folder
            tests[folder] = []
            for path in self.files:
                if base not in path.parents or path.suffix != ".cpp":
                    continue
                name = path.relative_to(base).as_posix()
                need = need_of(f"lockstep/{folder}/{path.relative_to(base).with_suffix('.hpp').as_posix()}")
                if need:
                    optional_tests[need].append(f"{folder}/{name}")
                else:
                    tests[folder].append(name)
        tests["umbrella"] = [p.name for p in self.files
                             if p.parent == self.root / "tests" and p.suffix == ".cpp" and p.name != "main.cpp"]
        return headers, optional, tests, optional_tests


def need_of(header):
    """What a header needs besides a C++ compiler, or None."""
    return next((need for need, pattern in OPTIONAL.items() if pattern.search(header)), None)


def layers(tree):
    """A folder includes only folders above it."""
    for path in tree.headers:
        parts = path.relative_to(tree.include / "lockstep").parts
        folder = parts[0] if len(parts) > 1 else None
        stem = path.stem
        for line, _, target in tree.includes(path):
            if not target.startswith("lockstep/"):
                continue
            target_parts = target.split("/")[1:]
            if not (tree.include / target).is_file():
                yield f"{tree.name(path)}:{line}: {target} does not exist"
                continue
            if folder is None:
                # lockstep/<folder>.hpp collects its folder; the other headers of the root may include everything.
                if stem in LAYERS and target_parts[0] != stem:
                    yield f"{tree.name(path)}:{line}: the umbrella of {stem}/ includes {target}"
                continue
            if folder not in LAYERS:
                yield f"{tree.name(path)}: folder {folder}/ has no place in the order of layers"
                break
            if len(target_parts) == 1:
                yield f"{tree.name(path)}:{line}: includes the umbrella {target}"
                continue
            allowed = ONLY.get(folder, LAYERS[: LAYERS.index(folder)])
            if target_parts[0] not in (folder, *allowed):
                yield f"{tree.name(path)}:{line}: {folder}/ must not include {target}"


def includes(tree):
    """Includes use angle brackets; costly standard headers and other libraries stay out."""
    for path in tree.headers:
        for line, delimiter, target in tree.includes(path):
            if delimiter == '"':
                yield f'{tree.name(path)}:{line}: write <lockstep/...> instead of "{target}"'
            if target in FORBIDDEN_INCLUDES:
                yield f"{tree.name(path)}:{line}: <{target}> is not used in headers"
            if target.split("/")[0] in ("Eigen", "doctest", "nlohmann", "CLI"):
                yield f"{tree.name(path)}:{line}: <{target}>: the library needs no other library"


def words(tree):
    """No run-time dispatch and no end of the process in headers."""
    for path in tree.headers:
        for number, line in enumerate(tree.code[path].splitlines(), 1):
            for pattern, why in FORBIDDEN_WORDS:
                if re.search(pattern, line):
                    yield f"{tree.name(path)}:{number}: {why}: {line.strip()}"


def form(tree):
    """Headers start with a comment and #pragma once and stay short."""
    for path in tree.headers:
        text = tree.text[path]
        lines = text.count("\n")
        if lines > HEADER_LIMIT:
            yield f"{tree.name(path)}: {lines} lines, more than {HEADER_LIMIT}; split it by idea"
        if not text.startswith("//"):
            yield f"{tree.name(path)}:1: the first line states the idea, as a // comment"
        first_code = next((line.strip() for line in tree.code[path].splitlines() if line.strip()), "")
        if first_code != "#pragma once":
            yield f"{tree.name(path)}: #pragma once comes first"


def mirrored_tests(tree):
    """Every header has its test at the mirrored path."""
    for path in tree.headers:
        if tree.is_umbrella(path):
            continue
        relative = path.relative_to(tree.include / "lockstep")
        suffixes = (".cu", ".cpp") if path.suffix == ".cuh" else (".cpp", ".cu")
        tests = [tree.root / "tests" / relative.with_suffix(suffix) for suffix in suffixes]
        if not any(test.is_file() for test in tests):
            yield f"{tree.name(path)}: no test {tree.name(tests[0])}"


def read_lists(path, variable):
    """The dictionary `variable` of a meson.build file; folder -> names."""
    block = re.search(rf"^{variable} = \{{\n(.*?)^\}}", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    entries = re.findall(r"'([^']*)':\s*\[(.*?)\]", block.group(1), re.DOTALL)
    return {folder: re.findall(r"'([^']+)'", names) for folder, names in entries}


def lists(tree):
    """The lists of headers and tests equal the tree (bring them up to date: layering.py --write-lists)."""
    headers, optional, tests, optional_tests = tree.expected_lists()
    include_build = tree.root / "include" / "meson.build"
    tests_build = tree.root / "tests" / "meson.build"
    for path, listed, expected in [
        (include_build, read_lists(include_build, "headers"), headers),
        (include_build, read_lists(include_build, "optional_headers"), optional),
        (tests_build, read_lists(tests_build, "tests"), tests),
        (tests_build, read_lists(tests_build, "optional_tests"), optional_tests),
    ]:
        for folder in sorted(set(listed) | set(expected)):
            have, want = listed.get(folder, []), expected.get(folder, [])
            for name in sorted(set(want) - set(have)):
                yield f"{tree.name(path)}: {folder}/{name} is not listed"
            for name in sorted(set(have) - set(want)):
                yield f"{tree.name(path)}: {folder}/{name} does not exist"
            if sorted(have) == sorted(want) and have != sorted(want):
                yield f"{tree.name(path)}: the names of {folder}/ are not in alphabetical order"


def text(tree):
    """Sources are ASCII and finished."""
    for path in tree.files:
        if path.suffix not in TEXT:
            continue
        data = path.read_bytes()
        for number, line in enumerate(data.split(b"\n"), 1):
            if any(byte > 126 or (byte < 32 and byte != 9) for byte in line):
                yield f"{tree.name(path)}:{number}: a character outside printable ASCII"
            elif UNFINISHED.search(line.decode()):
                yield f"{tree.name(path)}:{number}: unfinished: {line.decode().strip()}"


def top_level(tree):
    """The top level holds what a reader expects, and nothing else."""
    names = {path.relative_to(tree.root).parts[0] for path in tree.files}
    for name in sorted(names - TOP_LEVEL):
        if not name.startswith("."):
            yield f"{name}: not among {', '.join(sorted(TOP_LEVEL))}"


CHECKS = [layers, includes, words, form, mirrored_tests, lists, text, top_level]


def meson_dictionary(variable, entries):
    out = [f"{variable} = {{"]
    for folder, names in entries.items():
        if names:
            out += [f"  '{folder}': [", *(f"    '{name}'," for name in sorted(names)), "  ],"]
        else:
            out.append(f"  '{folder}': [],")
    return "\n".join([*out, "}"])


def write_lists(tree):
    headers, optional, tests, optional_tests = tree.expected_lists()
    include_build = tree.root / "include" / "meson.build"
    tests_build = tree.root / "tests" / "meson.build"
    for path, variables in [
        (include_build, {"headers": headers, "optional_headers": optional}),
        (tests_build, {"tests": tests, "optional_tests": optional_tests}),
    ]:
        old = new = path.read_text(encoding="utf-8")
        for variable, entries in variables.items():
            new = re.sub(rf"^{variable} = \{{\n.*?^\}}", lambda _: meson_dictionary(variable, entries), new, count=1,
                         flags=re.DOTALL | re.MULTILINE)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {tree.name(path)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-lists", action="store_true")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[2])
    arguments = parser.parse_args()
    tree = Tree(arguments.root.resolve())
    if arguments.write_lists:
        write_lists(tree)
        return 0
    print(f"1..{len(CHECKS)}")
    failed = False
    for number, check in enumerate(CHECKS, 1):
        problems = list(check(tree))
        failed = failed or bool(problems)
        print(f"{'not ok' if problems else 'ok'} {number} - {check.__doc__.splitlines()[0]}")
        for problem in problems:
            print(f"#   {problem}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
