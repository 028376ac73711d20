// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/splats.h"

#include <gtest/gtest.h>

#include <limits>

#include "takt/data/splat/model/test_splats.h"

namespace takt::splat {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(CheckSplats, AcceptsWhatIsSound) {
  for (int degree = 0; degree <= 3; ++degree) EXPECT_NO_THROW(CheckSplats(RandomSplats(300, degree), "x"));
  EXPECT_NO_THROW(CheckSplats(Splats{}, "x"));
}

TEST(CheckSplats, NamesSplatAndColumn) {
  struct Case {
    std::function<void(Splats&)> damage;
    const char* message;
  };
  const std::vector<Case> cases = {
      {[](Splats& s) { s.means[3 * 7 + 2] = kNan; }, "splat 7: column 'z' is nan"},
      {[](Splats& s) { s.log_scales[3 * 5000 + 1] = kInfinity; }, "splat 5000: column 'scale_1' is inf"},
      {[](Splats& s) { s.quats[4 * 9 + 3] = -kInfinity; }, "splat 9: column 'rot_3' is -inf"},
      {[](Splats& s) { s.logits[4999] = kNan; }, "splat 4999: column 'opacity' is nan"},
      {[](Splats& s) { s.sh[48 * 2] = kNan; }, "splat 2: column 'f_dc_0' is nan"},
      {[](Splats& s) { s.sh[48 * 2 + 16] = kNan; }, "splat 2: column 'f_dc_1' is nan"},
      {[](Splats& s) { s.sh[48 * 2 + 47] = kNan; }, "splat 2: column 'f_rest_44' is nan"},
      {[](Splats& s) { std::fill_n(&s.quats[4 * 3], 4, 0.0f); }, "splat 3: the quaternion rot_0..3 is zero"},
      {[](Splats& s) { s.means.pop_back(); }, "5001 splats, but 15002 means"},
      {[](Splats& s) { s.sh_degree = 2; }, "SH values"},
      {[](Splats& s) { s.sh_degree = 4; }, "SH degree 4"},
  };
  for (const Case& c : cases) {
    Splats s = RandomSplats(5001, 3);
    c.damage(s);
    const Error e = ErrorOf([&] { CheckSplats(s, "scene"); });
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_EQ(e.subject(), "scene");
    EXPECT_NE(e.message().find(c.message), std::string::npos) << e.message();
  }
}

TEST(CheckSplats, ExtremeButFiniteIsSound) {
  Splats s = RandomSplats(2, 0);
  s.means[0] = std::numeric_limits<float>::max();
  s.logits[1] = -std::numeric_limits<float>::max();
  s.log_scales[2] = std::numeric_limits<float>::denorm_min();
  EXPECT_NO_THROW(CheckSplats(s, "x"));
}

}  // namespace
}  // namespace takt::splat
