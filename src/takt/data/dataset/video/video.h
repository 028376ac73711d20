// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/io/image.h"

// MP4 films of a robot's cameras, through FFmpeg 5.1: constant frame rate, one video stream, no sound.
namespace takt::dataset {

enum class VideoCodec { kH264, kAv1 };
std::string_view VideoCodecName(VideoCodec codec);  // "h264", "av1": as LeRobot names them

struct VideoOptions {
  VideoCodec codec = VideoCodec::kH264;
  int fps = 30;        // > 0
  int gop_frames = 2;  // a key frame every so many frames, so that any frame is found quickly; LeRobot's choice
  int crf = -1;        // quality, lower is better: 0-51 (h264), 0-63 (av1); -1 = 23 (h264), 30 (av1)
  int preset = -1;     // effort: h264 0 (ultrafast) - 8 (veryslow); av1 0 (slow) - 13 (fast); -1 = 2 (h264), 12 (av1)
};

// What the header of a film says; no frame is decoded.
struct VideoInfo {
  int width_px = 0, height_px = 0;
  std::string codec;      // "h264", "av1", "hevc"
  std::string pix_fmt;    // "yuv420p"
  double fps = 0;         // average over the film
  int64_t frames = 0;     // packets of the video stream
  double duration_s = 0;  // frames / fps
  bool has_audio = false;
};

// Pictures [frames] of one size, 3 channels, as an MP4 in yuv420p (BT.601, limited range, as FFmpeg converts by default).
// Frames are not reordered. Thread-safe.
// Errors: bad_input (no frame, sizes that differ, odd sides, sides under 16 or, in AV1, under 64, not RGB, options out of
// range); unsupported (this FFmpeg has no such encoder). Determinism: one thread; equal calls give equal bytes for one
// version of FFmpeg and its encoders.
std::vector<uint8_t> EncodeMp4(std::span<const Image8> frames, const VideoOptions& options);
// The same, written atomically. Errors: and io.
void WriteMp4(const std::filesystem::path& path, std::span<const Image8> frames, const VideoOptions& options);

// Errors: not_found; io; bad_input (no MP4, truncated, no video stream, no frame).
VideoInfo ProbeVideo(const std::filesystem::path& path);

// A film, open for reading. Not thread-safe.
class VideoReader {
 public:
  // Errors: as ProbeVideo; unsupported for a codec that this FFmpeg cannot decode.
  explicit VideoReader(const std::filesystem::path& path);
  // A film in memory; `subject` names it in errors.
  VideoReader(std::vector<uint8_t> bytes, std::string subject);
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  const VideoInfo& info() const;
  // RGB. Errors: bad_input for a frame that is not there or cannot be decoded.
  // Cost: decodes from the key frame before it; frames in rising order are decoded once each.
  Image8 Frame(int64_t frame_idx);
  // The frame shown at this time: the one whose time is nearest. Errors: as Frame; bad_input when none is within half a
  // frame of it.
  Image8 FrameAt(double time_s);
  // Frames [first, first + count), one after another. Errors: as Frame.
  void Frames(int64_t first, int64_t count, const std::function<void(int64_t frame_idx, const Image8& frame)>& visit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A piece of a film: frames [first_frame, first_frame + frames).
struct VideoClip {
  std::filesystem::path path;
  int64_t first_frame = 0;
  int64_t frames = 0;
};

// Whether a piece can be copied as packets: it begins at a key frame, and no frame in it needs one behind its end.
// Errors: as ProbeVideo; bad_input for frames that are not there.
bool CanCopyClip(const VideoClip& clip);

// What joining needs to know of a film, from its header alone.
struct FilmLayout {
  std::string setup;                 // codec, size and encoder setup: films with equal ones can be joined
  std::vector<int64_t> frame_bytes;  // of each packet, in decode order
};
// Errors: as ProbeVideo.
FilmLayout ProbeFilmLayout(const std::filesystem::path& path);

// Whether two films can be joined: one codec, size and encoder setup. Errors: as ProbeVideo.
bool SameVideoSetup(const std::filesystem::path& a, const std::filesystem::path& b);

// Pieces of films, end to end, as one MP4: packets are copied, nothing is decoded. Joining what was joined before gives
// the same bytes as joining all at once.
// Errors: bad_input unless CanCopyClip holds for each and SameVideoSetup for all; io.
// Cost: two passes over the bytes of the films; memory for the result. Determinism: equal pieces give equal bytes.
std::vector<uint8_t> ConcatMp4(std::span<const VideoClip> clips, int fps);
// The same, written atomically.
void WriteConcatMp4(const std::filesystem::path& path, std::span<const VideoClip> clips, int fps);

// Cuts many pieces out of one film, which is read through once. Not thread-safe.
class FilmCutter {
 public:
  // Errors: as ProbeVideo.
  explicit FilmCutter(const std::filesystem::path& path);
  FilmCutter(FilmCutter&&) noexcept;
  FilmCutter& operator=(FilmCutter&&) noexcept;
  ~FilmCutter();

  const std::filesystem::path& path() const;
  bool CanCut(int64_t first_frame, int64_t frames) const;  // as CanCopyClip
  // The bytes of ConcatMp4 for this piece alone. Errors: as there.
  std::vector<uint8_t> Cut(int64_t first_frame, int64_t frames, int fps);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace takt::dataset
