// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/ply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/quantize.h"

namespace takt::splat {
namespace {

constexpr std::string_view kLayoutHint = "a 3DGS .ply has x y z f_dc_0..2 opacity scale_0..2 rot_0..3";

// Where the values of one column go: out[i * stride] for row i.
struct Target {
  const PlyProperty* source = nullptr;
  float* out = nullptr;
  size_t stride = 0;
};

using LoadColumn = void (*)(const uint8_t* rows, size_t row_bytes, size_t count, float* out, size_t stride);

template <class T, bool kSwap>
void Load(const uint8_t* rows, size_t row_bytes, size_t count, float* out, size_t stride) {
  for (size_t i = 0; i < count; ++i) {
    std::array<uint8_t, sizeof(T)> raw;
    std::memcpy(raw.data(), rows + i * row_bytes, sizeof(T));
    if constexpr (kSwap) std::reverse(raw.begin(), raw.end());
    out[i * stride] = static_cast<float>(std::bit_cast<T>(raw));
  }
}

LoadColumn Loader(PlyType type, PlyEncoding encoding) {
  const bool swap = encoding == PlyEncoding::kBinaryBigEndian;
  if (type == PlyType::kFloat64) return swap ? Load<double, true> : Load<double, false>;
  return swap ? Load<float, true> : Load<float, false>;
}

// Number of f_rest columns; they must be f_rest_0 .. f_rest_(n-1).
size_t CountRest(const PlyElement& vertex, const std::string& subject) {
  size_t n = 0;
  for (const PlyProperty& p : vertex.properties) n += p.name.starts_with("f_rest_");
  if (n != 0 && n != 9 && n != 24 && n != 45 && n != 72) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has {} f_rest columns", n),
                "SH of degree 0, 1, 2, 3 have 0, 9, 24, 45 of them");
  }
  return n;
}

struct Plan {
  std::vector<Target> targets;
  bool flat = false;  // no scale_2
};

// Sizes `splats` and says where each column goes.
Plan MakePlan(const PlyElement& vertex, const std::string& subject, Splats& splats, ReadReport& report) {
  const size_t rest = CountRest(vertex, subject);
  const size_t rest_per_channel = rest / 3;
  splats.sh_degree = rest == 0 ? 0 : rest == 9 ? 1 : rest == 24 ? 2 : 3;
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree));

  std::vector<std::string> missing;
  const auto find = [&](const std::string& name) {
    const PlyProperty* p = vertex.Find(name);
    if (p == nullptr) {
      missing.push_back(name);
    } else if (p->type != PlyType::kFloat32 && p->type != PlyType::kFloat64) {
      throw Error(ErrorCode::kBadInput, subject,
                  fmt::format("column '{}' is of type '{}', not float or double", name, PlyTypeName(p->type)));
    }
    return p;
  };
  Plan plan;
  const auto add = [&](const std::string& name, std::vector<float>& out, size_t lane, size_t stride) {
    if (const PlyProperty* p = find(name)) plan.targets.push_back({p, out.data() + lane, stride});
  };
  // Every column must be there before the arrays are made: the file holds at least the bytes that they take.
  for (const char* name : {"x", "y", "z", "scale_0", "scale_1", "rot_0", "rot_1", "rot_2", "rot_3", "opacity", "f_dc_0",
                           "f_dc_1", "f_dc_2"}) {
    find(name);
  }
  plan.flat = vertex.Find("scale_2") == nullptr;
  for (size_t i = 0; i < rest; ++i) find(fmt::format("f_rest_{}", i));
  if (!missing.empty()) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("has no column{} '{}'", missing.size() > 1 ? "s" : "", fmt::join(missing, "', '")),
                std::string(kLayoutHint));
  }

  splats.Resize(vertex.count);
  for (size_t i = 0; i < 3; ++i) add(std::string(1, "xyz"[i]), splats.means, i, 3);
  for (size_t i = 0; i < (plan.flat ? 2u : 3u); ++i) add(fmt::format("scale_{}", i), splats.log_scales, i, 3);
  for (size_t i = 0; i < 4; ++i) add(fmt::format("rot_{}", i), splats.quats, i, 4);
  add("opacity", splats.logits, 0, 1);
  const size_t stride = 3 * k_count;
  for (size_t c = 0; c < 3; ++c) {
    add(fmt::format("f_dc_{}", c), splats.sh, c * k_count, stride);
    for (size_t k = 1; k < k_count; ++k) {
      add(fmt::format("f_rest_{}", c * rest_per_channel + k - 1), splats.sh, c * k_count + k, stride);
    }
  }

  if (plan.flat) {
    for (size_t i = 0; i < vertex.count; ++i) splats.log_scales[i * 3 + 2] = kFlatLogScale;
    report.defaulted.push_back(fmt::format("scale_2: {} for every splat (2-D splats)", kFlatLogScale));
  }
  if (rest == 72) report.ignored.push_back("SH coefficients of degree 4");
  std::vector<bool> used(vertex.properties.size(), false);
  for (const Target& t : plan.targets) used[static_cast<size_t>(t.source - vertex.properties.data())] = true;
  for (size_t i = 0; i < used.size(); ++i) {
    const std::string& name = vertex.properties[i].name;
    report.columns.push_back(name);
    // Normals belong to the usual layout and carry nothing.
    const bool usual = name == "nx" || name == "ny" || name == "nz" || name.starts_with("f_rest_");
    if (!used[i] && !usual) report.ignored.push_back(fmt::format("column {}", name));
  }
  return plan;
}

void ReadBinary(std::span<const uint8_t> rows, const PlyHeader& header, const PlyElement& vertex, const Plan& plan) {
  // Rows of one block stay in the cache while every column is taken out of them.
  constexpr size_t kBlock = 256;
  ParallelFor(vertex.count, 16 * kBlock, [&](size_t begin, size_t end) {
    for (size_t first = begin; first < end; first += kBlock) {
      const size_t count = std::min(kBlock, end - first);
      const uint8_t* block = rows.data() + first * vertex.row_bytes;
      for (const Target& t : plan.targets) {
        Loader(t.source->type, header.encoding)(block + t.source->offset_bytes, vertex.row_bytes, count,
                                                t.out + first * t.stride, t.stride);
      }
    }
  });
}

// Numbers between white space, as PLY text has them.
class TextReader {
 public:
  TextReader(std::string_view text, const std::string& subject) : text_(text), subject_(subject) {}

  std::string_view Next() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
    const size_t begin = at_;
    while (at_ < text_.size() && !IsSpace(text_[at_])) ++at_;
    if (at_ == begin) throw Error(ErrorCode::kBadInput, subject_, "ends too early", "the file is truncated");
    return text_.substr(begin, at_ - begin);
  }
  size_t remaining() const { return text_.size() - at_; }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  std::string_view text_;
  const std::string& subject_;
  size_t at_ = 0;
};

template <class T>
bool FromChars(std::string_view word, T& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size()) return false;
  // Too large or too small for T: parsed as double it becomes infinity or zero, as the binary path does.
  return error == std::errc();
}

float ParseNumber(std::string_view word, size_t row, const PlyProperty& column, const std::string& subject) {
  std::string_view digits = word;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  float value = 0;
  if (FromChars(digits, value)) return value;
  double wide = 0;
  if (FromChars(digits, wide)) return static_cast<float>(wide);
  throw Error(ErrorCode::kBadInput, subject,
              fmt::format("splat {}: column '{}' is not a number that a double can hold", row, column.name));
}

void ReadText(TextReader& reader, const PlyElement& vertex, const Plan& plan, const std::string& subject) {
  std::vector<const Target*> target_of(vertex.properties.size(), nullptr);
  for (const Target& t : plan.targets) target_of[static_cast<size_t>(t.source - vertex.properties.data())] = &t;
  for (size_t row = 0; row < vertex.count; ++row) {
    for (size_t c = 0; c < target_of.size(); ++c) {
      const std::string_view word = reader.Next();
      if (const Target* t = target_of[c]) t->out[row * t->stride] = ParseNumber(word, row, *t->source, subject);
    }
  }
}

void ReplaceInfinities(Splats& splats, ReadReport& report) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  size_t logits = 0, scales = 0;
  for (float& v : splats.logits) {
    if (v != kInfinity && v != -kInfinity) continue;
    v = std::copysign(kSaturatedLogit, v);
    ++logits;
  }
  for (float& v : splats.log_scales) {
    if (v != -kInfinity) continue;
    v = kFlatLogScale;
    ++scales;
  }
  if (logits > 0) {
    report.defaulted.push_back(fmt::format("opacity: {} infinite logits set to +-{:.1f}", logits, kSaturatedLogit));
  }
  if (scales > 0)
    report.defaulted.push_back(fmt::format("scale: {} of minus infinity set to {}", scales, kFlatLogScale));
}

void ReportRest(const PlyHeader& header, const PlyElement& vertex, ReadReport& report) {
  for (const PlyElement& e : header.elements) {
    if (&e != &vertex) report.ignored.push_back(fmt::format("element {}: {} rows", e.name, e.count));
  }
}

}  // namespace

Splats ParsePly(std::span<const uint8_t> bytes, const PlyHeader& header, const std::string& subject,
                ReadReport& report) {
  const PlyElement* vertex = header.Find("vertex");
  if (vertex == nullptr) {
    throw Error(ErrorCode::kBadInput, subject, "has no element 'vertex'", std::string(kLayoutHint));
  }
  if (vertex->count == 0) throw Error(ErrorCode::kBadInput, subject, "holds no splats");
  if (vertex->has_list) throw Error(ErrorCode::kUnsupported, subject, "has a list in the element 'vertex'");
  report.format = Format::kPly;
  report.encoding = PlyEncodingName(header.encoding);

  Splats splats;
  splats.antialiased = PlySaysAntialiased(header);
  if (header.encoding == PlyEncoding::kAscii) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    TextReader reader(text.substr(header.header_bytes), subject);
    for (const PlyElement& e : header.elements) {
      if (&e == vertex) break;
      if (e.has_list) {
        throw Error(ErrorCode::kUnsupported, subject,
                    fmt::format("element '{}' has a list before the vertices", e.name));
      }
      if (e.properties.empty()) continue;
      for (uint64_t i = 0; i < e.count; ++i) {
        for (size_t c = 0; c < e.properties.size(); ++c) reader.Next();
      }
    }
    // A number takes a digit and a separator.
    const size_t columns = std::max<size_t>(vertex->properties.size(), 1);
    if (vertex->count > (reader.remaining() + 1) / (2 * columns)) {
      throw Error(ErrorCode::kBadInput, subject,
                  fmt::format("ends too early: {} rows of {} numbers cannot stand in {} bytes", vertex->count, columns,
                              reader.remaining()),
                  "the file is truncated, or its header is wrong");
    }
    const Plan plan = MakePlan(*vertex, subject, splats, report);
    ReadText(reader, *vertex, plan, subject);
  } else {
    const size_t offset = BinaryElementOffset(header, *vertex, bytes.size(), subject);
    const Plan plan = MakePlan(*vertex, subject, splats, report);
    ReadBinary(bytes.subspan(offset), header, *vertex, plan);
    const size_t end = offset + vertex->count * vertex->row_bytes;
    if (vertex == &header.elements.back() && end < bytes.size()) {
      report.ignored.push_back(fmt::format("{} bytes after the last row", bytes.size() - end));
    }
  }
  ReportRest(header, *vertex, report);
  ReplaceInfinities(splats, report);
  CheckSplats(splats, subject.c_str());
  return splats;
}

std::vector<uint8_t> EncodePly(const Splats& splats, WriteReport& report) {
  report.format = Format::kPly;
  const size_t n = splats.size();
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree)), rest = 3 * (k_count - 1);
  std::string header = fmt::format("ply\nformat binary_little_endian 1.0\nelement vertex {}\n", n);
  const auto column = [&](std::string_view name) {
    fmt::format_to(std::back_inserter(header), "property float {}\n", name);
  };
  for (const char* name : {"x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"}) column(name);
  for (size_t i = 0; i < rest; ++i) column(fmt::format("f_rest_{}", i));
  for (const char* name : {"opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"})
    column(name);
  // The comments stand last: the viewer of the original program takes the third line for the vertex count.
  if (splats.antialiased) header += "comment SplatRenderMode: mip\ncomment antialiased 1\n";
  header += "end_header\n";

  const size_t row_floats = 17 + rest;
  std::vector<uint8_t> bytes(header.size() + n * row_floats * sizeof(float));
  std::memcpy(bytes.data(), header.data(), header.size());
  uint8_t* rows = bytes.data() + header.size();
  ParallelFor(n, 4096, [&](size_t begin, size_t end) {
    std::vector<float> row(row_floats, 0.0f);
    for (size_t i = begin; i < end; ++i) {
      const float* sh = &splats.sh[i * 3 * k_count];
      float* out = row.data();
      out = std::copy_n(&splats.means[i * 3], 3, out) + 3;
      for (size_t c = 0; c < 3; ++c) *out++ = sh[c * k_count];
      for (size_t c = 0; c < 3; ++c) out = std::copy_n(sh + c * k_count + 1, k_count - 1, out);
      *out++ = splats.logits[i];
      out = std::copy_n(&splats.log_scales[i * 3], 3, out);
      std::copy_n(&splats.quats[i * 4], 4, out);
      std::memcpy(rows + i * row_floats * sizeof(float), row.data(), row_floats * sizeof(float));
    }
  });
  report.file_bytes = bytes.size();
  return bytes;
}

}  // namespace takt::splat
