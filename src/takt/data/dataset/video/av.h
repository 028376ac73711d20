// SPDX-License-Identifier: Apache-2.0
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/base/error.h"

// What encoding and reading share; nothing outside this folder includes it.
namespace takt::dataset::av {

// Silences FFmpeg and SVT-AV1, which print on their own; once for the process.
void Quiet();

// "Invalid data found when processing input"
std::string Words(int av_error);
// Throws when `result` is negative: "cannot DOING: WORDS".
void Check(int result, ErrorCode code, const std::string& subject, std::string_view doing);

struct FreeCodec {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
};
struct FreeFrame {
  void operator()(AVFrame* p) const { av_frame_free(&p); }
};
struct FreePacket {
  void operator()(AVPacket* p) const { av_packet_free(&p); }
};
struct FreeScaler {
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};
using Codec = std::unique_ptr<AVCodecContext, FreeCodec>;
using Frame = std::unique_ptr<AVFrame, FreeFrame>;
using Packet = std::unique_ptr<AVPacket, FreePacket>;
using Scaler = std::unique_ptr<SwsContext, FreeScaler>;

// An MP4 with one video stream that grows in memory.
class Mp4Memory {
 public:
  // `parameters` are copied; what a demuxer put there about the source (bit rate, side data) is dropped, so that the
  // bytes depend on the packets alone.
  Mp4Memory(const AVCodecParameters& parameters, int fps, std::string subject);
  Mp4Memory(const Mp4Memory&) = delete;
  Mp4Memory& operator=(const Mp4Memory&) = delete;
  ~Mp4Memory();

  // Times in frames. The packet is left empty.
  void Write(AVPacket& packet, int64_t pts, int64_t dts);
  std::vector<uint8_t> Finish();

 private:
  static int OnWrite(void* self, uint8_t* data, int size);
  static int64_t OnSeek(void* self, int64_t offset, int whence);

  std::string subject_;
  AVRational frame_ = {1, 30};
  std::vector<uint8_t> bytes_;
  size_t position_ = 0;
  AVFormatContext* format_ = nullptr;
  AVIOContext* io_ = nullptr;
};

// A packet of the video stream, in decode order.
struct PacketEntry {
  int64_t pts = 0, dts = 0;  // in the time base of the stream
  bool key = false;
};

// An MP4 that is open for reading.
class Mp4Input {
 public:
  // From a file; with `bytes` not null from memory, which must outlive it.
  Mp4Input(std::string subject, const std::vector<uint8_t>* bytes);
  Mp4Input(const Mp4Input&) = delete;
  Mp4Input& operator=(const Mp4Input&) = delete;
  ~Mp4Input();

  AVFormatContext& format() { return *format_; }
  AVStream& stream() { return *format_->streams[stream_idx_]; }
  const std::string& subject() const { return subject_; }
  bool has_audio() const { return has_audio_; }
  // The packets of the video stream as the header lists them; `bad_input` where one lies outside the file.
  // pts is not known here for films with reordered frames: see ScanPackets.
  int64_t CountIndexed();
  // Reads the film through: every packet, in decode order. Leaves the position at the end.
  std::vector<PacketEntry> ScanPackets();
  // The next packet of the video stream; false at the end.
  bool Next(AVPacket& packet);
  void SeekTo(const PacketEntry& entry);

 private:
  static int OnRead(void* self, uint8_t* data, int size);
  static int64_t OnSeek(void* self, int64_t offset, int whence);
  void Close();

  std::string subject_;
  const std::vector<uint8_t>* bytes_ = nullptr;
  size_t position_ = 0;
  AVFormatContext* format_ = nullptr;
  AVIOContext* io_ = nullptr;
  int stream_idx_ = -1;
  bool has_audio_ = false;
};

}  // namespace takt::dataset::av
