#!/bin/sh
# Builds a small GPT and the launcher with this machine's vector instructions, then trains the GPT in two processes:
#
#   sh examples/quickstart.sh                     about two minutes; results in build/quickstart/gpt
#   sh examples/quickstart.sh --data FILE...      with options of the example; --help lists them
set -eu
here=$(pwd)
cd "$(dirname "$0")/.."
root=$(pwd)

. tests/packages.sh
ensure_packages g++ meson ninja-build pkg-config python3 libcli11-dev

export LC_ALL=C.UTF-8
build=build/quickstart
log=build/quickstart.log
mkdir -p build
: >"$log"

# Output is of interest only if something goes wrong.
quietly() {
  "$@" >>"$log" 2>&1 && return 0
  cat "$log" >&2
  printf 'This went wrong: %s\n' "$*" >&2
  exit 1
}

options='-Dbuildtype=release -Dnative=true -Dcli=enabled -Dexamples=enabled -Dtests=disabled -Dbenchmarks=disabled'
# A directory left by an interrupted or by another version of Meson is set up anew.
if [ ! -f "$build/build.ninja" ] || ! meson configure "$build" $options >/dev/null 2>&1; then
  rm -rf "$build"
  quietly meson setup "$build" $options
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
[ "$jobs" -le 2 ] || jobs=2
echo 'Compiling the launcher and the example (half a minute) ...'
quietly meson compile -C "$build" -j "$jobs" lockstep gpt

[ $# -gt 0 ] || set -- --output "$root/$build/gpt" --overwrite
lockstep=$root/$build/subprojects/lockstep-cli/lockstep
gpt=$root/$build/examples/gpt
echo "Training: lockstep launch -n 2 gpt $*"
echo
cd "$here"
exec "$lockstep" launch -n 2 "$gpt" "$@"
