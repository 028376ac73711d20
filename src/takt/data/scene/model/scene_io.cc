// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/scene_io.h"

#include <algorithm>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/tree.h"

namespace takt::scene {
namespace {

// .xml or .json; otherwise what the text looks like.
Format GuessFormat(const std::filesystem::path& path, std::string_view text) {
  if (path.extension() == ".xml") return Format::kXml;
  if (path.extension() == ".json") return Format::kJson;
  const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  return first != std::string_view::npos && text[first] == '<' ? Format::kXml : Format::kJson;
}

}  // namespace

ReadResult ParseScene(std::string_view text, Format format, const std::string& file) {
  Sink sink(text, file);
  const Element document = ReadDocument(text, format, "scene", &sink);
  ReadResult result;
  Places places;
  ReadTree(document, format, &sink, &places, &result.scene);
  MakeIdsUnique(&result.scene, places, &sink);
  CheckScene(result.scene, places, &sink);
  result.diagnostics = sink.Take();
  if (HasErrors(result.diagnostics)) MendScene(&result.scene);
  return result;
}

ReadResult ReadScene(const std::filesystem::path& path) {
  const std::string text = ReadTextFile(path, kMaxSceneBytes);
  return ParseScene(text, GuessFormat(path, text), path.string());
}

Error ErrorOf(const Diagnostic& d) {
  std::string subject = d.file;
  if (d.line > 0) subject += ":" + std::to_string(d.line) + ":" + std::to_string(d.column);
  return Error(ErrorCode::kBadInput, subject, d.code + ": " + d.message,
               d.hint.empty() ? "takt scene check shows everything that is wrong with it" : d.hint);
}

Scene LoadScene(const std::filesystem::path& path) {
  ReadResult result = ReadScene(path);
  for (const Diagnostic& d : result.diagnostics) {
    if (d.severity == Severity::kError) throw ErrorOf(d);
  }
  return std::move(result.scene);
}

std::string FormatScene(const Scene& scene, Format format) { return WriteDocument(ElementFrom(scene), format); }

void WriteScene(const Scene& scene, const std::filesystem::path& path) {
  WriteFileAtomic(path, FormatScene(scene, FormatOf(path)));
}

Format FormatOf(const std::filesystem::path& path) {
  if (path.extension() == ".xml") return Format::kXml;
  if (path.extension() == ".json") return Format::kJson;
  throw Error(ErrorCode::kBadInput, path.string(), "has a suffix that names no scene format", "use .xml or .json");
}

std::vector<Diagnostic> Check(const Scene& scene) {
  // What can be wrong with single values is found by the reader of their text.
  ReadResult result = ParseScene(FormatScene(scene, Format::kXml), Format::kXml, "");
  for (Diagnostic& d : result.diagnostics) d.line = d.column = 0;
  std::erase_if(result.diagnostics, [](const Diagnostic& d) { return d.severity == Severity::kNote; });
  return std::move(result.diagnostics);
}

bool SameScene(const Scene& a, const Scene& b) { return ElementFrom(a) == ElementFrom(b); }
bool SameNode(const Node& a, const Node& b) { return ElementFrom(a) == ElementFrom(b); }

}  // namespace takt::scene
