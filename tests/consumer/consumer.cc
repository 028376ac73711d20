// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "takt/core/base/budget.h"
#include "takt/data/capture/capture.h"

int main(int argc, char** argv) {
  const takt::capture::Capture capture = takt::capture::LoadCapture(argv[argc - 1]);
  std::printf("%zu views, %llu bytes\n", capture.views.size(),
              static_cast<unsigned long long>(takt::ParseBytes("1.5MB", "budget")));
}
