// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/json.h"

#include <fmt/format.h>

#include "takt/core/base/error.h"

namespace takt {

nlohmann::ordered_json ParseJson(std::string_view text, const std::string& subject, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if ((c == '[' || c == '{') && ++depth > max_depth) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("is nested deeper than {} levels", max_depth));
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  try {
    return nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorCode::kBadInput, subject, "is no JSON");
  }
}

}  // namespace takt
