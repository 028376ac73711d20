// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace takt::scene {
namespace {

constexpr size_t kMaxExtraBytes = 65536;
constexpr int kMaxExtraDepth = 32;

// Length of the UTF-8 sequence at the front of `text`, or 0 where there is none (RFC 3629: shortest form, no
// surrogates).
size_t Utf8Length(std::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto continues = [&](size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

// Whether `text` is JSON without spaces between its tokens, and small enough to be looked at by recursive code.
bool IsCompactJson(std::string_view text) {
  if (text.empty() || text.size() > kMaxExtraBytes) return false;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      return false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxExtraDepth) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return nlohmann::json::accept(text);
}

}  // namespace

bool IsUtf8(std::string_view text, size_t* bad_offset) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = text[i] == '\0' ? 0 : Utf8Length(text.substr(i));
    if (length == 0) {
      *bad_offset = i;
      return false;
    }
    i += length;
  }
  return true;
}

const Attribute* Element::Find(std::string_view key) const {
  const auto found =
      std::find_if(attributes.begin(), attributes.end(), [&](const Attribute& a) { return a.key == key; });
  return found == attributes.end() ? nullptr : &*found;
}

Sink::Sink(std::string_view text, std::string file) : file_(std::move(file)), line_begins_{0}, size_(text.size()) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_begins_.push_back(i + 1);
  }
}

void Sink::Add(Code code, size_t offset, std::string message, std::string hint) {
  if (found_.size() > kMaxDiagnostics) return;
  // What is missing may stand in the part that was not read.
  const bool is_absence = code == Code::kMissingKey || code == Code::kMissingId || code == Code::kUnknownTarget ||
                          code == Code::kUnknownMaterial;
  if (has_broken_off_ && is_absence) return;
  has_broken_off_ = has_broken_off_ || code == Code::kSyntax || code == Code::kTooLarge;
  errors_ += RowOf(code).severity == Severity::kError;
  Diagnostic diagnostic{RowOf(code).severity, std::string(RowOf(code).name), file_, 0, 0, std::move(message),
                        std::move(hint)};
  if (found_.size() == kMaxDiagnostics) {
    diagnostic = {Severity::kError,
                  std::string(RowOf(Code::kTooLarge).name),
                  file_,
                  0,
                  0,
                  "has more than " + std::to_string(kMaxDiagnostics) + " faults; the others are not shown",
                  ""};
    offset = kNowhere;
  }
  if (offset != kNowhere) {
    offset = std::min(offset, size_);
    const auto line = std::upper_bound(line_begins_.begin(), line_begins_.end(), offset);
    diagnostic.line = static_cast<int>(line - line_begins_.begin());
    diagnostic.column = static_cast<int>(offset - *(line - 1)) + 1;
  }
  found_.emplace_back(offset, std::move(diagnostic));
}

std::vector<Diagnostic> Sink::Take() {
  std::stable_sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Diagnostic> diagnostics;
  for (auto& [offset, diagnostic] : found_) diagnostics.push_back(std::move(diagnostic));
  found_.clear();
  return diagnostics;
}

Element ReadDocument(std::string_view text, Format format, std::string_view root, Sink* sink) {
  if (text.size() > kMaxSceneBytes) {
    sink->Add(Code::kTooLarge, Sink::kNowhere,
              "is " + std::to_string(text.size()) + " bytes long; at most " + std::to_string(kMaxSceneBytes) +
                  " are read here");
    return {.name = std::string(root)};
  }
  std::string repaired;
  size_t bad_offset = 0;
  if (!IsUtf8(text, &bad_offset)) {
    sink->Add(Code::kNotUtf8, bad_offset, "this byte is not UTF-8 text",
              "save the file as UTF-8; such bytes are read as '?'");
    repaired = text;
    for (size_t i = 0; i < repaired.size();) {
      const size_t length = repaired[i] == '\0' ? 0 : Utf8Length(std::string_view(repaired).substr(i));
      if (length == 0) repaired[i] = '?';
      i += std::max<size_t>(length, 1);
    }
    text = repaired;
  }
  return format == Format::kXml ? ReadXmlDocument(text, root, sink) : ReadJsonDocument(text, root, sink);
}

std::string WriteDocument(const Element& root, Format format) {
  return format == Format::kXml ? WriteXmlDocument(root) : WriteJsonDocument(root);
}

bool IsName(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !key.empty() && letter(key[0]) && std::all_of(key.begin(), key.end(), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':';
  });
}

std::string ExtraFromAttribute(const Attribute& attribute) {
  if (!attribute.json.empty()) return attribute.json;
  return attribute.text;
}

Attribute AttributeFromExtra(const std::string& key, const std::string& text) {
  Attribute attribute{.key = key, .text = text};
  if (IsCompactJson(text)) {
    attribute.form = ValueForm::kOther;
    attribute.json = text;
  }
  return attribute;
}

std::string ExtraFromJsonString(const std::string& text) {
  return IsCompactJson(text) ? nlohmann::json(text).dump() : text;
}

}  // namespace takt::scene
