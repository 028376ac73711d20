// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/error.h"

namespace takt::dataset {

// Type codes of Thrift's compact protocol. A boolean field carries its value in its type.
enum class ThriftType : uint8_t {
  kStop = 0,
  kTrue = 1,
  kFalse = 2,
  kByte = 3,
  kI16 = 4,
  kI32 = 5,
  kI64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kMap = 11,
  kStruct = 12
};

// Reads the compact protocol. Nothing is allocated that the bytes do not hold; nesting is bounded.
// Errors: bad_input naming `subject` for bytes that end too early, nest too deep or hold another type than asked for.
// Source: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.
class ThriftReader {
 public:
  ThriftReader(std::span<const uint8_t> bytes, const std::string& subject) : bytes_(bytes), subject_(subject) {}

  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }
  const std::string& subject() const { return subject_; }

  // Calls on_field(id, type) for each field of a struct; it must consume the value, by a Read or by Skip(type).
  template <class OnField>
  void ReadStruct(OnField&& on_field) {
    Enter();
    int32_t id = 0;
    while (true) {
      const uint8_t header = Byte();
      const auto type = static_cast<ThriftType>(header & 15);
      if (type == ThriftType::kStop) break;
      id = (header >> 4) != 0 ? id + (header >> 4) : static_cast<int32_t>(Zigzag());
      if (id < 0 || id > 32767) Fail("has a field number out of range");
      on_field(id, type);
    }
    --depth_;
  }
  template <class OnField>
  void ReadStruct(ThriftType type, OnField&& on_field) {
    Expect(type, ThriftType::kStruct);
    ReadStruct(on_field);
  }

  // Calls on_item() for each item of a list of `item` values, after the count was compared with the bytes left.
  template <class OnItem>
  void ReadList(ThriftType type, ThriftType item, OnItem&& on_item) {
    Expect(type, ThriftType::kList);
    Enter();
    const auto [count, found] = ListHeader();
    if (count > 0) Expect(found, item);
    for (uint64_t i = 0; i < count; ++i) on_item();
    --depth_;
  }

  bool ReadBool(ThriftType type) const {
    if (type != ThriftType::kTrue && type != ThriftType::kFalse) Fail("holds another type than a boolean");
    return type == ThriftType::kTrue;
  }
  int32_t ReadI32(ThriftType type);
  int64_t ReadI64(ThriftType type);
  int8_t ReadI8(ThriftType type);
  std::string ReadString(ThriftType type);
  int32_t ReadI32() { return ReadI32(ThriftType::kI32); }
  std::string ReadString() { return ReadString(ThriftType::kBinary); }
  void Skip(ThriftType type) { SkipValue(type, false); }

  [[noreturn]] void Fail(const std::string& message) const;

 private:
  struct Header {
    uint64_t count;
    ThriftType type;
  };
  void Enter() {
    if (++depth_ > 32) Fail("nests too deep");
  }
  void Expect(ThriftType found, ThriftType expected) const {
    if (found != expected) Fail("holds another type than its format says");
  }
  uint8_t Byte();
  uint64_t Varint();
  int64_t Zigzag();
  Header ListHeader();
  void SkipBytes(uint64_t count);
  void SkipValue(ThriftType type, bool in_list);

  std::span<const uint8_t> bytes_;
  const std::string& subject_;
  size_t position_ = 0;
  int depth_ = 0;
};

// Writes the compact protocol. Fields of a struct must come in ascending order.
class ThriftWriter {
 public:
  void BeginStruct() { last_ids_.push_back(0); }
  void EndStruct() {
    bytes_.push_back('\0');
    last_ids_.pop_back();
  }
  void Struct(int id) {
    FieldHeader(id, ThriftType::kStruct);
    BeginStruct();
  }
  void Bool(int id, bool value) { FieldHeader(id, value ? ThriftType::kTrue : ThriftType::kFalse); }
  void I16(int id, int64_t value) { Integer(id, ThriftType::kI16, value); }
  void I32(int id, int64_t value) { Integer(id, ThriftType::kI32, value); }
  void I64(int id, int64_t value) { Integer(id, ThriftType::kI64, value); }
  void String(int id, std::string_view value) {
    FieldHeader(id, ThriftType::kBinary);
    StringItem(value);
  }
  // Then `count` items: StringItem, I32Item, or BeginStruct .. EndStruct.
  void List(int id, ThriftType item, size_t count);
  void StringItem(std::string_view value) {
    Varint(value.size());
    bytes_.append(value);
  }
  void I32Item(int32_t value) { Zigzag(value); }
  // A struct whose bytes are there already.
  void RawStruct(int id, std::string_view bytes) {
    FieldHeader(id, ThriftType::kStruct);
    bytes_.append(bytes);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void FieldHeader(int id, ThriftType type);
  void Integer(int id, ThriftType type, int64_t value) {
    FieldHeader(id, type);
    Zigzag(value);
  }
  void Varint(uint64_t value);
  void Zigzag(int64_t value) { Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63)); }

  std::string bytes_;
  std::vector<int> last_ids_;
};

}  // namespace takt::dataset
