// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/video/av.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <utility>

namespace takt::dataset::av {
namespace {

constexpr int kIoBuffer = 1 << 16;
constexpr int64_t kMaxPixels = int64_t{1} << 28;

int64_t SeekIn(size_t size, size_t* position, int64_t offset, int whence) {
  if (whence == AVSEEK_SIZE) return static_cast<int64_t>(size);
  const int64_t base = whence == SEEK_CUR   ? static_cast<int64_t>(*position)
                       : whence == SEEK_END ? static_cast<int64_t>(size)
                                            : 0;
  if (offset > (int64_t{1} << 40) || base + offset < 0) return AVERROR(EINVAL);
  *position = static_cast<size_t>(base + offset);
  return base + offset;
}

// The boxes of an MP4 follow each other; one that says that it is longer than what is left was cut off.
void CheckBoxes(AVIOContext* io, const std::string& subject) {
  const int64_t size = avio_size(io);
  int64_t at = 0;
  while (at + 8 <= size) {
    if (avio_seek(io, at, SEEK_SET) < 0) throw Error(ErrorCode::kIo, subject, "cannot be read");
    uint64_t length = avio_rb32(io);
    const uint32_t kind = avio_rb32(io);
    if (length == 1) length = avio_rb64(io);
    if (length == 0) break;  // reaches to the end
    if (length < 8 || length > static_cast<uint64_t>(size - at)) {
      const bool cut = kind == 0x6d646174 || kind == 0x6d6f6f76;  // mdat, moov
      throw Error(ErrorCode::kBadInput, subject, cut ? "ends too early" : "is no MP4", "the file may be truncated");
    }
    at += static_cast<int64_t>(length);
  }
  if (at != size && at + 8 > size) throw Error(ErrorCode::kBadInput, subject, "ends too early", "the file is truncated");
}

}  // namespace

void Quiet() {
  static std::once_flag once;
  std::call_once(once, [] {
    av_log_set_level(AV_LOG_QUIET);
    ::setenv("SVT_LOG", "-1", 0);  // SVT-AV1 reads it when an encoder is made
  });
}

std::string Words(int av_error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(av_error, text, sizeof(text));
  return text;
}

void Check(int result, ErrorCode code, const std::string& subject, std::string_view doing) {
  if (result == AVERROR(ENOMEM)) {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("cannot {}: out of memory", doing));
  }
  if (result < 0) throw Error(code, subject, fmt::format("cannot {}: {}", doing, Words(result)));
}

Mp4Memory::Mp4Memory(const AVCodecParameters& parameters, int fps, std::string subject)
    : subject_(std::move(subject)), frame_{1, fps} {
  Quiet();
  Check(avformat_alloc_output_context2(&format_, nullptr, "mp4", nullptr), ErrorCode::kInternal, subject_, "make MP4");
  io_ = avio_alloc_context(static_cast<uint8_t*>(av_malloc(kIoBuffer)), kIoBuffer, 1, this, nullptr, OnWrite, OnSeek);
  format_->pb = io_;
  format_->flags |= AVFMT_FLAG_BITEXACT;  // no version of FFmpeg and no clock in the file
  AVStream* stream = avformat_new_stream(format_, nullptr);
  if (io_ == nullptr || stream == nullptr) throw Error(ErrorCode::kInternal, subject_, "cannot make MP4");
  Check(avcodec_parameters_copy(stream->codecpar, &parameters), ErrorCode::kInternal, subject_, "copy the codec setup");
  stream->codecpar->bit_rate = 0;
  stream->codecpar->codec_tag = 0;
  stream->codecpar->video_delay = 0;
  stream->time_base = frame_;
  stream->avg_frame_rate = {fps, 1};
  Check(avformat_write_header(format_, nullptr), ErrorCode::kBadInput, subject_, "begin MP4");
}

Mp4Memory::~Mp4Memory() {
  if (io_ != nullptr) {
    av_freep(&io_->buffer);
    avio_context_free(&io_);
  }
  avformat_free_context(format_);
}

void Mp4Memory::Write(AVPacket& packet, int64_t pts, int64_t dts) {
  AVStream* stream = format_->streams[0];
  packet.stream_index = 0;
  packet.pts = av_rescale_q(pts, frame_, stream->time_base);
  packet.dts = av_rescale_q(dts, frame_, stream->time_base);
  packet.duration = av_rescale_q(1, frame_, stream->time_base);
  packet.pos = -1;
  av_packet_free_side_data(&packet);
  Check(av_write_frame(format_, &packet), ErrorCode::kBadInput, subject_, "write a frame");
  av_packet_unref(&packet);
}

std::vector<uint8_t> Mp4Memory::Finish() {
  Check(av_write_trailer(format_), ErrorCode::kBadInput, subject_, "end MP4");
  avio_flush(io_);
  return std::move(bytes_);
}

int Mp4Memory::OnWrite(void* self, uint8_t* data, int size) {
  auto& out = *static_cast<Mp4Memory*>(self);
  const size_t end = out.position_ + static_cast<size_t>(size);
  try {
    if (end > out.bytes_.size()) out.bytes_.resize(end);
  } catch (const std::bad_alloc&) {
    return AVERROR(ENOMEM);
  }
  std::memcpy(out.bytes_.data() + out.position_, data, static_cast<size_t>(size));
  out.position_ = end;
  return size;
}

int64_t Mp4Memory::OnSeek(void* self, int64_t offset, int whence) {
  auto& out = *static_cast<Mp4Memory*>(self);
  return SeekIn(out.bytes_.size(), &out.position_, offset, whence);
}

Mp4Input::Mp4Input(std::string subject, const std::vector<uint8_t>* bytes)
    : subject_(std::move(subject)), bytes_(bytes) {
  Quiet();
  if (bytes_ == nullptr) {
    std::error_code failed;
    if (!std::filesystem::exists(subject_, failed)) throw Error(ErrorCode::kNotFound, subject_, "is not there");
    if (!std::filesystem::is_regular_file(subject_, failed)) {
      throw Error(ErrorCode::kBadInput, subject_, "is not a regular file");
    }
  }
  format_ = avformat_alloc_context();
  if (format_ == nullptr) throw Error(ErrorCode::kInternal, subject_, "cannot make a reader");
  if (bytes_ != nullptr) {
    io_ = avio_alloc_context(static_cast<uint8_t*>(av_malloc(kIoBuffer)), kIoBuffer, 0, this, OnRead, nullptr, OnSeek);
    format_->pb = io_;
  }
  // Only the MP4 demuxer, only local files: what a file claims to be must not choose other parsers or reach the network.
  format_->format_whitelist = av_strdup("mov,mp4,m4a,3gp,3g2,mj2");
  format_->protocol_whitelist = av_strdup("file");
  const std::string url = "file:" + subject_;
  const int opened = avformat_open_input(&format_, url.c_str(), av_find_input_format("mov"), nullptr);
  if (opened < 0) {  // the context is freed by the failed call
    format_ = nullptr;
    Close();
    throw Error(opened == AVERROR(EACCES) ? ErrorCode::kIo : ErrorCode::kBadInput, subject_,
                fmt::format("cannot be read as MP4: {}", Words(opened)), "the file may be truncated");
  }
  try {
    const int64_t position = avio_tell(format_->pb);
    CheckBoxes(format_->pb, subject_);
    avio_seek(format_->pb, position, SEEK_SET);
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      const AVMediaType type = format_->streams[i]->codecpar->codec_type;
      has_audio_ = has_audio_ || type == AVMEDIA_TYPE_AUDIO;
      if (type == AVMEDIA_TYPE_VIDEO && stream_idx_ < 0) stream_idx_ = static_cast<int>(i);
    }
    if (stream_idx_ < 0) throw Error(ErrorCode::kBadInput, subject_, "holds no video");
    const AVCodecParameters& p = *stream().codecpar;
    if (p.width <= 0 || p.height <= 0 || int64_t{p.width} * p.height > kMaxPixels) {
      throw Error(ErrorCode::kBadInput, subject_, fmt::format("declares pictures of {}x{}", p.width, p.height));
    }
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_idx_) format_->streams[i]->discard = AVDISCARD_ALL;
    }
  } catch (...) {
    Close();
    throw;
  }
}

Mp4Input::~Mp4Input() { Close(); }

void Mp4Input::Close() {
  avformat_close_input(&format_);
  if (io_ != nullptr) {
    av_freep(&io_->buffer);
    avio_context_free(&io_);
  }
}

int64_t Mp4Input::CountIndexed() {
  const int64_t file_bytes = avio_size(format_->pb);
  const int count = avformat_index_get_entries_count(&stream());
  for (int i = 0; i < count; ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(&stream(), i);
    if (entry->pos < 0 || entry->size < 0 || entry->pos > file_bytes || entry->size > file_bytes - entry->pos) {
      throw Error(ErrorCode::kBadInput, subject_, fmt::format("ends before frame {} of {}", i, count),
                  "the file is truncated");
    }
  }
  if (count == 0) throw Error(ErrorCode::kBadInput, subject_, "holds no frame");
  return count;
}

std::vector<PacketEntry> Mp4Input::ScanPackets() {
  const int64_t indexed = CountIndexed();
  std::vector<PacketEntry> entries;
  entries.reserve(static_cast<size_t>(indexed));
  const Packet packet(av_packet_alloc());
  while (Next(*packet)) {
    const int64_t dts = packet->dts == AV_NOPTS_VALUE ? packet->pts : packet->dts;
    const int64_t pts = packet->pts == AV_NOPTS_VALUE ? dts : packet->pts;
    entries.push_back({pts, dts, (packet->flags & AV_PKT_FLAG_KEY) != 0});
    av_packet_unref(packet.get());
  }
  if (static_cast<int64_t>(entries.size()) != indexed) {
    throw Error(ErrorCode::kBadInput, subject_, fmt::format("holds {} of {} frames", entries.size(), indexed),
                "the file is truncated");
  }
  return entries;
}

bool Mp4Input::Next(AVPacket& packet) {
  while (true) {
    const int result = av_read_frame(format_, &packet);
    if (result == AVERROR_EOF) return false;
    Check(result, ErrorCode::kBadInput, subject_, "read a frame");
    if (packet.stream_index == stream_idx_) return true;
    av_packet_unref(&packet);
  }
}

void Mp4Input::SeekTo(const PacketEntry& entry) {
  Check(av_seek_frame(format_, stream_idx_, entry.dts, AVSEEK_FLAG_BACKWARD), ErrorCode::kBadInput, subject_, "seek");
}

int Mp4Input::OnRead(void* self, uint8_t* data, int size) {
  auto& in = *static_cast<Mp4Input*>(self);
  if (in.position_ >= in.bytes_->size()) return AVERROR_EOF;
  const size_t take = std::min(static_cast<size_t>(size), in.bytes_->size() - in.position_);
  std::memcpy(data, in.bytes_->data() + in.position_, take);
  in.position_ += take;
  return static_cast<int>(take);
}

int64_t Mp4Input::OnSeek(void* self, int64_t offset, int whence) {
  auto& in = *static_cast<Mp4Input*>(self);
  return SeekIn(in.bytes_->size(), &in.position_, offset, whence);
}

}  // namespace takt::dataset::av
