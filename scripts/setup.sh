#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that Takt is built from. run.sh and test.sh source it; it also runs on its own:
#
#   scripts/setup.sh           install what is missing
#   scripts/setup.sh --check   only say what is missing; status 1 if anything is
#
# FFmpeg is not in the list: it brings about 400 MB for one output format of one verb. `takt splat render` writes PNGs
# without it, and says how to get it when asked for an MP4.

takt_packages=(
  g++ cmake ninja-build ccache mold pkg-config
  libhwy-dev libtbb-dev nlohmann-json3-dev libcli11-dev libfmt-dev
  libpng-dev libjpeg62-turbo-dev libzstd-dev zlib1g-dev libnanoflann-dev libcpp-httplib-dev
  libeigen3-dev libpugixml-dev libtomlplusplus-dev libmujoco-dev libqhull-dev libembree-dev libsnappy-dev
  libavformat-dev libavcodec-dev libswscale-dev libchipmunk-dev
  libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libtorch-dev libopenblas-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)

# The packages of the list that dpkg does not report as installed, one a line.
takt_missing_packages() {
  local installed
  # Status 1 only says that some of them are unknown to dpkg, which is what is being asked.
  # shellcheck disable=SC2016  # the braces are dpkg-query's
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "${takt_packages[@]}" 2>/dev/null |
    sed -n 's/^.i. *//p') || true
  printf '%s\n' "${takt_packages[@]}" | grep -vxF -e "${installed:-none}" || true
}

# apt-get as root, directly or through sudo.
takt_apt_get() {
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq "$@"
}

takt_install() {
  takt_apt_get install -y --no-install-recommends "$@" >/dev/null
}

takt_setup() {
  local missing=() by_hand package updated=
  if ! command -v dpkg-query >/dev/null; then
    echo "takt: set-up knows Debian 12 only; going on with what this system has (wanted: ${takt_packages[*]})" >&2
    return 0
  fi
  mapfile -t missing < <(takt_missing_packages)
  [ "${#missing[@]}" -gt 0 ] || return 0

  by_hand="apt-get install --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "takt: error: packages are missing, and this user is not root and has no sudo: ${missing[*]}" >&2
    echo "  hint: as root, run: $by_hand" >&2
    return 1
  fi
  echo "takt: installing Debian packages: ${missing[*]}" >&2
  for package in "${missing[@]}"; do
    if ! apt-cache show --no-all-versions "$package" >/dev/null 2>&1; then
      takt_apt_get update || true  # an unreachable extra source need not matter: the installation decides
      updated=1
      break
    fi
  done
  takt_install "${missing[@]}" && return 0
  # Package lists that are days old name files which the mirror no longer has.
  if [ -z "$updated" ] && takt_apt_get update && takt_install "${missing[@]}"; then return 0; fi
  echo "takt: error: apt-get could not install them (its own words are above)" >&2
  echo "  hint: check the network and the package sources, then run: $by_hand" >&2
  return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case "${1-}" in
    "") takt_setup ;;
    --check)
      lacking=$(takt_missing_packages)
      [ -z "$lacking" ] && exit 0
      echo "$lacking"
      exit 1
      ;;
    *)
      sed -n '3,6s/^# \{0,1\}//p' "$0"
      [ "$1" = --help ] || exit 2
      ;;
  esac
fi
