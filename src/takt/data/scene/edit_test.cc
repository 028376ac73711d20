// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/edit.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/model/test_scenes.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

class EditTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    file_ = folder_ / "cell.xml";
    WriteFileAtomic(file_, std::string_view(kCellXml));
  }

  EditReport EditBy(std::string_view patch, bool resolve = false) {
    WriteFileAtomic(folder_ / "p.xml", patch);
    return Edit({.file = file_, .patch = folder_ / "p.xml", .resolve = resolve});
  }

  std::filesystem::path folder_, file_;
};

TEST_F(EditTest, UndoTakesBackEveryEdit) {
  const Scene first = LoadScene(file_);
  EXPECT_EQ(EditBy("<patch><set id=\"cup\" mass_kg=\"0.9\"/></patch>").touched, std::vector<std::string>{"cup"});
  const Scene second = LoadScene(file_);
  EditBy("<patch><remove id=\"bench\"/></patch>");
  EXPECT_EQ(Find(LoadScene(file_), "cup"), nullptr);
  EXPECT_EQ(Undo(file_).edits_left, 1u);
  EXPECT_TRUE(SameScene(LoadScene(file_), second));
  EXPECT_EQ(Undo(file_).edits_left, 0u);
  EXPECT_TRUE(SameScene(LoadScene(file_), first));
  EXPECT_THROW(Undo(file_), Error);
}

TEST_F(EditTest, FaultsChangeNothing) {
  EXPECT_TRUE(HasErrors(EditBy("<patch><set id=\"cup\" mass_kg=\"0.9\"/><remove id=\"none\"/></patch>").diagnostics));
  EXPECT_EQ(ReadTextFile(file_), kCellXml);
  EXPECT_FALSE(std::filesystem::exists(LogOf(file_)));
}

TEST_F(EditTest, UndoRefusesWhatItDidNotWrite) {
  EditBy("<patch><set id=\"cup\" mass_kg=\"0.9\"/></patch>");
  Scene scene = LoadScene(file_);
  Find(&scene, "cup")->mass_kg = 0.8;
  WriteScene(scene, file_);
  EXPECT_THROW(Undo(file_), Error);
  EXPECT_EQ(Find(LoadScene(file_), "cup")->mass_kg, 0.8);
}

TEST_F(EditTest, SurvivesACrashBetweenLogAndScene) {
  EditBy("<patch><set id=\"cup\" mass_kg=\"0.9\"/></patch>");
  const std::string before = ReadTextFile(file_);
  EditBy("<patch><set id=\"cup\" mass_kg=\"0.7\"/></patch>");
  WriteFileAtomic(file_, std::string_view(before));  // the scene never got there
  Undo(file_);
  EXPECT_EQ(Find(LoadScene(file_), "cup")->mass_kg, 0.2);
  // A line that was cut short.
  EditBy("<patch><set id=\"cup\" mass_kg=\"0.9\"/></patch>");
  WriteFileAtomic(LogOf(file_), std::string_view(ReadTextFile(LogOf(file_)) + "{\"patch\": {\"o"));
  Undo(file_);
  EXPECT_EQ(Find(LoadScene(file_), "cup")->mass_kg, 0.2);
  WriteFileAtomic(LogOf(file_), std::string_view("{\"patch\": 1}\nnonsense\n"));
  EXPECT_THROW(Undo(file_), Error);
}

TEST_F(EditTest, ResolveMovesOnlyWhatWasTouched) {
  const Scene before = LoadScene(file_);
  // Into the shelf.
  const EditReport report = EditBy(
      "<patch><add parent=\"cell\"><object id=\"bin\" position_m=\"5.6 1.2 0\" size_m=\"0.4 0.3 0.2\"/></add></patch>",
      true);
  ASSERT_FALSE(HasErrors(report.diagnostics));
  const Scene after = LoadScene(file_);
  ASSERT_NE(Find(after, "bin"), nullptr);
  EXPECT_GT((Find(after, "bin")->parent_from_node.translation_m - Vec3(5.6, 1.2, 0)).norm(), 0.1);
  Walk(before, [&](const Node& node, const Node* parent, const Pose&) {
    if (parent != nullptr) {
      EXPECT_TRUE(SameNode(node, *Find(after, node.id))) << node.id;
    }
  });
}

TEST_F(EditTest, MergeWritesWithoutConflictsOnly) {
  const auto side = [&](const std::string& name, const char* patch) {
    std::filesystem::copy_file(file_, folder_ / name);
    WriteFileAtomic(folder_ / "p.xml", std::string_view(patch));
    Edit({.file = folder_ / name, .patch = folder_ / "p.xml"});
    return folder_ / name;
  };
  const auto a = side("a.xml", "<patch><set id=\"cup\" mass_kg=\"0.9\"/></patch>"),
             b = side("b.xml", "<patch><set id=\"cup\" friction=\"0.9\"/></patch>"),
             c = side("c.xml", "<patch><set id=\"cup\" mass_kg=\"0.7\"/></patch>");
  EXPECT_TRUE(MergeFiles({.base = file_, .ours = a, .theirs = b, .out = folder_ / "m.json"}).conflicts.empty());
  EXPECT_EQ(Find(LoadScene(folder_ / "m.json"), "cup")->friction, 0.9);
  EXPECT_EQ(MergeFiles({.base = file_, .ours = a, .theirs = c, .out = folder_ / "n.json"}).conflicts.size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "n.json"));
}

}  // namespace
}  // namespace takt::scene
