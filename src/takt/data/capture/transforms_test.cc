// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/transforms.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIdentity = "[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]";

std::string Frame(const std::string& file_path, const std::string& more = "", const std::string& pose = kIdentity) {
  return fmt::format(R"({{"file_path": "{}", "transform_matrix": {}{}}})", file_path, pose, more);
}

std::string File(const std::string& head, const std::string& frames) {
  return fmt::format(R"({{{}"frames": [{}]}})", head.empty() ? "" : head + ", ", frames);
}

template <class Function>
void ExpectError(ErrorCode code, const Function& function, const std::string& mentions) {
  try {
    function();
    ADD_FAILURE() << "accepted: " << mentions;
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    EXPECT_NE(std::string(e.what()).find(mentions), std::string::npos) << e.what();
  }
}

Lens LensFrom(const std::string& head, const std::string& more = "") {
  return LensOf(ParseTransforms(File(head, Frame("a", more)), "t").frames[0].intrinsics, 100, 80, "a.png");
}

TEST(TransformsTest, TurnsOpenGlAxesIntoOpenCvAxes) {
  // A camera at (1, 2, 3) with OpenGL axes along the world's: it looks along -z with y up.
  const auto file =
      ParseTransforms(File(R"("fl_x": 50)", Frame("a", "", "[[1,0,0,1],[0,1,0,2],[0,0,1,3],[0,0,0,1]]")), "t");
  const auto& pose = file.frames[0].cam_from_world;
  const auto ahead = pose.Apply({1, 2, -7});
  EXPECT_EQ(ahead, (std::array<double, 3>{0, 0, 10}));
  const auto above = pose.Apply({1, 4, 3});
  EXPECT_EQ(above, (std::array<double, 3>{0, -2, 0}));
}

TEST(TransformsTest, SquaresUpPosesThatDrifted) {
  const double s = std::sin(0.3), c = std::cos(0.3), e = 1e-3;
  const std::string pose =
      fmt::format("[[{},{},0,0],[{},{},{},0],[0,0,{},0],[0,0,0,1]]", c + e, -s, s, c - e, e, 1 + e);
  const auto r = ParseTransforms(File("", Frame("a", "", pose)), "t").frames[0].cam_from_world.rotation;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      EXPECT_NEAR(r[3 * i] * r[3 * j] + r[3 * i + 1] * r[3 * j + 1] + r[3 * i + 2] * r[3 * j + 2], i == j, 1e-14);
    }
  }
  EXPECT_NEAR(r[0], c, 2 * e);
}

TEST(TransformsTest, ReadsEachSpellingOfALens) {
  EXPECT_EQ(LensFrom(R"("fl_x": 50)"), (Lens{LensModel::kPinhole, 100, 80, {50, 50, 50, 40}}));
  EXPECT_EQ(LensFrom(R"("fl_x": 50, "fl_y": 51, "cx": 48, "cy": 41, "w": 100.0, "h": 80)"),
            (Lens{LensModel::kPinhole, 100, 80, {50, 51, 48, 41}}));
  const Lens angle = LensFrom(R"("camera_angle_x": 1.5707963267948966)");
  EXPECT_NEAR(angle.params[0], 50, 1e-9);
  EXPECT_EQ(angle.params[0], angle.params[1]);
  EXPECT_NEAR(LensFrom(R"("camera_angle_x": 1, "camera_angle_y": 1.5707963267948966)").params[1], 40, 1e-9);
  EXPECT_EQ(LensFrom(R"("camera_angle_x": 1, "camera_angle_y": 1, "fl_x": 50)").params[1], 50);
  EXPECT_EQ(LensFrom(R"("fl_x": 50, "k1": 0.1, "k2": 0.2, "p1": 0.3, "p2": 0.4)"),
            (Lens{LensModel::kOpenCv, 100, 80, {50, 50, 50, 40, 0.1, 0.2, 0.3, 0.4}}));
  EXPECT_EQ(LensFrom(R"("fl_x": 50, "camera_model": "OPENCV", "k1": 0.1, "k3": 0.5)"),
            (Lens{LensModel::kFullOpenCv, 100, 80, {50, 50, 50, 40, 0.1, 0, 0, 0, 0.5}}));
  const Lens fisheye = {LensModel::kOpenCvFisheye, 100, 80, {50, 50, 50, 40, 0.1, 0.2, 0.3, 0.4}};
  const std::string coefficients = R"("fl_x": 50, "k1": 0.1, "k2": 0.2, "k3": 0.3, "k4": 0.4, )";
  EXPECT_EQ(LensFrom(coefficients + R"("camera_model": "OPENCV_FISHEYE")"), fisheye);
  EXPECT_EQ(LensFrom(coefficients + R"("is_fisheye": true)"), fisheye);
  // A frame overrides the head key by key.
  EXPECT_EQ(LensFrom(R"("fl_x": 50, "cx": 48)", R"(, "fl_x": 70, "cy": 30)"),
            (Lens{LensModel::kPinhole, 100, 80, {70, 70, 48, 30}}));
}

TEST(TransformsTest, RefusesLensesItCannotMean) {
  const auto bad = [](const std::string& head, const std::string& mentions) {
    ExpectError(
        ErrorCode::kBadInput, [&] { LensFrom(head); }, mentions);
  };
  bad(R"("cx": 1)", "no focal length");
  bad(R"("fl_x": 0)", "focal length");
  bad(R"("fl_x": NaN)", "\"fl_x\" is not finite");
  bad(R"("fl_x": "50")", "not a number");
  bad(R"("fl_x": 50, "camera_model": "EQUIRECTANGULAR")", "unknown camera model \"EQUIRECTANGULAR\"");
  bad(R"("fl_x": 50, "k4": 0.1)", "k4");
  bad(R"("fl_x": 50, "w": 200)", "its camera says 200 x 80");
  bad(R"("camera_angle_x": 3.2)", "angle of view");
  bad(R"("camera_angle_x": -1)", "angle of view");
}

TEST(TransformsTest, NamesTheFrameWithABadPose) {
  const std::pair<const char*, const char*> poses[] = {
      {"[[NaN,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]", "frame 1 (b.png): the pose is not finite"},
      {"[[1,0,0,-Infinity],[0,1,0,0],[0,0,1,0],[0,0,0,1]]", "frame 1 (b.png): the pose is not finite"},
      {"[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,NaN]]", "frame 1 (b.png): the pose is not finite"},
      {"[[2,0,0,0],[0,2,0,0],[0,0,2,0],[0,0,0,1]]", "frame 1 (b.png): the pose is not rigid"},
      {"[[1,0,0,0],[0,1,0,0],[0,0,-1,0],[0,0,0,1]]", "frame 1 (b.png): the pose is a mirror"},
      {"[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,1]]", "not rigid"},
      {"[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,2]]", "last row"},
      {"[[1,0,0],[0,1,0],[0,0,1]]", "not 4 x 4"},
      {"[]", "not 4 x 4"},
      {"7", "not 4 x 4"},
      {"[[1,0,0,\"x\"],[0,1,0,0],[0,0,1,0]]", "not a number"}};
  for (const auto& [pose, mentions] : poses) {
    ExpectError(
        ErrorCode::kBadInput,
        [&] { ParseTransforms(File("", Frame("a.png") + "," + Frame("b.png", "", pose)), "t.json"); }, mentions);
  }
  ExpectError(
      ErrorCode::kBadInput, [&] { ParseTransforms(R"({"frames": [{"file_path": "a"}]})", "t.json"); },
      "has no \"transform_matrix\"");
}

TEST(TransformsTest, RefusesWhatIsNoTransformsFile) {
  const std::string whole = File(R"("fl_x": 50, "train_filenames": ["a"])", Frame("a"));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(ParseTransforms(whole.substr(0, size), "t"), Error) << size;
  }
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string(R"({"frames": 3})"), std::string(R"({"frames": [3]})"),
        std::string(R"({"frames": [{}]})"), File("", R"({"file_path": ""})"), File("", R"({"file_path": "a\u0000b"})"),
        std::string("{\"frames\": [1e999]}"), std::string(100000, '[')}) {
    EXPECT_THROW(ParseTransforms(text, "t"), Error) << text.substr(0, 60);
  }
}

TEST(TransformsTest, TheExampleOfTheGuideIsRead) {
  const std::string guide = ReadTextFile(fs::path(TAKT_SOURCE_DIR) / "docs/formats/capture.md");
  const size_t begin = guide.find("    {\n"), end = guide.find("\n    }\n", begin);
  ASSERT_NE(end, std::string::npos);
  const auto file = ParseTransforms(guide.substr(begin, end + 7 - begin), "capture.md");
  ASSERT_EQ(file.frames.size(), 2u);
  EXPECT_EQ(file.frames[1].split, Split::kHeldOut);
  EXPECT_EQ(LensOf(file.frames[1].intrinsics, 1080, 1920, "0002.jpg").params[0], 1380);
}

TEST(TransformsTest, NanInsideANameIsAName) {
  EXPECT_EQ(ParseTransforms(File("", Frame(R"(x\"NaN/Infinity)")), "t").frames[0].file_path, "x\"NaN/Infinity");
}

class TransformsFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("transforms_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "images");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void Picture(const std::string& name, int channels = 3) { WriteImage(folder_ / name, Image8(100, 80, channels)); }
  void Transforms(const std::string& head, const std::string& frames, const std::string& name = "transforms.json") {
    WriteFileAtomic(folder_ / name, File(head, frames));
  }
  std::vector<std::string> HeldOut(const Capture& capture) {
    std::vector<std::string> names;
    for (const auto& view : capture.views) {
      if (view.held_out) names.push_back(view.name);
    }
    return names;
  }

  fs::path folder_;
};

TEST_F(TransformsFolderTest, FollowsNerfstudiosSplitMasksAndPoints) {
  for (const char* name : {"images/a.png", "images/b.png", "images/c.png", "images/d.png"}) Picture(name);
  Picture("mask.png", 1);
  const std::string frames = Frame("images/a.png", R"(, "mask_path": "mask.png")") + "," + Frame("./images/b.png") +
                             "," + Frame("images/c.png") + "," + Frame("images/d.png");
  const std::string head = R"("fl_x": 50, "camera_model": "OPENCV", "ply_file_path": "points.ply")";
  WriteFileAtomic(
      folder_ / "points.ply",
      std::string_view("ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty "
                       "float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
                       "1 2 3 4 5 6\nnan 0 0 1 1 1\n"));
  Transforms(head + R"(, "train_filenames": ["images/b.png", "images/a.png"], "val_filenames": ["images/c.png"])",
             frames);
  const Capture capture = LoadCapture(folder_);
  ASSERT_EQ(capture.views.size(), 3u);
  EXPECT_EQ(HeldOut(capture), std::vector<std::string>{"images/c.png"});
  EXPECT_TRUE(capture.has_alpha);
  EXPECT_EQ(capture.views[1].name, "images/b.png");
  ASSERT_EQ(capture.points.size(), 1u);
  EXPECT_EQ(capture.points[0].rgb, (std::array<uint8_t, 3>{4, 5, 6}));
  EXPECT_EQ(capture.warnings.size(), 2u);  // a frame without a split, a point that is not finite

  Transforms(head + R"(, "test_filenames": ["images/c.png"])", frames);
  EXPECT_EQ(HeldOut(LoadCapture(folder_)), std::vector<std::string>{"images/c.png"});
  EXPECT_EQ(LoadCapture(folder_).views.size(), 4u);

  Transforms(head + R"(, "train_filenames": ["images/x.png"])", frames);
  ExpectError(
      ErrorCode::kBadInput, [&] { LoadCapture(folder_); }, "names images/x.png, which is no frame");

  Transforms(R"("fl_x": 50)", Frame("images/a.png", R"(, "mask_path": "masks/a.png")"));
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, "masks/a.png");
  Transforms(R"("fl_x": 50, "ply_file_path": "none.ply")", frames);
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, "none.ply");
}

TEST_F(TransformsFolderTest, AMissingPictureIsAnErrorThatNamesIt) {
  Picture("images/a.png");
  Transforms(R"("fl_x": 50)", Frame("images/a.png") + "," + Frame("images/b.png"));
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, (folder_ / "images/b.png").string());
  // instant-ngp leaves out what was sorted out, but not most of it.
  Transforms(R"("fl_x": 50, "aabb_scale": 4)", Frame("images/a.png") + "," + Frame("images/b.png"));
  EXPECT_EQ(LoadCapture(folder_).views.size(), 1u);
  EXPECT_EQ(LoadCapture(folder_).warnings.size(), 1u);
  Transforms(R"("fl_x": 50, "aabb_scale": 4)",
             Frame("images/a.png") + "," + Frame("images/b.png") + "," + Frame("images/c.png"));
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, "images/b.png");
}

TEST_F(TransformsFolderTest, BlenderTestViewsAreHeldOut) {
  fs::create_directories(folder_ / "train");
  fs::create_directories(folder_ / "test");
  for (const char* name : {"train/r_0.png", "train/r_1.png", "test/r_0.png"}) Picture(name, 4);
  const std::string head = R"("camera_angle_x": 0.7)";
  Transforms(head, Frame("./train/r_0") + "," + Frame("./train/r_1"), "transforms_train.json");
  Transforms(head, Frame("./test/r_0") + "," + Frame("./test/r_1"), "transforms_test.json");
  const Capture capture = LoadCapture(folder_);
  EXPECT_EQ(HeldOut(capture), std::vector<std::string>{"test/r_0"});
  EXPECT_EQ(capture.views.size(), 3u);
  EXPECT_EQ(capture.warnings.size(), 1u);
  EXPECT_EQ(capture.extent, 1);  // all cameras in one place

  // Without a test file the general rule holds, with one file named only that one counts.
  fs::remove(folder_ / "transforms_test.json");
  EXPECT_EQ(HeldOut(LoadCapture(folder_)), std::vector<std::string>{"train/r_0"});
  EXPECT_EQ(LoadCapture(folder_ / "transforms_train.json").views.size(), 2u);
  fs::remove(folder_ / "train/r_1.png");
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, "train/r_1");
}

TEST_F(TransformsFolderTest, RefusesEmptyTwiceNamedAndUnreadableCaptures) {
  Picture("images/a.png");
  Transforms("", "");
  ExpectError(
      ErrorCode::kBadInput, [&] { LoadCapture(folder_); }, "no views");
  Transforms(R"("fl_x": 50)", Frame("images/a.png") + "," + Frame("./images/a.png"));
  ExpectError(
      ErrorCode::kBadInput, [&] { LoadCapture(folder_); }, "two views are named images/a.png");
  Transforms(R"("fl_x": 50, "test_filenames": ["images/a.png"])", Frame("images/a.png"));
  ExpectError(
      ErrorCode::kBadInput, [&] { LoadCapture(folder_); }, "holds out every view");
  Transforms(R"("fl_x": 50)", Frame("images/a.png"));
  EXPECT_FALSE(LoadCapture(folder_).views[0].held_out);  // one view alone has to be trained on
  ExpectError(
      ErrorCode::kBadInput, [&] { LoadCapture(folder_, {.downscale = 81}); }, "images/a.png");
  WriteFileAtomic(folder_ / "images/a.png", std::string_view(""));
  EXPECT_THROW(LoadCapture(folder_), Error);
  fs::remove(folder_ / "transforms.json");
  ExpectError(
      ErrorCode::kNotFound, [&] { LoadCapture(folder_); }, "holds no capture");
}

TEST_F(TransformsFolderTest, MeasuresTrainingCamerasOnly) {
  std::string frames;
  for (int i = 0; i < 4; ++i) {
    const std::string name = fmt::format("images/{}.png", i);
    Picture(name);
    frames += (i ? "," : "") +
              Frame(name, "", fmt::format("[[1,0,0,{}],[0,1,0,0],[0,0,1,0],[0,0,0,1]]", i == 3 ? 99 : 2 * i));
  }
  Transforms(R"("fl_x": 50, "test_filenames": ["images/3.png"])", frames);
  const Capture capture = LoadCapture(folder_);
  EXPECT_EQ(capture.center_in_world, (std::array<double, 3>{2, 0, 0}));
  EXPECT_DOUBLE_EQ(capture.extent, 2.2);
}

}  // namespace
}  // namespace takt::capture
