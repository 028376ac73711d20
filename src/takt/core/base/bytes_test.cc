// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/bytes.h"

#include <gtest/gtest.h>

namespace takt {
namespace {

TEST(Bytes, RoundTripIsLittleEndian) {
  ByteWriter writer;
  writer.Write<uint32_t>(0x04030201);
  writer.Write<int16_t>(-2);
  writer.Write<double>(-0.5);
  writer.Append(std::vector<uint8_t>{9, 8});
  ASSERT_EQ(writer.size(), 16u);
  EXPECT_EQ(writer.bytes()[0], 1);
  EXPECT_EQ(writer.bytes()[3], 4);
  const std::vector<uint8_t> bytes = writer.Release();
  ByteReader reader(bytes, "file");
  EXPECT_EQ(reader.Read<uint32_t>(), 0x04030201u);
  EXPECT_EQ(reader.Read<int16_t>(), -2);
  EXPECT_EQ(reader.position(), 6u);
  EXPECT_EQ(reader.Read<double>(), -0.5);
  EXPECT_EQ(reader.Take(2)[1], 8);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_TRUE(reader.Take(0).empty());
}

TEST(Bytes, EveryReadPastTheEndIsBadInputAndTakesNothing) {
  const std::vector<uint8_t> bytes(7);
  for (const uint64_t count : {uint64_t{8}, uint64_t{1} << 32, uint64_t{1} << 63, ~uint64_t{0}}) {
    ByteReader reader(bytes, "file");
    try {
      reader.Take(count);
      ADD_FAILURE() << count;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
      EXPECT_EQ(error.subject(), "file");
    }
    EXPECT_EQ(reader.remaining(), 7u);
  }
  ByteReader reader(bytes, "file");
  reader.Take(3);
  // position + count would wrap around to a small number.
  EXPECT_THROW(reader.Take(~uint64_t{0} - 1), Error);
  EXPECT_THROW(reader.Read<uint64_t>(), Error);
  EXPECT_EQ(reader.Read<uint32_t>(), 0u);
  EXPECT_THROW(reader.Read<uint8_t>(), Error);
}

}  // namespace
}  // namespace takt
