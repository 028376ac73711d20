# SPDX-License-Identifier: Apache-2.0
# find_package(takt) gives takt::splat, takt::capture, takt::core ... and finds what they are built on.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(TBB)
find_dependency(fmt)
find_dependency(nlohmann_json)
find_dependency(PNG)
find_dependency(JPEG)
find_dependency(ZLIB)
find_dependency(PkgConfig)
pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
include(${CMAKE_CURRENT_LIST_DIR}/taktTargets.cmake)
