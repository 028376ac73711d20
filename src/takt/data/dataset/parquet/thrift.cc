// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/thrift.h"

#include <limits>

namespace takt::dataset {

void ThriftReader::Fail(const std::string& message) const { throw Error(ErrorCode::kBadInput, subject_, message); }

uint8_t ThriftReader::Byte() {
  if (position_ == bytes_.size()) Fail("ends too early");
  return bytes_[position_++];
}

uint64_t ThriftReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = Byte();
    value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return value;
  }
  Fail("has a number of more than 64 bits");
}

int64_t ThriftReader::Zigzag() {
  const uint64_t value = Varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

int32_t ThriftReader::ReadI32(ThriftType type) {
  Expect(type, ThriftType::kI32);
  const int64_t value = Zigzag();
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    Fail("has a number of more than 32 bits");
  }
  return static_cast<int32_t>(value);
}

int64_t ThriftReader::ReadI64(ThriftType type) {
  Expect(type, ThriftType::kI64);
  return Zigzag();
}

int8_t ThriftReader::ReadI8(ThriftType type) {
  Expect(type, ThriftType::kByte);
  return static_cast<int8_t>(Byte());
}

std::string ThriftReader::ReadString(ThriftType type) {
  Expect(type, ThriftType::kBinary);
  const uint64_t size = Varint();
  const size_t begin = position_;
  SkipBytes(size);
  return std::string(reinterpret_cast<const char*>(bytes_.data()) + begin, size);
}

void ThriftReader::SkipBytes(uint64_t count) {
  if (count > remaining()) Fail("ends too early");
  position_ += count;
}

ThriftReader::Header ThriftReader::ListHeader() {
  const uint8_t header = Byte();
  const uint64_t count = (header >> 4) == 15 ? Varint() : header >> 4;
  if (count > remaining()) Fail("claims a list longer than its bytes");  // an item takes a byte at least
  return {count, static_cast<ThriftType>(header & 15)};
}

void ThriftReader::SkipValue(ThriftType type, bool in_list) {
  switch (type) {
    case ThriftType::kTrue:
    case ThriftType::kFalse:
      if (in_list) Byte();
      return;
    case ThriftType::kByte:
      Byte();
      return;
    case ThriftType::kI16:
    case ThriftType::kI32:
    case ThriftType::kI64:
      Varint();
      return;
    case ThriftType::kDouble:
      SkipBytes(8);
      return;
    case ThriftType::kBinary:
      SkipBytes(Varint());
      return;
    case ThriftType::kList:
    case ThriftType::kSet: {
      Enter();
      const auto [count, item] = ListHeader();
      for (uint64_t i = 0; i < count; ++i) SkipValue(item, true);
      --depth_;
      return;
    }
    case ThriftType::kMap: {
      Enter();
      const uint64_t count = Varint();
      if (count > remaining()) Fail("claims a map longer than its bytes");
      const uint8_t types = count > 0 ? Byte() : 0;
      for (uint64_t i = 0; i < count; ++i) {
        SkipValue(static_cast<ThriftType>(types >> 4), true);
        SkipValue(static_cast<ThriftType>(types & 15), true);
      }
      --depth_;
      return;
    }
    case ThriftType::kStruct:
      ReadStruct([this](int32_t, ThriftType field) { Skip(field); });
      return;
    case ThriftType::kStop:
      break;
  }
  Fail("holds a type that Thrift does not have");
}

void ThriftWriter::Varint(uint64_t value) {
  for (; value >= 128; value >>= 7) bytes_.push_back(static_cast<char>(value | 128));
  bytes_.push_back(static_cast<char>(value));
}

void ThriftWriter::FieldHeader(int id, ThriftType type) {
  const int delta = id - last_ids_.back();
  if (delta > 0 && delta < 16) {
    bytes_.push_back(static_cast<char>((delta << 4) | static_cast<int>(type)));
  } else {
    bytes_.push_back(static_cast<char>(type));
    Zigzag(id);
  }
  last_ids_.back() = id;
}

void ThriftWriter::List(int id, ThriftType item, size_t count) {
  FieldHeader(id, ThriftType::kList);
  if (count < 15) {
    bytes_.push_back(static_cast<char>((count << 4) | static_cast<size_t>(item)));
  } else {
    bytes_.push_back(static_cast<char>(0xf0 | static_cast<int>(item)));
    Varint(count);
  }
}

}  // namespace takt::dataset
