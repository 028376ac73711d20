// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/wire.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/infer/serve/proto/policy.pb.h"

namespace takt::serve {
namespace {

namespace pb = takt::policy::v1;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

Error Bad(std::string message) { return Error(ErrorCode::kBadInput, "message", std::move(message)); }

// Whether the bytes are UTF-8: shortest forms only, no surrogates. protobuf checks it too, but complains on stderr.
bool IsUtf8(std::span<const uint8_t> text) {
  for (size_t i = 0; i < text.size();) {
    const uint8_t first = text[i++];
    if (first < 0x80) continue;
    const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || text.size() - i < static_cast<size_t>(more)) return false;
    uint32_t code = first & (0x3F >> more);
    for (int k = 0; k < more; ++k) {
      const uint8_t next = text[i++];
      if ((next & 0xC0) != 0x80) return false;
      code = code << 6 | (next & 0x3Fu);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (code < kLeast[more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
  }
  return true;
}

bool IsUtf8(const std::string& text) { return IsUtf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

// What a model says about its failure may be anything.
std::string ToUtf8(std::string text) {
  if (!IsUtf8(text)) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c >= 0x80; }, '?');
  }
  return text;
}

const std::string& CheckUtf8(const std::string& text, const char* field) {
  if (!IsUtf8(text)) throw Error(ErrorCode::kBadInput, field, "is not UTF-8");
  return text;
}

// Walks over a message as it stands on the wire, before protobuf allocates for it.
class WireWalk {
 public:
  void Check(std::span<const uint8_t> bytes, const Descriptor& type) {
    while (!bytes.empty()) {
      const uint64_t tag = Varint(&bytes);
      if (++fields_ > kMaxFields) throw Bad("has more than " + std::to_string(kMaxFields) + " fields");
      const uint64_t number = tag >> 3;
      switch (tag & 7) {
        case 0:
          Varint(&bytes);
          break;
        case 1:
          Skip(&bytes, 8);
          break;
        case 5:
          Skip(&bytes, 4);
          break;
        case 2: {
          const std::span<const uint8_t> inner = Skip(&bytes, Varint(&bytes));
          const FieldDescriptor* field =
              number <= std::numeric_limits<int>::max() ? type.FindFieldByNumber(static_cast<int>(number)) : nullptr;
          if (field != nullptr && field->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(inner)) {
            throw Error(ErrorCode::kBadInput, field->name(), "is not UTF-8");
          }
          // The depth is the schema's: no type of policy.proto contains itself.
          if (field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE) Check(inner, *field->message_type());
          break;
        }
        default:
          throw Bad("uses groups, which these messages do not have");
      }
    }
  }

 private:
  static uint64_t Varint(std::span<const uint8_t>* bytes) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes->empty()) throw Bad("ends too early");
      const uint8_t byte = bytes->front();
      *bytes = bytes->subspan(1);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    throw Bad("has a number of more than 10 bytes");
  }
  static std::span<const uint8_t> Skip(std::span<const uint8_t>* bytes, uint64_t count) {
    if (count > bytes->size()) throw Bad("ends too early");
    const auto taken = bytes->first(count);
    *bytes = bytes->subspan(count);
    return taken;
  }
  int fields_ = 0;
};

template <class Message>
Message Parse(std::span<const uint8_t> bytes) {
  WireWalk().Check(bytes, *Message::descriptor());
  Message message;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    throw Bad("is no " + Message::descriptor()->full_name());
  }
  return message;
}

std::string Serialize(const google::protobuf::Message& message) { return message.SerializeAsString(); }

Picture FromPb(pb::Picture&& from, const std::string& field) {
  Picture picture;
  picture.name = std::move(*from.mutable_name());
  const std::string& data = from.data();
  if (from.encoding() == pb::Picture::FILE) {
    if (data.empty()) throw Error(ErrorCode::kBadInput, field, "is empty");
    picture.file.assign(data.begin(), data.end());
  } else if (from.encoding() == pb::Picture::RGB8) {
    constexpr uint32_t kMaxSide = 1u << 20;
    if (from.width_px() > kMaxSide || from.height_px() > kMaxSide) {
      throw Error(ErrorCode::kBadInput, field, "is more than 2^20 pixels wide or high");
    }
    picture.image.width_px = static_cast<int>(from.width_px());
    picture.image.height_px = static_cast<int>(from.height_px());
    picture.image.channels = 3;
    picture.image.pixels.assign(data.begin(), data.end());
  } else {
    throw Error(ErrorCode::kBadInput, field, "has an encoding that is not known here");
  }
  return picture;
}

Request FromPb(pb::ActRequest&& from) {
  Request request;
  request.client_id = std::move(*from.mutable_client_id());
  request.sequence = from.sequence();
  request.deadline_ms = from.deadline_ms();
  request.instruction = std::move(*from.mutable_instruction());
  request.seed = from.seed();
  request.reset = from.reset();
  request.observations.resize(static_cast<size_t>(from.observations_size()));
  for (int i = 0; i < from.observations_size(); ++i) {
    pb::Observation& observation = *from.mutable_observations(i);
    request.observations[i].state.assign(observation.state().begin(), observation.state().end());
    for (int k = 0; k < observation.pictures_size(); ++k) {
      const std::string field = "observations[" + std::to_string(i) + "].pictures[" + std::to_string(k) + "]";
      request.observations[i].pictures.push_back(FromPb(std::move(*observation.mutable_pictures(k)), field));
    }
  }
  return request;
}

void ToPb(const Request& from, pb::ActRequest* to) {
  to->set_client_id(CheckUtf8(from.client_id, "client_id"));
  to->set_sequence(from.sequence);
  to->set_deadline_ms(from.deadline_ms);
  to->set_instruction(CheckUtf8(from.instruction, "instruction"));
  to->set_seed(from.seed);
  to->set_reset(from.reset);
  for (const Observation& observation : from.observations) {
    pb::Observation* out = to->add_observations();
    out->mutable_state()->Add(observation.state.begin(), observation.state.end());
    for (const Picture& picture : observation.pictures) {
      pb::Picture* p = out->add_pictures();
      p->set_name(CheckUtf8(picture.name, "the name of a picture"));
      if (picture.file.empty()) {
        p->set_encoding(pb::Picture::RGB8);
        p->set_width_px(static_cast<uint32_t>(picture.image.width_px));
        p->set_height_px(static_cast<uint32_t>(picture.image.height_px));
        p->set_data(picture.image.pixels.data(), picture.image.pixels.size());
      } else {
        p->set_encoding(pb::Picture::FILE);
        p->set_data(picture.file.data(), picture.file.size());
      }
    }
  }
}

Reply FromPb(pb::ActReply&& from) {
  Reply reply;
  reply.client_id = std::move(*from.mutable_client_id());
  reply.sequence = from.sequence();
  if (from.status() < pb::OK || from.status() > pb::CANCELLED) {
    throw Error(ErrorCode::kBadInput, "status", "is " + std::to_string(from.status()) + ", which is not known here");
  }
  reply.status = static_cast<Status>(from.status() - 1);
  const uint64_t wanted = uint64_t{from.action_steps()} * from.action_dim();
  if (static_cast<uint64_t>(from.actions_size()) != wanted || from.action_dim() > std::numeric_limits<int>::max() ||
      from.action_steps() > std::numeric_limits<int>::max()) {
    throw Error(ErrorCode::kBadInput, "actions",
                "has " + std::to_string(from.actions_size()) + " numbers instead of " + std::to_string(wanted));
  }
  reply.actions.assign(from.actions().begin(), from.actions().end());
  reply.action_steps = static_cast<int>(from.action_steps());
  reply.action_dim = static_cast<int>(from.action_dim());
  reply.queue_ms = from.queue_ms();
  reply.policy_ms = from.policy_ms();
  reply.field = std::move(*from.mutable_field());
  reply.message = std::move(*from.mutable_message());
  return reply;
}

void ToPb(const Reply& from, pb::ActReply* to) {
  to->set_client_id(ToUtf8(from.client_id));
  to->set_sequence(from.sequence);
  to->set_status(static_cast<pb::Status>(static_cast<int>(from.status) + 1));
  to->mutable_actions()->Add(from.actions.begin(), from.actions.end());
  to->set_action_steps(static_cast<uint32_t>(from.action_steps));
  to->set_action_dim(static_cast<uint32_t>(from.action_dim));
  to->set_queue_ms(from.queue_ms);
  to->set_policy_ms(from.policy_ms);
  to->set_field(ToUtf8(from.field));
  to->set_message(ToUtf8(from.message));
}

int ToInt(uint32_t value, const char* field) {
  if (value > static_cast<uint32_t>(std::numeric_limits<int>::max())) {
    throw Error(ErrorCode::kBadInput, field, "is out of range");
  }
  return static_cast<int>(value);
}

ServeInfo FromPb(pb::InfoReply&& from) {
  ServeInfo info;
  info.model = std::move(*from.mutable_model());
  info.state_dim = ToInt(from.state_dim(), "state_dim");
  info.observation_steps = ToInt(from.observation_steps(), "observation_steps");
  info.action_dim = ToInt(from.action_dim(), "action_dim");
  info.horizon = ToInt(from.horizon(), "horizon");
  info.state_names.assign(from.state_names().begin(), from.state_names().end());
  info.action_names.assign(from.action_names().begin(), from.action_names().end());
  for (const pb::PictureInfo& picture : from.pictures()) {
    info.pictures.push_back(
        {picture.name(), ToInt(picture.width_px(), "width_px"), ToInt(picture.height_px(), "height_px")});
  }
  info.takes_instruction = from.takes_instruction();
  info.control_hz = from.control_hz();
  return info;
}

void ToPb(const ServeInfo& from, pb::InfoReply* to) {
  to->set_model(from.model);
  to->set_state_dim(static_cast<uint32_t>(from.state_dim));
  to->set_observation_steps(static_cast<uint32_t>(from.observation_steps));
  to->set_action_dim(static_cast<uint32_t>(from.action_dim));
  to->set_horizon(static_cast<uint32_t>(from.horizon));
  for (const std::string& name : from.state_names) to->add_state_names(name);
  for (const std::string& name : from.action_names) to->add_action_names(name);
  for (const PictureInfo& picture : from.pictures) {
    pb::PictureInfo* p = to->add_pictures();
    p->set_name(picture.name);
    p->set_width_px(static_cast<uint32_t>(picture.width_px));
    p->set_height_px(static_cast<uint32_t>(picture.height_px));
  }
  to->set_takes_instruction(from.takes_instruction);
  to->set_control_hz(from.control_hz);
}

Health FromPb(pb::HealthReply&& from) {
  return {std::move(*from.mutable_state()),
          from.is_serving(),
          from.uptime_s(),
          from.estimate_ms(),
          from.clients(),
          from.pending()};
}

void ToPb(const Health& from, pb::HealthReply* to) {
  to->set_state(from.state);
  to->set_is_serving(from.is_serving);
  to->set_uptime_s(from.uptime_s);
  to->set_estimate_ms(from.estimate_ms);
  to->set_clients(from.clients);
  to->set_pending(from.pending);
}

template <class Message, class Value>
std::string Encode(const Value& value) {
  Message message;
  ToPb(value, &message);
  return Serialize(message);
}

}  // namespace

Request ParseActRequest(std::span<const uint8_t> bytes) { return FromPb(Parse<pb::ActRequest>(bytes)); }
Reply ParseActReply(std::span<const uint8_t> bytes) { return FromPb(Parse<pb::ActReply>(bytes)); }
ServeInfo ParseInfoReply(std::span<const uint8_t> bytes) { return FromPb(Parse<pb::InfoReply>(bytes)); }
Health ParseHealthReply(std::span<const uint8_t> bytes) { return FromPb(Parse<pb::HealthReply>(bytes)); }

ClientMessage ParseClientMessage(std::span<const uint8_t> bytes) {
  pb::ClientMessage message = Parse<pb::ClientMessage>(bytes);
  switch (message.kind_case()) {
    case pb::ClientMessage::kAct:
      return FromPb(std::move(*message.mutable_act()));
    case pb::ClientMessage::kInfo:
      return InfoQuestion{};
    case pb::ClientMessage::kHealth:
      return HealthQuestion{};
    case pb::ClientMessage::KIND_NOT_SET:
      break;
  }
  throw Bad("holds no request that is known here");
}

ServerMessage ParseServerMessage(std::span<const uint8_t> bytes) {
  pb::ServerMessage message = Parse<pb::ServerMessage>(bytes);
  switch (message.kind_case()) {
    case pb::ServerMessage::kAct:
      return FromPb(std::move(*message.mutable_act()));
    case pb::ServerMessage::kInfo:
      return FromPb(std::move(*message.mutable_info()));
    case pb::ServerMessage::kHealth:
      return FromPb(std::move(*message.mutable_health()));
    case pb::ServerMessage::KIND_NOT_SET:
      break;
  }
  throw Bad("holds no answer that is known here");
}

std::string EncodeActRequest(const Request& request) { return Encode<pb::ActRequest>(request); }
std::string EncodeActReply(const Reply& reply) { return Encode<pb::ActReply>(reply); }
std::string EncodeInfoReply(const ServeInfo& info) { return Encode<pb::InfoReply>(info); }
std::string EncodeHealthReply(const Health& health) { return Encode<pb::HealthReply>(health); }

std::string EncodeClientMessage(const ClientMessage& message) {
  pb::ClientMessage out;
  if (const auto* request = std::get_if<Request>(&message)) {
    ToPb(*request, out.mutable_act());
  } else if (std::holds_alternative<InfoQuestion>(message)) {
    out.mutable_info();
  } else {
    out.mutable_health();
  }
  return Serialize(out);
}

std::string EncodeServerMessage(const ServerMessage& message) {
  pb::ServerMessage out;
  if (const auto* reply = std::get_if<Reply>(&message)) {
    ToPb(*reply, out.mutable_act());
  } else if (const auto* info = std::get_if<ServeInfo>(&message)) {
    ToPb(*info, out.mutable_info());
  } else {
    ToPb(std::get<Health>(message), out.mutable_health());
  }
  return Serialize(out);
}

std::string Frame(const std::string& message) {
  if (message.size() > std::numeric_limits<uint32_t>::max()) throw Bad("is longer than 2^32 - 1 bytes");
  std::string frame;
  frame.reserve(4 + message.size());
  for (int i = 0; i < 4; ++i) frame.push_back(static_cast<char>(message.size() >> (8 * i) & 0xFF));
  return frame += message;
}

size_t FrameReader::Feed(std::span<const uint8_t> bytes) {
  size_t taken = 0;
  while (header_bytes_ < 4 && taken < bytes.size()) {
    length_ |= uint32_t{bytes[taken++]} << (8 * header_bytes_++);
    if (header_bytes_ == 4 && (length_ == 0 || length_ > max_message_bytes_)) {
      throw Bad("claims a length of " + std::to_string(length_) + " bytes; 1 to " + std::to_string(max_message_bytes_) +
                " are allowed");
    }
  }
  if (header_bytes_ < 4) return taken;
  const size_t count = std::min<size_t>(length_ - body_.size(), bytes.size() - taken);
  body_.insert(body_.end(), bytes.begin() + taken, bytes.begin() + taken + count);
  return taken + count;
}

std::vector<uint8_t> FrameReader::Take() {
  header_bytes_ = 0;
  length_ = 0;
  return std::exchange(body_, {});
}

}  // namespace takt::serve
