// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/geom/mesh.h"

namespace takt {
namespace {

constexpr uint64_t kMaxTriangles = uint64_t{1} << 24;
constexpr size_t kStlHeaderBytes = 80, kStlTriangleBytes = 50;

[[noreturn]] void Bad(const std::string& subject, const std::string& message) {
  throw Error(ErrorCode::kBadInput, subject, message, "export the mesh again");
}

void CheckCount(uint64_t triangles, const std::string& subject) {
  if (triangles > kMaxTriangles) {
    throw Error(ErrorCode::kBadInput, subject, "has more than 16777216 triangles", "decimate the mesh");
  }
}

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

// Words of a text; an empty word is the end.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  std::string_view Next() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
    const size_t begin = at_;
    while (at_ < text_.size() && !IsSpace(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  void SkipLine() { at_ = std::min(text_.find('\n', at_), text_.size()); }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

double Number(std::string_view word, const std::string& subject) {
  if (word.starts_with('+')) word.remove_prefix(1);
  double value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  // What is too small for a double is zero; what is too large is no place.
  if (failed == std::errc::result_out_of_range && word.find("e-") != word.npos) return 0;
  if (failed != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) {
    Bad(subject, "has '" + std::string(word.substr(0, 32)) + "' where a finite number must be");
  }
  return value;
}

// Corners, three for each triangle, into shared vertices in the order in which they first appear.
TriMesh Weld(const std::vector<Vec3>& corners_m, const std::string& subject) {
  std::vector<uint32_t> order(corners_m.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const Vec3 &p = corners_m[a], &q = corners_m[b];
    for (int k = 0; k < 3; ++k) {
      if (p[k] != q[k]) return p[k] < q[k];
    }
    return a < b;
  });
  std::vector<uint32_t> first(corners_m.size());  // corner -> the first corner at the same place
  for (size_t i = 0; i < order.size(); ++i) {
    const bool same = i > 0 && corners_m[order[i]] == corners_m[order[i - 1]];
    first[order[i]] = same ? first[order[i - 1]] : order[i];
  }
  TriMesh mesh;
  std::vector<uint32_t> vertex(corners_m.size(), std::numeric_limits<uint32_t>::max());
  const auto vertex_of = [&](size_t corner) {
    uint32_t& idx = vertex[first[corner]];
    if (idx == std::numeric_limits<uint32_t>::max()) {
      idx = static_cast<uint32_t>(mesh.vertices_m.size());
      mesh.vertices_m.push_back(corners_m[corner]);
    }
    return idx;
  };
  for (size_t i = 0; i + 2 < corners_m.size(); i += 3) {
    if (first[i] == first[i + 1] || first[i + 1] == first[i + 2] || first[i] == first[i + 2]) continue;
    const uint32_t a = vertex_of(i), b = vertex_of(i + 1), c = vertex_of(i + 2);
    mesh.triangles.push_back({a, b, c});
  }
  if (mesh.triangles.empty()) Bad(subject, "has no triangle");
  return mesh;
}

TriMesh ParseBinaryStl(std::span<const uint8_t> bytes, const std::string& subject) {
  ByteReader reader(bytes, subject);
  reader.Take(kStlHeaderBytes);
  const uint64_t count = reader.Read<uint32_t>();
  CheckCount(count, subject);
  if (count > reader.remaining() / kStlTriangleBytes) {
    Bad(subject, "says " + std::to_string(count) + " triangles, but has bytes for " +
                     std::to_string(reader.remaining() / kStlTriangleBytes));
  }
  std::vector<Vec3> corners_m;
  corners_m.reserve(3 * count);
  for (uint64_t i = 0; i < count; ++i) {
    reader.Take(3 * sizeof(float));  // the normal; the order of the corners says the same
    for (int corner = 0; corner < 3; ++corner) {
      Vec3 p;
      for (int k = 0; k < 3; ++k) {
        p[k] = reader.Read<float>() + 0.0;  // -0 becomes 0
        if (!std::isfinite(p[k])) Bad(subject, "has a corner that is not finite, in triangle " + std::to_string(i));
      }
      corners_m.push_back(p);
    }
    reader.Take(sizeof(uint16_t));
  }
  return Weld(corners_m, subject);
}

TriMesh ParseAsciiStl(std::string_view text, const std::string& subject) {
  Words words(text);
  const auto expect = [&](std::string_view what) {
    const std::string_view word = words.Next();
    if (word != what) {
      Bad(subject, word.empty() ? std::string("ends too early")
                                : "has '" + std::string(word.substr(0, 32)) + "' where '" + std::string(what) +
                                      "' must be");
    }
  };
  expect("solid");
  words.SkipLine();
  std::vector<Vec3> corners_m;
  bool open = true;
  for (std::string_view word = words.Next(); !word.empty(); word = words.Next()) {
    if (word == "endsolid" || (word == "solid" && !open)) {
      open = word == "solid";
      words.SkipLine();
      continue;
    }
    if (word != "facet" || !open) {
      Bad(subject, "has '" + std::string(word.substr(0, 32)) + "' where a facet must be");
    }
    expect("normal");
    for (int k = 0; k < 3; ++k) words.Next();  // some programs write "nan" here; nothing depends on it
    expect("outer");
    expect("loop");
    for (int corner = 0; corner < 3; ++corner) {
      expect("vertex");
      Vec3 p;
      for (int k = 0; k < 3; ++k) p[k] = Number(words.Next(), subject) + 0.0;
      corners_m.push_back(p);
    }
    expect("endloop");
    expect("endfacet");
    CheckCount(corners_m.size() / 3, subject);
  }
  if (open) Bad(subject, "ends too early");
  return Weld(corners_m, subject);
}

// The number before the first '/' of a corner such as 12/3/4, zero-based; negative numbers count back from `vertices`.
std::optional<int64_t> ObjIndex(std::string_view word, size_t vertices) {
  word = word.substr(0, word.find('/'));
  int64_t index = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), index);
  if (failed != std::errc() || end != word.data() + word.size() || index == 0) return std::nullopt;
  return index > 0 ? index - 1 : static_cast<int64_t>(vertices) + index;
}

}  // namespace

TriMesh ParseStl(std::span<const uint8_t> bytes, const std::string& subject) {
  // A binary header may start with "solid" too: a size that fits its count to the byte decides, then the word.
  const std::string_view text = TextOf(bytes);
  const size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const bool says_solid = text.substr(start).starts_with("solid");
  if (says_solid && bytes.size() >= kStlHeaderBytes + sizeof(uint32_t)) {
    ByteReader reader(bytes, subject);
    reader.Take(kStlHeaderBytes);
    if (uint64_t{reader.Read<uint32_t>()} * kStlTriangleBytes == reader.remaining()) return ParseBinaryStl(bytes, subject);
  }
  return says_solid ? ParseAsciiStl(text, subject) : ParseBinaryStl(bytes, subject);
}

TriMesh ParseObj(std::span<const uint8_t> bytes, const std::string& subject) {
  TriMesh mesh;
  std::string_view rest = TextOf(bytes);
  std::string joined;  // a line that a backslash continues
  std::vector<int64_t> polygon;
  for (size_t line_number = 1; !rest.empty(); ++line_number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.ends_with('\\')) {
      joined.append(line.substr(0, line.size() - 1)).push_back(' ');
      continue;
    }
    if (!joined.empty()) line = joined.append(line);
    Words words(line.substr(0, line.find('#')));
    const std::string_view kind = words.Next();
    if (kind == "v") {
      Vec3 p;
      for (int k = 0; k < 3; ++k) p[k] = Number(words.Next(), subject);
      mesh.vertices_m.push_back(p);
    } else if (kind == "f") {
      polygon.clear();
      for (std::string_view word = words.Next(); !word.empty(); word = words.Next()) {
        const auto index = ObjIndex(word, mesh.vertices_m.size());
        if (!index || *index < 0 || *index > std::numeric_limits<int32_t>::max()) {
          Bad(subject, "line " + std::to_string(line_number) + " has '" + std::string(word.substr(0, 32)) +
                           "' where the number of a vertex must be");
        }
        polygon.push_back(*index);
      }
      if (polygon.size() < 3) Bad(subject, "line " + std::to_string(line_number) + " has a face of fewer than 3 corners");
      for (size_t i = 1; i + 1 < polygon.size(); ++i) {
        const auto a = static_cast<uint32_t>(polygon[0]), b = static_cast<uint32_t>(polygon[i]);
        const auto c = static_cast<uint32_t>(polygon[i + 1]);
        if (a != b && b != c && a != c) mesh.triangles.push_back({a, b, c});
      }
      CheckCount(mesh.triangles.size(), subject);
    }
    joined.clear();
  }
  for (const auto& triangle : mesh.triangles) {
    for (const uint32_t vertex : triangle) {
      if (vertex >= mesh.vertices_m.size()) {
        Bad(subject, "has a face of vertex " + std::to_string(uint64_t{vertex} + 1) + "; there are " +
                         std::to_string(mesh.vertices_m.size()));
      }
    }
  }
  if (mesh.triangles.empty()) Bad(subject, "has no triangle");
  return mesh;
}

}  // namespace takt
