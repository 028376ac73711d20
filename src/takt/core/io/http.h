// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace takt {

struct HttpLimits {
  double connect_s = 10;                    // to reach the host; for https also for the handshake
  double total_s = 60;                      // from the call to the last byte, whatever the server does
  uint64_t max_bytes = uint64_t{16} << 20;  // of the body, after decompression
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Posts a JSON text to an http:// or https:// URL (certificates are verified). Redirects are not followed. Any status
// is an answer, not an error. Ctrl-C ends the wait. Errors: bad_input (a URL that cannot be used); io (nobody there, no
// answer within the limits, a broken or too large answer); cancelled. Cost: blocks the caller, for limits.total_s at
// most, give or take 0.1 s; the lookup of a host's name alone is the system's business and is not cut short. Starts one
// thread, which ends before the call does.
HttpResponse HttpPostJson(const std::string& url, const std::map<std::string, std::string>& headers,
                          const std::string& body, const HttpLimits& limits);

// The parts of a URL. Errors: bad_input (another scheme, a user name, a query, a fragment, no host, control
// characters).
struct Url {
  std::string origin;  // "https://host:8080"
  std::string path;    // "/v1"; empty where there is none
};
Url ParseUrl(std::string_view url);

}  // namespace takt
