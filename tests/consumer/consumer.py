#!/usr/bin/env python3
"""Uses lockstep the three ways the README names: installed, found by pkg-config; as a Meson subproject; and with -I
alone. Builds and runs tests/consumer/project in a temporary folder each time. Prints TAP."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*command, env=None, cwd=None):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd,
                            env={**os.environ, **(env or {})})
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def build_and_run(meson, project, build, *options, env=None):
    run(*meson, "setup", build, project, *options, env=env)
    run(*meson, "compile", "-C", build, "-j", "2", env=env)
    run(*meson, "test", "-C", build, "--no-rebuild", env=env)


class Ways:
    def __init__(self, root, scratch, meson, compiler):
        self.root, self.scratch, self.meson, self.compiler = root, scratch, meson, compiler
        self.project = root / "tests" / "consumer" / "project"

    def installed(self):
        """installed and found by pkg-config"""
        prefix = self.scratch / "prefix"
        off = [f"-D{option}=disabled" for option in ("tests", "examples", "benchmarks", "cli")]
        run(*self.meson, "setup", self.scratch / "lockstep", self.root, f"--prefix={prefix}", *off)
        run(*self.meson, "install", "-C", self.scratch / "lockstep", "--no-rebuild")
        suffixes = (".hpp", ".cuh")
        have = {p.relative_to(prefix / "include") for p in prefix.rglob("*") if p.suffix in suffixes}
        want = {p.relative_to(self.root / "include") for p in (self.root / "include").rglob("*") if p.suffix in suffixes}
        if have != want:
            raise RuntimeError("installed headers differ from the tree's: " + ", ".join(map(str, sorted(have ^ want))))
        path = str(prefix / "share" / "pkgconfig")
        if os.environ.get("PKG_CONFIG_PATH"):
            path += ":" + os.environ["PKG_CONFIG_PATH"]
        build_and_run(self.meson, self.project, self.scratch / "by_pkg_config", "--wrap-mode=nodownload",
                      env={"PKG_CONFIG_PATH": path})

    def subproject(self):
        """as a subproject"""
        project = self.scratch / "project"
        shutil.copytree(self.project, project)
        (project / "subprojects").mkdir()
        (project / "subprojects" / "lockstep").symlink_to(self.root)
        (project / "subprojects" / "lockstep.wrap").write_text(
            "[wrap-file]\ndirectory = lockstep\n\n[provide]\ndependency_names = lockstep\n", encoding="utf-8")
        build_and_run(self.meson, project, self.scratch / "as_subproject", "--force-fallback-for=lockstep")

    def include_path(self):
        """with -I alone"""
        program = self.scratch / "program"
        run(*self.compiler, "-std=c++20", "-I" + str(self.root / "include"), *sorted(self.project.glob("*.cpp")), "-o",
            program, "-pthread")
        run(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meson", nargs="+", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- the compiler")
    arguments = parser.parse_args()
    compiler = [part for part in arguments.command if part != "--"]
    failed = False
    with tempfile.TemporaryDirectory(prefix="lockstep-consumer-") as scratch:
        ways = Ways(arguments.root.resolve(), Path(scratch), arguments.meson, compiler)
        checks = [ways.installed, ways.subproject, ways.include_path]
        print(f"1..{len(checks)}")
        for number, check in enumerate(checks, 1):
            try:
                check()
                print(f"ok {number} - {check.__doc__}")
            except RuntimeError as error:
                failed = True
                print(f"not ok {number} - {check.__doc__}")
                print("\n".join("#   " + line for line in str(error).splitlines()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
