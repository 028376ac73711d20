// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"

namespace takt::splat {

// Appends values of a few bits each, least significant bit first.
class BitWriter {
 public:
  void Write(uint32_t value, int bits) {
    for (int i = 0; i < bits; ++i, ++count_) {
      if ((count_ & 7) == 0) bytes_.push_back(0);
      bytes_.back() = static_cast<uint8_t>(bytes_.back() | ((value >> i & 1u) << (count_ & 7)));
    }
  }
  uint64_t bits() const { return count_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  uint64_t count_ = 0;
};

// Errors: bad_input naming `subject` from a read past the end.
class BitReader {
 public:
  BitReader(std::span<const uint8_t> bytes, std::string subject) : bytes_(bytes), subject_(std::move(subject)) {}
  uint32_t Read(int bits) {
    if (position_ + static_cast<uint64_t>(bits) > bytes_.size() * uint64_t{8}) {
      throw Error(ErrorCode::kBadInput, subject_, "the tables end too early", "the file is damaged");
    }
    uint32_t value = 0;
    for (int i = 0; i < bits; ++i, ++position_) {
      value |= static_cast<uint32_t>(bytes_[position_ >> 3] >> (position_ & 7) & 1) << i;
    }
    return value;
  }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t position_ = 0;
  std::string subject_;
};

}  // namespace takt::splat
