# SPDX-License-Identifier: Apache-2.0
# Compiler settings that every Takt target shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(TAKT_CCACHE ccache)
if(TAKT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${TAKT_CCACHE})
endif()
find_program(TAKT_MOLD mold)
if(TAKT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# -ffp-contract=off: a*b+c means the same in every function and at every optimisation level, so that equal inputs give
# equal bytes. Kernels that want a fused multiply-add say so (hwy::MulAdd).
add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-restrict)  # "x" + std::string sets it off wrongly (GCC bug 105651)
endif()
if(TAKT_WERROR)
  add_compile_options(-Werror)
endif()
if(TAKT_SANITIZE)
  add_compile_options(-fsanitize=${TAKT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TAKT_SANITIZE})
endif()
if(TAKT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # a fuzzer steers by the branches of the libraries, so they report them
endif()
