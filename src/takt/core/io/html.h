// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace takt {

// Text as HTML or SVG content or as a quoted attribute: & < > " ' escaped, control characters but newline and tab
// dropped, bytes that are not UTF-8 replaced by U+FFFD.
std::string EscapeHtml(std::string_view text);

// RFC 4648, with padding.
std::string Base64(std::span<const uint8_t> bytes);

}  // namespace takt
