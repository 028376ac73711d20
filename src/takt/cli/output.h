// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takt/cli/command.h"
#include "takt/core/base/error.h"

namespace takt::cli {

// Thrown by Print when nobody reads stdout any more (`takt ... | head -1`): the program ends without a word.
struct BrokenPipe {};

// Writes all of `text` to stdout. Errors: io (a full disk, say); BrokenPipe.
void Print(std::string_view text);

// The answer of a verb: `document` with --json, otherwise `text`.
void PrintAnswer(const Context& context, const nlohmann::ordered_json& document, std::string_view text);

// "takt: error: subject: message" and, where there is one, "  hint: ..." to stderr; with --json instead
// {"error": {"code", "subject", "message", "hint", "exit_status"}} to stdout. `code` is ErrorCodeName's word, or
// "usage".
void PrintError(const Context& context, std::string_view code, int exit_status, const std::string& subject,
                const std::string& message, const std::string& hint);

// Lines "name  value" with the values in one column.
std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields);

// A table with its columns two spaces apart; a column of numbers, but for the first, is aligned to the right.
// Rows are as long as `header`.
std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);

}  // namespace takt::cli
