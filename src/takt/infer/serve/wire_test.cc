// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/wire.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/infer/serve/serve_test_model.h"

namespace takt::serve {
namespace {

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Request FullRequest() {
  Request request = MakeRequest("robot-1", 77, 12.5);
  request.seed = 1ull << 63;
  request.reset = true;
  request.instruction = "put the lid on";
  Picture raw;
  raw.name = "top";
  raw.image = Image8(4, 2, 3);
  for (size_t i = 0; i < raw.image.pixels.size(); ++i) raw.image.pixels[i] = static_cast<uint8_t>(i * 7);
  Picture png;
  png.name = "wrist";
  png.file = EncodePng(raw.image);
  request.observations[1].pictures = {raw, png};
  return request;
}

TEST(WireTest, RequestsComeBack) {
  const Request request = FullRequest();
  const Request back = std::get<Request>(ParseClientMessage(Bytes(EncodeClientMessage(request))));
  EXPECT_EQ(back.client_id, request.client_id);
  EXPECT_EQ(back.sequence, request.sequence);
  EXPECT_EQ(back.deadline_ms, request.deadline_ms);
  EXPECT_EQ(back.instruction, request.instruction);
  EXPECT_EQ(back.seed, request.seed);
  EXPECT_EQ(back.reset, request.reset);
  ASSERT_EQ(back.observations.size(), 2u);
  EXPECT_EQ(back.observations[0].state, request.observations[0].state);
  ASSERT_EQ(back.observations[1].pictures.size(), 2u);
  EXPECT_EQ(back.observations[1].pictures[0].image.pixels, request.observations[1].pictures[0].image.pixels);
  EXPECT_EQ(back.observations[1].pictures[0].image.width_px, 4);
  EXPECT_EQ(back.observations[1].pictures[1].file, request.observations[1].pictures[1].file);
  EXPECT_EQ(EncodeActRequest(back), EncodeActRequest(request));
  EXPECT_TRUE(std::holds_alternative<InfoQuestion>(ParseClientMessage(Bytes(EncodeClientMessage(InfoQuestion{})))));
  EXPECT_TRUE(std::holds_alternative<HealthQuestion>(ParseClientMessage(Bytes(EncodeClientMessage(HealthQuestion{})))));
}

TEST(WireTest, AnswersComeBack) {
  Reply reply;
  reply.client_id = "a";
  reply.sequence = 5;
  reply.actions = {1, 2, 3, 4, 5, 6};
  reply.action_steps = 3;
  reply.action_dim = 2;
  reply.queue_ms = 1.5;
  for (int i = 0; i < kStatusCount; ++i) {
    reply.status = static_cast<Status>(i);
    const Reply back = std::get<Reply>(ParseServerMessage(Bytes(EncodeServerMessage(reply))));
    EXPECT_EQ(back.status, reply.status);
    EXPECT_EQ(back.actions, reply.actions);
    EXPECT_EQ(back.queue_ms, 1.5);
    EXPECT_TRUE(std::isnan(back.policy_ms));
  }
  ServeInfo info = FakeModel().info;
  info.pictures = {{"top", 96, 64}};
  const ServeInfo info_back = std::get<ServeInfo>(ParseServerMessage(Bytes(EncodeServerMessage(info))));
  EXPECT_EQ(info_back.state_names, info.state_names);
  EXPECT_EQ(info_back.pictures[0].width_px, 96);
  EXPECT_EQ(info_back.horizon, 4);
  const Health health = {"serving", true, 1.5, 8.5, 3, 2};
  EXPECT_EQ(std::get<Health>(ParseServerMessage(Bytes(EncodeServerMessage(health)))).pending, 2u);
}

TEST(WireTest, TruncationAtEveryByteIsSaid) {
  const std::string whole = EncodeClientMessage(FullRequest());
  for (size_t length = 0; length < whole.size(); ++length) {
    try {
      ParseClientMessage(Bytes(whole.substr(0, length)));
      ADD_FAILURE() << "read " << length << " of " << whole.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    }
  }
}

TEST(WireTest, FieldsAreCountedBeforeAnythingIsAllocated) {
  // Half a million empty observations in a megabyte: a hundred times that in memory.
  std::string many;
  for (int i = 0; i < 1 << 19; ++i) many += std::string("\x22\x00", 2);
  EXPECT_THROW(ParseActRequest(Bytes(many)), Error);
  // The same one level down, pictures in an observation; and unknown fields.
  std::string pictures;
  for (int i = 0; i < 5000; ++i) pictures += std::string("\x12\x00", 2);
  std::string nested = "\x22";
  nested += static_cast<char>(0x80 | (pictures.size() & 0x7F));
  nested += static_cast<char>(pictures.size() >> 7);
  EXPECT_THROW(ParseActRequest(Bytes(nested + pictures)), Error);
  std::string unknown;
  for (int i = 0; i < 5000; ++i) unknown += std::string("\xF8\x01\x00", 3);
  EXPECT_THROW(ParseActRequest(Bytes(unknown)), Error);
  EXPECT_NO_THROW(ParseActRequest(Bytes(unknown.substr(0, 30))));  // a newer client says more
  // A long packed list is fine.
  Request request = MakeRequest("a", 1);
  request.observations[0].state.assign(1 << 20, 1.0f);
  EXPECT_EQ(ParseActRequest(Bytes(EncodeActRequest(request))).observations[0].state.size(), size_t{1} << 20);
}

TEST(WireTest, TextIsUtf8) {
  Request request = MakeRequest("a", 1);
  for (const char* good : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    request.instruction = good;
    EXPECT_EQ(ParseActRequest(Bytes(EncodeActRequest(request))).instruction, good);
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC3", "\xC3\x28", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    request.instruction = bad;
    EXPECT_THROW(EncodeActRequest(request), Error) << bad;
    const std::string field = std::string("\x2A") + static_cast<char>(std::string(bad).size()) + bad;
    try {
      ParseActRequest(Bytes(field));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.subject(), "instruction");
    }
  }
  Reply reply;
  reply.message = "broken \xFF";
  EXPECT_EQ(ParseActReply(Bytes(EncodeActReply(reply))).message, "broken ?");
}

TEST(WireTest, HostileMessages) {
  const std::string cases[] = {
      std::string("\x0A\xFF\xFF\xFF\xFF\x0F", 6),                           // a length of 4 GB
      std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11),      // of 2^64 - 1
      std::string("\x10\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12),  // a number of 11 bytes
      std::string("\x0B\x0B\x0B\x0C", 4),                                   // groups
      std::string("\x0A\x02\xC3\x28", 4),                                   // no UTF-8
      std::string("\x00\x00", 2),                                           // field 0
      std::string("\x07", 1),                                               // wire type 7
      std::string("\x22\x03\x0A\x03\x00", 5),                               // inner length beyond the outer end
      std::string("\x22\x05\x0A\x03\x00\x00\x00", 7),                       // a packed list of 3 bytes
  };
  for (const std::string& bytes : cases) EXPECT_THROW(ParseActRequest(Bytes(bytes)), Error) << bytes.size();
  EXPECT_THROW(ParseClientMessage({}), Error);
  EXPECT_THROW(ParseServerMessage({}), Error);
}

TEST(FrameReaderTest, PutsBytesTogether) {
  const std::string stream = Frame("hello") + Frame("x") + Frame(std::string(1000, 'y'));
  for (const size_t step : {1, 3, 7, 5000}) {
    FrameReader reader(1000);
    std::vector<std::string> got;
    for (size_t at = 0; at < stream.size();) {
      std::span<const uint8_t> rest = Bytes(stream).subspan(at, std::min(step, stream.size() - at));
      while (!rest.empty()) {
        const size_t taken = reader.Feed(rest);
        ASSERT_GT(taken, 0u);
        rest = rest.subspan(taken);
        at += taken;
        if (!reader.IsComplete()) continue;
        const std::vector<uint8_t> message = reader.Take();
        got.emplace_back(message.begin(), message.end());
      }
    }
    EXPECT_EQ(got, (std::vector<std::string>{"hello", "x", std::string(1000, 'y')}));
    EXPECT_TRUE(reader.IsEmpty());
  }
}

TEST(FrameReaderTest, BelievesNoLength) {
  for (const uint32_t length : {0u, 1001u, 0xFFFFFFFFu}) {
    FrameReader reader(1000);
    std::string header;
    for (int i = 0; i < 4; ++i) header += static_cast<char>(length >> (8 * i));
    EXPECT_THROW(reader.Feed(Bytes(header)), Error) << length;
  }
  FrameReader reader(64u << 20);
  reader.Feed(Bytes(std::string("\x00\x00\x00\x04", 4)));  // 64 MiB are promised
  reader.Feed(Bytes("abc"));
  EXPECT_LT(reader.buffered_bytes(), 100u);
}

}  // namespace
}  // namespace takt::serve
