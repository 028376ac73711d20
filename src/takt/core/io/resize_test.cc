// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/resize.h"

#include <gtest/gtest.h>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"

namespace takt {
namespace {

Image8 Noise(int w, int h) {
  Image8 image(w, h, 3);
  const Rng rng(3);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(rng.Below(i, 256));
  return image;
}

TEST(ResizeArea, KeepsThePictureOfTheSameSize) { EXPECT_EQ(ResizeArea(Noise(7, 5), 7, 5).pixels, Noise(7, 5).pixels); }

TEST(ResizeArea, HalvesByTheMeanOfFour) {
  const Image8 image = Noise(8, 6), half = ResizeArea(image, 4, 3);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) {
      for (int c = 0; c < 3; ++c) {
        const int sum = image.row(2 * y)[6 * x + c] + image.row(2 * y)[6 * x + 3 + c] + image.row(2 * y + 1)[6 * x + c] +
                        image.row(2 * y + 1)[6 * x + 3 + c];
        EXPECT_EQ(half.row(y)[3 * x + c], (sum + 2) / 4);
      }
    }
  }
}

TEST(ResizeArea, KeepsTheMeanAtOddRatios) {
  const Image8 image = Noise(128, 96);
  for (const auto& [w, h] : {std::pair{48, 36}, {17, 31}, {200, 150}, {1, 1}}) {
    const Image8 other = ResizeArea(image, w, h);
    double before = 0, after = 0;
    for (uint8_t v : image.pixels) before += v;
    for (uint8_t v : other.pixels) after += v;
    EXPECT_NEAR(before / static_cast<double>(image.pixels.size()), after / static_cast<double>(other.pixels.size()), 0.5);
  }
}

TEST(ResizeArea, RefusesNothing) {
  EXPECT_THROW(ResizeArea(Image8(), 4, 4), Error);
  EXPECT_THROW(ResizeArea(Noise(4, 4), 0, 4), Error);
}

}  // namespace
}  // namespace takt
