// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

[[noreturn]] void Fail(const std::string& subject, const char* message) {
  throw Error(ErrorCode::kBadInput, subject, message);
}

// Bytes of a value in a page; 0 for byte arrays of any length, and for booleans.
size_t Width(PhysicalType type, int32_t type_length) {
  switch (type) {
    case PhysicalType::kInt32:
    case PhysicalType::kFloat:
      return 4;
    case PhysicalType::kInt64:
    case PhysicalType::kDouble:
      return 8;
    case PhysicalType::kFixedLenByteArray:
      return static_cast<size_t>(type_length);
    default:
      return 0;
  }
}

void TakeBlobs(MemoryBudget& budget, uint64_t count, uint64_t bytes) {
  budget.Take(count, sizeof(uint64_t));
  budget.Take(bytes, 1);
}

// `count` values that stand side by side.
void AppendFixed(std::span<const uint8_t> bytes, size_t count, size_t width, Values& out, MemoryBudget& budget) {
  std::visit(
      [&](auto& to) {
        if constexpr (std::is_same_v<std::decay_t<decltype(to)>, Blobs>) {
          TakeBlobs(budget, count, bytes.size());
          for (size_t i = 0; i < count; ++i) {
            to.Add({reinterpret_cast<const char*>(bytes.data()) + i * width, width});
          }
        } else {
          budget.Take(count, sizeof(to[0]));
          const size_t old = to.size();
          to.resize(old + count);
          if (count > 0) std::memcpy(to.data() + old, bytes.data(), count * sizeof(to[0]));
        }
      },
      out);
}

void DecodePlainBytes(ByteReader& in, size_t count, Blobs& out, MemoryBudget& budget) {
  if (count > in.remaining() / 4) Fail(in.subject(), "has a page with fewer values than it claims");
  TakeBlobs(budget, count, in.remaining() - 4 * count);
  for (size_t i = 0; i < count; ++i) {
    const auto value = in.Take(in.Read<uint32_t>());
    out.Add({reinterpret_cast<const char*>(value.data()), value.size()});
  }
}

uint64_t ReadVarint(ByteReader& in) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = in.Read<uint8_t>();
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return value;
  }
  Fail(in.subject(), "has a number of more than 64 bits");
}

uint64_t ReadZigzag(ByteReader& in) {
  const uint64_t value = ReadVarint(in);
  return (value >> 1) ^ (uint64_t{0} - (value & 1));
}

// Blocks of differences, packed in miniblocks of a bit width each. All arithmetic wraps, as the format says.
// Source: Encodings.md of parquet-format, "Delta Encoding".
template <class T>
void DecodeDelta(ByteReader& in, size_t count, T* out) {
  const uint64_t block = ReadVarint(in), miniblocks = ReadVarint(in), total = ReadVarint(in);
  if (block == 0 || block > (1 << 20) || miniblocks == 0 || block % miniblocks != 0 || block / miniblocks % 8 != 0) {
    Fail(in.subject(), "has delta blocks of an impossible size");
  }
  if (total != count) Fail(in.subject(), "has a page with another number of values than it claims");
  uint64_t value = ReadZigzag(in);
  if (count == 0) return;
  out[0] = static_cast<T>(value);
  const size_t per_miniblock = block / miniblocks;
  size_t done = 1;
  while (done < count) {
    const uint64_t min_delta = ReadZigzag(in);
    const auto widths = in.Take(miniblocks);
    for (size_t m = 0; m < miniblocks && done < count; ++m) {
      const size_t width = widths[m];
      if (width > 64) Fail(in.subject(), "has delta values of more than 64 bits");
      const size_t n = std::min(per_miniblock, count - done);
      // The last miniblock is padded to its full size, except by some writers.
      const size_t needed = (n * width + 7) / 8;
      const auto packed = in.Take(std::max(needed, std::min(per_miniblock * width / 8, in.remaining())));
      size_t bit = 0;
      for (size_t i = 0; i < n; ++i) {
        uint64_t delta = 0;
        for (size_t got = 0; got < width;) {
          const size_t take = std::min(8 - bit % 8, width - got);
          delta |= static_cast<uint64_t>((packed[bit / 8] >> (bit % 8)) & ((1u << take) - 1)) << got;
          got += take;
          bit += take;
        }
        value += min_delta + delta;
        out[done++] = static_cast<T>(value);
      }
    }
  }
}

std::vector<int32_t> DecodeLengths(ByteReader& in, size_t count, MemoryBudget& budget) {
  budget.Take(count, sizeof(int32_t));
  std::vector<int32_t> lengths(count);
  DecodeDelta(in, count, lengths.data());
  for (const int32_t length : lengths) {
    if (length < 0) Fail(in.subject(), "has a value of negative length");
  }
  return lengths;
}

void DecodeDeltaLength(ByteReader& in, size_t count, Blobs& out, MemoryBudget& budget) {
  const std::vector<int32_t> lengths = DecodeLengths(in, count, budget);
  TakeBlobs(budget, count, in.remaining());
  for (const int32_t length : lengths) {
    const auto value = in.Take(static_cast<uint64_t>(length));
    out.Add({reinterpret_cast<const char*>(value.data()), value.size()});
  }
}

// Each value is the front of the one before and a rest of its own.
void DecodeDeltaStrings(ByteReader& in, size_t count, size_t fixed, Blobs& out, MemoryBudget& budget) {
  const std::vector<int32_t> prefixes = DecodeLengths(in, count, budget);
  const std::vector<int32_t> suffixes = DecodeLengths(in, count, budget);
  std::string value;
  for (size_t i = 0; i < count; ++i) {
    if (static_cast<size_t>(prefixes[i]) > value.size()) Fail(in.subject(), "shares more of a value than there is");
    const auto suffix = in.Take(static_cast<uint64_t>(suffixes[i]));
    value.resize(static_cast<size_t>(prefixes[i]));
    value.append(reinterpret_cast<const char*>(suffix.data()), suffix.size());
    if (fixed > 0 && value.size() != fixed) Fail(in.subject(), "has a value of another length than its column");
    TakeBlobs(budget, 1, value.size());
    out.Add(value);
  }
}

}  // namespace

void MemoryBudget::Take(uint64_t count, uint64_t bytes_each) {
  if (bytes_each > 0 && count > left_ / bytes_each) {
    throw Error(ErrorCode::kBadInput, subject_, "claims a column larger than the limit of this reader",
                "raise ParquetLimits::max_column_bytes if the file is to be trusted");
  }
  left_ -= count * bytes_each;
}

Values EmptyValues(PhysicalType type) {
  switch (type) {
    case PhysicalType::kBoolean:
      return std::vector<uint8_t>();
    case PhysicalType::kInt32:
      return std::vector<int32_t>();
    case PhysicalType::kInt64:
      return std::vector<int64_t>();
    case PhysicalType::kFloat:
      return std::vector<float>();
    case PhysicalType::kDouble:
      return std::vector<double>();
    default:
      return Blobs();
  }
}

void DecodeValues(Encoding encoding, PhysicalType type, int32_t type_length, std::span<const uint8_t> bytes,
                  size_t count, Values& out, MemoryBudget& budget, const std::string& subject) {
  ByteReader in(bytes, subject);
  const size_t width = Width(type, type_length);
  const auto unsupported = [&] {
    throw Error(ErrorCode::kUnsupported, subject,
                fmt::format("has encoding {} for values of type {}", static_cast<int32_t>(encoding),
                            static_cast<int32_t>(type)));
  };
  const auto take_fixed = [&] {
    if (count > in.remaining() / width) Fail(subject, "has a page with fewer values than it claims");
    return in.Take(count * width);
  };
  const auto booleans = [&](std::span<const uint8_t> packed, bool runs) {
    auto& to = std::get<std::vector<uint8_t>>(out);
    budget.Take(count, 1);
    const size_t old = to.size();
    to.resize(old + count);
    if (runs) return RleDecoder(packed, 1, subject).Decode(count, to.data() + old);
    for (size_t i = 0; i < count; ++i) to[old + i] = (packed[i / 8] >> (i % 8)) & 1;
  };
  switch (encoding) {
    case Encoding::kPlain:
      if (type == PhysicalType::kBoolean) return booleans(in.Take((uint64_t{count} + 7) / 8), false);
      if (type == PhysicalType::kByteArray) return DecodePlainBytes(in, count, std::get<Blobs>(out), budget);
      return AppendFixed(take_fixed(), count, width, out, budget);
    case Encoding::kRle:
      if (type != PhysicalType::kBoolean) unsupported();
      return booleans(in.Take(in.Read<uint32_t>()), true);
    case Encoding::kDeltaBinaryPacked:
      if (type != PhysicalType::kInt32 && type != PhysicalType::kInt64) unsupported();
      budget.Take(count, width);
      return std::visit(
          [&](auto& to) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(to)>, Blobs>) {
              const size_t old = to.size();
              to.resize(old + count);
              DecodeDelta(in, count, to.data() + old);
            }
          },
          out);
    case Encoding::kDeltaLengthByteArray:
      if (type != PhysicalType::kByteArray) unsupported();
      return DecodeDeltaLength(in, count, std::get<Blobs>(out), budget);
    case Encoding::kDeltaByteArray:
      if (type != PhysicalType::kByteArray && type != PhysicalType::kFixedLenByteArray) unsupported();
      return DecodeDeltaStrings(in, count, width, std::get<Blobs>(out), budget);
    case Encoding::kByteStreamSplit: {
      if (width == 0) unsupported();
      // The first bytes of all values, then the second bytes, and so on.
      const auto split = take_fixed();
      std::vector<uint8_t> joined(split.size());
      for (size_t b = 0; b < width; ++b) {
        for (size_t i = 0; i < count; ++i) joined[i * width + b] = split[b * count + i];
      }
      return AppendFixed(joined, count, width, out, budget);
    }
    default:
      unsupported();
  }
}

void DecodeDictionary(std::span<const uint8_t> bytes, size_t count, const Values& dictionary, Values& out,
                      MemoryBudget& budget, const std::string& subject) {
  if (count == 0) return;
  ByteReader in(bytes, subject);
  const int bit_width = in.Read<uint8_t>();
  RleDecoder indices(in.Take(in.remaining()), bit_width, subject);
  std::visit(
      [&](auto& to) {
        using Type = std::decay_t<decltype(to)>;
        const Type& from = std::get<Type>(dictionary);
        if constexpr (!std::is_same_v<Type, Blobs>) budget.Take(count, sizeof(to[0]));
        uint32_t batch[1024];
        for (size_t done = 0; done < count;) {
          const size_t n = std::min(count - done, std::size(batch));
          indices.Decode(n, batch);
          if (*std::max_element(batch, batch + n) >= from.size()) Fail(subject, "points outside its dictionary");
          if constexpr (std::is_same_v<Type, Blobs>) {
            for (size_t i = 0; i < n; ++i) {
              TakeBlobs(budget, 1, from[batch[i]].size());
              to.Add(from[batch[i]]);
            }
          } else {
            const size_t old = to.size();
            to.resize(old + n);
            for (size_t i = 0; i < n; ++i) to[old + i] = from[batch[i]];
          }
          done += n;
        }
      },
      out);
}

void EncodePlain(const Values& values, size_t begin, size_t end, bool fixed_length, std::string& out) {
  std::visit(
      [&](const auto& from) {
        using Type = std::decay_t<decltype(from)>;
        if constexpr (std::is_same_v<Type, Blobs>) {
          for (size_t i = begin; i < end; ++i) {
            const std::string_view value = from[i];
            const uint32_t size = static_cast<uint32_t>(value.size());
            if (!fixed_length) out.append(reinterpret_cast<const char*>(&size), sizeof(size));
            out.append(value);
          }
        } else if constexpr (std::is_same_v<Type, std::vector<uint8_t>>) {
          const size_t at = out.size();
          out.resize(at + (end - begin + 7) / 8, '\0');
          for (size_t i = begin; i < end; ++i) {
            if (from[i] != 0) out[at + (i - begin) / 8] |= static_cast<char>(1 << ((i - begin) % 8));
          }
        } else {
          out.append(reinterpret_cast<const char*>(from.data() + begin), (end - begin) * sizeof(from[0]));
        }
      },
      values);
}

}  // namespace takt::dataset
