// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/core/io/image.h"

namespace takt {

// A picture of another size: every new pixel is the mean over the area that it covers, exact in fixed weights and rounded to
// nearest; larger pictures repeat pixels with soft edges. The same size gives the same bytes.
// Errors: bad_input for an empty picture or a size below 1. Cost: linear in the larger of both.
Image8 ResizeArea(const Image8& image, int width_px, int height_px);

}  // namespace takt
