// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "takt/infer/serve/model.h"

namespace takt::serve {

// Messages of proto/policy.proto as bytes, and back. docs/formats/policy-serve.md.

struct Health {
  std::string state;  // "serving", "failing", "stuck", "stopping"
  bool is_serving = false;
  double uptime_s = 0;
  double estimate_ms = 0;  // NaN before the first inference
  uint32_t clients = 0;
  uint32_t pending = 0;
};

struct InfoQuestion {};
struct HealthQuestion {};
using ClientMessage = std::variant<Request, InfoQuestion, HealthQuestion>;
using ServerMessage = std::variant<Reply, ServeInfo, Health>;

// At most this many fields in a message, numbers of packed lists not counted: a field of two bytes can cost a hundred
// in memory, and no honest message comes near.
inline constexpr int kMaxFields = 4096;

// Errors: bad_input; the subject is "message" or the field. Cost: one copy of the bytes; allocates nothing before the
// fields have been counted. Only the bytes are checked here; CheckRequest checks what they say.
Request ParseActRequest(std::span<const uint8_t> bytes);
ClientMessage ParseClientMessage(std::span<const uint8_t> bytes);
Reply ParseActReply(std::span<const uint8_t> bytes);
ServeInfo ParseInfoReply(std::span<const uint8_t> bytes);
Health ParseHealthReply(std::span<const uint8_t> bytes);
ServerMessage ParseServerMessage(std::span<const uint8_t> bytes);

std::string EncodeActRequest(const Request& request);
std::string EncodeClientMessage(const ClientMessage& message);
std::string EncodeActReply(const Reply& reply);
std::string EncodeInfoReply(const ServeInfo& info);
std::string EncodeHealthReply(const Health& health);
std::string EncodeServerMessage(const ServerMessage& message);

// The message with its length in front, as the Unix socket carries it. Errors: bad_input beyond 2^32 - 1 bytes.
std::string Frame(const std::string& message);

// Puts a stream of bytes together to messages. Memory grows with the bytes that arrive, not with the length that a
// frame claims.
class FrameReader {
 public:
  explicit FrameReader(uint32_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}
  // Takes bytes; at most up to the end of the current message. Returns how many it took. Errors: bad_input (a length of
  // 0 or over the limit); nothing can be read after that.
  size_t Feed(std::span<const uint8_t> bytes);
  bool IsComplete() const { return header_bytes_ == 4 && body_.size() == length_; }
  bool IsEmpty() const { return header_bytes_ == 0; }  // between two messages
  uint64_t buffered_bytes() const { return body_.capacity(); }
  std::vector<uint8_t> Take();  // where complete: the message; then the next one begins

 private:
  uint32_t max_message_bytes_;
  uint32_t length_ = 0;
  int header_bytes_ = 0;
  std::vector<uint8_t> body_;
};

}  // namespace takt::serve
