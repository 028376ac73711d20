# SPDX-License-Identifier: Apache-2.0
# cmake --install: the program, the libraries with their headers, and the package that find_package(takt) reads. Headers that
# show a third-party library's types stay inside, and so does what only tests include.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/src/takt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*test_*" EXCLUDE PATTERN "*_test.h" EXCLUDE PATTERN "*_impl.h" EXCLUDE
  PATTERN mujoco_shim.h EXCLUDE PATTERN mjcf_xml.h EXCLUDE PATTERN mjcf_frames.h EXCLUDE
  PATTERN av.h EXCLUDE PATTERN embree_scene.h EXCLUDE PATTERN cli EXCLUDE
  REGEX "train/imitate/network\\.h$" EXCLUDE)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/takt)
install(EXPORT taktTargets NAMESPACE takt:: DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/taktConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/taktConfig.cmake ${PROJECT_BINARY_DIR}/taktConfig.cmake @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/taktConfig.cmake ${PROJECT_BINARY_DIR}/taktConfigVersion.cmake
  DESTINATION ${package_dir})
if(TAKT_TRAIN)
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/TaktTorch.cmake DESTINATION ${package_dir})
endif()
