#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `takt scene` as its users meet it: exit statuses, JSON, files that stay as they were. The guide's examples run every
# verb; here is what they leave out.
# shellcheck source=tests/lib.sh
. "$(dirname -- "$0")/lib.sh"
takt=$1
parse_json=$2
cd -- "$work"

cat >cell.xml <<'END'
<?xml version="1.0" encoding="UTF-8"?>
<scene schema="1.0">
  <room id="room" floor_m="0 0 4 0 4 3 0 3" height_m="3">
    <object id="bench" position_m="2 1.5 0" size_m="0.8 1.6 0.75">
      <surface id="top" position_m="0 0 0.75" size_m="0.8 1.6 0">
        <object id="cup" position_m="0.1 0.2 0" size_m="0.08 0.08 0.1"/>
      </surface>
    </object>
  </room>
</scene>
END
cp cell.xml kept.xml
# same FILE WHAT: it is as it was in the beginning.
same() { cmp "$1" kept.xml || fail "$2: the file has changed"; }

run "$takt" scene check cell.xml --json
expect_status 0 "check"
"$parse_json" errors=0 warnings=0 <out || fail "check: not the document that was expected"
sed 's/0.08 0.08/0.08 -1/' cell.xml >wrong.xml
run "$takt" scene check wrong.xml
expect_status 1 "check with an error"
expect_line out "^wrong.xml:6:[0-9]+: error scene/bad-size: " "check with an error"
run "$takt" scene check wrong.xml --json
expect_status 1 "check --json with an error"
"$parse_json" errors=1 diagnostics.0.line=6 diagnostics.0.code=scene/bad-size <out || fail "check --json: not the document that was expected"
run "$takt" scene check none.xml
expect_status 3 "check without a file"
run "$takt" scene convert wrong.xml out.json
expect_status 3 "convert what has errors"
expect_line err "wrong.xml:6:" "convert what has errors"
[ ! -e out.json ] || fail "convert what has errors: a file"
run "$takt" scene convert cell.xml out.txt
expect_status 3 "convert to an unknown suffix"
run "$takt" scene convert cell.xml canonical.xml
expect_status 0 "convert"
same canonical.xml "canonical text stays as it is"
run "$takt" scene info cell.xml --json
"$parse_json" objects=2 surfaces=1 nodes.3.id=cup <out || fail "info: not the document that was expected"

# Edits: all or nothing, with a way back.
echo '{"ops": [{"op": "remove", "id": "cup"}, {"op": "remove", "id": "cup"}]}' >twice.json
run "$takt" scene edit cell.xml --patch twice.json
expect_status 1 "a patch with a fault"
expect_line out "^twice.json:1:[0-9]+: error scene/bad-patch: " "a patch with a fault"
same cell.xml "a patch with a fault"
[ ! -e cell.xml.log ] || fail "a patch with a fault: a log"
run "$takt" scene undo cell.xml
expect_status 3 "undo without a log"
echo '{"ops": [{"op": "set", "id": "cup", "mass_kg": 0.25}]}' >heavier.json
run "$takt" scene edit cell.xml --patch heavier.json --json
expect_status 0 "edit"
"$parse_json" touched.0=cup <out || fail "edit: not the document that was expected"
[ "$(diff cell.xml kept.xml | grep -c '^[<>]')" -eq 2 ] || fail "edit: other lines than that of the cup have changed"
cp cell.xml heavier.xml
run "$takt" scene edit cell.xml --patch heavier.json
expect_line out "changes nothing" "the same edit again"
[ "$(wc -l <cell.xml.log)" -eq 1 ] || fail "the same edit again: it is in the log"
run "$takt" scene undo cell.xml
expect_status 0 "undo"
same cell.xml "undo"

# Into the bench, and out of it again.
echo '<patch><add parent="room"><object id="bin" position_m="2.1 1.4 0" size_m="0.3 0.3 0.3"/></add></patch>' >bin.xml
run "$takt" scene edit cell.xml --patch bin.xml --resolve
expect_status 0 "edit --resolve"
expect_line out "^moved bin by" "edit --resolve"
[ "$(diff cell.xml kept.xml | grep -c '^[<>]')" -eq 1 ] || fail "edit --resolve: other lines than that of the bin have changed"
run "$takt" scene undo cell.xml
same cell.xml "undo after --resolve"

sed 's/id="cup" position_m="0.1 0.2 0"/id="cup" position_m="0.2 0.2 0"/' cell.xml >moved.xml
sed 's/id="cup" position_m="0.1 0.2 0"/id="cup" position_m="0.3 0.2 0"/' cell.xml >elsewhere.xml
run "$takt" scene merge cell.xml heavier.xml moved.xml --out merged.xml
expect_status 0 "merge"
run "$takt" scene merge cell.xml moved.xml elsewhere.xml --out none.xml --json
expect_status 1 "merge with a conflict"
"$parse_json" is_written=false conflicts.0.code=scene/merge-conflict <out || fail "merge: not the document that was expected"
[ ! -e none.xml ] || fail "merge with a conflict: a file"
run "$takt" scene merge cell.xml moved.xml elsewhere.xml --out kept_conflicts.xml --keep-conflicts
expect_status 1 "merge --keep-conflicts"
same kept_conflicts.xml "merge --keep-conflicts"

# Endpoints that are not there.
ask=("$takt" scene ask "a second cup" --in cell.xml --out cell.xml --timeout-s 3)
run "${ask[@]}" --endpoint http://127.0.0.1:1/v1
expect_status 3 "ask nobody"
expect_line err "cannot be reached" "ask nobody"
run "${ask[@]}" --endpoint nowhere
expect_status 3 "ask an address that is none"
run "${ask[@]}" --endpoint http://127.0.0.1:1/v1 --api-key-env TAKT_NO_SUCH_KEY
expect_status 3 "ask with a key that is not set"
run env TAKT_TEST_KEY=s3cret "${ask[@]}" --endpoint http://127.0.0.1:1/v1 --api-key-env TAKT_TEST_KEY
expect_status 3 "ask nobody with a key"
! grep -q s3cret out err || fail "ask: the key was printed"
same cell.xml "ask"

if command -v xmllint >/dev/null; then
  "$takt" scene schema --xml >scene.rng
  xmllint --noout --relaxng scene.rng cell.xml 2>/dev/null || fail "the schema refuses a good scene"
  ! xmllint --noout --relaxng scene.rng wrong.xml 2>/dev/null || fail "the schema accepts a bad scene"
fi
[ -z "$(find . -name '*.tmp*')" ] || fail "left behind: $(find . -name '*.tmp*')"

finish
