// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/encoding.h"

#include <gtest/gtest.h>

#include <cstring>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt::dataset {
namespace {

const std::string kSubject = "a column";

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Values Decode(Encoding encoding, PhysicalType type, std::span<const uint8_t> bytes, size_t count, int32_t length = 0) {
  MemoryBudget budget(1 << 20, kSubject);
  Values values = EmptyValues(type);
  DecodeValues(encoding, type, length, bytes, count, values, budget, kSubject);
  return values;
}

void PutVarint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out.push_back(static_cast<char>(value | 128));
  out.push_back(static_cast<char>(value));
}
void PutZigzag(std::string& out, uint64_t value) { PutVarint(out, (value << 1) ^ (uint64_t{0} - (value >> 63))); }

// DELTA_BINARY_PACKED as the format describes it: blocks of 128, 4 miniblocks.
std::string DeltaEncode(const std::vector<int64_t>& values) {
  std::string out;
  PutVarint(out, 128);
  PutVarint(out, 4);
  PutVarint(out, values.size());
  PutZigzag(out, values.empty() ? 0 : static_cast<uint64_t>(values[0]));
  for (size_t at = 1; at < values.size(); at += 128) {
    std::vector<int64_t> deltas;
    for (size_t i = at; i < std::min(at + 128, values.size()); ++i) {
      deltas.push_back(static_cast<int64_t>(static_cast<uint64_t>(values[i]) - static_cast<uint64_t>(values[i - 1])));
    }
    const int64_t least = *std::min_element(deltas.begin(), deltas.end());
    PutZigzag(out, static_cast<uint64_t>(least));
    std::string packed;
    for (size_t m = 0; m < 4; ++m) {
      uint64_t widest = 0;
      const auto above = [&](size_t i) {
        return i < deltas.size() ? static_cast<uint64_t>(deltas[i]) - static_cast<uint64_t>(least) : 0;
      };
      for (size_t i = m * 32; i < m * 32 + 32; ++i) widest |= above(i);
      const int width = m * 32 < deltas.size() ? BitWidth(widest) : 0;
      out.push_back(static_cast<char>(width));
      std::vector<bool> bits;
      for (size_t i = m * 32; width > 0 && i < m * 32 + 32; ++i) {
        for (int b = 0; b < width; ++b) bits.push_back(((above(i) >> b) & 1) != 0);
      }
      for (size_t b = 0; b < bits.size(); b += 8) {
        int byte = 0;
        for (size_t k = 0; k < 8; ++k) byte |= (bits[b + k] ? 1 : 0) << k;
        packed.push_back(static_cast<char>(byte));
      }
    }
    out += packed;
  }
  return out;
}

TEST(Rle, TheExampleOfTheFormat) {
  // 0 to 7 in 3 bits: one group of packed values.
  const std::string bytes = "\x03\x88\xc6\xfa";
  uint8_t values[8];
  RleDecoder(Bytes(bytes), 3, kSubject).Decode(8, values);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(values[i], i);
  const std::vector<uint8_t> numbers = {0, 1, 2, 3, 4, 5, 6, 7};
  std::string out;
  EncodeRle(std::span<const uint8_t>(numbers), 3, out);
  EXPECT_EQ(out, bytes);
}

TEST(Rle, RandomRunsComeBackForEveryWidth) {
  const Rng rng(1);
  uint64_t counter = 0;
  for (int width = 0; width <= 32; ++width) {
    for (const size_t count : {0, 1, 7, 8, 9, 63, 64, 65, 1000}) {
      std::vector<uint32_t> values;
      while (values.size() < count) {
        const uint64_t limit = uint64_t{1} << width;
        values.insert(values.end(), rng.Below(counter, 2) == 0 ? 1 : rng.Below(counter + 1, 40),
                      static_cast<uint32_t>(rng.Below(counter + 2, limit)));
        counter += 3;
      }
      values.resize(count);
      std::string bytes;
      EncodeRle(std::span<const uint32_t>(values), width, bytes);
      std::vector<uint32_t> back(count, 77);
      RleDecoder decoder(Bytes(bytes), width, kSubject);
      decoder.Decode(count / 3, back.data());
      decoder.Decode(count - count / 3, back.data() + count / 3);
      ASSERT_EQ(back, values) << width;
      std::vector<uint32_t> more(64);
      EXPECT_THROW(decoder.Decode(64, more.data()), Error) << "there are at most 7 values of padding";
    }
  }
}

TEST(Rle, BitPackedLevelsAreHighestBitFirst) {
  // The example of the format: 0 to 7 in 3 bits.
  const std::string bytes = "\x05\x39\x77";
  uint8_t values[8];
  EXPECT_EQ(DecodeBitPackedLevels(Bytes(bytes), 3, 8, values, kSubject), 3u);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(values[i], i);
  EXPECT_THROW(DecodeBitPackedLevels(Bytes(bytes), 3, 9, values, kSubject), Error);
}

TEST(Delta, ExampleOfTheFormat) {
  // 7, 5, 3, 1, 2, 3, 4, 5: first value 7, least difference -2, then 2 bits each.
  const std::vector<int64_t> values = {7, 5, 3, 1, 2, 3, 4, 5};
  const std::string bytes = DeltaEncode(values);
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x80\x01\x04\x08\x0e\x03\x02\x00\x00\x00", 10));
  EXPECT_EQ(std::get<std::vector<int64_t>>(Decode(Encoding::kDeltaBinaryPacked, PhysicalType::kInt64, Bytes(bytes), 8)),
            values);
}

TEST(Delta, WrapsAround) {
  const Rng rng(2);
  for (const size_t count : {1, 2, 32, 33, 129, 500}) {
    for (const bool wide : {false, true}) {
      std::vector<int64_t> values(count);
      for (size_t i = 0; i < count; ++i) {
        const auto words = rng.Words(i);
        values[i] =
            wide ? static_cast<int64_t>(uint64_t{words[0]} << 32 | words[1]) : static_cast<int64_t>(words[0] % 100);
      }
      const std::string bytes = DeltaEncode(values);
      EXPECT_EQ(std::get<std::vector<int64_t>>(
                    Decode(Encoding::kDeltaBinaryPacked, PhysicalType::kInt64, Bytes(bytes), count)),
                values);
      const auto ints = std::get<std::vector<int32_t>>(
          Decode(Encoding::kDeltaBinaryPacked, PhysicalType::kInt32, Bytes(bytes), count));
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(ints[i], static_cast<int32_t>(values[i]));
      for (size_t cut = 0; cut < bytes.size(); ++cut) {
        try {  // the padding of the last miniblock may be missing, nothing else
          Decode(Encoding::kDeltaBinaryPacked, PhysicalType::kInt64, Bytes(bytes).first(cut), count);
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kBadInput);
        }
      }
    }
  }
}

TEST(Delta, Strings) {
  const std::string lengths = DeltaEncode({5, 0, 3});
  EXPECT_EQ(std::get<Blobs>(
                Decode(Encoding::kDeltaLengthByteArray, PhysicalType::kByteArray, Bytes(lengths + "helloabc"), 3))[2],
            "abc");
  // axis, axle, babble, babyhood: the example of the format.
  const std::string fronts = DeltaEncode({0, 2, 0, 3}) + DeltaEncode({4, 2, 6, 5}) + "axislebabbleyhood";
  const Blobs words = std::get<Blobs>(Decode(Encoding::kDeltaByteArray, PhysicalType::kByteArray, Bytes(fronts), 4));
  EXPECT_EQ(words[1], "axle");
  EXPECT_EQ(words[3], "babyhood");
  for (const std::string& bad :
       {DeltaEncode({1, 0}) + DeltaEncode({1, 1}) + "ab", DeltaEncode({0, 2}) + DeltaEncode({1, 1}) + "ab",
        DeltaEncode({0, -1}) + DeltaEncode({1, 1}) + "ab", DeltaEncode({0, 1}) + DeltaEncode({1, 9}) + "ab"}) {
    EXPECT_THROW(Decode(Encoding::kDeltaByteArray, PhysicalType::kByteArray, Bytes(bad), 2), Error);
  }
  // A front that grows and grows: 1 MiB is too much for the budget long before the bytes are used up.
  std::vector<int64_t> prefixes, suffixes;
  for (int i = 0; i < 3000; ++i) prefixes.push_back(i), suffixes.push_back(1);
  const std::string growing = DeltaEncode(prefixes) + DeltaEncode(suffixes) + std::string(3000, 'x');
  EXPECT_THROW(Decode(Encoding::kDeltaByteArray, PhysicalType::kByteArray, Bytes(growing), 3000), Error);
}

TEST(ByteStreamSplit, JoinsTheStreams) {
  const std::vector<float> values = {1.5f, -2.25f, 1e30f};
  std::string split;
  for (size_t b = 0; b < 4; ++b) {
    for (const float value : values) split.push_back(reinterpret_cast<const char*>(&value)[b]);
  }
  EXPECT_EQ(std::get<std::vector<float>>(Decode(Encoding::kByteStreamSplit, PhysicalType::kFloat, Bytes(split), 3)),
            values);
  const Blobs pairs =
      std::get<Blobs>(Decode(Encoding::kByteStreamSplit, PhysicalType::kFixedLenByteArray, Bytes("abcxyz"), 3, 2));
  EXPECT_EQ(pairs[0], "ax");
  EXPECT_EQ(pairs[2], "cz");
  EXPECT_THROW(Decode(Encoding::kByteStreamSplit, PhysicalType::kFloat, Bytes(split), 4), Error);
}

TEST(Encodings, BooleansPlainAndAsRuns) {
  EXPECT_EQ(std::get<0>(Decode(Encoding::kPlain, PhysicalType::kBoolean, Bytes("\x05\x01"), 9)),
            (std::vector<uint8_t>{1, 0, 1, 0, 0, 0, 0, 0, 1}));
  const std::string runs("\x02\x00\x00\x00\x14\x01", 6);
  EXPECT_EQ(std::get<0>(Decode(Encoding::kRle, PhysicalType::kBoolean, Bytes(runs), 10)), std::vector<uint8_t>(10, 1));
  EXPECT_THROW(Decode(Encoding::kRle, PhysicalType::kBoolean, Bytes(runs), 11), Error);
}

TEST(Encodings, LyingCountsAreRefusedBeforeAnythingIsAllocated) {
  const size_t huge = size_t{1} << 40;
  for (const PhysicalType type :
       {PhysicalType::kBoolean, PhysicalType::kInt32, PhysicalType::kDouble, PhysicalType::kByteArray}) {
    EXPECT_THROW(Decode(Encoding::kPlain, type, Bytes("12345678"), huge), Error);
  }
  std::string run;  // one run of 2^31 values in a few bytes
  PutVarint(run, uint64_t{1} << 32);
  run.push_back('\0');
  const std::string boolean = std::string("\x06\x00\x00\x00", 4) + run;
  EXPECT_THROW(Decode(Encoding::kRle, PhysicalType::kBoolean, Bytes(boolean), size_t{1} << 31), Error);
  MemoryBudget budget(1 << 20, kSubject);
  Values out = EmptyValues(PhysicalType::kInt64);
  EXPECT_THROW(DecodeDictionary(Bytes(std::string("\x01") + run), size_t{1} << 31, std::vector<int64_t>{1}, out, budget,
                                kSubject),
               Error);
  const std::string delta = DeltaEncode({1, 1, 1});
  EXPECT_THROW(Decode(Encoding::kDeltaBinaryPacked, PhysicalType::kInt64, Bytes(delta), 4), Error);
}

TEST(Encodings, WrongPairsAreUnsupported) {
  for (const auto& [encoding, type] : {std::pair{Encoding::kDeltaBinaryPacked, PhysicalType::kFloat},
                                       {Encoding::kRle, PhysicalType::kInt32},
                                       {Encoding::kByteStreamSplit, PhysicalType::kByteArray},
                                       {static_cast<Encoding>(77), PhysicalType::kInt32}}) {
    try {
      Decode(encoding, type, Bytes("12345678"), 1);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    }
  }
}

}  // namespace
}  // namespace takt::dataset
