# SPDX-License-Identifier: Apache-2.0
# takt_embed_recipes(OUT FILES...) turns TOML files into one source file that holds their text. At configure time: a
# build-time command would make every source of the module wait for the libraries that it links.
function(takt_embed_recipes out)
  set(items)
  foreach(path IN LISTS ARGN)
    get_filename_component(name ${path} NAME_WE)
    file(READ ${path} text)
    string(APPEND items "    {\"${name}\", R\"takt_recipe(${text})takt_recipe\"},\n")
  endforeach()
  file(WRITE ${out}.new "// SPDX-License-Identifier: Apache-2.0
#include \"takt/data/scene/recipe_builtin.h\"

namespace takt::scene::recipe_builtin {
namespace {
constexpr BuiltIn kRecipes[] = {
${items}};
}  // namespace
const std::span<const BuiltIn> kAll = kRecipes;
}  // namespace takt::scene::recipe_builtin
")
  configure_file(${out}.new ${out} COPYONLY)  # touches it only where it changed
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${ARGN})
endfunction()
