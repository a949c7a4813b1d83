#!/bin/sh
# Builds a small GPT and the launcher with this machine's vector instructions, then trains the GPT in two processes:
#
#   sh examples/quickstart.sh [arguments of the example]
set -eu
here=$(pwd)
cd "$(dirname "$0")/.."
root=$(pwd)

. tests/packages.sh
ensure_packages g++ meson ninja-build pkg-config python3 libcli11-dev

export LC_ALL=C.UTF-8
build=build/quickstart
# A directory left by an interrupted or by another version of Meson is set up anew.
options='-Dbuildtype=release -Dnative=true -Dcli=enabled -Dexamples=enabled -Dtests=disabled -Dbenchmarks=disabled'
if [ ! -f "$build/build.ninja" ] || ! meson configure "$build" $options >/dev/null 2>&1; then
  rm -rf "$build"
  meson setup "$build" $options
fi
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
[ "$jobs" -le 2 ] || jobs=2
meson compile -C "$build" -j "$jobs" lockstep gpt

cd "$here"
exec "$root/$build/subprojects/lockstep-cli/lockstep" launch -n 2 "$root/$build/examples/gpt" "$@"
