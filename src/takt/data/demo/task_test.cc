// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/scene/generate.h"
#include "takt/data/scene/model/walk.h"

namespace takt::demo {
namespace {

class EveryTask : public testing::TestWithParam<int> {
 protected:
  TaskKind kind() const { return static_cast<TaskKind>(GetParam()); }
};

TEST_P(EveryTask, FindsWhatItNeedsInItsRecipe) {
  const scene::Recipe recipe = scene::LoadRecipe(std::string(DefaultRecipe(kind())));
  std::set<std::string> words;
  for (uint64_t i = 0; i < 20; ++i) {
    const scene::Scene scene = scene::GenerateScene(recipe, 3, i);
    const Task task = MakeTask(kind(), scene, Rng(3, i));
    ASSERT_FALSE(task.steps.empty());
    words.insert(task.instruction);
    EXPECT_EQ(task.instruction.find('{'), std::string::npos) << task.instruction;
    const PoseOf pose_of = [&](std::string_view id) { return scene::WorldFromNode(scene, id); };
    for (const PutStep& step : task.steps) {
      EXPECT_NE(step.object_id, step.target_id);
      const std::vector<Pose> poses = PutPoses(scene, step, pose_of, Rng(1, i)).front();
      ASSERT_FALSE(poses.empty());
      const Vec3 com(0, 0, scene::Find(scene, step.object_id)->size_m.z() / 2);
      const GoalBox box = GoalOf(scene, step, com);
      const Pose box_from_world = (pose_of(step.target_id) * box.target_from_box).Inverse();
      // The first choice must lie in the goal, but for the little that it is dropped or lowered.
      const Vec3 inside = (box_from_world * (poses.front() * com)).cwiseAbs() - box.half_extents_m;
      EXPECT_LT(inside.maxCoeff(), 0.005) << task.instruction;
      EXPECT_GT(LowerDistance(scene, step), 0);
    }
    if (kind() == TaskKind::kCarryOpenCup) EXPECT_TRUE(task.vessel.valid());
  }
  EXPECT_GT(words.size(), 2u) << "language must vary";
  const scene::Scene scene = scene::GenerateScene(recipe, 3, 0);
  EXPECT_EQ(MakeTask(kind(), scene, Rng(5)).instruction, MakeTask(kind(), scene, Rng(5)).instruction);
}

INSTANTIATE_TEST_SUITE_P(Task, EveryTask, testing::Range(0, kTaskCount),
                         [](const auto& info) { return std::string(TaskName(static_cast<TaskKind>(info.param))); });

TEST(Task, SaysWhatIsMissing) {
  const scene::Scene scene = scene::GenerateScene(scene::LoadRecipe("desk_stack"), 1, 0);
  try {
    MakeTask(TaskKind::kPegInsert, scene, Rng(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_NE(error.hint().find("assembly_cell"), std::string::npos);
  }
  EXPECT_THROW(ParseTask("juggle"), Error);
  EXPECT_EQ(ParseTask("stack"), TaskKind::kStack);
}

}  // namespace
}  // namespace takt::demo
