// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/ply_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::splat {
namespace {

constexpr size_t kMaxHeaderBytes = size_t{1} << 20;
constexpr size_t kMaxElements = 64;  // splat files have one to three
constexpr size_t kMaxQuoted = 60;

struct TypeName {
  std::string_view name;
  PlyType type;
};
// The two spellings that PLY files use.
constexpr std::array<TypeName, 16> kTypeNames = {{{"char", PlyType::kInt8},
                                                  {"uchar", PlyType::kUint8},
                                                  {"short", PlyType::kInt16},
                                                  {"ushort", PlyType::kUint16},
                                                  {"int", PlyType::kInt32},
                                                  {"uint", PlyType::kUint32},
                                                  {"float", PlyType::kFloat32},
                                                  {"double", PlyType::kFloat64},
                                                  {"int8", PlyType::kInt8},
                                                  {"uint8", PlyType::kUint8},
                                                  {"int16", PlyType::kInt16},
                                                  {"uint16", PlyType::kUint16},
                                                  {"int32", PlyType::kInt32},
                                                  {"uint32", PlyType::kUint32},
                                                  {"float32", PlyType::kFloat32},
                                                  {"float64", PlyType::kFloat64}}};

std::optional<PlyType> TypeFromName(std::string_view name) {
  for (const TypeName& t : kTypeNames) {
    if (t.name == name) return t.type;
  }
  return std::nullopt;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while (true) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) return words;
    const size_t end = std::min(line.find_first_of(" \t", at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
}

// A hostile line can be long and hold any byte: errors show a short, printable piece of it.
std::string Quote(std::string_view text) {
  std::string quoted(text.substr(0, kMaxQuoted));
  for (char& c : quoted) {
    if (!std::isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return text.size() > kMaxQuoted ? quoted + "..." : quoted;
}

class HeaderParser {
 public:
  HeaderParser(std::span<const uint8_t> bytes, const std::string& subject)
      : text_(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMaxHeaderBytes)),
        cut_(bytes.size() > kMaxHeaderBytes),
        subject_(subject) {}

  PlyHeader Parse() {
    if (NextLine() != "ply") throw Fail("is not a PLY file: it does not begin with the line 'ply'");
    bool has_format = false;
    while (true) {
      const std::string_view line = NextLine();
      const auto words = Words(line);
      if (words.empty()) continue;
      if (words[0] == "end_header") break;
      if (words[0] == "comment" || words[0] == "obj_info") {
        header_.comments.emplace_back(words.size() > 1 ? line.substr(words[1].data() - line.data()) : "");
      } else if (words[0] == "format") {
        ParseFormat(words);
        has_format = true;
      } else if (words[0] == "element") {
        ParseElement(words);
      } else if (words[0] == "property") {
        ParseProperty(words);
      } else {
        throw LineError("is not part of a PLY header");
      }
    }
    if (!has_format) throw Fail("the header has no 'format' line");
    header_.header_bytes = position_;
    return std::move(header_);
  }

 private:
  std::string_view NextLine() {
    const size_t end = text_.find('\n', position_);
    if (end == std::string_view::npos) {
      throw Fail(cut_ ? "the header has no 'end_header' within its first MiB" : "the header has no 'end_header'");
    }
    line_ = text_.substr(position_, end - position_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    position_ = end + 1;
    ++line_number_;
    return line_;
  }

  void ParseFormat(const std::vector<std::string_view>& words) {
    if (words.size() != 3 || words[2] != "1.0") throw LineError("is not a format that PLY 1.0 has");
    for (const PlyEncoding e : {PlyEncoding::kBinaryLittleEndian, PlyEncoding::kBinaryBigEndian, PlyEncoding::kAscii}) {
      if (words[1] == PlyEncodingName(e)) {
        header_.encoding = e;
        return;
      }
    }
    throw LineError("is not a format that PLY 1.0 has");
  }

  void ParseElement(const std::vector<std::string_view>& words) {
    PlyElement element;
    if (words.size() != 3) throw LineError("should be 'element NAME COUNT'");
    if (header_.elements.size() == kMaxElements) throw Fail(fmt::format("has more than {} elements", kMaxElements));
    const auto [end, error] = std::from_chars(words[2].data(), words[2].data() + words[2].size(), element.count);
    if (error != std::errc() || end != words[2].data() + words[2].size()) {
      throw LineError("has a count that is not a number from 0 to 2^64 - 1");
    }
    element.name = Printable(words[1]);
    if (header_.Find(element.name) != nullptr) throw LineError("names an element for the second time");
    header_.elements.push_back(std::move(element));
  }

  void ParseProperty(const std::vector<std::string_view>& words) {
    if (header_.elements.empty()) throw LineError("stands before any element");
    PlyElement& element = header_.elements.back();
    PlyProperty property;
    property.is_list = words.size() == 5 && words[1] == "list";
    if (words.size() != 3 && !property.is_list) throw LineError("should be 'property TYPE NAME'");
    const auto type = TypeFromName(words[words.size() - 2]);
    if (!type || (property.is_list && !TypeFromName(words[2]))) throw LineError("has a type that PLY does not know");
    property.type = *type;
    property.name = Printable(words.back());
    property.offset_bytes = element.row_bytes;
    if (!names_.emplace(header_.elements.size(), property.name).second) {
      throw LineError("names a column for the second time");
    }
    element.row_bytes += PlyTypeBytes(*type);
    element.has_list = element.has_list || property.is_list;
    element.properties.push_back(std::move(property));
  }

  std::string Printable(std::string_view name) const {
    for (const unsigned char c : name) {
      if (!std::isprint(c)) throw LineError("has a name that cannot be printed");
    }
    return std::string(name);
  }

  Error Fail(std::string message) const { return Error(ErrorCode::kBadInput, subject_, std::move(message)); }
  Error LineError(std::string_view what) const {
    return Fail(fmt::format("line {} of the header, '{}', {}", line_number_, Quote(line_), what));
  }

  std::string_view text_;
  bool cut_;
  const std::string& subject_;
  PlyHeader header_;
  std::set<std::pair<size_t, std::string>> names_;  // (element, column): linear search would let a header cost n^2
  size_t position_ = 0;
  int line_number_ = 0;
  std::string_view line_;
};

}  // namespace

std::string_view PlyEncodingName(PlyEncoding encoding) {
  switch (encoding) {
    case PlyEncoding::kBinaryLittleEndian:
      return "binary_little_endian";
    case PlyEncoding::kBinaryBigEndian:
      return "binary_big_endian";
    case PlyEncoding::kAscii:
      return "ascii";
  }
  return "";
}

std::string_view PlyTypeName(PlyType type) {
  for (const TypeName& t : kTypeNames) {
    if (t.type == type) return t.name;
  }
  return "";
}

size_t PlyTypeBytes(PlyType type) {
  switch (type) {
    case PlyType::kInt8:
    case PlyType::kUint8:
      return 1;
    case PlyType::kInt16:
    case PlyType::kUint16:
      return 2;
    case PlyType::kInt32:
    case PlyType::kUint32:
    case PlyType::kFloat32:
      return 4;
    case PlyType::kFloat64:
      return 8;
  }
  return 0;
}

const PlyProperty* PlyElement::Find(std::string_view property_name) const {
  for (const PlyProperty& p : properties) {
    if (p.name == property_name) return &p;
  }
  return nullptr;
}

const PlyElement* PlyHeader::Find(std::string_view element_name) const {
  for (const PlyElement& e : elements) {
    if (e.name == element_name) return &e;
  }
  return nullptr;
}

bool IsPly(std::span<const uint8_t> bytes) {
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 5));
  return head.starts_with("ply\n") || head.starts_with("ply\r\n");
}

PlyHeader ParsePlyHeader(std::span<const uint8_t> bytes, const std::string& subject) {
  return HeaderParser(bytes, subject).Parse();
}

bool PlySaysAntialiased(const PlyHeader& header) {
  bool antialiased = false;
  for (const std::string& comment : header.comments) {
    std::string lower(comment);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto words = Words(lower);
    if (words.size() != 2) continue;
    if (words[0] == "splatrendermode:") {
      antialiased = words[1] == "mip";
    } else if (words[0] == "antialiased" && (words[1] == "0" || words[1] == "1")) {
      antialiased = words[1] == "1";
    }
  }
  return antialiased;
}

size_t BinaryElementOffset(const PlyHeader& header, const PlyElement& element, uint64_t file_bytes,
                           const std::string& subject) {
  uint64_t offset = header.header_bytes;
  for (const PlyElement& e : header.elements) {
    if (e.has_list) {
      throw Error(ErrorCode::kUnsupported, subject,
                  fmt::format("element '{}' has a list and stands before or in '{}'", Quote(e.name), element.name),
                  "save the splats as a PLY file without faces");
    }
    // Division, not multiplication: the count is whatever the header claims.
    const uint64_t left = file_bytes - offset;
    if (e.row_bytes != 0 && e.count > left / e.row_bytes) {
      throw Error(ErrorCode::kBadInput, subject,
                  fmt::format("ends too early: {} rows of element '{}' at {} bytes each, but {} bytes are left",
                              e.count, Quote(e.name), e.row_bytes, left),
                  "the file is truncated, or its header is wrong");
    }
    if (&e == &element) return offset;
    offset += e.count * e.row_bytes;
  }
  throw Error(ErrorCode::kInternal, subject, "element is not of this header");
}

}  // namespace takt::splat
