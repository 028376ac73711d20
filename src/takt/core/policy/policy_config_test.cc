// SPDX-License-Identifier: Apache-2.0
#include "takt/core/policy/policy_config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"

namespace takt::policy {
namespace {

PolicyConfig Full() {
  PolicyConfig c;
  c.state_keys = {"observation.state", "observation.environment_state"};
  c.state_dims = {6, 14};
  c.pictures = {{"observation.images.front", 96, 64, 16, 64, 4, 2, 32}};
  c.instruction_bytes = 40;
  c.instruction_dim = 8;
  c.action_dim = 6;
  c.relative_action_dims = 5;
  c.fps = 25;
  c.head = Head::kFlow;
  c.training = {{"steps", 100}};
  return c;
}

TEST(PolicyConfig, TextAndBack) {
  const std::string text = PolicyConfigText(Full());
  std::vector<std::string> notes;
  const PolicyConfig back = ParsePolicyConfig(text, "config.json", &notes);
  EXPECT_EQ(PolicyConfigText(back), text);
  EXPECT_TRUE(notes.empty());
  EXPECT_EQ(back.cond_dim(), 6 + 14 + 32 + 8);
  for (size_t size = 0; size + 2 < text.size(); ++size) EXPECT_THROW(ParsePolicyConfig(text.substr(0, size), "cut"), Error);
}

TEST(PolicyConfig, RefusesWhatCannotBeRun) {
  const std::string text = PolicyConfigText(Full());
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string bad = text;
    ASSERT_NE(bad.find(from), std::string::npos) << from;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_THROW(ParsePolicyConfig(bad, "config.json"), Error) << to;
  };
  refused("\"horizon\": 16", "\"horizon\": 1e99");
  refused("\"horizon\": 16", "\"horizon\": 8.5");
  refused("\"horizon\": 16", "\"horizon\": \"16\"");
  refused("\"horizon\": 16", "\"horizon\": 8");  // fewer than are executed
  refused("\"relative_action_dims\": 5", "\"relative_action_dims\": 7");
  refused("\"n_head\": 4", "\"n_head\": 3");
  refused("\"patch_px\": 16", "\"patch_px\": 17");
  refused("\"state_dims\": [\n    6,", "\"state_dims\": [\n    0,");
  refused("\"head\": \"flow\"", "\"head\": \"gan\"");
  refused("\"kind\": \"dp-t\"", "\"kind\": \"dp-unet\"");
  refused("squaredcos_cap_v2", "sqrt");
  refused("\"instruction_dim\": 8", "\"instruction_dim\": 0");
}

TEST(PolicyConfig, NotesWhatItDoesNotKnow) {
  std::vector<std::string> notes;
  std::string text = PolicyConfigText(Full());
  text.insert(1, "\"color\": 3,");
  ParsePolicyConfig(text, "config.json", &notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("color"), std::string::npos);
}

// The first and last values of squaredcos_cap_v2 with 100 steps, computed from the formula by hand.
TEST(AlphaBars, CosineSchedule) {
  const std::vector<double> bars = AlphaBars("squaredcos_cap_v2", 100);
  const auto f = [](double t) { return std::pow(std::cos((t + 0.008) / 1.008 * M_PI / 2), 2); };
  EXPECT_NEAR(bars[0], f(0.01) / f(0), 1e-12);
  EXPECT_NEAR(bars[49], f(0.5) / f(0), 1e-12);
  EXPECT_NEAR(bars[99], bars[98] * 0.001, 1e-12);  // capped
  for (size_t k = 1; k < bars.size(); ++k) EXPECT_LT(bars[k], bars[k - 1]);
  EXPECT_THROW(AlphaBars("sqrt", 100), Error);
}

TEST(TimeEmbedding, SinesThenCosines) {
  const std::vector<float> e = TimeEmbedding(3, 8);
  EXPECT_NEAR(e[0], std::sin(3.0), 1e-6);
  EXPECT_NEAR(e[4], std::cos(3.0), 1e-6);
  EXPECT_NEAR(e[3], std::sin(3e-4), 1e-6);
}

}  // namespace
}  // namespace takt::policy
