// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace takt::scene::recipe_builtin {

// The files of recipes/, which the build turns into a source file (cmake/embed_recipes.cmake).
struct BuiltIn {
  std::string_view name;  // of the file, without .toml
  std::string_view text;
};
extern const std::span<const BuiltIn> kAll;

}  // namespace takt::scene::recipe_builtin
