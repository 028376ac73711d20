// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/range_coder.h"

#include <utility>

namespace takt::splat {

void RangeEncoder::ShiftLow() {
  if (static_cast<uint32_t>(low_) < 0xFF000000u || (low_ >> 32) != 0) {
    uint8_t byte = cache_;
    do {
      bytes_.push_back(static_cast<uint8_t>(byte + (low_ >> 32)));
      byte = 0xFF;
    } while (--pending_ != 0);
    cache_ = static_cast<uint8_t>(low_ >> 24);
  }
  ++pending_;
  low_ = (low_ & 0x00FFFFFFu) << 8;
}

void RangeEncoder::Encode(BitModel* model, int bit) {
  const uint32_t bound = (range_ >> 16) * model->one();
  if (bit != 0) {
    range_ = bound;
  } else {
    low_ += bound;
    range_ -= bound;
  }
  model->Update(bit);
  while (range_ < (1u << 24)) {
    range_ <<= 8;
    ShiftLow();
  }
}

void RangeEncoder::EncodeRaw(uint32_t value, int bits) {
  range_ >>= bits;
  low_ += static_cast<uint64_t>(value) * range_;
  while (range_ < (1u << 24)) {
    range_ <<= 8;
    ShiftLow();
  }
}

std::vector<uint8_t> RangeEncoder::Finish() {
  for (int i = 0; i < 5; ++i) ShiftLow();
  // The first byte is the initial cache and always 0; trailing zeros are what the decoder invents anyway.
  bytes_.erase(bytes_.begin());
  while (!bytes_.empty() && bytes_.back() == 0) bytes_.pop_back();
  return std::move(bytes_);
}

RangeDecoder::RangeDecoder(std::span<const uint8_t> bytes) : bytes_(bytes) {
  for (int i = 0; i < 4; ++i) code_ = (code_ << 8) | Next();
}

int RangeDecoder::Decode(BitModel* model) {
  const uint32_t bound = (range_ >> 16) * model->one();
  int bit = 0;
  if (code_ < bound) {
    range_ = bound;
    bit = 1;
  } else {
    code_ -= bound;
    range_ -= bound;
  }
  model->Update(bit);
  while (range_ < (1u << 24)) {
    range_ <<= 8;
    code_ = (code_ << 8) | Next();
  }
  return bit;
}

uint32_t RangeDecoder::DecodeRaw(int bits) {
  range_ >>= bits;
  uint32_t value = code_ / range_;
  const uint32_t limit = (1u << bits) - 1;
  if (value > limit) value = limit;
  code_ -= value * range_;
  while (range_ < (1u << 24)) {
    range_ <<= 8;
    code_ = (code_ << 8) | Next();
  }
  return value;
}

}  // namespace takt::splat
