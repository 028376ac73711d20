// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "takt/core/base/error.h"

namespace takt {

// Element types of a safetensors file, by the names the format gives them.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU64, kU32, kU16, kU8, kBool };

std::string_view DTypeName(DType dtype);  // "F32"
int DTypeBytes(DType dtype);

// The dtype that holds a C++ type.
template <class T>
constexpr DType DTypeOf() {
  if constexpr (std::is_same_v<T, double>) return DType::kF64;
  if constexpr (std::is_same_v<T, float>) return DType::kF32;
  if constexpr (std::is_same_v<T, int64_t>) return DType::kI64;
  if constexpr (std::is_same_v<T, int32_t>) return DType::kI32;
  if constexpr (std::is_same_v<T, int16_t>) return DType::kI16;
  if constexpr (std::is_same_v<T, int8_t>) return DType::kI8;
  if constexpr (std::is_same_v<T, uint64_t>) return DType::kU64;
  if constexpr (std::is_same_v<T, uint32_t>) return DType::kU32;
  if constexpr (std::is_same_v<T, uint16_t>) return DType::kU16;
  if constexpr (std::is_same_v<T, uint8_t>) return DType::kU8;
}

// A tensor inside a SafeTensors value: row-major, little-endian. In files of other programs the bytes may be unaligned.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;      // each >= 0; empty = a scalar
  std::span<const uint8_t> bytes;  // product(shape) * DTypeBytes(dtype)

  uint64_t count() const { return bytes.size() / static_cast<uint64_t>(DTypeBytes(dtype)); }
};

// The content of a safetensors file: named tensors over one owned buffer, and a map of strings.
// Format: u64 header size, JSON header, data; https://github.com/huggingface/safetensors#format.
class SafeTensors {
 public:
  SafeTensors() = default;
  SafeTensors(SafeTensors&&) = default;
  SafeTensors& operator=(SafeTensors&&) = default;
  SafeTensors(const SafeTensors&) = delete;  // the views point into the buffer
  SafeTensors& operator=(const SafeTensors&) = delete;

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool Has(const std::string& name) const { return tensors_.contains(name); }
  // Errors: not_found.
  const TensorView& Get(const std::string& name) const;
  // As Get, and the shape must match; -1 in `expected_shape` accepts any length. Errors: not_found, bad_input.
  const TensorView& Get(const std::string& name, std::span<const int64_t> expected_shape) const;

  // The values of a floating-point tensor as float: F32 exact, F16 and BF16 widened, F64 rounded.
  // Errors: not_found; bad_input for another shape or an integer dtype.
  std::vector<float> GetFloats(const std::string& name, const std::vector<int64_t>& expected_shape) const;
  // The values of a tensor of exactly this type. Errors: not_found; bad_input for another shape or dtype.
  template <class T>
  std::vector<T> GetValues(const std::string& name, const std::vector<int64_t>& expected_shape) const {
    const TensorView& tensor = Get(name, expected_shape);
    CheckDType(name, tensor, DTypeOf<T>());
    std::vector<T> values(tensor.count());
    if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

 private:
  friend SafeTensors ParseSafeTensors(std::vector<uint8_t> bytes, const std::string& subject);
  void CheckDType(const std::string& name, const TensorView& tensor, DType expected) const;

  std::string subject_ = "tensors";
  std::vector<uint8_t> buffer_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

// Reads a whole file. As the format demands, the tensors must cover the data without holes, overlaps or rest.
// Errors: not_found; io; bad_input (truncated, lying sizes or offsets, duplicate names, shape products that overflow);
// unsupported (a dtype that DType lacks).
// Cost: one copy of the file in memory; the header is bounded by 100 MB and by the file.
SafeTensors ReadSafeTensors(const std::filesystem::path& path);
SafeTensors ParseSafeTensors(std::vector<uint8_t> bytes, const std::string& subject);

// IEEE binary16 of a float, to nearest, ties to even; beyond 65504 infinite, NaN stays NaN.
uint16_t ToHalf(float value);

// Builds a safetensors file. It borrows the values: they must live until Encode or Write.
// Determinism: the same tensors give the same bytes in whatever order they were added. Data starts at a multiple of 8
// and lies by element size (wide first), then name, so every tensor is aligned to its elements without holes.
class SafeTensorsWriter {
 public:
  // Errors: bad_input for a name used twice, an empty name or "__metadata__", or bytes that do not match the shape.
  void Add(const std::string& name, DType dtype, std::vector<int64_t> shape, std::span<const uint8_t> bytes);
  template <class T>
  void Add(const std::string& name, std::vector<int64_t> shape, const std::vector<T>& values) {
    static_assert(!std::is_same_v<T, bool>, "std::vector<bool> is not an array");
    Add(name, DTypeOf<T>(), std::move(shape),
        {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
  }
  template <class T>
  void Add(const std::string& name, std::vector<int64_t> shape, std::vector<T>&& values) = delete;  // would dangle
  void SetMetadata(const std::string& key, const std::string& value);

  // Errors: bad_input for text that is not UTF-8.
  std::vector<uint8_t> Encode() const;
  // Atomic. Errors: as Encode; io.
  void Write(const std::filesystem::path& path) const;

 private:
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace takt
