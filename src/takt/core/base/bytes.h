// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"

namespace takt {

// Reads little-endian values from a buffer that somebody else made; every read is checked.
// Errors: bad_input naming `subject` ("ends too early") from any read past the end.
class ByteReader {
 public:
  ByteReader(std::span<const uint8_t> bytes, std::string subject) : bytes_(bytes), subject_(std::move(subject)) {}

  template <class T>
  T Read() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, Take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::span<const uint8_t> Take(uint64_t count) {
    if (count > remaining()) throw Error(ErrorCode::kBadInput, subject_, "ends too early", "the file is truncated");
    const auto taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  const std::string& subject() const { return subject_; }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  std::string subject_;
};

// Appends little-endian values to a buffer.
class ByteWriter {
 public:
  template <class T>
  void Write(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void Append(std::span<const uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  size_t size() const { return bytes_.size(); }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  std::vector<uint8_t> Release() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace takt
