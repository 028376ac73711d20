# SPDX-License-Identifier: Apache-2.0
# torch::cpu: libtorch without its own CMake package, which looks for CUDA, Kineto and whatever else it was built beside.
find_path(torch_include torch/csrc/autograd/variable.h REQUIRED)
find_library(torch_library torch REQUIRED)
find_library(torch_cpu_library torch_cpu REQUIRED)
find_library(c10_library c10 REQUIRED)
add_library(torch_cpu INTERFACE)
target_include_directories(torch_cpu SYSTEM INTERFACE ${torch_include})
target_link_libraries(torch_cpu INTERFACE ${torch_library} ${torch_cpu_library} ${c10_library})
add_library(torch::cpu ALIAS torch_cpu)
