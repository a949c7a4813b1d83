# Installs the Debian or Ubuntu packages that are missing. Sourced by tests/run.sh and examples/quickstart.sh:
#
#   . tests/packages.sh
#   ensure_packages g++ meson ninja-build libcli11-dev
#
# What a run can do without is asked for by prefer_packages, which goes on when it cannot be had.
#
# What is there already is recognised by use, not by package name, so any other system with the tools works as well.

package_says() { printf '%s\n' "$*" >&2; }

# Is the header $1 found by the compiler, or, where there is none yet, in the usual places?
package_has_header() {
  if command -v "${CXX:-c++}" >/dev/null 2>&1; then
    printf '#include <%s>\n' "$1" | "${CXX:-c++}" -std=c++20 -E -x c++ - >/dev/null 2>&1
  else
    [ -e "/usr/include/$1" ] || [ -e "/usr/local/include/$1" ]
  fi
}

package_has_module() {
  if command -v pkg-config >/dev/null 2>&1; then
    pkg-config --exists "$1" 2>/dev/null
  else
    [ -e "/usr/share/pkgconfig/${1%% *}.pc" ] || [ -e "/usr/lib/pkgconfig/${1%% *}.pc" ]
  fi
}

# Is what package $1 provides there?
package_is_there() {
  case $1 in
    g++) echo 'int main() {}' | "${CXX:-c++}" -std=c++20 -x c++ -fsyntax-only - >/dev/null 2>&1 ;;
    ninja-build) command -v ninja >/dev/null 2>&1 || command -v ninja-build >/dev/null 2>&1 ;;
    doctest-dev) package_has_header doctest/doctest.h ;;
    nlohmann-json3-dev) package_has_module nlohmann_json ;;
    libcli11-dev) package_has_module CLI11 ;;
    libssl-dev) package_has_module 'openssl >= 3.0' ;;
    libopenmpi-dev) command -v mpicxx.openmpi >/dev/null 2>&1 || command -v mpicxx >/dev/null 2>&1 ;;
    openmpi-bin) command -v mpirun.openmpi >/dev/null 2>&1 || command -v mpirun >/dev/null 2>&1 ;;
    libmpich-dev) command -v mpicxx.mpich >/dev/null 2>&1 || command -v mpicxx >/dev/null 2>&1 ;;
    mpich) command -v mpirun.mpich >/dev/null 2>&1 || command -v mpirun >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

package_list_missing() {
  list=
  for package in "$@"; do
    package_is_there "$package" || list="$list${list:+ }$package"
  done
  printf '%s' "$list"
}

ensure_packages() {
  missing=$(package_list_missing "$@")
  [ -n "$missing" ] || return 0

  if ! command -v apt-get >/dev/null 2>&1; then
    package_says "Missing: $missing (the names of the Debian packages). Please install them and run this again."
    return 1
  fi
  if [ "$(id -u)" -eq 0 ]; then
    as_root=
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root='sudo -n'
  else
    package_says "Missing packages: $missing. Please run: sudo apt-get install $missing"
    return 1
  fi

  package_says "Installing: $missing"
  apt_log=$(mktemp)
  install="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300"
  # The package lists may be absent or old, hence the second try.
  if ! $install install --no-install-recommends $missing >"$apt_log" 2>&1 &&
    ! { $install update >>"$apt_log" 2>&1 && $install install --no-install-recommends $missing >>"$apt_log" 2>&1; }; then
    tail -n 15 "$apt_log" >&2
    rm -f "$apt_log"
    package_says "Missing packages: $missing. apt-get could not install them (see above); is there a network?"
    return 1
  fi
  rm -f "$apt_log"
  missing=$(package_list_missing "$@")
  [ -z "$missing" ] || package_says "Installed, yet not usable: $missing"
  [ -z "$missing" ]
}

prefer_packages() {
  ensure_packages "$@" || package_says "Going on without: $(package_list_missing "$@")"
}
