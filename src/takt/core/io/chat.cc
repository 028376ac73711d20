// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/chat.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/io/http.h"

namespace takt {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr size_t kShownBytes = 200;
constexpr int kMaxJsonDepth = 64;

double SecondsUntil(Clock::time_point deadline) {
  return std::chrono::duration<double>(deadline - Clock::now()).count();
}

void Sleep(double seconds) {
  const Clock::time_point end =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  while (Clock::now() < end) {
    ThrowIfInterrupted();
    std::this_thread::sleep_for(std::min<Clock::duration>(end - Clock::now(), std::chrono::milliseconds(50)));
  }
}

// The beginning of what a server said, in one line, without the key that it may repeat.
std::string Shown(std::string text, const std::string& api_key) {
  if (!api_key.empty()) {
    for (size_t at = text.find(api_key); at != std::string::npos; at = text.find(api_key))
      text.replace(at, api_key.size(), "...");
  }
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; }, ' ');
  if (text.size() > kShownBytes) {
    size_t end = kShownBytes;
    while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
    text.resize(end);
    text += "...";
  }
  return text;
}

bool IsShallow(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && (text[i] == '[' || text[i] == '{') && ++depth > kMaxJsonDepth)
      return false;
    else if (!in_string && (text[i] == ']' || text[i] == '}'))
      --depth;
  }
  return true;
}

Json ParseBody(const std::string& body) {
  return IsShallow(body) ? Json::parse(body, nullptr, false) : Json(Json::value_t::discarded);
}

// The server's own words for what is wrong, where it has any.
std::string Complaint(const HttpResponse& response, const std::string& api_key) {
  const Json body = ParseBody(response.body);
  std::string text = response.body;
  if (body.is_object() && body.contains("error")) {
    const Json& error = body["error"];
    if (error.is_string()) text = error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string())
      text = error["message"].get<std::string>();
  }
  text = Shown(std::move(text), api_key);
  return text.empty() ? "" : ": " + text;
}

std::optional<double> RetryAfter(const HttpResponse& response) {
  const auto header = response.headers.find("retry-after");
  if (header == response.headers.end()) return std::nullopt;
  int seconds = 0;
  const char* end = header->second.data() + header->second.size();
  const auto [stop, failed] = std::from_chars(header->second.data(), end, seconds);
  if (failed != std::errc() || stop != end || seconds < 0) return std::nullopt;
  return seconds;
}

ChatAnswer ReadAnswer(const HttpResponse& response, const std::string& url, const ChatEndpoint& endpoint) {
  const Json body = ParseBody(response.body);
  const auto fail = [&](const std::string& message) {
    return Error(ErrorCode::kIo, url, message + ": " + Shown(response.body, endpoint.api_key),
                 "the address must be that of an OpenAI-compatible server, up to and with /v1");
  };
  if (!body.is_object()) throw fail("answers with something that is no JSON object");
  const auto choices = body.find("choices");
  if (choices == body.end() || !choices->is_array() || choices->empty() || !(*choices)[0].is_object()) {
    throw fail("answers without choices");
  }
  const Json& choice = (*choices)[0];
  const Json* message = choice.contains("message") ? &choice["message"] : nullptr;
  if (message == nullptr || !message->is_object() || !message->contains("content"))
    throw fail("answers without a message");
  ChatAnswer answer;
  const Json& content = (*message)["content"];
  if (content.is_string()) answer.content = content.get<std::string>();
  if (answer.content.empty()) throw fail("answers with an empty message");
  answer.was_cut = choice.contains("finish_reason") && choice["finish_reason"] == "length";
  return answer;
}

}  // namespace

std::string ApiKeyFromEnv(const std::string& variable) {
  if (variable.empty()) return {};
  const char* key = std::getenv(variable.c_str());
  if (key == nullptr || *key == '\0') {
    throw Error(ErrorCode::kNotFound, variable, "is not set in the environment",
                "export it with the key of the endpoint");
  }
  std::string text = key;
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 32 || c == 127; })) {
    throw Error(ErrorCode::kBadInput, variable, "holds a control character",
                "export the key alone, without a line break");
  }
  return text;
}

ChatAnswer Chat(const ChatEndpoint& endpoint, std::span<const ChatMessage> messages, std::string_view schema_name,
                std::string_view json_schema) {
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(endpoint.timeout_s));
  const Url parts = ParseUrl(endpoint.url);
  const std::string url = parts.origin + parts.path + "/chat/completions";
  Json request = Json::object();
  if (!endpoint.model.empty()) request["model"] = endpoint.model;
  for (const ChatMessage& message : messages)
    request["messages"].push_back({{"role", message.role}, {"content", message.content}});
  request["temperature"] = 0;
  request["stream"] = false;
  if (!json_schema.empty()) {
    request["response_format"] = {{"type", "json_schema"},
                                  {"json_schema", {{"name", schema_name}, {"schema", Json::parse(json_schema)}}}};
  }
  std::map<std::string, std::string> headers;
  if (!endpoint.api_key.empty()) headers["Authorization"] = "Bearer " + endpoint.api_key;

  double wait_s = 0.5;
  for (int requests = 1;; ++requests) {
    HttpLimits limits;
    limits.total_s = SecondsUntil(deadline);
    limits.max_bytes = endpoint.max_answer_bytes;
    const HttpResponse response =
        HttpPostJson(url, headers, request.dump(-1, ' ', false, Json::error_handler_t::replace), limits);
    const int status = response.status;
    if (status == 200) {
      ChatAnswer answer = ReadAnswer(response, url, endpoint);
      answer.used_schema = request.contains("response_format");
      answer.requests = requests;
      return answer;
    }
    const std::string complaint =
        "answers with status " + std::to_string(status) + Complaint(response, endpoint.api_key);
    if ((status == 400 || status == 422) && request.contains("response_format")) {
      request.erase("response_format");
      continue;
    }
    if (status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504)) {
      const double pause_s = std::max(RetryAfter(response).value_or(wait_s), 0.05);
      if (pause_s >= SecondsUntil(deadline)) {
        throw Error(ErrorCode::kIo, url,
                    complaint + "; asked " + std::to_string(requests) + " times, and no time is left",
                    "try again later, or allow more time");
      }
      Sleep(pause_s);
      wait_s *= 2;
      continue;
    }
    if (status == 401 || status == 403) {
      throw Error(ErrorCode::kBadInput, url, complaint,
                  endpoint.api_key.empty() ? "name the environment variable that holds the key: --api-key-env"
                                           : "the server refuses the key; check the environment variable");
    }
    if (status >= 300 && status < 400) {
      throw Error(ErrorCode::kIo, url, "sends elsewhere (status " + std::to_string(status) + ")",
                  "redirects are not followed, so that a key goes to no other host; give the final address");
    }
    throw Error(status == 404 || status == 400 || status == 422 ? ErrorCode::kBadInput : ErrorCode::kIo, url, complaint,
                status == 404 ? "give the address up to and with /v1, and a --model that the server has" : "");
  }
}

}  // namespace takt
