// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace takt {

// Any server that speaks the OpenAI chat protocol: POST {url}/chat/completions.
struct ChatEndpoint {
  std::string url = {};      // "http://localhost:8080/v1"
  std::string model = {};    // empty: the server's own choice
  std::string api_key = {};  // empty: none; sent as a bearer token, never part of an error
  double timeout_s = 120;    // of a call, retries and waiting included
  uint64_t max_answer_bytes = uint64_t{8} << 20;
};

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct ChatAnswer {
  std::string content;       // what the model says; never empty
  bool was_cut = false;      // the model stopped at its limit of tokens
  bool used_schema = false;  // the server took the JSON schema
  int requests = 0;          // sent, retries included
};

// Sends a conversation and returns the answer. With `json_schema` (a JSON text) the server is asked to keep to it, and
// once more without where it refuses. Waits and tries again on 408, 429, 500, 502, 503 and 504: 0.5 s, then twice as
// long each time, or as the server's Retry-After says, as long as the deadline allows. Redirects are refused. Errors:
// bad_input (the address; a key that the server refuses; a request that it does not understand); io (nobody there, no
// answer in time, an answer that is not the protocol's); cancelled. Determinism: the request is a function of the
// arguments (temperature 0); the answer is the model's.
ChatAnswer Chat(const ChatEndpoint& endpoint, std::span<const ChatMessage> messages, std::string_view schema_name = {},
                std::string_view json_schema = {});

// The key from an environment variable; empty for an empty name. Errors: not_found; bad_input (a line break in it).
std::string ApiKeyFromEnv(const std::string& variable);

}  // namespace takt
