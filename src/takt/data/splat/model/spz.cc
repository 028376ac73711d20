// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/spz.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/formats.h"
#include "takt/data/splat/model/quantize.h"
#include "takt/data/splat/model/streams.h"

namespace takt::splat {
namespace {

constexpr uint32_t kMagic = 0x5053474e;  // "NGSP"
constexpr size_t kOldHeaderBytes = 16, kHeaderBytes = 32, kTocEntryBytes = 16;
constexpr uint8_t kFlagAntialiased = 1, kFlagExtensions = 2;
constexpr int kMaxFileShDegree = 4;  // of which degree 4 is dropped
constexpr int kMaxFractionalBits = 23;
constexpr double kColourScale = 0.15;  // wider than the 0.282 of SH, so that colours outside [0, 1] survive
constexpr float kHalfSqrt2 = 0.70710678118654752f;
constexpr uint64_t kMaxInflateRatio = 1032;  // of deflate
constexpr uint64_t kMaxZstdRatio = 1024;     // what the format's own library allows
constexpr uint64_t kMaxTrailingBytes = uint64_t{1} << 24;
constexpr uint32_t kCoordinateSystem = 0xADBE0003;
constexpr std::array<const char*, 16> kAxes = {"LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF",
                                               "LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"};
constexpr int kZstdLevel = 12;  // as the format's own library

enum Stream { kPositions, kAlphas, kColours, kScales, kRotations, kSh, kStreams };

struct Header {
  uint32_t version = 0, count = 0;
  int sh_degree = 0, fractional_bits = 0;
  uint8_t flags = 0;
  size_t file_coefficients() const { return static_cast<size_t>(ShCoefficients(sh_degree)) - 1; }  // per channel
  // Bytes of each stream for one splat.
  std::array<uint64_t, kStreams> widths() const {
    return {9, 1, 3, 3, version == 2 ? 3u : 4u, 3 * file_coefficients()};
  }
};

using Streams = std::array<std::span<const uint8_t>, kStreams>;

// The fields that all versions begin with.
Header ReadHeader(ByteReader& reader) {
  const std::string& subject = reader.subject();
  Header h;
  if (reader.Read<uint32_t>() != kMagic) {
    throw Error(ErrorCode::kBadInput, subject, "is not an .spz file: it does not begin with 'NGSP'");
  }
  h.version = reader.Read<uint32_t>();
  h.count = reader.Read<uint32_t>();
  h.sh_degree = reader.Read<uint8_t>();
  h.fractional_bits = reader.Read<uint8_t>();
  h.flags = reader.Read<uint8_t>();
  if (h.version < 2 || h.version > 4) {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("is .spz version {}; Takt reads 2, 3 and 4", h.version));
  }
  if (h.sh_degree > kMaxFileShDegree) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has an SH degree of {}", h.sh_degree));
  }
  if (h.fractional_bits > kMaxFractionalBits) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has {} fractional bits of 24", h.fractional_bits));
  }
  if (h.count == 0) throw Error(ErrorCode::kBadInput, subject, "holds no splats");
  return h;
}

void CheckCount(const Header& h, uint64_t most_bytes, uint64_t splat_bytes, const std::string& subject) {
  if (h.count > most_bytes / splat_bytes) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("claims {} splats, more than a file of its size can hold", h.count),
                "the file is truncated, or its header is wrong");
  }
}

uint64_t SplatBytes(const Header& h) {
  uint64_t sum = 0;
  for (const uint64_t w : h.widths()) sum += w;
  return sum;
}

void Split(std::span<const uint8_t> payload, const Header& h, Streams& streams) {
  size_t at = 0;
  for (int s = 0; s < kStreams; ++s) {
    const size_t size = h.widths()[s] * h.count;
    streams[s] = payload.subspan(at, size);
    at += size;
  }
}

// Versions 2 and 3: header and streams in one piece, usually gzipped.
Header UnpackOld(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report,
                 std::vector<uint8_t>& storage, Streams& streams) {
  const bool gzipped = bytes[0] == 0x1f;
  report.encoding = gzipped ? "gzip" : "plain";
  uint64_t trailing = 0;
  Header h;
  if (gzipped) {
    GzipReader gzip(bytes, subject);
    const std::vector<uint8_t> head = gzip.Read(kOldHeaderBytes);
    ByteReader reader(head, subject);
    h = ReadHeader(reader);
    if (h.version > 3) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("is .spz version {} inside gzip", h.version));
    }
    CheckCount(h, bytes.size() * kMaxInflateRatio, SplatBytes(h), subject);
    storage = gzip.Read(SplatBytes(h) * h.count);
    trailing = gzip.SkipToEnd(kMaxTrailingBytes);
    Split(storage, h, streams);
  } else {
    ByteReader reader(bytes, subject);
    h = ReadHeader(reader);
    reader.Take(kOldHeaderBytes - reader.position());
    CheckCount(h, reader.remaining(), SplatBytes(h), subject);
    Split(reader.Take(SplatBytes(h) * h.count), h, streams);
    trailing = reader.remaining();
  }
  if (trailing > 0) {
    report.ignored.push_back(
        fmt::format("{} bytes after the splats{}", trailing, (h.flags & kFlagExtensions) != 0 ? " (extensions)" : ""));
  }
  return h;
}

// Extensions are records {u32 type, u32 length, bytes}. None changes the numbers; one says what the axes are.
void ReportExtensions(std::span<const uint8_t> zone, ReadReport& report) {
  while (zone.size() >= 8) {
    uint32_t type, length;
    std::memcpy(&type, zone.data(), 4);
    std::memcpy(&length, zone.data() + 4, 4);
    if (length > zone.size() - 8) break;
    uint32_t axes = 0;
    if (type == kCoordinateSystem && length == 4) std::memcpy(&axes, zone.data() + 8, 4);
    if (axes >= 1 && axes <= kAxes.size()) {
      report.axes = kAxes[axes - 1];
    } else {
      report.ignored.push_back(fmt::format("extension {:#010x}: {} bytes", type, length));
    }
    zone = zone.subspan(8 + length);
  }
  if (!zone.empty()) report.ignored.push_back(fmt::format("{} bytes before the table of contents", zone.size()));
}

Header UnpackV4(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report,
                std::array<std::vector<uint8_t>, kStreams>& storage, Streams& streams) {
  report.encoding = "zstd";
  ByteReader reader(bytes, subject);
  const Header h = ReadHeader(reader);
  const size_t stream_count = reader.Read<uint8_t>();
  const uint32_t toc_offset = reader.Read<uint32_t>();
  reader.Take(kHeaderBytes - reader.position());
  const size_t expected = h.sh_degree == 0 ? 5 : 6;
  if (stream_count != expected) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has {} streams, not {}", stream_count, expected));
  }
  CheckCount(h, bytes.size() * kMaxZstdRatio, h.widths()[kPositions], subject);
  if (toc_offset < kHeaderBytes) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has its table of contents at byte {}", toc_offset));
  }
  ReportExtensions(reader.Take(toc_offset - kHeaderBytes), report);
  ByteReader toc(reader.Take(stream_count * kTocEntryBytes), subject);
  std::array<std::span<const uint8_t>, kStreams> packed;
  for (size_t s = 0; s < stream_count; ++s) {
    const uint64_t packed_bytes = toc.Read<uint64_t>(), raw_bytes = toc.Read<uint64_t>();
    if (raw_bytes != h.widths()[s] * h.count) {
      throw Error(ErrorCode::kBadInput, subject,
                  fmt::format("stream {} claims {} bytes for {} splats", s, raw_bytes, h.count));
    }
    packed[s] = reader.Take(packed_bytes);
  }
  if (reader.remaining() > 0) {
    report.ignored.push_back(fmt::format("{} bytes after the last stream", reader.remaining()));
  }
  // One stream after the other: a damaged file stops at its first bad stream, and names the same one every time.
  for (size_t s = 0; s < stream_count; ++s) {
    storage[s] = UnpackZstd(packed[s], h.widths()[s] * h.count, subject);
    streams[s] = storage[s];
  }
  return h;
}

float Fixed24(const uint8_t* p, float step) {
  const uint32_t raw = p[0] | p[1] << 8 | p[2] << 16;
  return static_cast<float>(static_cast<int32_t>(raw << 8) >> 8) * step;
}

// x y z; w is what is missing to 1.
void UnpackFirstThree(const uint8_t* p, float* wxyz) {
  float sum = 0;
  for (int a = 0; a < 3; ++a) {
    wxyz[1 + a] = p[a] / 127.5f - 1.0f;
    sum += wxyz[1 + a] * wxyz[1 + a];
  }
  wxyz[0] = std::sqrt(std::max(0.0f, 1.0f - sum));
}

// Components are numbered x y z w here. Two bits: which is the largest and left out; then sign and 9 bits for each
// other, the first of them highest.
void UnpackSmallestThree(const uint8_t* p, float* wxyz) {
  uint32_t packed;
  std::memcpy(&packed, p, 4);
  const uint32_t largest = packed >> 30;
  float xyzw[4];
  float sum = 0;
  for (int a = 3; a >= 0; --a) {
    if (static_cast<uint32_t>(a) == largest) continue;
    const float magnitude = kHalfSqrt2 * static_cast<float>(packed & 511) / 511.0f;
    xyzw[a] = (packed & 512) != 0 ? -magnitude : magnitude;
    sum += magnitude * magnitude;
    packed >>= 10;
  }
  xyzw[largest] = std::sqrt(std::max(0.0f, 1.0f - sum));
  wxyz[0] = xyzw[3];
  std::copy_n(xyzw, 3, wxyz + 1);
}

void PackSmallestThree(const float* wxyz, uint8_t* p) {
  const std::array<double, 4> q = {wxyz[1], wxyz[2], wxyz[3], wxyz[0]};
  const double norm = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  size_t largest = 0;
  for (size_t a = 1; a < 4; ++a) {
    if (std::abs(q[a]) > std::abs(q[largest])) largest = a;
  }
  uint32_t packed = static_cast<uint32_t>(largest);
  for (size_t a = 0; a < 4; ++a) {
    if (a == largest) continue;
    const bool negative = (q[a] < 0) != (q[largest] < 0);
    const double magnitude = std::floor(511.0 * std::abs(q[a]) / norm * 1.41421356237309505 + 0.5);
    packed = packed << 10 | (negative ? 512u : 0u) | static_cast<uint32_t>(std::min(magnitude, 511.0));
  }
  std::memcpy(p, &packed, 4);
}

Splats Decode(const Header& h, const Streams& streams, ReadReport& report) {
  Splats splats;
  splats.sh_degree = std::min(h.sh_degree, kMaxShDegree);
  splats.antialiased = (h.flags & kFlagAntialiased) != 0;
  if (h.sh_degree > kMaxShDegree) report.ignored.push_back("SH coefficients of degree 4");
  splats.Resize(h.count);

  const std::array<float, 256> logits = ByteLogits();
  std::array<float, 256> colours, log_scales, sh_values;
  for (int b = 0; b < 256; ++b) {
    colours[b] = static_cast<float>((b / 255.0 - 0.5) / kColourScale);
    log_scales[b] = static_cast<float>(b) / 16.0f - 10.0f;
    sh_values[b] = (static_cast<float>(b) - 128.0f) / 128.0f;
  }
  const float step = std::ldexp(1.0f, -h.fractional_bits);
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree)), stride = 3 * k_count;
  const size_t sh_bytes = h.widths()[kSh];
  ParallelFor(h.count, 4096, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      for (size_t a = 0; a < 3; ++a) {
        splats.means[i * 3 + a] = Fixed24(&streams[kPositions][(i * 3 + a) * 3], step);
        splats.log_scales[i * 3 + a] = log_scales[streams[kScales][i * 3 + a]];
        splats.sh[i * stride + a * k_count] = colours[streams[kColours][i * 3 + a]];
      }
      splats.logits[i] = logits[streams[kAlphas][i]];
      if (h.version == 2) {
        UnpackFirstThree(&streams[kRotations][i * 3], &splats.quats[i * 4]);
      } else {
        UnpackSmallestThree(&streams[kRotations][i * 4], &splats.quats[i * 4]);
      }
      const uint8_t* sh = streams[kSh].data() + i * sh_bytes;
      for (size_t k = 1; k < k_count; ++k) {
        for (size_t c = 0; c < 3; ++c) splats.sh[i * stride + c * k_count + k] = sh_values[sh[(k - 1) * 3 + c]];
      }
    }
  });
  return splats;
}

void CheckOption(std::string_view name, int value, int low, int high) {
  if (value >= low && value <= high) return;
  throw Error(ErrorCode::kBadInput, std::string(name), fmt::format("is {}, not {} to {}", value, low, high));
}

struct Clamps {
  uint64_t positions = 0, scales = 0, colours = 0, sh = 0;
};

// Rounds to the middle of a bucket of 2^(8 - bits) steps; 0 is always one.
uint8_t PackSh(double value, int bits, uint64_t& clamped) {
  const int bucket = 1 << (8 - bits);
  const auto q = static_cast<int>(QuantizeClamped(value * 128.0 + 128.0, 0, 256, clamped));
  return static_cast<uint8_t>(std::min((q + bucket / 2) / bucket * bucket, 255));
}

std::array<std::vector<uint8_t>, kStreams> Pack(const Splats& splats, const Header& h, const WriteOptions& options,
                                                Clamps& total) {
  const size_t n = splats.size();
  const size_t k_count = static_cast<size_t>(ShCoefficients(splats.sh_degree)), stride = 3 * k_count;
  std::array<std::vector<uint8_t>, kStreams> out;
  for (int s = 0; s < kStreams; ++s) out[s].resize(h.widths()[s] * n);
  const double steps = std::ldexp(1.0, h.fractional_bits);
  constexpr size_t kGrain = 4096;
  std::vector<Clamps> clamps(n / kGrain + 1);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    Clamps& c = clamps[begin / kGrain];
    for (size_t i = begin; i < end; ++i) {
      for (size_t a = 0; a < 3; ++a) {
        const auto fixed = static_cast<uint32_t>(
            QuantizeClamped(splats.means[i * 3 + a] * steps, -(1 << 23), (1 << 23) - 1, c.positions));
        for (size_t b = 0; b < 3; ++b) out[kPositions][(i * 3 + a) * 3 + b] = static_cast<uint8_t>(fixed >> (8 * b));
        const double scale = (double{splats.log_scales[i * 3 + a]} + 10.0) * 16.0;
        out[kScales][i * 3 + a] = static_cast<uint8_t>(QuantizeClamped(scale, 0, 255, c.scales));
        const double colour = splats.sh[i * stride + a * k_count] * (kColourScale * 255.0) + 127.5;
        out[kColours][i * 3 + a] = static_cast<uint8_t>(QuantizeClamped(colour, 0, 255, c.colours));
      }
      out[kAlphas][i] = static_cast<uint8_t>(std::lround(Sigmoid(splats.logits[i]) * 255.0));
      PackSmallestThree(&splats.quats[i * 4], &out[kRotations][i * 4]);
      for (size_t k = 1; k < k_count; ++k) {
        const int bits = k < 4 ? options.spz_sh1_bits : options.spz_sh_rest_bits;
        for (size_t ch = 0; ch < 3; ++ch) {
          out[kSh][i * 3 * (k_count - 1) + (k - 1) * 3 + ch] =
              PackSh(splats.sh[i * stride + ch * k_count + k], bits, c.sh);
        }
      }
    }
  });
  for (const Clamps& c : clamps) {
    total.positions += c.positions;
    total.scales += c.scales;
    total.colours += c.colours;
    total.sh += c.sh;
  }
  return out;
}

void WriteCommonHeader(ByteWriter& writer, const Header& h) {
  writer.Write<uint32_t>(kMagic);
  writer.Write<uint32_t>(h.version);
  writer.Write<uint32_t>(h.count);
  writer.Write<uint8_t>(static_cast<uint8_t>(h.sh_degree));
  writer.Write<uint8_t>(static_cast<uint8_t>(h.fractional_bits));
  writer.Write<uint8_t>(h.flags);
}

}  // namespace

bool IsSpz(std::span<const uint8_t> bytes) {
  if (bytes.size() < 4) return false;
  const bool gzip = bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8 && bytes[3] < 0x20;
  return gzip || std::memcmp(bytes.data(), &kMagic, 4) == 0;
}

Splats ParseSpz(std::span<const uint8_t> bytes, const std::string& subject, ReadReport& report) {
  if (!IsSpz(bytes)) throw Error(ErrorCode::kBadInput, subject, "is not an .spz file: it does not begin with 'NGSP'");
  report.format = Format::kSpz;
  report.axes = "RUB";
  report.columns = {"positions", "alphas", "colors", "scales", "rotations"};
  std::array<std::vector<uint8_t>, kStreams> storage;
  Streams streams;
  uint32_t version = 0;
  if (bytes[0] != 0x1f && bytes.size() >= 8) std::memcpy(&version, bytes.data() + 4, 4);
  const Header h = version >= 4 ? UnpackV4(bytes, subject, report, storage, streams)
                                : UnpackOld(bytes, subject, report, storage[0], streams);
  if (h.sh_degree > 0) report.columns.push_back("sh");
  report.version = static_cast<int>(h.version);
  Splats splats = Decode(h, streams, report);
  CheckSplats(splats, subject.c_str());
  return splats;
}

std::vector<uint8_t> EncodeSpz(const Splats& splats, const WriteOptions& options, WriteReport& report) {
  report.format = Format::kSpz;
  CheckOption("spz_version", options.spz_version, 3, 4);
  CheckOption("spz_fractional_bits", options.spz_fractional_bits, 0, kMaxFractionalBits);
  CheckOption("spz_sh1_bits", options.spz_sh1_bits, 1, 8);
  CheckOption("spz_sh_rest_bits", options.spz_sh_rest_bits, 1, 8);
  if (splats.size() > INT32_MAX) throw Error(ErrorCode::kBadInput, "splats", "are more than 2^31 - 1");
  Header h;
  h.version = static_cast<uint32_t>(options.spz_version);
  h.count = static_cast<uint32_t>(splats.size());
  h.sh_degree = splats.sh_degree;
  h.fractional_bits = options.spz_fractional_bits;
  h.flags = splats.antialiased ? kFlagAntialiased : 0;
  Clamps clamps;
  const auto raw = Pack(splats, h, options, clamps);

  ByteWriter writer;
  WriteCommonHeader(writer, h);
  if (h.version == 3) {
    writer.Write<uint8_t>(0);
    for (const auto& stream : raw) writer.Append(stream);
    std::vector<uint8_t> zipped = Gzip(writer.bytes());
    writer = {};
    writer.Append(zipped);
  } else {
    const size_t stream_count = h.sh_degree == 0 ? 5 : 6;
    std::array<std::vector<uint8_t>, kStreams> packed;
    ParallelFor(stream_count, 1, [&](size_t begin, size_t end) {
      for (size_t s = begin; s < end; ++s) packed[s] = Zstd(raw[s], kZstdLevel);
    });
    writer.Write<uint8_t>(static_cast<uint8_t>(stream_count));
    writer.Write<uint32_t>(kHeaderBytes);
    writer.Append(std::array<uint8_t, 12>{});
    for (size_t s = 0; s < stream_count; ++s) {
      writer.Write<uint64_t>(packed[s].size());
      writer.Write<uint64_t>(raw[s].size());
    }
    for (size_t s = 0; s < stream_count; ++s) writer.Append(packed[s]);
  }

  const double reach = std::ldexp(1.0, kMaxFractionalBits - h.fractional_bits);
  if (clamps.positions > 0) {
    report.lost.push_back(
        fmt::format("{} coordinates clamped to +-{} (fewer fractional bits reach further)", clamps.positions, reach));
  }
  if (clamps.scales > 0) report.lost.push_back(fmt::format("{} log scales clamped to [-10, 5.94]", clamps.scales));
  if (clamps.colours > 0) report.lost.push_back(fmt::format("{} colours clamped to [-0.44, 1.44]", clamps.colours));
  if (clamps.sh > 0) report.lost.push_back(fmt::format("{} SH values clamped to +-1", clamps.sh));
  report.file_bytes = writer.size();
  return writer.Release();
}

}  // namespace takt::splat
