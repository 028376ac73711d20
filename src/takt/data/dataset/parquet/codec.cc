// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/codec.h"

#include <fmt/format.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <limits>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

uint64_t MaxRatio(Codec codec, const std::string& subject) {
  switch (codec) {
    case Codec::kNone:
      return 1;
    case Codec::kSnappy:
      return 22;  // a copy of 64 bytes takes 3
    case Codec::kGzip:
      return 1033;  // a copy of 258 bytes takes 2 bits
    case Codec::kZstd:
      return 32768;  // a run of 128 KiB takes 4 bytes
  }
  throw Error(ErrorCode::kUnsupported, subject, fmt::format("is compressed with codec {}", static_cast<int32_t>(codec)),
              "Snappy, gzip and zstd are read here");
}

// One gzip member, or several end to end.
bool Gunzip(std::span<const uint8_t> bytes, std::vector<uint8_t>& out) {
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return false;
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  int status = Z_OK;
  while (status == Z_OK) {
    status = inflate(&stream, Z_FINISH);
    if (status == Z_STREAM_END && stream.avail_in > 0) status = inflateReset(&stream);
  }
  const bool whole = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

std::vector<uint8_t> Decompress(Codec codec, std::span<const uint8_t> bytes, uint64_t size,
                                const std::string& subject) {
  const auto check = [&](bool ok) {
    if (!ok) throw Error(ErrorCode::kBadInput, subject, "has a damaged page, or one of another size than it claims");
  };
  const uint64_t ratio = MaxRatio(codec, subject);
  check(size <= std::numeric_limits<int32_t>::max() && bytes.size() <= std::numeric_limits<int32_t>::max() &&
        size <= ratio * bytes.size() + 64);
  const char* input = reinterpret_cast<const char*>(bytes.data());
  if (codec == Codec::kNone) {
    check(size == bytes.size());
    return {bytes.begin(), bytes.end()};
  }
  if (codec == Codec::kSnappy) {
    size_t claimed = 0;
    check(snappy::GetUncompressedLength(input, bytes.size(), &claimed) && claimed == size);
  }
  std::vector<uint8_t> out(size);
  if (size == 0) return out;
  if (codec == Codec::kSnappy) {
    check(snappy::RawUncompress(input, bytes.size(), reinterpret_cast<char*>(out.data())));
  } else if (codec == Codec::kZstd) {
    check(ZSTD_decompress(out.data(), size, input, bytes.size()) == size);
  } else {
    check(Gunzip(bytes, out));
  }
  return out;
}

std::string Compress(Codec codec, int zstd_level, std::string_view bytes) {
  std::string out;
  switch (codec) {
    case Codec::kNone:
      return std::string(bytes);
    case Codec::kSnappy:
      snappy::Compress(bytes.data(), bytes.size(), &out);
      return out;
    case Codec::kZstd: {
      out.resize(ZSTD_compressBound(bytes.size()));
      const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), zstd_level);
      if (ZSTD_isError(size)) throw Error(ErrorCode::kInternal, "zstd", ZSTD_getErrorName(size));
      out.resize(size);
      return out;
    }
    case Codec::kGzip:
      break;
  }
  throw Error(ErrorCode::kUnsupported, "a Parquet file", "is written with Snappy, zstd or uncompressed");
}

uint32_t Crc32(std::span<const uint8_t> bytes) { return static_cast<uint32_t>(crc32_z(0, bytes.data(), bytes.size())); }

}  // namespace takt::dataset
