// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/render/sensitivity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/render/render_test_scene.h"
#include "takt/data/splat/render/renderer.h"

namespace takt::splat {
namespace {

const std::array<float, 3> kBackground = {0.9f, 0.6f, 0.1f};

double MeanSquaredChange(const Splats& a, const Splats& b, const std::vector<capture::Camera>& cameras) {
  double sum = 0, count = 0;
  Renderer renderer;
  Picture pa, pb;
  for (const auto& camera : cameras) {
    renderer.Forward(a, camera, {.background = kBackground}, &pa);
    renderer.Forward(b, camera, {.background = kBackground}, &pb);
    for (size_t i = 0; i < 3 * pa.pixels(); ++i) sum += std::pow(double{pa.planes[i]} - double{pb.planes[i]}, 2);
    count += 3.0 * static_cast<double>(pa.pixels());
  }
  return sum / count;
}

// H e^2 against pictures really rendered with one parameter moved by e.
TEST(SensitivityTest, PredictsTheErrorOfRealRenders) {
  Splats splats = TestCloud(30, 2, 17, -1.2f);
  for (float& logit : splats.logits) logit = std::min(logit, 2.0f);  // away from the alpha clamp
  const std::vector<capture::Camera> cameras = {TestCamera(96, 80), TestCamera(64, 96)};
  const Sensitivity h = ComputeSensitivity(splats, cameras, kBackground);
  int compared = 0, off = 0;
  const auto check = [&](double predicted, float step, const std::function<void(Splats&)>& move) {
    Splats moved = splats;
    move(moved);
    const double measured = MeanSquaredChange(splats, moved, cameras);
    // Below this, the contributions that cross the 1/255 threshold weigh as much as the smooth change.
    if (predicted * step * step < 1e-8) return;
    ++compared;
    if (!(std::abs(measured / (predicted * step * step) - 1) <= 0.25)) ++off;
  };
  for (size_t i = 0; i < splats.size(); ++i) {
    for (int k = 0; k < 3; ++k) {
      const float e = 1e-2f;
      check(h.means[3 * i + k], e, [&](Splats& s) { s.means[3 * i + k] += e; });
      const float g = 4e-2f;
      check(h.log_scales[3 * i + k], g, [&](Splats& s) { s.log_scales[3 * i + k] += g; });
      check(h.rotation[3 * i + k], g, [&](Splats& s) {  // q * (1, e_k g / 2)
        float* q = &s.quats[4 * i];
        const float w = q[0], x = q[1], y = q[2], z = q[3], t = g / 2;
        if (k == 0) q[0] = w - t * x, q[1] = x + t * w, q[2] = y + t * z, q[3] = z - t * y;
        if (k == 1) q[0] = w - t * y, q[1] = x - t * z, q[2] = y + t * w, q[3] = z + t * x;
        if (k == 2) q[0] = w - t * z, q[1] = x + t * y, q[2] = y - t * x, q[3] = z + t * w;
      });
    }
    const float e = 5e-2f;
    check(h.logits[i], e, [&](Splats& s) { s.logits[i] += e; });
    for (int k = 0; k < 9; ++k) {
      check(3 * h.sh[i * 9 + k], e, [&](Splats& s) {
        for (int c = 0; c < 3; ++c) s.sh[(3 * i + c) * 9 + k] += e;
      });
    }
  }
  EXPECT_GE(compared, 300);
  EXPECT_LE(off, compared / 10);  // curvature makes some differ
}

TEST(SensitivityTest, RemovalIsTheErrorOfRealRemovals) {
  const Splats splats = TestCloud(40, 0, 19, -1.4f);
  const std::vector<capture::Camera> cameras = {TestCamera(96, 80)};
  const Sensitivity h = ComputeSensitivity(splats, cameras, kBackground);
  int compared = 0, off = 0;
  for (size_t i = 0; i < splats.size(); ++i) {
    if (h.removal[i] < 1e-8f) continue;
    Splats without = splats;
    without.logits[i] = -20;
    ++compared;
    const double measured = MeanSquaredChange(splats, without, cameras);
    if (!(std::abs(measured / double{h.removal[i]} - 1) <= 0.1)) ++off;
  }
  EXPECT_GE(compared, 15);
  EXPECT_LE(off, compared / 5);
}

TEST(SensitivityTest, ImportanceAddsUpToTheCoverage) {
  const Splats splats = TestCloud(200, 1, 23, -2.0f);
  const std::vector<capture::Camera> cameras = {TestCamera(80, 60)};
  const Sensitivity h = ComputeSensitivity(splats, cameras);
  Renderer renderer;
  Picture picture;
  renderer.Forward(splats, cameras[0], {}, &picture);
  double coverage = 0, importance = 0;
  for (size_t i = 0; i < picture.pixels(); ++i) coverage += picture.plane(3)[i];
  for (const float v : h.importance) importance += v;
  EXPECT_NEAR(importance / coverage, 1.0, 1e-4);
}

TEST(SensitivityTest, SameForAnyThreadCount) {
  const Splats splats = TestCloud(500, 3, 29, -2.5f);
  const std::vector<capture::Camera> cameras = {TestCamera(80, 60), TestCamera(50, 70)};
  SetThreadCount(1);
  const Sensitivity a = ComputeSensitivity(splats, cameras);
  SetThreadCount(3);
  const Sensitivity b = ComputeSensitivity(splats, cameras);
  SetThreadCount(0);
  EXPECT_EQ(a.means, b.means);
  EXPECT_EQ(a.sh, b.sh);
  EXPECT_EQ(a.removal, b.removal);
}

TEST(SensitivityTest, SphereCamerasSeeTheSplats) {
  const Splats splats = TestCloud(500, 0, 31, -3.0f);
  for (const capture::Camera& camera : SphereCameras(splats, 12, 100, 80)) {
    Renderer renderer;
    Picture picture;
    renderer.Forward(splats, camera, {}, &picture);
    EXPECT_GE(renderer.drawn_splats(), splats.size() * 8 / 10);
    const auto& r = camera.cam_from_world.rotation;
    const double det = r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) +
                       r[2] * (r[3] * r[7] - r[4] * r[6]);
    EXPECT_NEAR(det, 1.0, 1e-9);
  }
}

TEST(SensitivityTest, NothingToScoreIsBadInput) {
  EXPECT_THROW(ComputeSensitivity(Splats{}, std::vector{TestCamera(8, 8)}), Error);
  EXPECT_THROW(ComputeSensitivity(TestCloud(3, 0, 1), {}), Error);
}

}  // namespace
}  // namespace takt::splat
