// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "takt/core/base/error.h"
#include "takt/data/capture/undistort.h"

// The bytes are the model and the raw parameters of a lens.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::capture;
  if (size == 0) return 0;
  Lens lens = {*LensModelFromId(data[0] % 11), 32, 24, {30, 31, 16, 12}};
  std::memcpy(lens.params.data(), data + 1, std::min(size - 1, sizeof lens.params));
  try {
    const Camera camera = UndistortedCamera(lens, "fuzz");
    UndistortMap(lens, camera).Apply(takt::Image8(32, 24, 3));
  } catch (const takt::Error&) {
  }
  return 0;
}
