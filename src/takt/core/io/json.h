// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace takt {

// A JSON text from outside. Errors: bad_input naming `subject`: no JSON, or arrays and objects nested deeper than `max_depth`,
// which would overflow the stack of whoever walks or writes them.
nlohmann::ordered_json ParseJson(std::string_view text, const std::string& subject, int max_depth = 64);

}  // namespace takt
