// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "takt/core/base/file.h"

namespace takt {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

const fs::path kData = TAKT_SHARED_DATA;

// A file from its JSON header and so many bytes of data.
Bytes MakeFile(const std::string& header, size_t data_bytes) {
  Bytes bytes(8 + header.size() + data_bytes, 0x3F);
  const uint64_t header_bytes = header.size();
  std::memcpy(bytes.data(), &header_bytes, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

ErrorCode ParseCode(const Bytes& bytes) {
  try {
    ParseSafeTensors(bytes, "hostile");
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), "hostile");
    return error.code();
  }
  ADD_FAILURE() << "was accepted";
  return ErrorCode::kInternal;
}

TEST(SafeTensors, ReadsGsplatReference) {
  const fs::path path = kData / "splat/reference/tiny_case.safetensors";
  if (!fs::exists(path)) GTEST_SKIP() << "needs " << path;
  const SafeTensors file = ReadSafeTensors(path);
  ASSERT_FALSE(file.tensors().empty());
  for (const auto& [name, tensor] : file.tensors()) {
    if (tensor.dtype != DType::kF32) continue;
    for (const float value : file.GetFloats(name, tensor.shape)) EXPECT_TRUE(std::isfinite(value)) << name;
  }
  EXPECT_EQ(file.Get("means").shape.back(), 3);
}

TEST(SafeTensors, RewritesPolicyFilesWithEqualContent) {
  for (const char* name : {"policy/dpt_pusht_small.safetensors", "policy/dpt_condlayers_small.safetensors",
                           "splat/reference/basic_case.safetensors"}) {
    const fs::path path = kData / name;
    if (!fs::exists(path)) GTEST_SKIP() << "needs " << path;
    const SafeTensors file = ReadSafeTensors(path);
    SafeTensorsWriter writer;
    for (const auto& [key, value] : file.metadata()) writer.SetMetadata(key, value);
    for (const auto& [key, tensor] : file.tensors()) writer.Add(key, tensor.dtype, tensor.shape, tensor.bytes);
    const Bytes bytes = writer.Encode();
    const SafeTensors again = ParseSafeTensors(bytes, "again");
    EXPECT_EQ(again.metadata(), file.metadata());
    ASSERT_EQ(again.tensors().size(), file.tensors().size());
    for (const auto& [key, tensor] : file.tensors()) {
      const TensorView& copy = again.Get(key, tensor.shape);
      EXPECT_EQ(copy.dtype, tensor.dtype);
      EXPECT_TRUE(std::equal(copy.bytes.begin(), copy.bytes.end(), tensor.bytes.begin(), tensor.bytes.end()));
      EXPECT_EQ(reinterpret_cast<uintptr_t>(copy.bytes.data()) % DTypeBytes(copy.dtype), 0u) << key;
    }
  }
}

TEST(SafeTensors, WriterDoesNotDependOnTheOrderOfAdding) {
  const std::vector<float> floats = {1, 2, 3, 4, 5, 6};
  const std::vector<uint8_t> bytes = {7, 8, 9};
  const std::vector<int64_t> longs = {-1};
  SafeTensorsWriter a, b;
  a.Add("b", {2, 3}, floats);
  a.Add("a", {3}, bytes);
  a.Add("c", {}, longs);
  a.SetMetadata("x", "1");
  a.SetMetadata("w", "\"quoted\"\n");
  b.SetMetadata("w", "\"quoted\"\n");
  b.SetMetadata("x", "1");
  b.Add("c", {}, longs);
  b.Add("a", {3}, bytes);
  b.Add("b", {2, 3}, floats);
  EXPECT_EQ(a.Encode(), b.Encode());
  const fs::path path = fs::path(testing::TempDir()) / "takt_writer.safetensors";
  a.Write(path);
  const SafeTensors file = ReadSafeTensors(path);
  fs::remove(path);
  EXPECT_EQ(file.GetFloats("b", {-1, 3}), floats);
  EXPECT_EQ(file.GetValues<uint8_t>("a", {3}), bytes);
  EXPECT_EQ(file.GetValues<int64_t>("c", {}), longs);
  EXPECT_EQ(file.metadata().at("w"), "\"quoted\"\n");
  EXPECT_THROW(file.GetFloats("a", {3}), Error);
  EXPECT_THROW(file.GetFloats("b", {3, 2}), Error);
  EXPECT_THROW(file.GetFloats("b", {6}), Error);
  EXPECT_THROW(file.GetValues<double>("b", {2, 3}), Error);
  EXPECT_THROW(file.GetFloats("absent", {}), Error);
}

TEST(SafeTensors, EveryWidthOfTheHeaderKeepsTheDataAligned) {
  const std::vector<double> values = {1.5};
  for (int i = 0; i < 16; ++i) {
    SafeTensorsWriter writer;
    writer.Add(std::string(static_cast<size_t>(i) + 1, 'n'), {1}, values);
    const Bytes bytes = writer.Encode();
    uint64_t header_bytes;
    std::memcpy(&header_bytes, bytes.data(), 8);
    EXPECT_EQ(header_bytes % 8, 0u);
    EXPECT_EQ(bytes.size(), 8 + header_bytes + 8);
  }
}

TEST(SafeTensors, HalfAndBfloatWiden) {
  const std::vector<uint16_t> half = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000, 0x3555, 0x7E00};
  const std::vector<uint16_t> brain = {0x3F80, 0xC000, 0x7F80};
  const auto bytes_of = [](const std::vector<uint16_t>& v) {
    return std::span(reinterpret_cast<const uint8_t*>(v.data()), v.size() * 2);
  };
  SafeTensorsWriter writer;
  writer.Add("half", DType::kF16, {8}, bytes_of(half));
  writer.Add("brain", DType::kBF16, {3}, bytes_of(brain));
  const SafeTensors file = ParseSafeTensors(writer.Encode(), "half");
  const std::vector<float> h = file.GetFloats("half", {8});
  EXPECT_EQ(h[0], 1.0f);
  EXPECT_EQ(h[1], -2.0f);
  EXPECT_EQ(h[2], 0x1p-24f);
  EXPECT_EQ(h[3], 65504.0f);
  EXPECT_EQ(h[4], std::numeric_limits<float>::infinity());
  EXPECT_TRUE(h[5] == 0.0f && std::signbit(h[5]));
  EXPECT_NEAR(h[6], 0.33325f, 1e-5f);
  EXPECT_TRUE(std::isnan(h[7]));
  EXPECT_EQ(file.GetFloats("brain", {3}), (std::vector<float>{1.0f, -2.0f, std::numeric_limits<float>::infinity()}));
}

TEST(SafeTensors, EmptyTensorsAndEmptyFiles) {
  SafeTensorsWriter writer;
  EXPECT_TRUE(ParseSafeTensors(writer.Encode(), "none").tensors().empty());
  const std::vector<float> nothing;
  writer.Add("nothing", {0, 1 << 30, 1 << 30, 1 << 30}, nothing);
  EXPECT_TRUE(ParseSafeTensors(writer.Encode(), "empty").GetFloats("nothing", {0, -1, -1, -1}).empty());
}

TEST(SafeTensors, WriterRefusesNonsense) {
  SafeTensorsWriter writer;
  const std::vector<float> values = {1, 2};
  writer.Add("a", {2}, values);
  EXPECT_THROW(writer.Add("a", {2}, values), Error);
  EXPECT_THROW(writer.Add("b", {3}, values), Error);
  EXPECT_THROW(writer.Add("b", {-1}, values), Error);
  EXPECT_THROW(writer.Add("", {2}, values), Error);
  EXPECT_THROW(writer.Add("__metadata__", {2}, values), Error);
  EXPECT_THROW(writer.Add("b", {int64_t{1} << 62, 4}, values), Error);
  writer.Add("\xFF", {2}, values);
  EXPECT_THROW(writer.Encode(), Error);
}

TEST(SafeTensors, EveryTruncationIsBadInput) {
  SafeTensorsWriter writer;
  const std::vector<float> values = {1, 2, 3};
  writer.Add("values", {3}, values);
  writer.SetMetadata("k", "v");
  const Bytes bytes = writer.Encode();
  for (size_t count = 0; count < bytes.size(); ++count) {
    EXPECT_EQ(ParseCode(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count))), ErrorCode::kBadInput)
        << count;
  }
}

TEST(SafeTensors, LyingHeadersAreBadInput) {
  const char* headers[] = {
      "",
      "[]",
      "null",
      "{",
      R"({"a":1})",
      R"({"a":{}})",
      R"({"a":{"dtype":"F32","shape":[1]}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
      R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}})",
      R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
      R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})",
      R"({"__metadata__":[],"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
      R"({"__metadata__":{"x":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
  };
  for (const char* header : headers) EXPECT_EQ(ParseCode(MakeFile(header, 4)), ErrorCode::kBadInput) << header;
  EXPECT_EQ(ParseCode(MakeFile(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4)),
            ErrorCode::kUnsupported);
  EXPECT_EQ(ParseCode(MakeFile(std::string(100000, '['), 4)), ErrorCode::kBadInput);
  for (const uint64_t size : {uint64_t{1} << 63, ~uint64_t{0}, uint64_t{99'000'000}, uint64_t{3}}) {
    Bytes bytes = MakeFile("{}", 0);
    std::memcpy(bytes.data(), &size, 8);
    EXPECT_EQ(ParseCode(bytes), ErrorCode::kBadInput) << size;
  }
}

TEST(SafeTensors, HalvesAreTheNearest) {
  const auto widened = [](uint16_t half) {
    SafeTensorsWriter writer;
    const std::vector<uint16_t> values = {half};
    writer.Add("a", DType::kF16, {1}, {reinterpret_cast<const uint8_t*>(values.data()), 2});
    return ParseSafeTensors(writer.Encode(), "test").GetFloats("a", {1})[0];
  };
  for (uint32_t half = 0; half < 0x7c00; half += half < 0x800 ? 1 : 37) {
    const float low = widened(static_cast<uint16_t>(half));
    EXPECT_EQ(ToHalf(low), half);
    EXPECT_EQ(ToHalf(-low), half | 0x8000);
    if (half == 0x7bff) continue;
    const float high = widened(static_cast<uint16_t>(half + 1)), middle = low + (high - low) / 2;
    EXPECT_EQ(ToHalf(middle), half % 2 == 0 ? half : half + 1) << half;
    EXPECT_EQ(ToHalf(std::nextafter(middle, low)), half) << half;
    EXPECT_EQ(ToHalf(std::nextafter(middle, high)), half + 1) << half;
  }
  EXPECT_EQ(ToHalf(65519), 0x7bff);
  EXPECT_EQ(ToHalf(65520), 0x7c00);
  EXPECT_EQ(ToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(ToHalf(std::numeric_limits<float>::quiet_NaN()) & 0x7e00, 0x7e00);
}

}  // namespace
}  // namespace takt
