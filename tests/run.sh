#!/bin/sh
# Builds and runs the tests; the last line is "N passed, N failed", and the exit status says the same.
set -eu

usage() {
  cat <<'TEXT'
usage: sh tests/run.sh [--sanitize address,undefined | --sanitize thread] [--long] [--filter REGEX]

  --sanitize WHAT   build with these sanitizers (in a build directory of their own) and run the unit tests only
  --long            also run the test suite "long"
  --filter REGEX    run only the tests whose name in `meson test --list` matches

Warnings are errors; LOCKSTEP_WERROR=false leaves them warnings, for a compiler newer than this project knows.
TEXT
}

sanitize=
setup=short
filter=
while [ $# -gt 0 ]; do
  case $1 in
    --sanitize) [ $# -ge 2 ] || { usage >&2; exit 2; }; sanitize=$2; shift ;;
    --filter) [ $# -ge 2 ] || { usage >&2; exit 2; }; filter=$2; shift ;;
    --long) setup=long ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

cd "$(dirname "$0")/.."
. tests/packages.sh
ensure_packages g++ meson ninja-build pkg-config python3 doctest-dev nlohmann-json3-dev libcli11-dev libssl-dev
prefer_packages libopenmpi-dev openmpi-bin libmpich-dev mpich # without them their tests are left out, and say so

export LC_ALL=C.UTF-8
build=build/tests
# -O1 takes two thirds of the time that -O2 takes to compile; the kernels are tested as in a release, too.
options="-Doptimization=1 -Ddebug=false -Dcpp_args=-g1 -Dwerror=${LOCKSTEP_WERROR:-true} -Dtests=enabled"
selection=
if [ -n "$sanitize" ]; then
  build=build/tests-$(printf '%s' "$sanitize" | tr ',' '-')
  options="$options -Db_sanitize=$sanitize -Db_lundef=false -Dbenchmarks=disabled"
  selection='--suite unit --suite long --timeout-multiplier 4'
  export LOCKSTEP_TEST_TIMEOUT="${LOCKSTEP_TEST_TIMEOUT:-480}"
  # Memory that is refused is an exception, as without sanitizers, not the end of the program.
  export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1:allocator_may_return_null=1}"
  export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"
  export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:allocator_may_return_null=1}"
fi

failed_early() {
  printf '%s\n' "$1" '0 passed, 1 failed'
  exit 1
}

# A directory left by an interrupted or by another version of Meson is set up anew.
if [ ! -f "$build/build.ninja" ] || ! meson configure "$build" $options >/dev/null 2>&1; then
  rm -rf "$build"
  mkdir -p build
  meson setup "$build" $options >"$build.log" 2>&1 || { cat "$build.log"; failed_early 'The configuration failed.'; }
  printf 'Configured %s; see %s.log\n' "$build" "$build"
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
[ "$jobs" -le 2 ] || jobs=2

names=
programs=
if [ -n "$filter" ]; then
  # "lockstep:unit / core", or "unit - lockstep:core": the last word is the name.
  names=$(meson test -C "$build" --no-rebuild --setup "$setup" --list $selection 2>/dev/null | sed 's/.*[ :]//' |
    grep -E -e "$filter") || failed_early "No test matches '$filter'."
  # Build what these tests run, and no more.
  programs=$(meson introspect "$build" --tests | python3 -c '
import json, os, sys
build = os.path.abspath(sys.argv[1]) + os.sep
used = {os.path.normpath(part) for test in json.load(sys.stdin) if test["name"] in sys.argv[2:] for part in test["cmd"]}
print(*sorted(part[len(build):] for part in used if part.startswith(build)))' "$build" $names)
fi
ninja=$(command -v ninja || command -v ninja-build)
if [ -z "$filter" ] || [ -n "$programs" ]; then
  "$ninja" -C "$build" -j "$jobs" ${programs:-all meson-test-prereq} || failed_early 'The build failed.'
fi

rm -f "$build"/meson-logs/testlog*.json
status=0
meson test -C "$build" --no-rebuild --num-processes "$jobs" --print-errorlogs --setup "$setup" $selection $names || status=$?
python3 tests/count.py "$build"/meson-logs/testlog*.json || status=1
exit "$status"
