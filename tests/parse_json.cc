// SPDX-License-Identifier: Apache-2.0
// parse_json KEY=VALUE... <document: exits 0 if stdin is one JSON document and each dotted key has its value. A value
// is compared as text; "KEY=" alone asks only that the key exists.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

int main(int argc, char** argv) try {
  const std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  const auto document = nlohmann::json::parse(text);
  for (int i = 1; i < argc; ++i) {
    const std::string wanted = argv[i];
    const size_t equals = wanted.find('=');
    std::string pointer = "/" + wanted.substr(0, equals);
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const auto& value = document.at(nlohmann::json::json_pointer(pointer));
    const std::string found = value.is_string() ? value.get<std::string>() : value.dump();
    const std::string expected = wanted.substr(equals + 1);
    if (!expected.empty() && found != expected) {
      fmt::print(stderr, "{} is {}, expected {}\n", wanted.substr(0, equals), found, expected);
      return 1;
    }
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
