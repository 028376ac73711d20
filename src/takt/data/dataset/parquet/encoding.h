// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/data/dataset/parquet/array.h"
#include "takt/data/dataset/parquet/parquet.h"

namespace takt::dataset {

// What may still be allocated for one column.
class MemoryBudget {
 public:
  MemoryBudget(uint64_t bytes, const std::string& subject) : left_(bytes), subject_(subject) {}
  // Errors: bad_input when count * bytes_each is more than what is left.
  void Take(uint64_t count, uint64_t bytes_each);

 private:
  uint64_t left_;
  const std::string& subject_;
};

int BitWidth(uint64_t max_value);  // bits that hold 0..max_value

// The hybrid of run lengths and packed bits that Parquet uses for levels, dictionary indices and booleans: runs of
// (count << 1, value) or (groups of 8 << 1 | 1, packed values, lowest bit first).
// Source: Encodings.md of parquet-format, "RLE".
class RleDecoder {
 public:
  // Errors: bad_input for more than 32 bits a value.
  RleDecoder(std::span<const uint8_t> bytes, int bit_width, const std::string& subject);
  // The next `count` values; T is uint8_t or uint32_t. Errors: bad_input when there are fewer.
  template <class T>
  void Decode(size_t count, T* out);

 private:
  void NextRun();

  std::span<const uint8_t> bytes_;
  int bit_width_;
  const std::string& subject_;
  size_t position_ = 0;
  uint64_t run_left_ = 0;  // of a repeated value
  uint32_t run_value_ = 0;
  uint64_t packed_left_ = 0;  // of packed values
  uint64_t packed_bit_ = 0;   // of the next one in bytes_
};

template <class T>
void EncodeRle(std::span<const T> values, int bit_width, std::string& out);

// The deprecated encoding of levels: packed, highest bit first, without a length. Gives the bytes that it takes.
size_t DecodeBitPackedLevels(std::span<const uint8_t> bytes, int bit_width, size_t count, uint8_t* out,
                             const std::string& subject);

// Appends `count` values of a data page to `out`, whose alternative fits `type`. Encodings without a dictionary.
// Errors: bad_input (too few bytes, lying lengths); unsupported for an encoding that the type does not have.
void DecodeValues(Encoding encoding, PhysicalType type, int32_t type_length, std::span<const uint8_t> bytes,
                  size_t count, Values& out, MemoryBudget& budget, const std::string& subject);

// Appends dictionary[index] for `count` indices. Errors: bad_input for an index outside the dictionary.
void DecodeDictionary(std::span<const uint8_t> bytes, size_t count, const Values& dictionary, Values& out,
                      MemoryBudget& budget, const std::string& subject);

// Values [begin, end) as PLAIN encodes them; byte arrays of a fixed length lack their length.
void EncodePlain(const Values& values, size_t begin, size_t end, bool fixed_length, std::string& out);

// An empty value list of the type.
Values EmptyValues(PhysicalType type);

}  // namespace takt::dataset
