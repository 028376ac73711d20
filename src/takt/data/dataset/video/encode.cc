// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/data/dataset/video/av.h"
#include "takt/data/dataset/video/video.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace takt::dataset {
namespace {

constexpr const char* kX264Presets[] = {"ultrafast", "superfast", "veryfast", "faster",  "fast",
                                        "medium",    "slow",      "slower",   "veryslow"};

struct Setup {
  const char* encoder;
  int crf, max_crf, preset, max_preset;
};

Setup SetupOf(VideoCodec codec) {
  return codec == VideoCodec::kH264 ? Setup{"libx264", 23, 51, 2, 8} : Setup{"libsvtav1", 30, 63, 12, 13};
}

void CheckOptions(const VideoOptions& options, const Setup& setup) {
  const auto in = [](const char* name, int value, int low, int high) {
    if (value < low || value > high) {
      throw Error(ErrorCode::kBadInput, name, fmt::format("is {}; it can be {} to {}", value, low, high));
    }
  };
  in("fps", options.fps, 1, 1000);
  in("gop", options.gop_frames, 1, 10000);
  in("crf", options.crf, -1, setup.max_crf);
  in("preset", options.preset, -1, setup.max_preset);
}

void CheckFrames(std::span<const Image8> frames, const std::string& subject) {
  if (frames.empty()) throw Error(ErrorCode::kBadInput, subject, "has no frame");
  for (size_t i = 0; i < frames.size(); ++i) {
    const Image8& f = frames[i];
    if (f.channels != 3 || f.width_px <= 0 || f.height_px <= 0 ||
        f.pixels.size() != size_t{3} * static_cast<size_t>(f.width_px) * static_cast<size_t>(f.height_px)) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("frame {} is no RGB picture", i));
    }
    if (f.width_px != frames[0].width_px || f.height_px != frames[0].height_px) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("frame {} has another size than frame 0", i));
    }
  }
  if (frames[0].width_px % 2 != 0 || frames[0].height_px % 2 != 0 || frames[0].width_px < 16 ||
      frames[0].height_px < 16 || frames[0].width_px > 8192 || frames[0].height_px > 8192) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("pictures of {}x{} cannot be a film", frames[0].width_px, frames[0].height_px),
                "use even sides of 16 to 8192 pixels, or PNGs (dtype \"image\")");
  }
}

// SVT-AV1 takes sides from 64 pixels.
void CheckAv1Size(const Image8& frame, const std::string& subject) {
  if (frame.width_px < 64 || frame.height_px < 64) {
    throw Error(ErrorCode::kBadInput, subject, "pictures under 64x64 cannot be AV1", "use the codec h264");
  }
}

av::Codec OpenEncoder(const Image8& frame, const VideoOptions& options, const Setup& setup,
                      const std::string& subject) {
  const AVCodec* encoder = avcodec_find_encoder_by_name(setup.encoder);
  if (encoder == nullptr) {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("this FFmpeg has no encoder {}", setup.encoder),
                "apt-get install libavcodec-extra59");
  }
  av::Codec codec(avcodec_alloc_context3(encoder));
  if (codec == nullptr) throw Error(ErrorCode::kInternal, subject, "cannot make an encoder");
  codec->width = frame.width_px;
  codec->height = frame.height_px;
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  codec->time_base = {1, options.fps};
  codec->framerate = {options.fps, 1};
  codec->gop_size = options.gop_frames;
  codec->max_b_frames = 0;
  codec->thread_count = 1;  // more threads give other bytes
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  const int crf = options.crf < 0 ? setup.crf : options.crf;
  const int preset = options.preset < 0 ? setup.preset : options.preset;
  const auto set = [&](const char* name, const std::string& value) {
    av::Check(av_opt_set(codec->priv_data, name, value.c_str(), 0), ErrorCode::kUnsupported, subject,
              fmt::format("set {} of {}", name, setup.encoder));
  };
  set("crf", fmt::format("{}", crf));
  if (options.codec == VideoCodec::kH264) {
    set("preset", kX264Presets[preset]);
    set("x264-params",
        fmt::format("threads=1:lookahead-threads=1:sliced-threads=0:bframes=0:scenecut=0:keyint={0}:min-keyint={0}:"
                    "rc-lookahead=0:sync-lookahead=0:mbtree=0",
                    options.gop_frames));
  } else {
    set("preset", fmt::format("{}", preset));
    // One logical processor; key frames where the GOP says and nowhere else.
    set("svtav1-params", fmt::format("lp=1:scd=0:keyint={}", options.gop_frames));
  }
  av::Check(avcodec_open2(codec.get(), encoder, nullptr), ErrorCode::kBadInput, subject,
            fmt::format("start {}", setup.encoder));
  return codec;
}

}  // namespace

std::string_view VideoCodecName(VideoCodec codec) { return codec == VideoCodec::kH264 ? "h264" : "av1"; }

std::vector<uint8_t> EncodeMp4(std::span<const Image8> frames, const VideoOptions& options) {
  const std::string subject = "video";
  av::Quiet();
  const Setup setup = SetupOf(options.codec);
  CheckOptions(options, setup);
  CheckFrames(frames, subject);
  if (options.codec == VideoCodec::kAv1) CheckAv1Size(frames[0], subject);
  const av::Codec codec = OpenEncoder(frames[0], options, setup, subject);
  AVCodecParameters* parameters = avcodec_parameters_alloc();
  const std::unique_ptr<AVCodecParameters, void (*)(AVCodecParameters*)> hold(
      parameters, [](AVCodecParameters* p) { avcodec_parameters_free(&p); });
  av::Check(avcodec_parameters_from_context(parameters, codec.get()), ErrorCode::kInternal, subject, "describe");
  av::Mp4Memory file(*parameters, options.fps, subject);

  const int width = frames[0].width_px, height = frames[0].height_px;
  const av::Scaler scaler(sws_getContext(width, height, AV_PIX_FMT_RGB24, width, height, AV_PIX_FMT_YUV420P,
                                         SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, nullptr, nullptr, nullptr));
  const av::Frame frame(av_frame_alloc());
  const av::Packet packet(av_packet_alloc());
  if (scaler == nullptr || frame == nullptr || packet == nullptr) {
    throw Error(ErrorCode::kInternal, subject, "cannot convert colours");
  }
  frame->format = AV_PIX_FMT_YUV420P;
  frame->width = width;
  frame->height = height;
  av::Check(av_frame_get_buffer(frame.get(), 0), ErrorCode::kInternal, subject, "hold a frame");
  const auto drain = [&] {
    while (true) {
      const int result = avcodec_receive_packet(codec.get(), packet.get());
      if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
      av::Check(result, ErrorCode::kInternal, subject, "encode");
      file.Write(*packet, packet->pts, packet->pts);  // frames are not reordered
    }
  };
  for (size_t i = 0; i < frames.size(); ++i) {
    av::Check(av_frame_make_writable(frame.get()), ErrorCode::kInternal, subject, "hold a frame");
    const uint8_t* rows[] = {frames[i].pixels.data()};
    const int strides[] = {3 * width};
    sws_scale(scaler.get(), rows, strides, 0, height, frame->data, frame->linesize);
    frame->pts = static_cast<int64_t>(i);
    av::Check(avcodec_send_frame(codec.get(), frame.get()), ErrorCode::kInternal, subject, "encode");
    drain();
  }
  av::Check(avcodec_send_frame(codec.get(), nullptr), ErrorCode::kInternal, subject, "encode");
  drain();
  return file.Finish();
}

void WriteMp4(const std::filesystem::path& path, std::span<const Image8> frames, const VideoOptions& options) {
  WriteFileAtomic(path, EncodeMp4(frames, options));
}

}  // namespace takt::dataset
