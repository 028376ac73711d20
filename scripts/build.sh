# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Sourced by run.sh and test.sh.

# takt_build ROOT TARGET...: configures the release preset once and builds the targets into ROOT/build/release.
takt_build() {
  local root=$1 build=$1/build/release log fresh=()
  shift
  mkdir -p "$build"
  log=$build/takt-build.log
  # A checkout that was moved or copied takes its build folder along; CMake refuses to go on in it.
  if [ -f "$build/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  echo "takt: building into ${build#"$PWD"/}" >&2
  if [ ! -f "$build/build.ninja" ] || [ "${#fresh[@]}" -gt 0 ]; then
    if ! (cd "$root" && cmake --preset release "${fresh[@]}") >"$log" 2>&1; then
      cat "$log" >&2
      echo "takt: error: configuring failed (above, and in $log)" >&2
      return 1
    fi
  fi
  # Ninja's own progress on a terminal; elsewhere only what went wrong.
  if [ -t 2 ]; then
    cmake --build "$build" --target "$@" >&2
  elif ! cmake --build "$build" --target "$@" >"$log" 2>&1; then
    cat "$log" >&2
    echo "takt: error: the build failed (above, and in $log)" >&2
    return 1
  fi
}
