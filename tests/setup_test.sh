#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the set-up against a dpkg-query, an apt-get, a sudo and an id of its own: nothing is installed here.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
setup=$1
fake=$work/bin
mkdir "$fake"

# The fakes read the world from files in $work: `lacking` (not installed), `unknown` (not in the package lists),
# `uid`, `broken` (apt-get install fails until `apt-get update` removes it).
cat >"$fake/dpkg-query" <<'END'
#!/bin/bash
for package in "${@:3}"; do
  if grep -qxF "$package" "$WORLD/lacking"; then echo "un  $package"; else echo "ii  $package"; fi
done
END
cat >"$fake/apt-cache" <<'END'
#!/bin/bash
! grep -qxF "${!#}" "$WORLD/unknown"
END
cat >"$fake/apt-get" <<'END'
#!/bin/bash
echo "$DEBIAN_FRONTEND apt-get $*" >>"$WORLD/calls"
case " $* " in
  *" update "*) rm -f "$WORLD/broken" ;;
  *" install "*) [ ! -e "$WORLD/broken" ] && : >"$WORLD/lacking" ;;
esac
END
cat >"$fake/id" <<'END'
#!/bin/bash
cat "$WORLD/uid"
END
chmod +x "$fake"/*
# Only what the set-up itself calls, so that a real sudo cannot be found.
for tool in bash env grep sed cat rm; do ln -s "$(type -P "$tool")" "$fake/$tool"; done

world() {
  : >"$work/calls"
  printf '%s\n' "$1" >"$work/uid"
  shift
  printf '%s\n' "$@" >"$work/lacking"
  : >"$work/unknown"
  rm -f -- "$work/broken"
}
set_up() { run env PATH="$fake" WORLD="$work" bash "$setup" "$@"; }
calls() {
  [ "$(grep -c " $2" "$work/calls" || true)" -eq "$1" ] && return
  fail "$3: expected $1 x '$2' among the calls"
  cat "$work/calls" >&2
}

world 0
set_up
expect_status 0 "nothing missing"
expect_empty err "nothing missing"
calls 0 apt-get "nothing missing"

world 0 ninja-build libhwy-dev
set_up
expect_status 0 "as root"
expect_line err '^takt: installing Debian packages: ninja-build libhwy-dev$' "as root"
calls 0 'apt-get .*update' "as root, lists up to date"
calls 1 'apt-get .*install -y --no-install-recommends ninja-build libhwy-dev$' "as root"
calls 1 '' "as root"
expect_line calls '^noninteractive ' "as root"
set_up
calls 1 '' "the second time"

world 0 mold
echo mold >"$work/unknown"
set_up
calls 1 'apt-get .*update' "empty package lists"
calls 1 'apt-get .*install' "empty package lists"

world 0 mold
touch "$work/broken"
set_up
expect_status 0 "stale package lists"
calls 1 'apt-get .*update' "stale package lists"
calls 2 'apt-get .*install' "stale package lists"

world 1000 mold
set_up
expect_status 1 "neither root nor sudo"
expect_line err 'as root, run: apt-get install --no-install-recommends mold$' "neither root nor sudo"
calls 0 apt-get "neither root nor sudo"
set_up --check
expect_status 1 "--check"
expect_line out '^mold$' "--check"

cat >"$fake/sudo" <<'END'
#!/bin/bash
echo "sudo" >>"$WORLD/sudo-calls"
exec "$@"
END
chmod +x "$fake/sudo"
set_up
expect_status 0 "a user with sudo"
calls 1 'apt-get .*install' "a user with sudo"
expect_line sudo-calls sudo "a user with sudo"

world 0 mold
echo mold >"$work/unknown"
printf '#!/bin/bash\nexit 100\n' >"$fake/apt-get"
set_up
expect_status 1 "no network"
expect_line err 'hint: check the network' "no network"

finish
