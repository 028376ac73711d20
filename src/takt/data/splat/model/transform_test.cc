// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/transform.h"

#include <gtest/gtest.h>

#include <limits>

#include "takt/core/base/parallel.h"
#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

using Matrix = std::array<double, 9>;
using Vec3 = std::array<double, 3>;

constexpr Matrix kIdentity = {1, 0, 0, 0, 1, 0, 0, 0, 1};

Vec3 Multiply(const Matrix& m, const Vec3& v) {
  return {m[0] * v[0] + m[1] * v[1] + m[2] * v[2], m[3] * v[0] + m[4] * v[1] + m[5] * v[2],
          m[6] * v[0] + m[7] * v[1] + m[8] * v[2]};
}

// Rotation matrix of a quaternion w x y z of any length: the formula every splat renderer uses.
template <class T>
Matrix MatrixOf(const T* quat) {
  double n = 0;
  for (int i = 0; i < 4; ++i) n += double{quat[i]} * quat[i];
  n = std::sqrt(n);
  const double w = quat[0] / n, x = quat[1] / n, y = quat[2] / n, z = quat[3] / n;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

Matrix RandomRotation(uint64_t seed) {
  const auto q = Rng(seed, 77).Normal4(0);
  return MatrixOf(q.data());
}

// Colour of splat `i`, channel `c`, seen along `d`. Written from the definition, apart from the code under test: the
// associated Legendre functions with the Condon-Shortley sign, times cos or sin of m phi, as 3DGS orders them.
double Colour(const Splats& s, size_t i, size_t c, const Vec3& d) {
  const size_t k_count = static_cast<size_t>(ShCoefficients(s.sh_degree));
  const float* sh = &s.sh[(i * 3 + c) * k_count];
  const double phi = std::atan2(d[1], d[0]);
  double sum = 0;
  size_t k = 0;
  for (int l = 0; l <= s.sh_degree; ++l) {
    for (int m = -l; m <= l; ++m, ++k) {
      const unsigned am = static_cast<unsigned>(std::abs(m));
      double ratio = 1;
      for (int f = l - std::abs(m) + 1; f <= l + std::abs(m); ++f) ratio /= f;
      const double norm = std::sqrt((2 * l + 1) / (4 * M_PI) * ratio) * (m == 0 ? 1 : std::sqrt(2.0));
      const double sign = am % 2 == 1 ? -1 : 1;
      const double legendre = sign * std::assoc_legendre(static_cast<unsigned>(l), am, d[2]);
      sum += sh[k] * norm * legendre * (m < 0 ? std::sin(am * phi) : std::cos(am * phi));
    }
  }
  return sum;
}

TEST(Transform, ColourTurnsWithTheScene) {
  for (int degree = 0; degree <= 3; ++degree) {
    const Splats s = RandomSplats(20, degree, 9);
    for (uint64_t seed = 0; seed < 6; ++seed) {
      const Matrix r = seed == 0 ? kHalfTurnAboutX : RandomRotation(seed);
      const Splats moved = TransformSplats(s, r, {0, 0, 0}, 1);
      for (uint64_t t = 0; t < 40; ++t) {
        const auto v = Rng(3, t).Normal4(seed);
        const double n = std::sqrt(double{v[0]} * v[0] + double{v[1]} * v[1] + double{v[2]} * v[2]);
        const Vec3 d = {v[0] / n, v[1] / n, v[2] / n};
        for (size_t i = 0; i < s.size(); ++i) {
          for (size_t c = 0; c < 3; ++c) {
            ASSERT_NEAR(Colour(moved, i, c, Multiply(r, d)), Colour(s, i, c, d), 5e-7) << "degree " << degree;
          }
        }
      }
    }
  }
}

TEST(Transform, ShapesAndPlacesTurnWithTheScene) {
  const Splats s = RandomSplats(500, 1, 4);
  const Matrix r = RandomRotation(11);
  const Splats moved = TransformSplats(s, r, {1, -2, 3}, 2.5);
  for (size_t i = 0; i < s.size(); ++i) {
    const Vec3 p = Multiply(r, {s.means[i * 3], s.means[i * 3 + 1], s.means[i * 3 + 2]});
    const Vec3 t = {1, -2, 3};
    const Matrix before = MatrixOf(&s.quats[i * 4]), after = MatrixOf(&moved.quats[i * 4]);
    for (size_t a = 0; a < 3; ++a) {
      ASSERT_NEAR(moved.means[i * 3 + a], 2.5 * p[a] + t[a], 1e-5);
      ASSERT_NEAR(moved.log_scales[i * 3 + a], s.log_scales[i * 3 + a] + std::log(2.5), 1e-6);
      const Vec3 axis = Multiply(r, {before[a], before[3 + a], before[6 + a]});  // where splat axis `a` points
      for (size_t k = 0; k < 3; ++k) ASSERT_NEAR(after[k * 3 + a], axis[k], 1e-5);
    }
  }
  EXPECT_EQ(moved.logits, s.logits);
}

TEST(Transform, IdentityChangesNothingAndInversesCancel) {
  const Splats s = RandomSplats(300, 3);
  const Splats same = TransformSplats(s, kIdentity, {0, 0, 0}, 1);
  for (size_t i = 0; i < s.sh.size(); ++i) ASSERT_NEAR(same.sh[i], s.sh[i], 1e-7);
  EXPECT_EQ(same.means, s.means);
  EXPECT_EQ(same.quats, s.quats);
  const Matrix r = RandomRotation(2);
  const Matrix back = {r[0], r[3], r[6], r[1], r[4], r[7], r[2], r[5], r[8]};
  const Splats there_and_back = TransformSplats(TransformSplats(s, r, {0, 0, 0}, 4), back, {0, 0, 0}, 0.25);
  for (size_t i = 0; i < s.sh.size(); ++i) ASSERT_NEAR(there_and_back.sh[i], s.sh[i], 1e-6);
  for (size_t i = 0; i < s.means.size(); ++i) ASSERT_NEAR(there_and_back.means[i], s.means[i], 1e-5);
}

TEST(Transform, QuaternionsOfEveryKindOfRotation) {
  // One rotation for each branch: the largest of w, x, y, z.
  const std::vector<std::array<double, 4>> quats = {
      {1, .1, .2, .3}, {.1, -1, .2, .3}, {.1, .2, 1, -.3}, {-.1, .2, .3, 1}};
  Splats s = RandomSplats(1, 0);
  s.quats = {1, 0, 0, 0};
  for (const auto& q : quats) {
    const Matrix r = MatrixOf(q.data());
    const Matrix got = MatrixOf(TransformSplats(s, r, {0, 0, 0}, 1).quats.data());
    for (size_t i = 0; i < 9; ++i) EXPECT_NEAR(got[i], r[i], 1e-6);
  }
}

TEST(Transform, DoesNotDependOnThreads) {
  const Splats s = RandomSplats(20000, 3);
  SetThreadCount(1);
  const Splats one = TransformSplats(s, RandomRotation(5), {1, 2, 3}, 2);
  SetThreadCount(0);
  EXPECT_EQ(TransformSplats(s, RandomRotation(5), {1, 2, 3}, 2), one);
}

TEST(Transform, RefusesWhatIsNoRotation) {
  const Splats s = RandomSplats(2, 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(TransformSplats(s, {1, 0, 0, 0, 1, 0, 0, 0, -1}, {0, 0, 0}, 1), Error);
  EXPECT_THROW(TransformSplats(s, {2, 0, 0, 0, 2, 0, 0, 0, 2}, {0, 0, 0}, 1), Error);
  EXPECT_THROW(TransformSplats(s, {nan, 0, 0, 0, 1, 0, 0, 0, 1}, {0, 0, 0}, 1), Error);
  EXPECT_THROW(TransformSplats(s, kIdentity, {nan, 0, 0}, 1), Error);
  for (const double scale : {0.0, -1.0, nan, 1e300 * 1e300})
    EXPECT_THROW(TransformSplats(s, kIdentity, {}, scale), Error);
}

}  // namespace
}  // namespace takt::splat
