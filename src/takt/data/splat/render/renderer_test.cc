// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/renderer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/io/safetensors.h"
#include "takt/data/splat/render/render_ref.h"
#include "takt/data/splat/render/render_test_scene.h"

namespace takt::splat {
namespace {

Picture RandomPicture(int width_px, int height_px, uint64_t seed) {
  Picture p;
  p.Resize(width_px, height_px);
  for (size_t i = 0; i < p.planes.size(); ++i) p.planes[i] = Rng(seed, 9).Normal4(i)[0];
  return p;
}

// Pixels where rounding decides whether a contribution is drawn (alpha at 1/255, transmittance at 1e-4) may differ by
// one contribution; everywhere else the two agree to float rounding.
void ExpectClose(const Picture& a, const Picture& b, double typical, double worst) {
  ASSERT_EQ(a.planes.size(), b.planes.size());
  size_t off = 0;
  for (size_t i = 0; i < a.planes.size(); ++i) {
    const double error = std::abs(double{a.planes[i]} - double{b.planes[i]});
    ASSERT_LE(error, worst) << "at " << i;
    if (!(error <= typical)) ++off;
  }
  EXPECT_LE(off, a.planes.size() / 500) << "of " << a.planes.size();
}

struct Case {
  size_t splats;
  int sh_degree, width_px, height_px;
  float log_scale;
  bool antialiased;
};

class RendererVariants : public testing::TestWithParam<Case> {};

TEST_P(RendererVariants, ForwardMatchesTheReference) {
  const Case c = GetParam();
  Splats splats = TestCloud(c.splats, c.sh_degree, 7, c.log_scale);
  splats.antialiased = c.antialiased;
  const auto camera = TestCamera(c.width_px, c.height_px);
  const RenderOptions options{.background = {0.2f, 0.5f, 0.9f}};
  Renderer renderer;
  Picture fast;
  renderer.Forward(splats, camera, options, &fast);
  ExpectClose(fast, RenderReference(splats, camera, options), 2e-5, 1.2e-2);
}

TEST_P(RendererVariants, MedianDepthMatchesTheReference) {
  const Case c = GetParam();
  Splats splats = TestCloud(c.splats, c.sh_degree, 7, c.log_scale);
  splats.antialiased = c.antialiased;
  const auto camera = TestCamera(c.width_px, c.height_px);
  Renderer renderer;
  Picture plain, fast;
  renderer.Forward(splats, camera, {}, &plain);
  renderer.Forward(splats, camera, {.median_depth = true}, &fast);
  EXPECT_EQ(plain.planes, fast.planes);
  EXPECT_TRUE(plain.median_depth.empty());
  const Picture want = RenderReference(splats, camera, {.median_depth = true});
  ASSERT_EQ(fast.median_depth.size(), fast.pixels());
  size_t off = 0, finite = 0;
  for (size_t i = 0; i < fast.pixels(); ++i) {
    finite += std::isfinite(want.median_depth[i]);
    // Where the transmittance is a half but for rounding, the next splat is as good.
    if (want.median_depth[i] == fast.median_depth[i]) continue;
    if (!(std::abs(want.median_depth[i] - fast.median_depth[i]) <= 1e-5f * want.median_depth[i])) ++off;
  }
  EXPECT_LE(off, fast.pixels() / 500);
  if (c.splats >= 200) {
    EXPECT_GT(finite, fast.pixels() / 10);
  }
}

TEST_P(RendererVariants, BackwardMatchesTheReference) {
  const Case c = GetParam();
  Splats splats = TestCloud(c.splats, c.sh_degree, 11, c.log_scale);
  splats.antialiased = c.antialiased;
  const auto camera = TestCamera(c.width_px, c.height_px);
  const RenderOptions options{.background = {0.2f, 0.5f, 0.9f}};
  const Picture d_picture = RandomPicture(c.width_px, c.height_px, 3);
  Renderer renderer;
  Picture fast;
  SplatGradients got, want;
  renderer.Forward(splats, camera, options, &fast);
  renderer.Backward(splats, fast, d_picture, &got);
  RenderReference(splats, camera, options, &d_picture, &want);

  std::vector<int> row_of(splats.size(), -1);
  for (size_t row = 0; row < got.splat_idx.size(); ++row) row_of[got.splat_idx[row]] = static_cast<int>(row);
  const auto compare = [&](const char* name, const std::vector<float>& a, const std::vector<float>& b, size_t width) {
    double square = 0, difference = 0;
    for (size_t i = 0; i < splats.size(); ++i) {
      for (size_t k = 0; k < width; ++k) {
        const double reference = b[i * width + k];
        const double value = row_of[i] < 0 ? 0.0 : a[static_cast<size_t>(row_of[i]) * width + k];
        square += reference * reference;
        difference += (value - reference) * (value - reference);
      }
    }
    const double relative = std::sqrt(difference / std::max(square, 1e-30));
    EXPECT_LE(relative, 4e-3) << name;
  };
  compare("means", got.means, want.means, 3);
  compare("log_scales", got.log_scales, want.log_scales, 3);
  compare("quats", got.quats, want.quats, 4);
  compare("logits", got.logits, want.logits, 1);
  compare("sh", got.sh, want.sh, 3 * static_cast<size_t>(want.sh_coefficients));
}

INSTANTIATE_TEST_SUITE_P(Scenes, RendererVariants,
                         testing::Values(Case{1, 0, 16, 16, -1.0f, false}, Case{7, 1, 33, 17, -1.5f, false},
                                         Case{200, 3, 61, 47, -2.5f, false}, Case{200, 3, 61, 47, -2.5f, true},
                                         Case{500, 2, 40, 80, -3.0f, false}, Case{60, 3, 50, 50, -0.5f, false},
                                         Case{1000, 0, 64, 64, -4.0f, false}));

// The truth behind the truth: the reference's gradients against finite differences of its whole loss, in double.
TEST(RenderReferenceTest, GradientsAreFiniteDifferencesOfTheLoss) {
  for (const bool antialiased : {false, true}) {
    Splats splats = TestCloud(6, 3, 21, -1.2f);
    splats.antialiased = antialiased;
    const auto camera = TestCamera(24, 20);
    const RenderOptions options{.background = {0.3f, 0.1f, 0.7f}};
    const Picture d_picture = RandomPicture(24, 20, 5);
    SplatGradients g;
    RenderReference(splats, camera, options, &d_picture, &g);
    DoubleSplats wide = ToDouble(splats);
    int checked = 0, off = 0;
    const auto check = [&](std::vector<double>& parameters, const std::vector<float>& gradient) {
      for (size_t i = 0; i < parameters.size(); ++i) {
        const double value = parameters[i], step = 1e-6;
        parameters[i] = value + step;
        const double above = ReferenceLoss(wide, camera, options, d_picture);
        parameters[i] = value - step;
        const double below = ReferenceLoss(wide, camera, options, d_picture);
        parameters[i] = value;
        const double want = (above - below) / (2 * step);
        ++checked;
        // A step may carry a pixel over the 1/255 threshold: allow a few.
        if (!(std::abs(gradient[i] - want) <= 1e-4 * std::max(1.0, std::abs(want)))) ++off;
      }
    };
    check(wide.means, g.means);
    check(wide.log_scales, g.log_scales);
    check(wide.quats, g.quats);
    check(wide.logits, g.logits);
    check(wide.sh, g.sh);
    EXPECT_EQ(checked, 6 * 59);
    EXPECT_LE(off, checked / 50);
  }
}

TEST(RenderReferenceTest, MedianDepthIsWhereHalfOfTheLightIsUsedUp) {
  // Two large walls of a single splat each: the nearer one lets some of the light through.
  Splats splats;
  splats.Resize(2);
  splats.quats = {1, 0, 0, 0, 1, 0, 0, 0};
  splats.log_scales.assign(6, 1.0f);
  splats.sh.assign(6, 0.5f);
  capture::Camera camera;
  camera.width_px = camera.height_px = 9;
  camera.fx = camera.fy = 9, camera.cx = camera.cy = 4.5;
  splats.means = {0, 0, 5, 0, 0, 8};
  const auto middle = [&](float near_opacity, float far_opacity) {
    splats.logits = {std::log(near_opacity / (1 - near_opacity)), std::log(far_opacity / (1 - far_opacity))};
    const Picture picture = RenderReference(splats, camera, {.median_depth = true});
    return picture.median_depth[40];
  };
  EXPECT_EQ(middle(0.6f, 0.9f), 5.0f);
  EXPECT_EQ(middle(0.3f, 0.9f), 8.0f);
  EXPECT_EQ(middle(0.3f, 0.2f), INFINITY);
  EXPECT_TRUE(RenderReference(splats, camera, {}).median_depth.empty());
}

TEST(RendererTest, BitIdenticalForAnyThreadCount) {
  const Splats splats = TestCloud(3000, 3, 5, -3.0f);
  const auto camera = TestCamera(200, 150);
  const Picture d_picture = RandomPicture(200, 150, 8);
  Picture first;
  SplatGradients first_gradients;
  for (const int threads : {1, 2, 5}) {
    SetThreadCount(threads);
    Renderer renderer;
    Picture picture;
    SplatGradients gradients;
    renderer.Forward(splats, camera, {.median_depth = true}, &picture);
    renderer.Backward(splats, picture, d_picture, &gradients);
    if (threads == 1) {
      first = picture;
      first_gradients = gradients;
    }
    EXPECT_EQ(picture.planes, first.planes);
    EXPECT_EQ(picture.median_depth, first.median_depth);
    EXPECT_EQ(gradients.splat_idx, first_gradients.splat_idx);
    EXPECT_EQ(gradients.means, first_gradients.means);
    EXPECT_EQ(gradients.sh, first_gradients.sh);
    EXPECT_EQ(gradients.quats, first_gradients.quats);
  }
  SetThreadCount(0);
}

TEST(RendererTest, ReusedWorkspaceChangesNothing) {
  const Splats large = TestCloud(2000, 3, 5, -3.0f), small = TestCloud(50, 1, 6, -2.0f);
  Renderer reused;
  Picture picture, again;
  reused.Forward(large, TestCamera(120, 90), {}, &picture);
  reused.Forward(small, TestCamera(31, 45), {}, &picture);
  Renderer fresh;
  fresh.Forward(small, TestCamera(31, 45), {}, &again);
  EXPECT_EQ(picture.planes, again.planes);
}

TEST(RendererTest, NothingToDrawIsTheBackground) {
  Renderer renderer;
  Picture picture;
  renderer.Forward(Splats{}, TestCamera(20, 10), {.background = {0.25f, 0.5f, 0.75f}}, &picture);
  for (size_t i = 0; i < picture.pixels(); ++i) {
    EXPECT_EQ(picture.plane(0)[i], 0.25f);
    EXPECT_EQ(picture.plane(2)[i], 0.75f);
    EXPECT_EQ(picture.plane(3)[i], 0.0f);
  }
  Splats behind = TestCloud(20, 0, 1);
  for (size_t i = 0; i < behind.size(); ++i) behind.means[3 * i + 2] = -50;
  renderer.Forward(behind, TestCamera(20, 10), {}, &picture);
  EXPECT_EQ(renderer.drawn_splats(), 0u);
}

TEST(RendererTest, EmptyPictureIsBadInput) {
  Renderer renderer;
  Picture picture;
  capture::Camera camera = TestCamera(20, 10);
  camera.width_px = 0;
  EXPECT_THROW(renderer.Forward(Splats{}, camera, {}, &picture), Error);
}

// Inputs and pictures computed by gsplat (stored by brush, Apache-2.0). The files do not say so, but these conventions
// reproduce them to 1.3e-6: quaternions w x y z, log scales, opacity logits, SH coefficient-major, an OpenCV camera at
// (0.123, 0.456, -8) without rotation, 90 degrees wide, black background. They hold no gradients.
TEST(RendererTest, MatchesGsplat) {
  for (const char* name : {"tiny_case", "basic_case"}) {
    const std::string path = std::string(TAKT_SHARED_DATA "/splat/reference/") + name + ".safetensors";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared/data/splat/reference";
    const SafeTensors file = ReadSafeTensors(path);
    Splats splats;
    splats.sh_degree = 3;
    splats.means = file.GetFloats("means", {-1, 3}), splats.log_scales = file.GetFloats("scales", {-1, 3});
    splats.quats = file.GetFloats("quats", {-1, 4}), splats.logits = file.GetFloats("opacities", {-1});
    const std::vector<float> coefficients = file.GetFloats("coeffs", {-1, 16, 3});
    const std::vector<float> want = file.GetFloats("out_img", {82, 123, 4});
    splats.sh.resize(coefficients.size());
    for (size_t i = 0; i < splats.size(); ++i) {
      for (int k = 0; k < 16; ++k) {
        for (int c = 0; c < 3; ++c) splats.sh[(3 * i + c) * 16 + k] = coefficients[(16 * i + k) * 3 + c];
      }
    }
    capture::Camera camera;
    camera.width_px = 123, camera.height_px = 82;
    camera.fx = camera.fy = camera.cx = 61.5, camera.cy = 41;
    camera.cam_from_world.translation = {-0.123, -0.456, 8};
    Renderer renderer;
    Picture fast;
    renderer.Forward(splats, camera, {}, &fast);
    const Picture reference = RenderReference(splats, camera, {});
    ASSERT_EQ(want.size(), fast.planes.size());
    for (size_t i = 0; i < fast.pixels(); ++i) {
      for (int c = 0; c < 4; ++c) {
        EXPECT_NEAR(reference.plane(c)[i], want[4 * i + c], 2e-6) << name;
        EXPECT_NEAR(fast.plane(c)[i], want[4 * i + c], 1e-5) << name;
      }
    }
  }
}

}  // namespace
}  // namespace takt::splat
