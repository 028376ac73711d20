// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/video/video.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;

class VideoTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("takt_video_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

// A square that moves over a gradient; its grey says which frame it is.
std::vector<Image8> Film(int frames, int width = 128, int height = 96, int start = 0) {
  std::vector<Image8> film;
  for (int t = start; t < start + frames; ++t) {
    Image8 image(width, height, 3);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        uint8_t* p = image.row(y) + 3 * x;
        p[0] = static_cast<uint8_t>(x * 255 / width);
        p[1] = static_cast<uint8_t>(y * 255 / height);
        p[2] = 90;
        const bool inside = x >= t % 60 && x < t % 60 + 32 && y >= 16 && y < 64;
        if (inside) p[0] = p[1] = p[2] = static_cast<uint8_t>((t * 5) % 200 + 20);
      }
    }
    film.push_back(std::move(image));
  }
  return film;
}

double MeanError(const Image8& a, const Image8& b) {
  if (a.pixels.size() != b.pixels.size()) return NAN;
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(int{a.pixels[i]} - int{b.pixels[i]});
  return sum / static_cast<double>(a.pixels.size());
}

class CodecTest : public VideoTest, public testing::WithParamInterface<VideoCodec> {};
INSTANTIATE_TEST_SUITE_P(Codecs, CodecTest, testing::Values(VideoCodec::kH264, VideoCodec::kAv1),
                         [](const auto& param) { return std::string(VideoCodecName(param.param)); });

TEST_P(CodecTest, GivesBackEveryFrameByNumberAndTime) {
  const std::vector<Image8> film = Film(25);
  VideoOptions options;
  options.codec = GetParam();
  options.fps = 20;
  const std::vector<uint8_t> bytes = EncodeMp4(film, options);
  EXPECT_EQ(bytes, EncodeMp4(film, options));
  const fs::path path = folder_ / "a.mp4";
  WriteMp4(path, film, options);
  EXPECT_EQ(bytes, ReadFile(path));
  const VideoInfo info = ProbeVideo(path);
  EXPECT_EQ(info.width_px, 128);
  EXPECT_EQ(info.height_px, 96);
  EXPECT_EQ(info.frames, 25);
  EXPECT_EQ(info.codec, VideoCodecName(GetParam()));
  EXPECT_EQ(info.pix_fmt, "yuv420p");
  EXPECT_NEAR(info.fps, 20, 1e-6);
  EXPECT_NEAR(info.duration_s, 1.25, 1e-6);
  EXPECT_FALSE(info.has_audio);
  VideoReader reader(path);
  // Mixed order: forward, back, far ahead. The mean error of the wrong frame is above 6.
  for (const int64_t i : {0, 1, 2, 3, 17, 4, 24, 23, 0}) {
    EXPECT_TRUE(MeanError(reader.Frame(i), film[static_cast<size_t>(i)]) < 4) << i;
  }
  EXPECT_FALSE(MeanError(reader.Frame(5), film[12]) < 4);
  EXPECT_TRUE(MeanError(reader.FrameAt(0.5), film[10]) < 4);
  EXPECT_TRUE(MeanError(reader.FrameAt(0.52), film[10]) < 4);
  EXPECT_THROW(reader.FrameAt(1.29), Error);
  EXPECT_THROW(reader.FrameAt(-0.2), Error);
  EXPECT_THROW(reader.FrameAt(NAN), Error);
  EXPECT_THROW(reader.Frame(25), Error);
  EXPECT_THROW(reader.Frame(-1), Error);
  int64_t seen = 3;
  reader.Frames(3, 20, [&](int64_t i, const Image8& frame) {
    EXPECT_EQ(i, seen++);
    EXPECT_TRUE(MeanError(frame, film[static_cast<size_t>(i)]) < 4) << i;
  });
  EXPECT_EQ(seen, 23);
}

TEST_P(CodecTest, JoinsAndCutsWithoutDecoding) {
  VideoOptions options;
  options.codec = GetParam();
  const std::vector<Image8> first = Film(21), second = Film(14, 128, 96, 100), third = Film(9, 128, 96, 40);
  WriteMp4(folder_ / "1.mp4", first, options);
  WriteMp4(folder_ / "2.mp4", second, options);
  WriteMp4(folder_ / "3.mp4", third, options);
  EXPECT_TRUE(SameVideoSetup(folder_ / "1.mp4", folder_ / "2.mp4"));
  const VideoClip clips[] = {{folder_ / "1.mp4", 0, 21}, {folder_ / "2.mp4", 0, 14}, {folder_ / "3.mp4", 0, 9}};
  WriteConcatMp4(folder_ / "all.mp4", clips, 30);
  EXPECT_EQ(ProbeVideo(folder_ / "all.mp4").frames, 44);
  EXPECT_NEAR(ProbeVideo(folder_ / "all.mp4").fps, 30, 1e-6);
  VideoReader alone(folder_ / "2.mp4"), joined(folder_ / "all.mp4");
  for (int64_t i = 0; i < 14; ++i) EXPECT_EQ(alone.Frame(i).pixels, joined.Frame(21 + i).pixels) << i;
  EXPECT_EQ(alone.Frame(3).pixels, joined.FrameAt(24 / 30.0).pixels);

  // Joined in two steps, or cut out again, the bytes are the same.
  WriteConcatMp4(folder_ / "12.mp4", std::span(clips).first(2), 30);
  const VideoClip steps[] = {{folder_ / "12.mp4", 0, 35}, {folder_ / "3.mp4", 0, 9}};
  EXPECT_EQ(ConcatMp4(steps, 30), ReadFile(folder_ / "all.mp4"));
  const VideoClip cut[] = {{folder_ / "all.mp4", 21, 14}};
  EXPECT_TRUE(CanCopyClip(cut[0]));
  EXPECT_EQ(ConcatMp4(cut, 30), ConcatMp4(std::span(clips).subspan(1, 1), 30));
  const VideoClip pieces[] = {{folder_ / "all.mp4", 0, 21}, {folder_ / "all.mp4", 21, 14}, {folder_ / "all.mp4", 35, 9}};
  EXPECT_EQ(ConcatMp4(pieces, 30), ReadFile(folder_ / "all.mp4"));

  FilmCutter cutter(folder_ / "all.mp4");
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(cutter.CanCut(35, 9));
    EXPECT_EQ(cutter.Cut(35, 9, 30), ConcatMp4(std::span(clips).subspan(2, 1), 30));
    EXPECT_EQ(cutter.Cut(21, 14, 30), ConcatMp4(cut, 30));
  }
  EXPECT_FALSE(cutter.CanCut(1, 3));
  EXPECT_THROW(cutter.Cut(1, 3, 30), Error);

  EXPECT_FALSE(CanCopyClip({folder_ / "all.mp4", 1, 14}));  // no key frame there
  EXPECT_THROW(CanCopyClip({folder_ / "all.mp4", 40, 5}), Error);
  EXPECT_THROW(CanCopyClip({folder_ / "all.mp4", -1, 5}), Error);
}

TEST_F(VideoTest, RefusesToJoinWhatWasEncodedOtherwise) {
  WriteMp4(folder_ / "a.mp4", Film(4), {});
  WriteMp4(folder_ / "b.mp4", Film(4, 64, 64), {});
  const VideoClip clips[] = {{folder_ / "a.mp4", 0, 4}, {folder_ / "b.mp4", 0, 4}};
  EXPECT_FALSE(SameVideoSetup(folder_ / "a.mp4", folder_ / "b.mp4"));
  EXPECT_THROW(ConcatMp4(clips, 30), Error);
}

TEST_F(VideoTest, RefusesWhatIsNoFilm) {
  EXPECT_THROW(EncodeMp4({}, {}), Error);
  EXPECT_THROW(EncodeMp4(Film(2, 127, 96), {}), Error);
  EXPECT_THROW(EncodeMp4(Film(2, 8, 8), {}), Error);
  VideoOptions options;
  options.crf = 99;
  EXPECT_THROW(EncodeMp4(Film(2), options), Error);
  options = {};
  options.fps = 0;
  EXPECT_THROW(EncodeMp4(Film(2), options), Error);
  options = {};
  options.codec = VideoCodec::kAv1;
  EXPECT_THROW(EncodeMp4(Film(2, 32, 32), options), Error);
  std::vector<Image8> mixed = Film(2);
  mixed[1] = Film(1, 64, 64)[0];
  EXPECT_THROW(EncodeMp4(mixed, {}), Error);
  mixed[1] = Image8(128, 96, 1);
  EXPECT_THROW(EncodeMp4(mixed, {}), Error);
  EXPECT_THROW(ProbeVideo(folder_ / "none.mp4"), Error);
  EXPECT_THROW(ProbeVideo(folder_), Error);
}

// Every truncation, and damage all over, gives an Error or pictures, never anything else.
TEST_F(VideoTest, SurvivesDamage) {
  for (const VideoCodec codec : {VideoCodec::kH264, VideoCodec::kAv1}) {
    VideoOptions options;
    options.codec = codec;
    const std::vector<uint8_t> whole = EncodeMp4(Film(4, 64, 64), options);
    const auto read_all = [](std::vector<uint8_t> bytes) {
      VideoReader reader(std::move(bytes), "film");
      reader.Frames(0, std::min<int64_t>(reader.info().frames, 8), [](int64_t, const Image8&) {});
    };
    read_all(whole);
    for (size_t size = 0; size < whole.size(); size += size + 600 < whole.size() ? 13 : 1) {
      EXPECT_THROW(read_all({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}), Error) << size;
    }
    for (size_t at = 0; at < whole.size(); at += 7) {
      std::vector<uint8_t> damaged = whole;
      damaged[at] = static_cast<uint8_t>(damaged[at] ^ 0xff);
      try {
        read_all(damaged);
      } catch (const Error&) {
      }
    }
    EXPECT_THROW(read_all(std::vector<uint8_t>(5000, 0x5a)), Error);
  }
}

TEST_F(VideoTest, ReadsARealFilm) {
  const fs::path path = fs::path(TAKT_SHARED_DATA) /
                        "dataset/g1_v21/videos/chunk-000/observation.images.cam_high/episode_000001.mp4";
  if (!fs::exists(path)) GTEST_SKIP() << "needs " << path;
  const VideoInfo info = ProbeVideo(path);
  EXPECT_EQ(info.width_px, 640);
  EXPECT_EQ(info.height_px, 480);
  EXPECT_EQ(info.frames, 393);
  EXPECT_EQ(info.codec, "av1");
  EXPECT_EQ(info.pix_fmt, "yuv420p");
  EXPECT_NEAR(info.fps, 30, 1e-3);
  VideoReader reader(path);
  const Image8 a = reader.Frame(200), b = reader.FrameAt(200 / 30.0);
  EXPECT_EQ(a.pixels, b.pixels);
  const VideoClip clip = {path, 0, 393};
  EXPECT_TRUE(CanCopyClip(clip));
  WriteConcatMp4(folder_ / "copy.mp4", std::span(&clip, 1), 30);
  VideoReader copy(folder_ / "copy.mp4");
  EXPECT_EQ(copy.Frame(200).pixels, a.pixels);
}

}  // namespace
}  // namespace takt::dataset
