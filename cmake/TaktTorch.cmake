# SPDX-License-Identifier: Apache-2.0
# torch::cpu: libtorch without its own CMake package, which looks for CUDA, Kineto and whatever else it was built beside.
find_path(torch_include torch/csrc/autograd/variable.h REQUIRED)
find_library(torch_library torch REQUIRED)
find_library(torch_cpu_library torch_cpu REQUIRED)
find_library(c10_library c10 REQUIRED)
add_library(torch::cpu INTERFACE IMPORTED)
target_include_directories(torch::cpu SYSTEM INTERFACE ${torch_include})
target_link_libraries(torch::cpu INTERFACE ${torch_library} ${torch_cpu_library} ${c10_library})
target_compile_definitions(torch::cpu INTERFACE AT_PER_OPERATOR_HEADERS)  # all operators at once take 15 s to read
