// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/raycast.h"

#include <gtest/gtest.h>

#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/capture/raycast_bvh.h"

namespace takt::capture::raycast {
namespace {

Vec3 RandomDirection(const Rng& rng, uint64_t counter) {
  const auto n = rng.Normal4(counter);
  return Normalized({n[0], n[1], n[2]});
}

Vec3 RandomPoint(const Rng& rng, uint64_t counter, float reach) {
  const auto w = rng.Words(counter);
  const auto at = [&](size_t i) { return reach * (static_cast<float>(w[i]) * 0x1p-31f - 1); };
  return {at(0), at(1), at(2)};
}

Frame RandomFrame(const Rng& rng, uint64_t counter, float reach) {
  return FrameAlong(RandomDirection(rng, 2 * counter), RandomPoint(rng, 2 * counter + 1, reach));
}

std::vector<Primitive> OneOfEach() {
  std::vector<Primitive> all(7);
  all[0] = {Shape::kBox, {0.5f, 0.3f, 0.2f}, 0.05f, {}, 0};
  all[1] = {Shape::kBox, {0.9f, 0.6f, 0.01f}, 0.001f, {}, 0};
  all[2] = {Shape::kCylinder, {0.3f, 0.3f, 0.5f}, 0.04f, {}, 0};
  all[3] = {Shape::kCone, {0.3f, 0.1f, 0.7f}, 0, {}, 0};
  all[4] = {Shape::kCone, {0.05f, 0.05f, 0.9f}, 0, {}, 0};
  all[5] = {Shape::kSphere, {0.6f, 0.6f, 0.6f}, 0, {}, 0};
  all[6] = {Shape::kTorus, {0.6f, 0.15f, 0}, 0, {}, 0};
  return all;
}

// Steps of the distance, in double, never further than is free: the slow truth for any solid.
float SphereTrace(const Primitive& primitive, const Ray& ray, float t_max) {
  double t = 0;
  for (int step = 0; step < 20'000 && t <= t_max; ++step) {
    const float distance = Distance(primitive, primitive.world_from_local.ToLocal(ray.At(static_cast<float>(t))));
    if (distance < kHitTolerance) return static_cast<float>(t);
    t += 0.9 * distance;
  }
  return kNoHit;
}

TEST(RaycastTest, HitsAgreeWithSphereTracing) {
  const Rng rng(11);
  for (Primitive primitive : OneOfEach()) {
    int hits = 0, unsure = 0;
    for (uint64_t i = 0; i < 1500; ++i) {
      primitive.world_from_local = RandomFrame(Rng(12), i, 1.0f);
      const Vec3 origin = RandomDirection(rng, 4 * i) * 4.0f;
      const Vec3 aim = primitive.world_from_local.origin + RandomPoint(rng, 4 * i + 1, 0.7f);
      const Ray ray{origin, Normalized(aim - origin)};
      const float slow = SphereTrace(primitive, ray, 10), fast = Intersect(primitive, ray, 10);
      if ((slow == kNoHit) != (fast == kNoHit)) {  // allowed where the ray only grazes the surface
        const float t = slow == kNoHit ? fast : slow;
        EXPECT_LE(std::abs(Dot(NormalAt(primitive, ray.At(t)), ray.direction)), 0.05f) << i;
        ++unsure;
        continue;
      }
      if (fast == kNoHit) continue;
      ++hits;
      const float cosine = -Dot(NormalAt(primitive, ray.At(fast)), ray.direction);
      EXPECT_GT(cosine, 0) << i;
      EXPECT_LE(std::abs(fast - slow) * cosine, 4 * kHitTolerance) << i;
      EXPECT_LE(std::abs(Distance(primitive, primitive.world_from_local.ToLocal(ray.At(fast)))), 3 * kHitTolerance);
    }
    EXPECT_GT(hits, 50) << static_cast<int>(primitive.shape);
    EXPECT_LE(unsure, 3) << static_cast<int>(primitive.shape);
  }
}

TEST(RaycastTest, KnownHits) {
  const std::vector<Primitive> all = OneOfEach();
  EXPECT_NEAR(Intersect(all[0], {{3, 0, 0}, {-1, 0, 0}}, 10), 2.5f, 1e-4f);
  EXPECT_NEAR(Intersect(all[2], {{0, 0, 3}, {0, 0, -1}}, 10), 2.5f, 1e-4f);
  EXPECT_NEAR(Intersect(all[3], {{0, 0, 3}, {0, 0, -1}}, 10), 2.2f, 1e-4f);
  EXPECT_NEAR(Intersect(all[3], {{0, 0, -3}, {0, 0, 1}}, 10), 2.7f, 1e-4f);
  EXPECT_NEAR(Intersect(all[5], {{0, 3, 0}, {0, -1, 0}}, 10), 2.4f, 1e-4f);
  EXPECT_NEAR(Intersect(all[6], {{3, 0, 0}, {-1, 0, 0}}, 10), 2.25f, 1e-4f);
  EXPECT_EQ(Intersect(all[6], {{0, 0, 3}, {0, 0, -1}}, 10), kNoHit) << "through the hole";
  EXPECT_EQ(Intersect(all[5], {{0, 3, 0}, {0, -1, 0}}, 2), kNoHit) << "beyond t_max";
  EXPECT_EQ(Intersect(all[5], {{0, 3, 0}, {0, 1, 0}}, 10), kNoHit) << "behind";
}

TEST(RaycastTest, RaysFromInsideOrLeavingTheSurfaceDoNotHit) {
  const Rng rng(5);
  for (const Primitive& primitive : OneOfEach()) {
    const bool torus = primitive.shape == Shape::kTorus;
    const Vec3 inside = torus ? Vec3{0.6f, 0, 0} : Vec3{0, 0, 0};
    for (uint64_t i = 0; i < 200; ++i) {
      const Ray outward{inside, RandomDirection(rng, i)};
      EXPECT_EQ(Intersect(primitive, outward, 10), kNoHit);
      const Vec3 from = RandomDirection(rng, 1000 + i) * 3.0f;
      const float t = Intersect(primitive, {from, Normalized(inside - from)}, 10);
      ASSERT_NE(t, kNoHit);
      const Vec3 p = from + Normalized(inside - from) * t;
      const Vec3 normal = NormalAt(primitive, p);
      if (torus) continue;  // rays from its inner side may meet it again
      EXPECT_EQ(Intersect(primitive, {p + normal * kLeaveDistance, normal}, 10), kNoHit);
    }
  }
}

TEST(RaycastTest, GradientIsTheDerivativeOfTheDistance) {
  const Rng rng(7);
  for (const Primitive& primitive : OneOfEach()) {
    for (uint64_t i = 0; i < 300; ++i) {
      const Vec3 p = RandomPoint(rng, i, 1.2f);
      if (Distance(primitive, p) < 0.02f) continue;
      Vec3 gradient;
      const float distance = Distance(primitive, p, &gradient);
      EXPECT_LE(std::abs(Length(gradient) - 1), 1e-4f);
      // A step towards the solid by the distance ends on it.
      EXPECT_LE(std::abs(Distance(primitive, p - gradient * distance)), 1e-5f);
    }
  }
}

std::vector<Primitive> Crowd(size_t n) {
  std::vector<Primitive> crowd;
  const std::vector<Primitive> kinds = OneOfEach();
  for (size_t i = 0; i < n; ++i) {
    Primitive p = kinds[i % kinds.size()];
    p.size *= 0.4f;
    p.rounding *= 0.4f;
    p.world_from_local = RandomFrame(Rng(3), i, 3.0f);
    crowd.push_back(p);
  }
  crowd.push_back(crowd.front());  // twice the same: the first wins
  return crowd;
}

TEST(RaycastTest, TreeFindsWhatBruteForceFinds) {
  const Bvh bvh(Crowd(400));
  const Rng rng(21);
  int hits = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const Vec3 origin = RandomPoint(rng, 2 * i, 4.0f);
    Vec3 direction = RandomDirection(rng, 2 * i + 1);
    if (i % 10 == 0) direction = {0, i % 20 == 0 ? 1.0f : -1.0f, 0};  // along an axis
    const float t_max = i % 3 == 0 ? 1.5f : kNoHit;
    Hit truth;
    for (uint32_t k = 0; k < bvh.primitives().size(); ++k) {
      const float t = Intersect(bvh.primitives()[k], {origin, direction}, t_max);
      if (t < truth.t_m) truth = {t, k};
    }
    const auto guess = static_cast<uint32_t>(rng.Below(100'000 + i, bvh.primitives().size()));
    const Hit hit = bvh.Nearest({origin, direction}, t_max), guessed = bvh.Nearest({origin, direction}, t_max, guess);
    EXPECT_EQ(hit.t_m, truth.t_m) << i;
    EXPECT_EQ(guessed.t_m, truth.t_m) << i;
    if (truth.t_m != kNoHit) {
      EXPECT_EQ(hit.primitive_idx, truth.primitive_idx) << i;
      EXPECT_EQ(guessed.primitive_idx, truth.primitive_idx) << i;
    }
    EXPECT_EQ(bvh.Occluded({origin, direction}, t_max), truth.t_m != kNoHit) << i;
    bool contained = false;
    for (uint32_t k = 1; k < bvh.primitives().size(); ++k) {
      const Primitive& p = bvh.primitives()[k];
      contained |= Distance(p, p.world_from_local.ToLocal(origin)) < 0;
    }
    EXPECT_EQ(bvh.Contains(origin, 0, 0), contained) << i;
    hits += truth.t_m != kNoHit;
  }
  EXPECT_GT(hits, 400);
}

TEST(RaycastTest, AnEmptyTreeHasNothingToHit) {
  const Bvh bvh({});
  EXPECT_EQ(bvh.Nearest({{0, 0, 0}, {0, 0, 1}}).t_m, kNoHit);
  EXPECT_FALSE(bvh.Occluded({{0, 0, 0}, {0, 0, 1}}, 10));
  EXPECT_FALSE(bvh.Contains({0, 0, 0}, 0, 0));
}

}  // namespace
}  // namespace takt::capture::raycast
