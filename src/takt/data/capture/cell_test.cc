// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"
#include "takt/data/capture/cell_cameras.h"
#include "takt/data/capture/cell_layout.h"
#include "takt/data/capture/cell_render.h"
#include "takt/data/capture/cell_scene.h"
#include "takt/data/capture/cell_texture.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

CellOptions Small() {
  CellOptions options;
  options.width_px = 80;
  options.height_px = 60;
  options.cameras = 4;
  options.points = 400;
  options.rays_per_node = 1;
  return options;
}

// A folder of this test's own, empty at first and gone at the end.
class CellTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) /
            (std::string("takt_cell_") + testing::UnitTest::GetInstance()->current_test_info()->name() +
             std::to_string(getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override {
    SetThreadCount(0);
    fs::remove_all(root_);
  }
  static std::map<std::string, std::vector<uint8_t>> Files(const fs::path& dir) {
    std::map<std::string, std::vector<uint8_t>> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir)) {
      if (entry.is_regular_file()) files[entry.path().lexically_relative(dir).string()] = ReadFile(entry.path());
    }
    return files;
  }
  size_t EntriesInRoot() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }
  fs::path root_;
};

TEST_F(CellTest, IsACaptureThatTaktReads) {
  WriteCellCapture(Small(), root_ / "cell");
  const Capture capture = LoadCapture(root_ / "cell");
  EXPECT_EQ(capture.views.size(), 4u);
  EXPECT_EQ(capture.points.size(), 400u);
  EXPECT_TRUE(capture.warnings.empty());
  EXPECT_FALSE(capture.has_alpha);
  const std::vector<Camera> path = cell::CameraPath(4, 80, 60);
  for (size_t i = 0; i < 4; ++i) {
    const Camera& camera = capture.views[i].camera;
    EXPECT_EQ(camera.width_px, 80);
    EXPECT_NEAR(camera.fx, path[i].fx, 1e-9);
    for (size_t k = 0; k < 9; ++k) {
      EXPECT_NEAR(camera.cam_from_world.rotation[k], path[i].cam_from_world.rotation[k], 1e-9);
    }
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(camera.cam_from_world.translation[k], path[i].cam_from_world.translation[k], 1e-9);
    }
  }
}

TEST_F(CellTest, PointsLieWhereThePicturesShowTheirColour) {
  WriteCellCapture(Small(), root_ / "cell");
  const Capture capture = LoadCapture(root_ / "cell");
  std::vector<double> own, turned;
  for (size_t i = 0; i < capture.points.size(); ++i) {
    const View& view = capture.views[i * 4 / 400];  // points come in the order of the cameras
    const Image8 image = ReadImage8(view.image_path);
    const auto p = view.camera.cam_from_world.Apply(capture.points[i].p_in_world);
    ASSERT_GT(p[2], 0);
    const double u = view.camera.fx * p[0] / p[2] + view.camera.cx, v = view.camera.fy * p[1] / p[2] + view.camera.cy;
    const int x = std::clamp(static_cast<int>(u), 0, 79), y = std::clamp(static_cast<int>(v), 0, 59);
    const auto difference = [&](int px, int py) {
      double sum = 0;
      for (size_t c = 0; c < 3; ++c)
        sum += std::abs(image.row(py)[3 * px + static_cast<int>(c)] - capture.points[i].rgb[c]);
      return sum / 3;
    };
    own.push_back(difference(x, y));
    turned.push_back(difference(79 - x, 59 - y));
  }
  std::sort(own.begin(), own.end());
  std::sort(turned.begin(), turned.end());
  EXPECT_LE(own[200], 1.0);
  EXPECT_LE(own[360], 12.0);
  EXPECT_GT(turned[200], 15.0) << "the comparison can fail";
}

TEST_F(CellTest, SameBytesForAnyThreadCount) {
  SetThreadCount(1);
  WriteCellCapture(Small(), root_ / "one");
  SetThreadCount(3);
  WriteCellCapture(Small(), root_ / "three");
  EXPECT_TRUE(Files(root_ / "one") == Files(root_ / "three"));
  EXPECT_EQ(Files(root_ / "one").size(), 6u);
}

TEST_F(CellTest, ASecondCallDoesNothingAndOtherOptionsReplace) {
  CellOptions options = Small();
  options.cameras = 2;
  WriteCellCapture(options, root_ / "cell");
  const auto before = Files(root_ / "cell");
  const auto when = fs::last_write_time(root_ / "cell" / "points.ply");
  bool reported = false;
  WriteCellCapture(options, root_ / "cell/", [&](const ProgressUpdate&) { reported = true; });
  EXPECT_FALSE(reported);
  EXPECT_EQ(fs::last_write_time(root_ / "cell" / "points.ply"), when);

  options.seed = 2;
  std::vector<uint64_t> done;
  WriteCellCapture(options, root_ / "cell", [&](const ProgressUpdate& u) { done.push_back(u.done); });
  EXPECT_EQ(done, (std::vector<uint64_t>{0, 1, 2}));
  EXPECT_FALSE(Files(root_ / "cell") == before);
  EXPECT_EQ(EntriesInRoot(), 1u);
}

TEST_F(CellTest, LeavesForeignFoldersAlone) {
  fs::create_directories(root_ / "mine");
  WriteFileAtomic(root_ / "mine" / "notes.txt", std::string_view("keep"));
  EXPECT_THROW(WriteCellCapture(Small(), root_ / "mine"), Error);
  WriteFileAtomic(root_ / "mine" / "transforms.json", std::string_view("{\"frames\": []}"));
  try {
    WriteCellCapture(Small(), root_ / "mine");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kBadInput);
    EXPECT_EQ(e.subject(), (root_ / "mine").string());
  }
  EXPECT_EQ(ReadTextFile(root_ / "mine" / "notes.txt"), "keep");
  EXPECT_EQ(EntriesInRoot(), 1u);
}

TEST_F(CellTest, RefusesOptionsOutOfRange) {
  const auto refused = [&](auto change) {
    CellOptions options = Small();
    change(options);
    EXPECT_THROW(WriteCellCapture(options, root_ / "cell"), Error);
    EXPECT_EQ(EntriesInRoot(), 0u);
  };
  refused([](CellOptions& o) { o.width_px = 0; });
  refused([](CellOptions& o) { o.height_px = 1 << 30; });
  refused([](CellOptions& o) { o.cameras = 0; });
  refused([](CellOptions& o) { o.points = -1; });
  refused([](CellOptions& o) { o.rays_per_node = 0; });
}

TEST_F(CellTest, LeavesNothingBehindWhenStopped) {
  const auto stop = [](const ProgressUpdate& u) {
    if (u.done == 1) throw Error(ErrorCode::kCancelled, "test", "stopped");
  };
  EXPECT_THROW(WriteCellCapture(Small(), root_ / "cell", stop), Error);
  EXPECT_EQ(EntriesInRoot(), 0u);
}

TEST_F(CellTest, CamerasAreRigidUprightAndLookAtTheCell) {
  const std::vector<Camera> cameras = cell::CameraPath(40, 640, 480);
  double lowest = 10, highest = 0, leftmost = 10, rightmost = -10;
  for (size_t i = 0; i < cameras.size(); ++i) {
    const Camera& camera = cameras[i];
    const auto& r = camera.cam_from_world.rotation;
    for (size_t a = 0; a < 3; ++a) {
      for (size_t b = 0; b < 3; ++b) {
        const double dot = r[3 * a] * r[3 * b] + r[3 * a + 1] * r[3 * b + 1] + r[3 * a + 2] * r[3 * b + 2];
        EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-12);
      }
    }
    const double determinant =
        r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
    EXPECT_NEAR(determinant, 1, 1e-12);
    EXPECT_NEAR(r[2], 0, 1e-12) << "x axis level";
    EXPECT_LE(r[5], -0.5) << "y axis down";
    const auto p = camera.cam_from_world.Apply({cell::kLookAtX_m, cell::kLookAtY_m, cell::kLookAtZ_m});
    EXPECT_GT(p[2], 3);
    EXPECT_LE(std::abs(camera.fx * p[0] / p[2]), 64) << "near the middle";
    EXPECT_LE(std::abs(camera.fy * p[1] / p[2]), 64);
    const auto center = camera.CenterInWorld();
    EXPECT_LE(center[2], cell::kCeilingZ_m - 0.5);
    EXPECT_LE(std::abs(center[0]), cell::kRoomHalfX_m - 0.1);
    EXPECT_GE(center[1], cell::kFrontY_m);
    lowest = std::min(lowest, center[2]), highest = std::max(highest, center[2]);
    leftmost = std::min(leftmost, center[0]), rightmost = std::max(rightmost, center[0]);
    if (i == 0) continue;
    const auto before = cameras[i - 1].CenterInWorld();
    EXPECT_LE(std::hypot(center[0] - before[0], center[1] - before[1], center[2] - before[2]), 1.2) << i;
  }
  EXPECT_LE(lowest, 1.4);
  EXPECT_GE(highest, 2.6);
  EXPECT_LE(leftmost, -2.2);
  EXPECT_GE(rightmost, 2.2);
}

TEST_F(CellTest, NoCameraStandsInASolidAndEveryPixelShowsTheCell) {
  const raycast::Bvh bvh(cell::MakeScene(3).primitives);
  for (const Camera& camera : cell::CameraPath(40, 64, 48)) {
    const raycast::Vec3 center = cell::RayThrough(camera, 0, 0).origin;
    EXPECT_FALSE(bvh.Contains(center, -0.25f, 0)) << "a solid is nearer than 0.25 m";
    for (int y = 0; y < 48; y += 3) {
      for (int x = 0; x < 64; x += 3) {
        const auto ray = cell::RayThrough(camera, static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
        EXPECT_NE(bvh.Nearest(ray).t_m, raycast::kNoHit);
      }
    }
  }
}

TEST_F(CellTest, PrimitivesAreSound) {
  for (const uint64_t seed : {1, 2, 77}) {
    const cell::Scene scene = cell::MakeScene(seed);
    EXPECT_GT(scene.primitives.size(), 800u);
    for (const raycast::Primitive& p : scene.primitives) {
      ASSERT_LT(p.material_idx, scene.materials.size());
      const auto& f = p.world_from_local;
      ASSERT_LE(std::abs(raycast::Dot(raycast::Cross(f.x, f.y), f.z) - 1), 1e-4f);
      ASSERT_GT(p.size.x, 0);
      switch (p.shape) {
        case raycast::Shape::kBox:
          ASSERT_GT(p.rounding, 0);
          ASSERT_LE(p.rounding, std::min(p.size.x, std::min(p.size.y, p.size.z)));
          break;
        case raycast::Shape::kCylinder:
          ASSERT_GT(p.rounding, 0);
          ASSERT_LE(p.rounding, std::min(p.size.x, p.size.z));
          break;
        case raycast::Shape::kCone:
          ASSERT_GT(p.size.z, std::abs(p.size.x - p.size.y));
          break;
        case raycast::Shape::kTorus:
          ASSERT_LT(p.size.y, p.size.x);
          break;
        case raycast::Shape::kSphere:
          break;
      }
    }
  }
  const cell::Scene one = cell::MakeScene(1), two = cell::MakeScene(2);
  size_t moved = 0;
  for (size_t i = 0; i < std::min(one.primitives.size(), two.primitives.size()); ++i) {
    moved +=
        raycast::Length(one.primitives[i].world_from_local.origin - two.primitives[i].world_from_local.origin) > 0.001f;
  }
  EXPECT_GT(moved, 100u) << "the seed varies the layout";
}

// A closed white box around everything would make indirect light equal everywhere; the cell is none, but light must be
// finite, positive and far from its extremes on all that a camera sees.
TEST_F(CellTest, PicturesAreWellExposed) {
  const cell::LitScene scene(cell::MakeScene(1), 4);
  for (const Camera& camera : cell::CameraPath(3, 80, 60)) {
    const Image8 image = cell::Render(scene, camera);
    double sum = 0;
    size_t white = 0, black = 0;
    for (const uint8_t v : image.pixels) sum += v, white += v >= 254, black += v <= 2;
    const auto n = static_cast<double>(image.pixels.size());
    EXPECT_GT(sum / n, 90);
    EXPECT_LE(sum / n, 190);
    EXPECT_LE(static_cast<double>(white) / n, 0.03);
    EXPECT_LE(static_cast<double>(black) / n, 0.03);
  }
}

TEST_F(CellTest, GlossDependsOnTheViewAndMattWallsDoNot) {
  const cell::Scene scene = cell::MakeScene(1);
  const cell::LitScene lit(scene, 1);
  const Camera a = cell::LookAt({-2.0, -3.0, 1.6}, {0.2, 0.6, 1.0}, 1.0, 160, 120);
  const Camera b = cell::LookAt({-0.2, -3.3, 2.4}, {0.2, 0.6, 1.0}, 1.0, 160, 120);
  const Image8 image_a = cell::Render(lit, a), image_b = cell::Render(lit, b);
  std::vector<double> gloss, matt;  // differences of one surface point between the two pictures
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 160; ++x) {
      const auto ray = cell::RayThrough(a, static_cast<float>(x) + 0.5f, static_cast<float>(y) + 0.5f);
      const auto hit = lit.bvh().Nearest(ray);
      ASSERT_NE(hit.t_m, raycast::kNoHit);
      const raycast::Vec3 p = ray.At(hit.t_m);
      const auto in_b = b.cam_from_world.Apply({p.x, p.y, p.z});
      const double u = b.fx * in_b[0] / in_b[2] + b.cx, v = b.fy * in_b[1] / in_b[2] + b.cy;
      if (!(in_b[2] > 0 && u >= 0 && u < 160 && v >= 0 && v < 120)) continue;
      const auto back = cell::RayThrough(b, static_cast<float>(u), static_cast<float>(v));
      const auto seen = lit.bvh().Nearest(back);
      if (seen.primitive_idx != hit.primitive_idx || raycast::Length(back.At(seen.t_m) - p) > 0.01f) continue;
      const cell::Material& material = scene.materials[scene.primitives[hit.primitive_idx].material_idx];
      const double difference =
          std::abs(image_a.row(y)[3 * x + 1] - image_b.row(static_cast<int>(v))[3 * static_cast<int>(u) + 1]);
      if (material.pattern == cell::Pattern::kWall && p.z > 1.1f) matt.push_back(difference);
      if (material.roughness < 0.25f && material.pattern == cell::Pattern::kPlain) gloss.push_back(difference);
    }
  }
  ASSERT_GT(gloss.size(), 200u);
  ASSERT_GT(matt.size(), 200u);
  std::sort(gloss.begin(), gloss.end());
  std::sort(matt.begin(), matt.end());
  EXPECT_LE(matt[matt.size() * 3 / 4], 6);
  EXPECT_GE(gloss[gloss.size() * 3 / 4], 12);
}

TEST_F(CellTest, LettersAreDrawnWithinTheirLine) {
  const std::string line = "TAKT 07";
  double ink = 0;
  for (int y = -40; y < 160; ++y) {
    for (int x = -40; x < 700; ++x) {
      const float coverage = cell::TextCoverage(line, static_cast<float>(x) / 100, static_cast<float>(y) / 100, 0.01f);
      EXPECT_GE(coverage, 0);
      EXPECT_LE(coverage, 1);
      const bool outside = x < -12 || y < -12 || y > 112 || static_cast<float>(x) / 100 > cell::TextWidth(line) + 0.12f;
      EXPECT_TRUE(!outside || coverage == 0) << x << ", " << y;
      ink += coverage * 1e-4;
    }
  }
  EXPECT_GT(ink, 6 * 0.2);
  EXPECT_LE(ink, 6 * 0.56);
  EXPECT_EQ(cell::TextCoverage("", 0, 0.5f, 0.01f), 0);
}

}  // namespace
}  // namespace takt::capture
