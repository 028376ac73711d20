// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"
#include "takt/data/splat/render/metrics.h"
#include "takt/data/splat/render/render_test_scene.h"
#include "takt/data/splat/train/adam_simd.h"
#include "takt/data/splat/train/init.h"
#include "takt/data/splat/train/loss.h"
#include "takt/data/splat/train/mcmc.h"
#include "takt/data/splat/train/trainer.h"

namespace takt::splat {
namespace {

namespace fs = std::filesystem;

// Pictures of a known cloud, as a capture on disk.
class TrainTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / ("takt_train_test_" + std::to_string(::getpid()));
    fs::create_directories(root_);
    truth_ = TestCloud(150, 0, 77, -1.8f);
    for (float& v : truth_.logits) v = std::abs(v) + 1;
    Renderer renderer;
    Picture picture;
    std::string frames;
    const std::vector<capture::Camera> cameras = Cameras();
    for (size_t i = 0; i < cameras.size(); ++i) {
      renderer.Forward(truth_, cameras[i], {.background = {0, 0, 0}}, &picture);
      WriteImage(root_ / (std::to_string(100 + i) + ".png"), ToImage8(ToImage(picture)));
      const capture::RigidTransform pose = cameras[i].cam_from_world.Inverse();
      frames += std::string(i ? "," : "") + "{\"file_path\":\"" + std::to_string(100 + i) + ".png\",\"transform_matrix\":[";
      for (int r = 0; r < 4; ++r) {
        frames += r ? ",[" : "[";
        for (int c = 0; c < 4; ++c) {
          // OpenGL axes: y and z turned.
          const double v = r == 3 ? (c == 3 ? 1.0 : 0.0)
                                  : (c == 3 ? pose.translation[r] : pose.rotation[3 * r + c] * (c == 0 ? 1 : -1));
          frames += (c ? "," : "") + std::to_string(v);
        }
        frames += "]";
      }
      frames += "]}";
    }
    const capture::Camera& c = cameras[0];
    std::ofstream(root_ / "transforms.json")
        << "{\"fl_x\":" << c.fx << ",\"fl_y\":" << c.fy << ",\"cx\":" << c.cx << ",\"cy\":" << c.cy
        << ",\"w\":" << c.width_px << ",\"h\":" << c.height_px << ",\"frames\":[" << frames << "]}";
    capture_ = capture::LoadCapture(root_);
    source_ = std::make_unique<capture::ViewSource>(capture_, uint64_t{1} << 30);
  }
  void TearDown() override { fs::remove_all(root_); }

  static std::vector<capture::Camera> Cameras() {
    std::vector<capture::Camera> cameras;
    for (int i = 0; i < 10; ++i) {
      capture::Camera camera = TestCamera(72, 64);
      const double angle = -0.6 + 0.12 * i;
      camera.cam_from_world.rotation = {std::cos(angle), 0, -std::sin(angle), 0, 1, 0, std::sin(angle), 0, std::cos(angle)};
      cameras.push_back(camera);
    }
    return cameras;
  }

  TrainConfig Config() const {
    TrainConfig config;
    config.max_splats = 400;
    config.iterations = 300;
    config.sh_degree = 1;
    config.background = {0, 0, 0};
    return config;
  }

  double HeldOutPsnr(const Splats& splats) {
    Renderer renderer;
    Picture picture;
    double sum = 0;
    int count = 0;
    for (size_t i = 0; i < capture_.views.size(); ++i) {
      if (!capture_.views[i].held_out) continue;
      renderer.Forward(splats, capture_.views[i].camera, {.background = {0, 0, 0}}, &picture);
      sum += Psnr(picture, ToPicture(*source_->Get(i), {0, 0, 0}));
      ++count;
    }
    return sum / count;
  }

  fs::path root_;
  Splats truth_;
  capture::Capture capture_;
  std::unique_ptr<capture::ViewSource> source_;
};

TEST_F(TrainTest, LearnsWhatItHasNotSeen) {
  Trainer trainer(capture_, *source_, Config());
  const double before = HeldOutPsnr(trainer.splats());
  while (!trainer.done()) ASSERT_TRUE(std::isfinite(trainer.Step()));
  EXPECT_LE(trainer.splats().size(), 400u);
  const double after = HeldOutPsnr(trainer.splats());
  EXPECT_GE(after, before + 8);
  EXPECT_GE(after, 24);
}

// The metric sees a fault: the same splats with each colour on its neighbour.
TEST_F(TrainTest, DisplacedColoursScoreWorse) {
  Trainer trainer(capture_, *source_, Config());
  while (!trainer.done()) trainer.Step();
  const double learned = HeldOutPsnr(trainer.splats());
  Splats shuffled = trainer.splats();
  std::rotate(shuffled.sh.begin(), shuffled.sh.begin() + shuffled.sh_stride(), shuffled.sh.end());
  EXPECT_LE(HeldOutPsnr(shuffled), learned - 5);
}

TEST_F(TrainTest, ResumedEqualsUninterruptedForAnyThreadCount) {
  TrainConfig config = Config();
  config.iterations = 240;  // past growth and relocation at 100 and 200
  SetThreadCount(1);
  Trainer straight(capture_, *source_, config);
  while (!straight.done()) straight.Step();
  SetThreadCount(3);
  const fs::path file = root_ / "run.checkpoint";
  {
    Trainer first(capture_, *source_, config);
    while (first.iteration() < 117) first.Step();
    first.SaveCheckpoint(file);
  }
  Trainer second(capture_, *source_, config);
  second.LoadCheckpoint(file);
  EXPECT_EQ(second.iteration(), 117);
  while (!second.done()) second.Step();
  SetThreadCount(0);
  EXPECT_TRUE(straight.splats() == second.splats());
}

TEST_F(TrainTest, RefusesForeignAndDamagedCheckpoints) {
  const fs::path file = root_ / "run.checkpoint";
  Trainer trainer(capture_, *source_, Config());
  trainer.Step();
  trainer.SaveCheckpoint(file);
  TrainConfig other = Config();
  other.seed = 9;
  Trainer foreign(capture_, *source_, other);
  EXPECT_THROW(foreign.LoadCheckpoint(file), Error);
  auto bytes = ReadFile(file);
  for (const size_t keep : {size_t{0}, size_t{7}, size_t{100}, bytes.size() / 2, bytes.size() - 1}) {
    WriteFileAtomic(file, std::span(bytes).first(keep));
    EXPECT_THROW(trainer.LoadCheckpoint(file), Error) << keep;
  }
  EXPECT_THROW(trainer.LoadCheckpoint(root_ / "absent"), Error);
}

TEST_F(TrainTest, FineTuningKeepsMeansAndCount) {
  TrainConfig config = Config();
  config.fixed_geometry = true;
  config.iterations = 60;
  Splats start = truth_;
  for (float& v : start.sh) v *= 0.7f;
  Trainer trainer(capture_, *source_, config, start);
  const double before = HeldOutPsnr(start);
  while (!trainer.done()) trainer.Step();
  EXPECT_EQ(trainer.splats().means, start.means);
  EXPECT_EQ(trainer.splats().size(), start.size());
  EXPECT_GE(HeldOutPsnr(trainer.splats()), before + 1);
}

TEST(LossTest, GradientIsTheFiniteDifference) {
  Picture rendered, target, gradient, scratch;
  rendered.Resize(20, 14), target.Resize(20, 14);
  for (size_t i = 0; i < rendered.planes.size(); ++i) {
    rendered.planes[i] = Rng(1).Uniform(i);
    target.planes[i] = Rng(2).Uniform(i);
  }
  PhotometricLoss(rendered, target, 0.2f, 0.3f, &gradient);
  for (size_t i = 0; i < rendered.planes.size(); i += 37) {
    const float keep = rendered.planes[i], step = 2e-3f;
    rendered.planes[i] = keep + step;
    const double above = PhotometricLoss(rendered, target, 0.2f, 0.3f, &scratch);
    rendered.planes[i] = keep - step;
    const double below = PhotometricLoss(rendered, target, 0.2f, 0.3f, &scratch);
    rendered.planes[i] = keep;
    EXPECT_NEAR(gradient.planes[i], (above - below) / (2 * step), 2e-5);
  }
}

TEST(AdamTest, MatchesTheFormula) {
  for (const size_t n : {1u, 3u, 4u, 9u, 16u, 31u}) {
    std::vector<float> g(n), rate(n), p(n), m(n), v(n), guard(1, std::nanf(""));
    std::vector<double> want(n);
    for (size_t i = 0; i < n; ++i) {
      g[i] = Rng(3).Normal4(i)[0], rate[i] = 0.01f + 0.1f * Rng(4).Uniform(i);
      p[i] = Rng(5).Normal4(i)[0], m[i] = Rng(6).Normal4(i)[0], v[i] = Rng(7).Uniform(i);
      const double m1 = 0.9 * m[i] + 0.1 * g[i], v1 = 0.999 * v[i] + 0.001 * g[i] * g[i];
      want[i] = p[i] - rate[i] * (m1 / (1 - std::pow(0.9, 5))) / (std::sqrt(v1 / (1 - std::pow(0.999, 5))) + 1e-15);
    }
    AdamUpdate(MakeAdamStep(5), n, g.data(), rate.data(), p.data(), m.data(), v.data());
    for (size_t i = 0; i < n; ++i) EXPECT_NEAR(p[i], want[i], 1e-5 * std::max(1.0, std::abs(want[i]))) << n;
  }
}

TEST(McmcTest, ASplitLooksLikeTheWhole) {
  for (const float opacity : {0.05f, 0.3f, 0.7f, 0.95f}) {
    EXPECT_NEAR(SplitSplat(opacity, 1).opacity, opacity, 1e-6);
    EXPECT_NEAR(SplitSplat(opacity, 1).scale_factor, 1.0f, 1e-5);
    for (const int n : {2, 3, 8}) {
      const SplitResult split = SplitSplat(opacity, n);
      // n copies on one place: coverage at the centre is the same, and so is its integral over a line.
      EXPECT_NEAR(1 - std::pow(1 - split.opacity, n), opacity, 1e-5);
      double whole = 0, parts = 0;
      for (double x = -8; x <= 8; x += 1e-3) {
        whole += opacity * std::exp(-0.5 * x * x);
        const double y = x / split.scale_factor;
        parts += 1 - std::pow(1 - split.opacity * std::exp(-0.5 * y * y), n);
      }
      EXPECT_NEAR(parts / whole, 1.0, 1e-3) << opacity << " " << n;
    }
  }
}

TEST(McmcTest, RelocatesTheDeadAndRespectsTheCap) {
  Splats splats = TestCloud(500, 1, 3);
  for (size_t i = 0; i < 100; ++i) splats.logits[i] = -9;
  const auto changed = RelocateAndGrow(splats, 600, 1, 100);
  EXPECT_EQ(splats.size(), 600u);
  EXPECT_TRUE(std::is_sorted(changed.begin(), changed.end()));
  for (size_t i = 0; i < splats.size(); ++i) EXPECT_GE(splats.logits[i], -5.4f);
  CheckSplats(splats, "relocated");
  Splats again = TestCloud(500, 1, 3);
  for (size_t i = 0; i < 100; ++i) again.logits[i] = -9;
  RelocateAndGrow(again, 600, 1, 100);
  EXPECT_TRUE(again == splats);
  Splats dead = TestCloud(10, 0, 3);
  for (float& v : dead.logits) v = -9;
  EXPECT_TRUE(RelocateAndGrow(dead, 10, 1, 100).empty());
}

TEST(McmcTest, NoiseMovesOnlyTheTransparent) {
  Splats splats = TestCloud(1000, 0, 4);
  const Splats before = splats;
  AddNoise(splats, 1.0f, 1, 7);
  size_t moved = 0;
  for (size_t i = 0; i < splats.size(); ++i) {
    const bool same = std::equal(&splats.means[3 * i], &splats.means[3 * i] + 3, &before.means[3 * i]);
    EXPECT_TRUE(same || before.logits[i] <= -1.78f);
    if (!same) ++moved;
  }
  EXPECT_GE(moved, 50u);
}

TEST(InitTest, StartsInsideTheHullOfRealPictures) {
  const fs::path lego = fs::path(TAKT_SHARED_DATA) / "splat/lego";
  if (!fs::exists(lego)) GTEST_SKIP() << "needs ../shared/data/splat/lego";
  const capture::Capture capture = capture::LoadCapture(lego, {.downscale = 8});
  capture::ViewSource source(capture, uint64_t{1} << 30);
  const Splats splats = InitialSplats(capture, source, 2000, 2, 1);
  EXPECT_EQ(splats.size(), 2000u);
  EXPECT_EQ(splats.sh_degree, 2);
  CheckSplats(splats, "initial");
  for (size_t i = 0; i < splats.size(); ++i) {
    for (int k = 0; k < 3; ++k) EXPECT_LE(std::abs(splats.means[3 * i + k]), 1.4f);  // the model is about 2 units wide
  }
}

}  // namespace
}  // namespace takt::splat
