#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reads the #include lines and fails on an edge that the house does not have (ARCHITECTURE.md, "Direction").
#
#   scripts/check_layers.sh [ROOT]      prints FILE:LINE: RULE for each violation; status 1 if there is one
set -euo pipefail
export LC_ALL=C

if [ "${1-}" = --help ] || [ $# -gt 1 ]; then
  sed -n '3,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  [ "${1-}" = --help ] && exit 0
  exit 2
fi
cd -- "${1:-$(dirname -- "${BASH_SOURCE[0]}")/..}"
if [ ! -d src/takt ]; then
  echo "check_layers: $PWD has no src/takt" >&2
  exit 2
fi

folders=()
for folder in src tests bench examples cmake scripts; do
  [ ! -d "$folder" ] || folders+=("$folder")
done

# The modules come first: the program below must know them before it judges an include.
{
  find src -name CMakeLists.txt | sort
  find "${folders[@]}" -type f \( -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.sh' -o -name '*.cmake' \
    -o -name CMakeLists.txt \) | sort
} | awk '
  # Third-party headers that only one part of the house may include: pattern of the header, pattern of the file, the rule.
  function Only(header, file, rule) { ++only_count; only_header[only_count] = header; only_file[only_count] = file; only_rule[only_count] = rule }
  BEGIN {
    Only("^(torch|ATen|c10)/", "^src/takt/train/|^bench/", "libtorch is for src/takt/train, and to be measured against, only")
    Only("^hwy/", "_simd\\.cc$|_simd-inl\\.h$", "Highway is for *_simd.cc and *_simd-inl.h only")
    Only("^mujoco/", "^src/takt/data/sim/", "MuJoCo is for src/takt/data/sim only")
    Only("^chipmunk/", "^src/takt/data/sim/", "Chipmunk is for src/takt/data/sim only")
    Only("^(oneapi/)?dnnl", "^src/takt/core/nn/.*_bench\\.cc$", "oneDNN is measured against, in src/takt/core/nn only")
    Only("^(grpc|grpcpp|google/protobuf)/", "^src/takt/infer/serve/", "gRPC is for src/takt/infer/serve only")
    Only("^opencv", "^src/takt/apps/inspect/", "OpenCV is for src/takt/apps/inspect only")
    Only("^embree", "^src/takt/data/sim/camera/.*\\.cc$|^src/takt/data/sim/camera/embree_scene\\.h$", "Embree is for src/takt/data/sim/camera only, in no public header")
    Only("^toml\\+\\+/", "^src/takt/data/scene/recipe\\.cc$", "toml++ is for the recipes only")
    Only("^CLI/", "^src/takt/cli/", "CLI11 is for src/takt/cli only")
    Only("^(.mmintrin|x86intrin|arm_neon)\\.h$", "^$", "kernels use Highway, not intrinsics")
    Only("^httplib\\.h$", "^src/takt/core/io/http\\.cc$|^src/takt/infer/serve/http_server\\.cc$|_test\\.cc$|_test_[a-z_]*\\.h$", "httplib is for core/io/http.cc, infer/serve/http_server.cc and tests only")
    Only("^(png|jpeglib)\\.h$", "^src/takt/core/io/", "picture codecs are for src/takt/core/io only")
    Only("^lib(av|sw)", "^src/takt/data/dataset/video/", "FFmpeg is for src/takt/data/dataset/video only")
    max_lines = 1000
  }

  function Fail(file, line, rule) { printf "%s:%d: %s\n", file, line, rule; ++failures }

  # "core", "stage", "apps" or "cli"; empty for what is none of them.
  function Kind(layer) {
    if (layer ~ /^(data|plan|train|infer)$/) return "stage"
    return layer ~ /^(core|apps|cli)$/ ? layer : ""
  }

  # The module whose folder holds this path; empty where no CMakeLists.txt declares one.
  function ModuleOf(path) {
    while (sub(/\/[^\/]*$/, "", path)) if (path in module_at) return module_at[path]
    return ""
  }

  # Whether module `from` names `to` in its CMake file, directly or through a module that it names.
  function Reaches(from, to,    key, i, parts, n, found) {
    key = from SUBSEP to
    if (key in reaches) return reaches[key]
    reaches[key] = 0  # a cycle ends here; CMake refuses it anyway
    n = split(deps[from], parts, " ")
    for (i = 1; i <= n && !found; ++i) found = parts[i] == to || Reaches(parts[i], to)
    return reaches[key] = found + 0
  }

  # Collects takt_module(NAME x ... DEPS a b ...) from a CMake file.
  function ReadModules(file,    folder, line, words, n, i, in_call, name, in_deps) {
    folder = file
    sub(/\/CMakeLists\.txt$/, "", folder)
    while ((getline line < file) > 0) {
      sub(/#.*/, "", line)
      if (line ~ /takt_module[ \t]*\(/) { in_call = 1; in_deps = 0; name = ""; sub(/.*takt_module[ \t]*\(/, "", line) }
      if (!in_call) continue
      last = line ~ /\)/
      gsub(/\)/, " ", line)
      n = split(line, words, " ")
      for (i = 1; i <= n; ++i) {
        if (words[i] == "NAME") { name = "takt_" words[++i]; in_deps = 0 }
        else if (words[i] ~ /^(PREFIX|SUBDIRS)$/) in_deps = 0
        else if (words[i] ~ /^(PRIVATE_)?DEPS$/) in_deps = 1
        else if (in_deps && words[i] ~ /^takt_/) deps[name] = deps[name] " " words[i]
      }
      module_at[folder] = name
      if (last) in_call = 0
    }
    close(file)
  }

  function CheckInclude(file, line_number, text, layer,    quoted, header, target, to, from_module, to_module, i) {
    quoted = text ~ /include[ \t]*"/
    header = text
    if (!sub(/^[^<"]*[<"]/, "", header)) return  # the name is a macro
    sub(/[>"].*/, "", header)
    for (i = 1; i <= only_count; ++i) {
      if (header ~ only_header[i] && file !~ only_file[i]) Fail(file, line_number, only_rule[i])
    }
    if (quoted && file ~ /^src\/takt\// && (header ~ /^\./ || header !~ /\//)) {
      Fail(file, line_number, "write the path from src/: \"takt/...\"")
      return
    }
    if (header !~ /^takt\//) return
    split(header, target, "/")
    to = target[2]
    if (Kind(to) == "") Fail(file, line_number, "takt/" to " is no layer of the house")
    if (to == "cli" && layer != "cli") Fail(file, line_number, "nothing includes cli")
    else if (layer == "core" && to != "core") Fail(file, line_number, "core includes nothing else of Takt")
    else if (Kind(layer) == "stage" && to == "apps") Fail(file, line_number, "a stage does not include apps")
    else if (Kind(layer) == "stage" && Kind(to) == "stage" && to != layer)
      Fail(file, line_number, "stage " layer " does not include stage " to ": they meet through files")
    from_module = ModuleOf(file)
    to_module = ModuleOf("src/" header)
    if (from_module != "" && to_module != "" && from_module != to_module && !Reaches(from_module, to_module))
      Fail(file, line_number, from_module " does not name " to_module " in its DEPS")
  }

  function CheckFile(file,    parts, layer, line, n, spdx, pragma) {
    split(file, parts, "/")
    layer = file ~ /^src\/takt\/[^\/]+\// ? parts[3] : ""
    if (file ~ /^src\/takt\/.*\.(cc|h|cu)$/ && Kind(layer) == "") Fail(file, 1, "no layer of the house: core data plan train infer apps cli")
    while ((getline line < file) > 0) {
      ++n
      # A script starts with its interpreter, or with what shellcheck must know.
      if (n == 1 || (n == 2 && file ~ /\.sh$/)) spdx = spdx || line ~ /SPDX-License-Identifier: Apache-2\.0/
      if (line ~ /^#pragma once/) pragma = 1
      if (line ~ /^[ \t]*#[ \t]*include/ && file ~ /\.(cc|h|cu)$/) CheckInclude(file, n, line, layer)
    }
    close(file)
    if (!spdx) Fail(file, 1, "the SPDX line is missing: // SPDX-License-Identifier: Apache-2.0")
    if (file ~ /\.h$/ && file !~ /-inl\.h$/ && !pragma) Fail(file, 1, "#pragma once is missing")
    if (n > max_lines) Fail(file, n, n " lines: split it (at most " max_lines ")")
    ++files
  }

  /^src\/.*CMakeLists\.txt$/ && !seen[$0]++ { ReadModules($0); next }
  { CheckFile($0) }

  END {
    printf "check_layers: %d files, %d violations\n", files, failures
    exit failures > 0
  }
'
