// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/encoding.h"

namespace takt::dataset {
namespace {

[[noreturn]] void Fail(const std::string& subject, const char* message) {
  throw Error(ErrorCode::kBadInput, subject, message);
}

// `width` bits from bit `at` on, lowest first; width is 1..32. Bytes behind the end count as 0.
uint32_t BitsAt(std::span<const uint8_t> bytes, uint64_t at, int width) {
  const uint64_t first = at / 8;
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + first, std::min<uint64_t>(8, bytes.size() - first));
  return static_cast<uint32_t>((word >> (at % 8)) & ((uint64_t{1} << width) - 1));
}

}  // namespace

int BitWidth(uint64_t max_value) { return static_cast<int>(std::bit_width(max_value)); }

RleDecoder::RleDecoder(std::span<const uint8_t> bytes, int bit_width, const std::string& subject)
    : bytes_(bytes), bit_width_(bit_width), subject_(subject) {
  if (bit_width < 0 || bit_width > 32) Fail(subject, "has a run of values of more than 32 bits");
}

void RleDecoder::NextRun() {
  uint64_t header = 0;
  for (int shift = 0;; shift += 7) {
    if (position_ == bytes_.size() || shift > 28) Fail(subject_, "has a page with fewer values than it claims");
    const uint8_t byte = bytes_[position_++];
    header |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) break;
  }
  const uint64_t left = bytes_.size() - position_;
  if ((header & 1) != 0) {
    const uint64_t groups = header >> 1;
    packed_bit_ = position_ * 8;
    // Some writers leave out the padding of the last group.
    const uint64_t bytes = std::min<uint64_t>(groups * static_cast<uint64_t>(bit_width_), left);
    packed_left_ = bit_width_ == 0 ? groups * 8 : std::min(groups * 8, bytes * 8 / static_cast<uint64_t>(bit_width_));
    position_ += bytes;
  } else {
    const size_t bytes = static_cast<size_t>(bit_width_ + 7) / 8;
    if (bytes > left) Fail(subject_, "has a page that ends too early");
    run_left_ = header >> 1;
    run_value_ = 0;
    std::memcpy(&run_value_, bytes_.data() + position_, bytes);
    if (bit_width_ < 32) run_value_ &= (uint32_t{1} << bit_width_) - 1;
    position_ += bytes;
  }
}

template <class T>
void RleDecoder::Decode(size_t count, T* out) {
  while (count > 0) {
    if (run_left_ > 0) {
      const size_t n = std::min<uint64_t>(count, run_left_);
      std::fill_n(out, n, static_cast<T>(run_value_));
      run_left_ -= n;
      out += n;
      count -= n;
    } else if (packed_left_ > 0) {
      const size_t n = std::min<uint64_t>(count, packed_left_);
      if (bit_width_ == 0) {
        std::fill_n(out, n, T{0});
      } else {
        for (size_t i = 0; i < n; ++i, packed_bit_ += static_cast<uint64_t>(bit_width_)) {
          out[i] = static_cast<T>(BitsAt(bytes_, packed_bit_, bit_width_));
        }
      }
      packed_left_ -= n;
      out += n;
      count -= n;
    } else {
      NextRun();
    }
  }
}

template <class T>
void EncodeRle(std::span<const T> values, int bit_width, std::string& out) {
  const auto varint = [&](uint64_t value) {
    for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
    out.push_back(static_cast<char>(value));
  };
  const auto run_at = [&](size_t at) {
    size_t end = at + 1;
    while (end < values.size() && values[end] == values[at]) ++end;
    return end - at;
  };
  size_t at = 0;
  while (at < values.size()) {
    const size_t run = run_at(at);
    if (run >= 8) {
      varint(uint64_t{run} << 1);
      const uint32_t value = values[at];
      for (int byte = 0; byte < (bit_width + 7) / 8; ++byte) out.push_back(static_cast<char>(value >> (8 * byte)));
      at += run;
      continue;
    }
    // Packed values come in groups of 8; a run that starts inside of one is seen at the next.
    size_t end = std::min(at + 8, values.size());
    while (end < values.size() && run_at(end) < 8) end = std::min(end + 8, values.size());
    const size_t groups = (end - at + 7) / 8;
    varint(uint64_t{groups} << 1 | 1);
    uint64_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < groups * 8; ++i) {
      bits |= static_cast<uint64_t>(at + i < end ? values[at + i] : 0) << held;
      for (held += bit_width; held >= 8; held -= 8, bits >>= 8) out.push_back(static_cast<char>(bits));
    }
    at = end;
  }
}

size_t DecodeBitPackedLevels(std::span<const uint8_t> bytes, int bit_width, size_t count, uint8_t* out,
                             const std::string& subject) {
  const uint64_t size = (uint64_t{count} * static_cast<uint64_t>(bit_width) + 7) / 8;
  if (size > bytes.size()) Fail(subject, "has a page that ends too early");
  uint64_t bit = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t value = 0;
    for (int b = 0; b < bit_width; ++b, ++bit) value = value << 1 | ((bytes[bit / 8] >> (7 - bit % 8)) & 1u);
    out[i] = static_cast<uint8_t>(value);
  }
  return size;
}

template void RleDecoder::Decode<uint8_t>(size_t, uint8_t*);
template void RleDecoder::Decode<uint32_t>(size_t, uint32_t*);
template void EncodeRle<uint8_t>(std::span<const uint8_t>, int, std::string&);
template void EncodeRle<uint32_t>(std::span<const uint32_t>, int, std::string&);

}  // namespace takt::dataset
