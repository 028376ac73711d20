// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/data/dataset/video/av.h"
#include "takt/data/dataset/video/video.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace takt::dataset {
namespace {

VideoInfo InfoOf(av::Mp4Input& input) {
  VideoInfo info;
  const AVStream& stream = input.stream();
  const AVCodecParameters& p = *stream.codecpar;
  info.width_px = p.width;
  info.height_px = p.height;
  info.codec = avcodec_get_name(p.codec_id);
  info.frames = input.CountIndexed();
  info.has_audio = input.has_audio();
  const double tick_s = av_q2d(stream.time_base);
  if (stream.duration > 0 && tick_s > 0) {
    info.duration_s = static_cast<double>(stream.duration) * tick_s;
    info.fps = static_cast<double>(info.frames) / info.duration_s;
  }
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(p.format));
  info.pix_fmt = name == nullptr ? "" : name;
  return info;
}

// The picture format, which the header of an MP4 does not say: asks the decoder, without decoding.
void FindPixelFormat(av::Mp4Input& input, VideoInfo* info) {
  if (!info->pix_fmt.empty()) return;
  if (avformat_find_stream_info(&input.format(), nullptr) < 0) return;
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(input.stream().codecpar->format));
  info->pix_fmt = name == nullptr ? "" : name;
}

av::Codec OpenDecoder(av::Mp4Input& input) {
  const AVCodec* decoder = avcodec_find_decoder(input.stream().codecpar->codec_id);
  if (decoder == nullptr) {
    throw Error(ErrorCode::kUnsupported, input.subject(),
                fmt::format("this FFmpeg cannot decode {}", avcodec_get_name(input.stream().codecpar->codec_id)));
  }
  av::Codec codec(avcodec_alloc_context3(decoder));
  if (codec == nullptr) throw Error(ErrorCode::kInternal, input.subject(), "cannot make a decoder");
  av::Check(avcodec_parameters_to_context(codec.get(), input.stream().codecpar), ErrorCode::kBadInput, input.subject(),
            "set up the decoder");
  codec->thread_count = 1;
  codec->max_pixels = int64_t{1} << 28;
  codec->err_recognition = AV_EF_EXPLODE;  // damage is an error, not a grey block
  av::Check(avcodec_open2(codec.get(), decoder, nullptr), ErrorCode::kBadInput, input.subject(), "start the decoder");
  return codec;
}

}  // namespace

VideoInfo ProbeVideo(const std::filesystem::path& path) {
  av::Mp4Input input(path.string(), nullptr);
  VideoInfo info = InfoOf(input);
  FindPixelFormat(input, &info);
  return info;
}

struct VideoReader::State {
  std::vector<uint8_t> bytes;
  std::unique_ptr<av::Mp4Input> input;
  VideoInfo info;
  std::vector<av::PacketEntry> packets;  // in decode order
  std::vector<size_t> shown;             // frame -> packet
  std::vector<int64_t> shown_pts;        // rising
  av::Codec codec;
  av::Scaler scaler;
  int scaler_width = 0, scaler_height = 0, scaler_format = -1;
  av::Frame frame{av_frame_alloc()};
  av::Packet packet{av_packet_alloc()};
  int64_t last = -1;  // the frame decoded last; -1: seek first
  bool draining = false;

  void Open(std::string subject, bool from_memory) {
    input = std::make_unique<av::Mp4Input>(std::move(subject), from_memory ? &bytes : nullptr);
    info = InfoOf(*input);
    FindPixelFormat(*input, &info);
    if (!packets.empty()) return;
    av::PacketEntry start;
    start.dts = INT64_MIN / 2;
    if (avformat_index_get_entries_count(&input->stream()) > 0) {
      start.dts = avformat_index_get_entry(&input->stream(), 0)->timestamp;
    }
    input->SeekTo(start);
    packets = input->ScanPackets();
    shown.resize(packets.size());
    std::iota(shown.begin(), shown.end(), size_t{0});
    std::stable_sort(shown.begin(), shown.end(),
                     [&](size_t a, size_t b) { return packets[a].pts < packets[b].pts; });
    for (const size_t p : shown) shown_pts.push_back(packets[p].pts);
    codec = OpenDecoder(*input);
  }

  // The packet from which frame `frame_idx` can be decoded.
  size_t KeyPacket(int64_t frame_idx) const {
    size_t p = shown[static_cast<size_t>(frame_idx)];
    while (p > 0 && !packets[p].key) --p;
    return p;
  }

  void Seek(int64_t frame_idx) {
    avcodec_flush_buffers(codec.get());
    input->SeekTo(packets[KeyPacket(frame_idx)]);
    draining = false;
    last = -1;
  }

  // The next frame that the decoder gives; its number, or -1 at the end.
  int64_t DecodeNext() {
    while (true) {
      const int result = avcodec_receive_frame(codec.get(), frame.get());
      if (result == 0) {
        const int64_t pts = frame->pts == AV_NOPTS_VALUE ? frame->best_effort_timestamp : frame->pts;
        const auto at = std::lower_bound(shown_pts.begin(), shown_pts.end(), pts);
        if (at == shown_pts.end() || *at != pts) continue;  // a frame that no packet announced
        return at - shown_pts.begin();
      }
      if (result == AVERROR_EOF) return -1;
      if (result != AVERROR(EAGAIN)) {
        last = -1;
        av::Check(result, ErrorCode::kBadInput, input->subject(), "decode a frame");
      }
      if (!draining && input->Next(*packet)) {
        const int sent = avcodec_send_packet(codec.get(), packet.get());
        av_packet_unref(packet.get());
        if (sent < 0 && sent != AVERROR(EAGAIN)) {
          last = -1;
          av::Check(sent, ErrorCode::kBadInput, input->subject(), "decode a frame");
        }
      } else {
        draining = true;
        avcodec_send_packet(codec.get(), nullptr);
      }
    }
  }

  Image8 Picture() {
    if (frame->width <= 0 || frame->height <= 0 || int64_t{frame->width} * frame->height > (int64_t{1} << 28)) {
      throw Error(ErrorCode::kBadInput, input->subject(), "holds a frame without a size");
    }
    if (scaler == nullptr || scaler_width != frame->width || scaler_height != frame->height ||
        scaler_format != frame->format) {
      scaler.reset(sws_getContext(frame->width, frame->height, static_cast<AVPixelFormat>(frame->format), frame->width,
                                  frame->height, AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT,
                                  nullptr, nullptr, nullptr));
      if (scaler == nullptr) {
        throw Error(ErrorCode::kUnsupported, input->subject(), "holds pictures in a format that cannot be converted");
      }
      const int matrix = frame->colorspace == AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601;
      const int full = frame->color_range == AVCOL_RANGE_JPEG ? 1 : 0;
      sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(matrix), full, sws_getCoefficients(SWS_CS_DEFAULT), 1,
                               0, 1 << 16, 1 << 16);
      scaler_width = frame->width;
      scaler_height = frame->height;
      scaler_format = frame->format;
    }
    // swscale writes whole vectors: rows of a padded buffer first.
    const int stride = (3 * frame->width + 63) / 64 * 64;
    std::vector<uint8_t> padded(static_cast<size_t>(stride) * static_cast<size_t>(frame->height) + 64);
    uint8_t* rows[] = {padded.data()};
    const int strides[] = {stride};
    sws_scale(scaler.get(), frame->data, frame->linesize, 0, frame->height, rows, strides);
    Image8 image(frame->width, frame->height, 3);
    for (int y = 0; y < frame->height; ++y) {
      std::copy_n(padded.data() + static_cast<size_t>(y) * static_cast<size_t>(stride), 3 * frame->width, image.row(y));
    }
    return image;
  }

  Image8 Get(int64_t frame_idx) {
    if (frame_idx < 0 || frame_idx >= info.frames) {
      throw Error(ErrorCode::kBadInput, input->subject(),
                  fmt::format("has no frame {}: it has {}", frame_idx, info.frames));
    }
    const bool go_on = last >= 0 && frame_idx > last && shown_pts[static_cast<size_t>(last)] != INT64_MIN &&
                       (frame_idx == last + 1 ||
                        packets[KeyPacket(frame_idx)].pts <= shown_pts[static_cast<size_t>(last)]);
    if (!go_on) Seek(frame_idx);
    while (true) {
      const int64_t got = DecodeNext();
      if (got < 0 || got > frame_idx) {
        last = -1;
        throw Error(ErrorCode::kBadInput, input->subject(), fmt::format("frame {} cannot be decoded", frame_idx));
      }
      last = got;
      if (got == frame_idx) return Picture();
    }
  }
};

VideoReader::VideoReader(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->Open(path.string(), false);
}

VideoReader::VideoReader(std::vector<uint8_t> bytes, std::string subject) : state_(std::make_unique<State>()) {
  state_->bytes = std::move(bytes);
  state_->Open(std::move(subject), true);
}

VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

const VideoInfo& VideoReader::info() const { return state_->info; }

Image8 VideoReader::Frame(int64_t frame_idx) { return state_->Get(frame_idx); }

Image8 VideoReader::FrameAt(double time_s) {
  State& s = *state_;
  const double tick_s = av_q2d(s.input->stream().time_base);
  const double half_s = s.info.fps > 0 ? 0.5 / s.info.fps : 0;
  int64_t best = -1;
  double best_error = half_s * 1.001;
  if (!(tick_s > 0) || !std::isfinite(time_s) || std::abs(time_s / tick_s) > 9e15) best_error = -1;
  if (best_error >= 0) {
    const auto at = std::lower_bound(s.shown_pts.begin(), s.shown_pts.end(),
                                     static_cast<int64_t>(std::llround(time_s / tick_s)));
    const int64_t near = at - s.shown_pts.begin();
    for (const int64_t i : {near - 1, near}) {
      if (i < 0 || i >= s.info.frames) continue;
      const double error = std::abs(static_cast<double>(s.shown_pts[static_cast<size_t>(i)]) * tick_s - time_s);
      if (error <= best_error) {
        best_error = error;
        best = i;
      }
    }
  }
  if (best < 0) {
    throw Error(ErrorCode::kBadInput, s.input->subject(), fmt::format("has no frame at {:.4f} s", time_s));
  }
  return s.Get(best);
}

void VideoReader::Frames(int64_t first, int64_t count,
                         const std::function<void(int64_t frame_idx, const Image8& frame)>& visit) {
  for (int64_t i = 0; i < count; ++i) visit(first + i, state_->Get(first + i));
}

}  // namespace takt::dataset
