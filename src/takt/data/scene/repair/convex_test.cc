// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/convex.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "takt/core/base/rng.h"

namespace takt::scene {
namespace {

Quat RandomRotation(const Rng& rng, uint64_t counter) {
  const auto n = rng.Normal4(counter);
  return Quat(n[0], n[1], n[2], n[3]).normalized();
}

void ExpectNear(double got, double want, double tolerance) {
  if (!(std::abs(got - want) <= tolerance)) ADD_FAILURE() << got << " instead of " << want;
}

TEST(Convex, KnownDistances) {
  const Convex box = BoxConvex({1, 1, 1}, Pose{});
  ExpectNear(SignedDistance(box, SphereConvex(0.25, {2, 0, 0})), 1.25, 1e-9);
  ExpectNear(SignedDistance(box, SphereConvex(0.25, {1.5, 1.5, 0.5})), std::sqrt(2.0) - 0.25, 1e-9);
  ExpectNear(SignedDistance(box, SphereConvex(0.25, {0.6, 0, 0})), -0.15, 1e-9);
  ExpectNear(SignedDistance(box, SphereConvex(0.1, {0.2, 0, 0})), -0.4, 1e-9);  // its centre lies inside
  ExpectNear(SignedDistance(CapsuleConvex(0.1, 1, Pose{}), CapsuleConvex(0.2, 1, Pose::Translation(1, 0, 0.3))), 0.7, 1e-9);
  ExpectNear(SignedDistance(CylinderConvex(0.5, 1, Pose{}), CylinderConvex(0.25, 1, Pose::Translation(1, 0, 0.9))), 0.25, 1e-7);
  ExpectNear(SignedDistance(CylinderConvex(0.5, 1, Pose{}), CylinderConvex(0.25, 1, Pose::Translation(0.6, 0, 0))), -0.15, 1e-6);
  ExpectNear(SignedDistance(CylinderConvex(0.5, 1, Pose{}), BoxConvex({1, 1, 1}, Pose::Translation(0.95, 0.1, 0))), -0.05, 1e-6);
  ExpectNear(SignedDistance(box, WallConvex({0.4, -3}, {0.4, 3}, 2)), -0.1, 1e-9);
  ExpectNear(SignedDistance(box, BoxConvex({1, 1, 1}, Pose::Translation(0, 0, 1))), 0, 1e-12);  // it stands on the other
}

// Boxes at random: the distance is also that of a fine cloud of points on one to the other, measured in its own frame.
TEST(Convex, BoxesAgreeWithPointClouds) {
  const Rng rng(3);
  for (uint64_t k = 0; k < 300; ++k) {
    const auto u = [&](int i) { return rng.UniformDouble(100 * k + static_cast<uint64_t>(i)); };
    const Vec3 sa(0.2 + u(0), 0.2 + u(1), 0.2 + u(2)), sb(0.2 + u(3), 0.2 + u(4), 0.2 + u(5));
    const Pose pa{RandomRotation(rng, 100 * k + 10), Vec3::Zero()};
    const Pose pb{RandomRotation(rng, 100 * k + 11), Vec3(2.4 * u(6) - 1.2, 2.4 * u(7) - 1.2, 2.4 * u(8) - 1.2)};
    const double got = SignedDistance(BoxConvex(sa, pa), BoxConvex(sb, pb));
    const auto nearest = [](const Vec3& size, const Pose& from, const Vec3& target, const Pose& to, bool* touches) {
      constexpr int kSteps = 24;
      double least = 1e9;
      for (int i = 0; i <= kSteps; ++i) {
        for (int j = 0; j <= kSteps; ++j) {
          for (int axis = 0; axis < 3; ++axis) {
            for (const double side : {-0.5, 0.5}) {
              Vec3 p;
              p[axis] = side;
              p[(axis + 1) % 3] = i / double{kSteps} - 0.5;
              p[(axis + 2) % 3] = j / double{kSteps} - 0.5;
              const Vec3 q = to.Inverse() * (from * p.cwiseProduct(size));
              const Vec3 outside = (q.cwiseAbs() - target / 2).cwiseMax(0);
              *touches = *touches || outside.norm() == 0;
              least = std::min(least, outside.norm());
            }
          }
        }
      }
      return least;
    };
    bool touches = false;
    const double least = std::min(nearest(sa, pa, sb, pb, &touches), nearest(sb, pb, sa, pa, &touches));
    if (touches) {
      EXPECT_LE(got, 0) << k;
    } else if (got > 0) {
      EXPECT_LE(got, least + 1e-9) << k;
      EXPECT_GE(got, least - 0.06) << k;  // the mesh of points is that coarse
    }
    // Depth: moved apart along no direction by less; moved by it along some direction they touch.
    if (got < 0) {
      double part = 1e9;
      for (int d = 0; d < 400; ++d) {
        const auto n = rng.Normal4(1000000 + 1000 * k + static_cast<uint64_t>(d));
        const Vec3 direction = Vec3(n[0], n[1], n[2]).normalized();
        Pose shifted = pb;
        shifted.translation_m += direction * (-got) * 0.98;
        part = std::min(part, SignedDistance(BoxConvex(sa, pa), BoxConvex(sb, shifted)));
        EXPECT_LE(part, 1e-9) << k;
      }
    }
    ExpectNear(SignedDistance(BoxConvex(sb, pb), BoxConvex(sa, pa)), got, 1e-9);
  }
}

TEST(Convex, MotionOfBothChangesNothing) {
  const Rng rng(5);
  for (uint64_t k = 0; k < 200; ++k) {
    const Pose motion{RandomRotation(rng, 2 * k), Vec3(3, -1, 2)};
    const Convex a = k % 2 ? BoxConvex({0.3, 0.5, 0.4}, Pose{}) : CylinderConvex(0.2, 0.5, Pose{});
    const Convex b = CapsuleConvex(0.1, 0.6, Pose{RandomRotation(rng, 2 * k + 1), Vec3(0.3, 0.25, 0.1) * rng.UniformDouble(k)});
    ExpectNear(SignedDistance(Transformed(a, motion), Transformed(b, motion)), SignedDistance(a, b), k % 2 ? 1e-8 : 1e-4);
  }
}

TEST(Convex, OutlineTouchesTheBoxOfADisc) {
  const auto outline = OuterOutline(CylinderConvex(0.5, 1, Pose{}));
  double high = 0, area = 0;
  for (size_t k = 0; k < outline.size(); ++k) {
    high = std::max(high, outline[k].x());
    const Vec2 &p = outline[k], &q = outline[(k + 1) % outline.size()];
    area += (p.x() * q.y() - p.y() * q.x()) / 2;
  }
  ExpectNear(high, 0.5, 1e-12);
  EXPECT_GT(area, std::numbers::pi / 4);
  EXPECT_LT(area, std::numbers::pi / 4 * 1.02);
}

}  // namespace
}  // namespace takt::scene
