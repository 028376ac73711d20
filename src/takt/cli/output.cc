// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace takt::cli {
namespace {

// Columns that `text` takes on a terminal, one a code point: close enough for names of files and views.
size_t Columns(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool LooksLikeNumber(std::string_view text) {
  if (text.empty() || text == "-" || text == "nan" || text == "inf") return true;
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

// An error is one line whatever the name of a file holds.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  return line;
}

// Paths are bytes, JSON is UTF-8: what is not valid becomes U+FFFD instead of an exception.
std::string Dump(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// A bar that is being redrawn would share its line with what comes next.
void EndProgress(const Context& context) {
  if (context.progress) context.progress->Finish();
}

}  // namespace

void Print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      throw BrokenPipe{};
    } else if (errno != EINTR) {
      throw Error(ErrorCode::kIo, "stdout", fmt::format("cannot write: {}", std::strerror(errno)));
    }
  }
}

void PrintAnswer(const Context& context, const nlohmann::ordered_json& document, std::string_view text) {
  EndProgress(context);
  if (context.json) {
    Print(Dump(document));
  } else {
    Print(text);
  }
}

void PrintError(const Context& context, std::string_view code, int exit_status, const std::string& subject,
                const std::string& message, const std::string& hint) {
  EndProgress(context);
  if (context.json) {
    Print(Dump({{"error",
                 {{"code", code},
                  {"subject", subject},
                  {"message", message},
                  {"hint", hint},
                  {"exit_status", exit_status}}}}));
    return;
  }
  std::string lines = fmt::format("takt: error: {}: {}\n", OneLine(subject), OneLine(message));
  if (!hint.empty()) lines += fmt::format("  hint: {}\n", OneLine(hint));
  // Nothing is left to do where stderr itself cannot be written.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, lines.data(), lines.size());
}

std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields) {
  size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, Columns(name));
  std::string text;
  for (const auto& [name, value] : fields) {
    text += name + std::string(width - Columns(name) + 2, ' ') + value + "\n";
  }
  return text;
}

std::string FormatTable(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(header.size());
  std::vector<char> numeric(header.size(), !rows.empty());
  for (size_t c = 0; c < header.size(); ++c) {
    widths[c] = Columns(header[c]);
    for (const auto& row : rows) {
      widths[c] = std::max(widths[c], Columns(row[c]));
      numeric[c] = c > 0 && numeric[c] && LooksLikeNumber(row[c]);
    }
  }
  const auto format_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t c = 0; c < header.size(); ++c) {
      const std::string padding(widths[c] - Columns(row[c]), ' ');
      if (c > 0) line += "  ";
      line += numeric[c] ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  };
  std::string text = format_row(header);
  for (const auto& row : rows) text += format_row(row);
  return text;
}

}  // namespace takt::cli
