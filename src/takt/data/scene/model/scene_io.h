// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/core/base/error.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

enum class Format { kXml, kJson };

// What a reader accepts; beyond it, it says scene/too-large and stops.
constexpr uint64_t kMaxSceneBytes = uint64_t{16} << 20;
constexpr int kMaxSceneDepth = 64;             // elements inside each other
constexpr size_t kMaxSceneElements = 200'000;  // nodes, parts, relations, materials ... together

// A scene that was read, and what was wrong with the text. With errors, `scene` is what could be recovered: good for
// showing and for repairing, not for trusting.
struct ReadResult {
  Scene scene;
  std::vector<Diagnostic> diagnostics;  // in the order of the text
};

// Reads a scene from text; `file` is the name in the diagnostics. Never throws for bad text: collects every fault
// (docs/errors/scene.md has a page for each code), renames duplicate ids (id_2), drops relations that lead nowhere, and
// keeps attributes that it does not know in Node::extra and Scene::extra.
// Cost: linear in the text, but for the checks between parts and siblings. Determinism: a pure function of the text.
ReadResult ParseScene(std::string_view text, Format format, const std::string& file);

// The same from a file; .json is JSON, .xml is XML, other suffixes by the first character ('<' or '{').
// Errors: not_found; io; bad_input when the file is larger than kMaxSceneBytes.
ReadResult ReadScene(const std::filesystem::path& path);

// A diagnostic as the bad_input error of who cannot go on after it.
Error ErrorOf(const Diagnostic& diagnostic);

// A scene without errors. Errors: as ReadScene; bad_input with the first error ("FILE:LINE:COLUMN: message").
Scene LoadScene(const std::filesystem::path& path);

// The canonical text: attributes in the order of docs/formats/scene.md, defaults left out, numbers in the shortest form
// that reads back to the same bits. ParseScene(FormatScene(s)) is s, bit for bit, for every s that Check accepts, and
// both spellings carry the same tree.
std::string FormatScene(const Scene& scene, Format format);

// The text of `after` that keeps of `text`, which spells `before`, whatever did not change: layout, comments, quotes
// and spellings of numbers stay in every node that is the same; what changed is canonical. XML only: JSON is
// FormatScene.
std::string RewriteScene(const Scene& before, std::string_view text, Format format, const Scene& after);

// FormatScene by suffix (.xml, .json), written whole. Errors: bad_input (another suffix); io.
void WriteScene(const Scene& scene, const std::filesystem::path& path);

// By suffix. Errors: bad_input (neither .xml nor .json).
Format FormatOf(const std::filesystem::path& path);

// The faults that a scene has as a tree, whatever text it came from; the places in the diagnostics are empty.
std::vector<Diagnostic> Check(const Scene& scene);

// Whether two trees are the same: every number bit for bit, and the order of children, parts and relations.
bool SameScene(const Scene& a, const Scene& b);
bool SameNode(const Node& a, const Node& b);

// The published schemas of both spellings (docs/formats/scene.schema.json, docs/formats/scene.rng).
std::string JsonSchema();
std::string XmlSchema();

}  // namespace takt::scene
