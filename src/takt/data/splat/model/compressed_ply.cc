// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/compressed_ply.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/morton.h"
#include "takt/data/splat/model/quantize.h"

namespace takt::splat {
namespace {

constexpr size_t kChunk = 256;
constexpr std::array<const char*, 18> kChunkColumns = {
    "min_x",       "min_y",       "min_z",       "max_x", "max_y", "max_z", "min_scale_x", "min_scale_y", "min_scale_z",
    "max_scale_x", "max_scale_y", "max_scale_z", "min_r", "min_g", "min_b", "max_r",       "max_g",       "max_b"};
constexpr std::array<const char*, 4> kVertexColumns = {"packed_position", "packed_rotation", "packed_scale",
                                                       "packed_color"};
constexpr float kMaxLogScale = 20.0f;
constexpr float kShRange = 4.0f;  // SH coefficients in [-4, 4)

struct Bits3 {
  uint32_t x, y, z;
};
Bits3 Unpack111011(uint32_t v) { return {v >> 21, v >> 11 & 1023, v & 2047}; }
uint32_t Pack111011(const std::array<uint32_t, 3>& v) { return v[0] << 21 | v[1] << 11 | v[2]; }
constexpr std::array<uint32_t, 3> k111011 = {2047, 1023, 2047};

float Lerp(float low, float high, float t) { return low * (1 - t) + high * t; }

// Two bits say which component was the largest and is left out; the others follow in the order w x y z.
void UnpackRotation(uint32_t packed, float* quat) {
  const uint32_t largest = packed >> 30;
  float sum = 0;
  int shift = 20;
  for (uint32_t a = 0; a < 4; ++a) {
    if (a == largest) continue;
    const float v = (static_cast<float>(packed >> shift & 1023) / 1023.0f - 0.5f) * 1.41421356237f;
    quat[a] = v;
    sum += v * v;
    shift -= 10;
  }
  quat[largest] = std::sqrt(std::max(0.0f, 1.0f - sum));
}

uint32_t PackRotation(const float* quat) {
  double norm = 0;
  for (int a = 0; a < 4; ++a) norm += double{quat[a]} * quat[a];
  uint32_t largest = 0;
  for (uint32_t a = 1; a < 4; ++a) {
    if (std::abs(quat[a]) > std::abs(quat[largest])) largest = a;
  }
  const double factor = (quat[largest] < 0 ? -1.0 : 1.0) / std::sqrt(norm);
  uint32_t packed = largest;
  for (uint32_t a = 0; a < 4; ++a) {
    if (a == largest) continue;
    const double unit = quat[a] * factor * 0.70710678118654752 + 0.5;
    packed = packed << 10 | static_cast<uint32_t>(std::clamp(std::floor(unit * 1023.0 + 0.5), 0.0, 1023.0));
  }
  return packed;
}

// SH bytes stand for the middle of their bin; the two ends stand for the ends.
std::array<float, 256> ShTable() {
  std::array<float, 256> table;
  for (int b = 0; b < 256; ++b) table[b] = ((static_cast<float>(b) + 0.5f) / 256.0f - 0.5f) * 2 * kShRange;
  table[0] = -kShRange;
  table[255] = kShRange;
  return table;
}

template <class T>
T ReadAt(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// Where a column of `element` stands in its rows. Errors: bad_input when it is not there or not of that type.
size_t ColumnOffset(const PlyElement& element, const std::string& name, PlyType type, const std::string& subject) {
  const PlyProperty* p = element.Find(name);
  if (p == nullptr || p->is_list || p->type != type) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("element '{}' has no column '{}' of type '{}'", element.name, name, PlyTypeName(type)));
  }
  return p->offset_bytes;
}

struct Range {
  float low = 0, high = 0;
};

}  // namespace

bool IsCompressedPly(const PlyHeader& header) {
  const PlyElement* vertex = header.Find("vertex");
  return vertex != nullptr && vertex->Find("packed_position") != nullptr;
}

Splats ParseCompressedPly(std::span<const uint8_t> bytes, const PlyHeader& header, const std::string& subject,
                          ReadReport& report) {
  const auto fail = [&](std::string message) { return Error(ErrorCode::kBadInput, subject, std::move(message)); };
  if (header.encoding != PlyEncoding::kBinaryLittleEndian) {
    throw Error(ErrorCode::kUnsupported, subject,
                fmt::format("is a compressed PLY in {}", PlyEncodingName(header.encoding)));
  }
  const PlyElement* vertex = header.Find("vertex");
  const PlyElement* chunk = header.Find("chunk");
  const PlyElement* sh = header.Find("sh");
  if (vertex == nullptr || chunk == nullptr) throw fail("has no element 'chunk' beside its packed vertices");
  const uint64_t n = vertex->count;
  if (n == 0) throw fail("holds no splats");
  if (chunk->count != (n - 1) / kChunk + 1) {
    throw fail(fmt::format("has {} chunks for {} splats, not one for every {}", chunk->count, n, kChunk));
  }
  const size_t ranges = chunk->Find("min_r") != nullptr ? 18 : 12;
  std::array<size_t, 18> range_at{};
  for (size_t i = 0; i < ranges; ++i) range_at[i] = ColumnOffset(*chunk, kChunkColumns[i], PlyType::kFloat32, subject);
  std::array<size_t, 4> packed_at{};
  for (size_t i = 0; i < 4; ++i) packed_at[i] = ColumnOffset(*vertex, kVertexColumns[i], PlyType::kUint32, subject);
  const uint8_t* chunk_rows = bytes.data() + BinaryElementOffset(header, *chunk, bytes.size(), subject);
  const uint8_t* vertex_rows = bytes.data() + BinaryElementOffset(header, *vertex, bytes.size(), subject);

  Splats splats;
  splats.antialiased = PlySaysAntialiased(header);
  std::vector<size_t> sh_at;
  const uint8_t* sh_rows = nullptr;
  if (sh != nullptr) {
    const size_t rest = sh->properties.size();
    if (rest != 9 && rest != 24 && rest != 45) {
      throw fail(fmt::format("element 'sh' has {} columns, not 9, 24 or 45", rest));
    }
    if (sh->count != n) throw fail(fmt::format("has SH for {} splats, but {} splats", sh->count, n));
    splats.sh_degree = rest == 9 ? 1 : rest == 24 ? 2 : 3;
    for (size_t i = 0; i < rest; ++i) {
      sh_at.push_back(ColumnOffset(*sh, fmt::format("f_rest_{}", i), PlyType::kUint8, subject));
    }
    sh_rows = bytes.data() + BinaryElementOffset(header, *sh, bytes.size(), subject);
  }

  report.format = Format::kCompressedPly;
  report.version = static_cast<int>(ranges);
  report.encoding = PlyEncodingName(header.encoding);
  for (const PlyElement& e : header.elements) {
    for (const PlyProperty& p : e.properties) report.columns.push_back(fmt::format("{}.{}", e.name, p.name));
    if (&e != vertex && &e != chunk && &e != sh) {
      report.ignored.push_back(fmt::format("element {}: {} rows", e.name, e.count));
    }
  }
  const PlyElement& last = header.elements.back();
  if (!last.has_list) {
    const size_t end = BinaryElementOffset(header, last, bytes.size(), subject) + last.count * last.row_bytes;
    if (end < bytes.size()) report.ignored.push_back(fmt::format("{} bytes after the last row", bytes.size() - end));
  }

  std::vector<std::array<float, 18>> chunk_ranges(chunk->count, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1});
  for (size_t c = 0; c < chunk->count; ++c) {
    for (size_t i = 0; i < ranges; ++i) {
      const float value = ReadAt<float>(chunk_rows + c * chunk->row_bytes + range_at[i]);
      if (!std::isfinite(value)) throw fail(fmt::format("chunk {}: column '{}' is {}", c, kChunkColumns[i], value));
      chunk_ranges[c][i] = value;
    }
  }

  const std::array<float, 256> logits = ByteLogits();
  const std::array<float, 256> sh_values = ShTable();
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree)), stride = 3 * k_count;
  const size_t rest_per_channel = sh_at.size() / 3;
  splats.Resize(n);
  ParallelFor(chunk->count, 16, [&](size_t first_chunk, size_t last_chunk) {
    for (size_t c = first_chunk; c < last_chunk; ++c) {
      const std::array<float, 18>& r = chunk_ranges[c];
      for (size_t i = c * kChunk; i < std::min<size_t>(n, (c + 1) * kChunk); ++i) {
        const uint8_t* row = vertex_rows + i * vertex->row_bytes;
        const Bits3 p = Unpack111011(ReadAt<uint32_t>(row + packed_at[0]));
        const Bits3 s = Unpack111011(ReadAt<uint32_t>(row + packed_at[2]));
        const uint32_t colour = ReadAt<uint32_t>(row + packed_at[3]);
        const std::array<float, 3> position = {p.x / 2047.0f, p.y / 1023.0f, p.z / 2047.0f};
        const std::array<float, 3> scale = {s.x / 2047.0f, s.y / 1023.0f, s.z / 2047.0f};
        for (size_t a = 0; a < 3; ++a) {
          const float rgb = static_cast<float>(colour >> (24 - 8 * a) & 255) / 255.0f;
          splats.means[i * 3 + a] = Lerp(r[a], r[3 + a], position[a]);
          splats.log_scales[i * 3 + a] = Lerp(r[6 + a], r[9 + a], scale[a]);
          splats.sh[i * stride + a * k_count] = (Lerp(r[12 + a], r[15 + a], rgb) - 0.5f) / kShC0;
        }
        splats.logits[i] = logits[colour & 255];
        UnpackRotation(ReadAt<uint32_t>(row + packed_at[1]), &splats.quats[i * 4]);
        for (size_t k = 0; k < sh_at.size(); ++k) {
          splats.sh[i * stride + k / rest_per_channel * k_count + 1 + k % rest_per_channel] =
              sh_values[sh_rows[i * sh->row_bytes + sh_at[k]]];
        }
      }
    }
  });
  CheckSplats(splats, subject.c_str());
  return splats;
}

std::vector<uint8_t> EncodeCompressedPly(const Splats& splats, WriteReport& report) {
  report.format = Format::kCompressedPly;
  const size_t n = splats.size(), chunks = (n + kChunk - 1) / kChunk;
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree)), stride = 3 * k_count;
  const size_t rest = 3 * (k_count - 1);
  std::string header = "ply\nformat binary_little_endian 1.0\n";
  if (splats.antialiased) header += "comment SplatRenderMode: mip\n";
  header += fmt::format("element chunk {}\n", chunks);
  for (const char* name : kChunkColumns) header += fmt::format("property float {}\n", name);
  header += fmt::format("element vertex {}\n", n);
  for (const char* name : kVertexColumns) header += fmt::format("property uint {}\n", name);
  if (rest > 0) header += fmt::format("element sh {}\n", n);
  for (size_t i = 0; i < rest; ++i) header += fmt::format("property uchar f_rest_{}\n", i);
  header += "end_header\n";

  constexpr size_t kChunkBytes = kChunkColumns.size() * sizeof(float);
  constexpr size_t kVertexBytes = kVertexColumns.size() * sizeof(uint32_t);
  std::vector<uint8_t> bytes(header.size() + chunks * kChunkBytes + n * (kVertexBytes + rest));
  std::memcpy(bytes.data(), header.data(), header.size());
  uint8_t* chunk_rows = bytes.data() + header.size();
  uint8_t* vertex_rows = chunk_rows + chunks * kChunkBytes;
  uint8_t* sh_rows = vertex_rows + n * kVertexBytes;
  const std::vector<uint32_t> order = MortonOrder(splats);
  std::vector<uint64_t> clamped_scales(chunks, 0), clamped_sh(chunks, 0);

  ParallelFor(chunks, 16, [&](size_t first_chunk, size_t last_chunk) {
    for (size_t c = first_chunk; c < last_chunk; ++c) {
      const size_t begin = c * kChunk, count = std::min(n, begin + kChunk) - begin;
      // Lanes 0-2 position, 3-5 scale, 6-8 colour.
      std::array<std::array<float, kChunk>, 9> lanes;
      std::array<Range, 9> range;
      for (size_t j = 0; j < count; ++j) {
        const size_t i = order[begin + j];
        for (size_t a = 0; a < 3; ++a) {
          const float log_scale = splats.log_scales[i * 3 + a];
          clamped_scales[c] += std::abs(log_scale) > kMaxLogScale;
          lanes[a][j] = splats.means[i * 3 + a];
          lanes[3 + a][j] = std::clamp(log_scale, -kMaxLogScale, kMaxLogScale);
          lanes[6 + a][j] = splats.sh[i * stride + a * k_count] * kShC0 + 0.5f;
        }
      }
      for (size_t l = 0; l < 9; ++l) {
        const auto [low, high] = std::minmax_element(lanes[l].begin(), lanes[l].begin() + count);
        range[l] = {*low, *high};
      }
      for (size_t kind = 0; kind < 3; ++kind) {
        for (size_t a = 0; a < 3; ++a) {
          std::memcpy(chunk_rows + c * kChunkBytes + (kind * 6 + a) * 4, &range[kind * 3 + a].low, 4);
          std::memcpy(chunk_rows + c * kChunkBytes + (kind * 6 + 3 + a) * 4, &range[kind * 3 + a].high, 4);
        }
      }
      const auto unorm = [&](size_t l, size_t j, uint32_t top) -> uint32_t {
        const double spread = double{range[l].high} - range[l].low;
        if (!(spread > 0)) return 0;
        return static_cast<uint32_t>(std::floor((lanes[l][j] - double{range[l].low}) / spread * top + 0.5));
      };
      for (size_t j = 0; j < count; ++j) {
        const size_t i = order[begin + j];
        std::array<uint32_t, 3> p, s;
        uint32_t colour = 0;
        for (size_t a = 0; a < 3; ++a) {
          p[a] = unorm(a, j, k111011[a]);
          s[a] = unorm(3 + a, j, k111011[a]);
          colour = colour << 8 | unorm(6 + a, j, 255);
        }
        colour = colour << 8 | static_cast<uint32_t>(std::lround(Sigmoid(splats.logits[i]) * 255.0));
        const std::array<uint32_t, 4> row = {Pack111011(p), PackRotation(&splats.quats[i * 4]), Pack111011(s), colour};
        std::memcpy(vertex_rows + (begin + j) * kVertexBytes, row.data(), kVertexBytes);
        for (size_t k = 0; k < rest; ++k) {
          const float v = splats.sh[i * stride + k / (k_count - 1) * k_count + 1 + k % (k_count - 1)];
          clamped_sh[c] += std::abs(v) > kShRange;
          const double bin = std::floor((double{v} / (2 * kShRange) + 0.5) * 256.0);
          sh_rows[(begin + j) * rest + k] = static_cast<uint8_t>(std::clamp(bin, 0.0, 255.0));
        }
      }
    }
  });
  uint64_t scales = 0, coefficients = 0;
  for (size_t c = 0; c < chunks; ++c) scales += clamped_scales[c], coefficients += clamped_sh[c];
  if (scales > 0) report.lost.push_back(fmt::format("{} log scales clamped to +-{}", scales, kMaxLogScale));
  if (coefficients > 0) report.lost.push_back(fmt::format("{} SH values clamped to +-{}", coefficients, kShRange));
  report.file_bytes = bytes.size();
  return bytes;
}

}  // namespace takt::splat
