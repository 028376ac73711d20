// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/points_ply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::capture {
namespace {

enum class Type { kInt8, kUint8, kInt16, kUint16, kInt32, kUint32, kFloat, kDouble };

struct Property {
  std::string name;
  Type type = Type::kFloat;
  std::optional<Type> list_count_type;  // set for lists
};

struct Element {
  std::string name;
  uint64_t count = 0;
  std::vector<Property> properties;
};

struct Header {
  bool ascii = false;
  std::vector<Element> elements;
};

size_t SizeOf(Type type) {
  constexpr size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 8};
  return kSizes[static_cast<size_t>(type)];
}

std::optional<Type> TypeOf(std::string_view name) {
  constexpr std::pair<std::string_view, Type> kNames[] = {
      {"char", Type::kInt8},   {"int8", Type::kInt8},     {"uchar", Type::kUint8},   {"uint8", Type::kUint8},
      {"short", Type::kInt16}, {"int16", Type::kInt16},   {"ushort", Type::kUint16}, {"uint16", Type::kUint16},
      {"int", Type::kInt32},   {"int32", Type::kInt32},   {"uint", Type::kUint32},   {"uint32", Type::kUint32},
      {"float", Type::kFloat}, {"float32", Type::kFloat}, {"double", Type::kDouble}, {"float64", Type::kDouble}};
  for (const auto& [known, type] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

Error BadInput(const std::string& subject, std::string message) {
  return Error(ErrorCode::kBadInput, subject, std::move(message));
}

// Words of `text`, separated by blanks and line ends.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  std::string_view Next() {
    const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (at_ < text_.size() && blank(text_[at_])) ++at_;
    const size_t begin = at_;
    while (at_ < text_.size() && !blank(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

template <class T>
T ParseNumber(std::string_view word, const std::string& subject) {
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty()) throw BadInput(subject, "ends too early");
  if (error != std::errc() || end != word.data() + word.size()) {
    throw BadInput(subject, fmt::format("\"{}\" is not a number", word.substr(0, 40)));
  }
  return value;
}

Property ParseProperty(Words& words, const std::string& subject) {
  const auto type_of = [&](std::string_view word) {
    const auto type = TypeOf(word);
    if (!type) throw BadInput(subject, fmt::format("unknown property type \"{}\"", word.substr(0, 40)));
    return *type;
  };
  Property property;
  std::string_view word = words.Next();
  if (word == "list") {
    property.list_count_type = type_of(words.Next());
    word = words.Next();
  }
  property.type = type_of(word);
  property.name = words.Next();
  return property;
}

// `position` is left at the first byte after the header.
Header ParseHeader(std::string_view text, const std::string& subject, size_t& position) {
  constexpr size_t kMaxHeaderBytes = 1 << 16;
  Header header;
  bool has_format = false;
  for (size_t line_idx = 0;; ++line_idx) {
    const size_t end = text.find('\n', position);
    if (end == std::string_view::npos || end > kMaxHeaderBytes) throw BadInput(subject, "has no PLY header");
    Words words(text.substr(position, end - position));
    position = end + 1;
    const std::string_view keyword = words.Next();
    if (line_idx == 0) {
      if (keyword != "ply") throw BadInput(subject, "is not a PLY file");
    } else if (keyword == "format") {
      const std::string_view format = words.Next();
      if (format == "binary_big_endian") {
        throw Error(ErrorCode::kUnsupported, subject, "is a big-endian PLY file", "save it as binary_little_endian");
      }
      if (format != "ascii" && format != "binary_little_endian") throw BadInput(subject, "has an unknown PLY format");
      header.ascii = format == "ascii";
      has_format = true;
    } else if (keyword == "element") {
      Element element;
      element.name = words.Next();
      element.count = ParseNumber<uint64_t>(words.Next(), subject);
      header.elements.push_back(std::move(element));
    } else if (keyword == "property") {
      if (header.elements.empty()) throw BadInput(subject, "has a property before its first element");
      header.elements.back().properties.push_back(ParseProperty(words, subject));
    } else if (keyword == "end_header") {
      break;
    } else if (keyword != "comment" && keyword != "obj_info") {
      throw BadInput(subject, fmt::format("has an unknown header line \"{}\"", keyword.substr(0, 40)));
    }
  }
  if (!has_format) throw BadInput(subject, "has no format line");
  return header;
}

// One number after the other, from either encoding.
class ValueReader {
 public:
  ValueReader(bool ascii, std::span<const uint8_t> body, const std::string& subject)
      : ascii_(ascii),
        bytes_(body, subject),
        words_(std::string_view(reinterpret_cast<const char*>(body.data()), body.size())),
        subject_(subject) {}

  double Read(Type type) {
    if (ascii_) return ParseNumber<double>(words_.Next(), subject_);
    switch (type) {
      case Type::kInt8:
        return bytes_.Read<int8_t>();
      case Type::kUint8:
        return bytes_.Read<uint8_t>();
      case Type::kInt16:
        return bytes_.Read<int16_t>();
      case Type::kUint16:
        return bytes_.Read<uint16_t>();
      case Type::kInt32:
        return bytes_.Read<int32_t>();
      case Type::kUint32:
        return bytes_.Read<uint32_t>();
      case Type::kFloat:
        return bytes_.Read<float>();
      case Type::kDouble:
        return bytes_.Read<double>();
    }
    return 0;
  }
  void SkipList(const Property& property) {
    const double count = Read(*property.list_count_type);
    if (!(count >= 0)) throw BadInput(subject_, "has a list of negative length");
    if (ascii_) {
      for (double i = 0; i < count; ++i) Read(property.type);
    } else {
      // At most 2^32 - 1, or a float: the product stays exact enough for the check against the bytes that are left.
      const double bytes = count * static_cast<double>(SizeOf(property.type));
      if (bytes > static_cast<double>(bytes_.remaining())) throw BadInput(subject_, "ends too early");
      bytes_.Take(static_cast<uint64_t>(bytes));
    }
  }

 private:
  bool ascii_;
  ByteReader bytes_;
  Words words_;
  const std::string& subject_;
};

// A lower bound of what one element takes, to check counts before anything is allocated.
uint64_t MinBytes(const Element& element, bool ascii) {
  uint64_t bytes = 0;
  for (const auto& property : element.properties) {
    bytes += ascii ? 2 : SizeOf(property.list_count_type.value_or(property.type));
  }
  return bytes;
}

uint8_t Colour(double value, Type type) {
  if (type == Type::kFloat || type == Type::kDouble) value *= 255;
  return value > 0 ? static_cast<uint8_t>(std::min(value, 255.0) + 0.5) : 0;
}

}  // namespace

std::vector<Point> ParsePlyPoints(std::span<const uint8_t> bytes, const std::string& subject, size_t& left_out) {
  left_out = 0;
  size_t position = 0;
  const Header header =
      ParseHeader(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), subject, position);
  const std::span<const uint8_t> body = bytes.subspan(position);
  ValueReader reader(header.ascii, body, subject);
  for (const auto& element : header.elements) {
    const uint64_t min_bytes = MinBytes(element, header.ascii);
    // The last ascii value may lack its separator.
    if (min_bytes == 0 ? element.count > 0 : element.count > (body.size() + 1) / min_bytes) {
      throw BadInput(subject,
                     fmt::format("says {} of element {}, which its size cannot hold", element.count, element.name));
    }
    const bool is_vertex = element.name == "vertex";
    if (is_vertex) {
      for (const std::string_view name : {"x", "y", "z"}) {
        const auto same = [&](const Property& p) { return p.name == name && !p.list_count_type; };
        if (std::none_of(element.properties.begin(), element.properties.end(), same)) {
          throw BadInput(subject, fmt::format("its vertices have no {}", name));
        }
      }
    }
    std::vector<Point> points;
    if (is_vertex) points.reserve(element.count);
    for (uint64_t i = 0; i < element.count; ++i) {
      Point point{{0, 0, 0}, {128, 128, 128}};
      for (const auto& property : element.properties) {
        if (property.list_count_type) {
          reader.SkipList(property);
          continue;
        }
        const double value = reader.Read(property.type);
        constexpr std::string_view kAxes[] = {"x", "y", "z"}, kColours[] = {"red", "green", "blue"};
        for (int k = 0; k < 3; ++k) {
          if (property.name == kAxes[k]) point.p_in_world[k] = value;
          if (property.name == kColours[k]) point.rgb[k] = Colour(value, property.type);
        }
      }
      if (!is_vertex) continue;
      const bool finite = std::isfinite(point.p_in_world[0] + point.p_in_world[1] + point.p_in_world[2]);
      left_out += !finite;
      if (finite) points.push_back(point);
    }
    if (is_vertex) return points;
  }
  throw BadInput(subject, "has no element vertex");
}

std::vector<Point> ReadPlyPoints(const std::filesystem::path& path, std::vector<std::string>& warnings) {
  size_t left_out = 0;
  auto points = ParsePlyPoints(ReadFile(path), path.string(), left_out);
  if (left_out > 0)
    warnings.push_back(fmt::format("{}: {} points are not finite and were left out", path.string(), left_out));
  return points;
}

}  // namespace takt::capture
