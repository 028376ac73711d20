// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/data/dataset/video/av.h"
#include "takt/data/dataset/video/video.h"

namespace takt::dataset {
namespace {

// Frame number of each packet, in decode order.
std::vector<int64_t> Ranks(const std::vector<av::PacketEntry>& packets) {
  std::vector<size_t> order(packets.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return packets[a].pts < packets[b].pts; });
  std::vector<int64_t> ranks(packets.size());
  for (size_t i = 0; i < order.size(); ++i) ranks[order[i]] = static_cast<int64_t>(i);
  return ranks;
}

bool CanCopy(const VideoClip& clip, const std::vector<av::PacketEntry>& packets, const std::vector<int64_t>& ranks) {
  const auto count = static_cast<int64_t>(packets.size());
  if (clip.first_frame < 0 || clip.frames <= 0 || clip.first_frame >= count ||
      clip.frames > count - clip.first_frame) {
    throw Error(ErrorCode::kBadInput, clip.path.string(),
                fmt::format("has no frames {} to {}: it has {}", clip.first_frame, clip.first_frame + clip.frames,
                            count));
  }
  if (!packets[static_cast<size_t>(clip.first_frame)].key) return false;
  for (int64_t i = clip.first_frame; i < clip.first_frame + clip.frames; ++i) {
    const int64_t rank = ranks[static_cast<size_t>(i)];
    if (rank < clip.first_frame || rank >= clip.first_frame + clip.frames) return false;
  }
  return true;
}

void CheckSameSetup(const AVCodecParameters& a, const AVCodecParameters& b, const std::string& first,
                    const std::string& second) {
  const bool same = a.codec_id == b.codec_id && a.width == b.width && a.height == b.height &&
                    a.extradata_size == b.extradata_size &&
                    (a.extradata_size == 0 ||
                     std::memcmp(a.extradata, b.extradata, static_cast<size_t>(a.extradata_size)) == 0);
  if (!same) {
    throw Error(ErrorCode::kBadInput, second, fmt::format("was encoded otherwise than {}", first),
                "they can be joined only by encoding again");
  }
}

// One source at a time, kept open from clip to clip: a long film gives many clips.
struct Source {
  std::string path;
  std::unique_ptr<av::Mp4Input> input;
  std::vector<av::PacketEntry> packets;
  std::vector<int64_t> ranks;

  void Open(const std::filesystem::path& from) {
    if (input != nullptr && path == from.string()) return;
    path = from.string();
    input = std::make_unique<av::Mp4Input>(path, nullptr);
    packets = input->ScanPackets();
    ranks = Ranks(packets);
  }
};

}  // namespace

bool CanCopyClip(const VideoClip& clip) {
  Source source;
  source.Open(clip.path);
  return CanCopy(clip, source.packets, source.ranks);
}

FilmLayout ProbeFilmLayout(const std::filesystem::path& path) {
  av::Mp4Input input(path.string(), nullptr);
  const AVCodecParameters& p = *input.stream().codecpar;
  FilmLayout layout;
  layout.setup = fmt::format("{} {}x{} ", avcodec_get_name(p.codec_id), p.width, p.height);
  if (p.extradata_size > 0) {
    layout.setup.append(reinterpret_cast<const char*>(p.extradata), static_cast<size_t>(p.extradata_size));
  }
  const int64_t count = input.CountIndexed();
  for (int64_t i = 0; i < count; ++i) {
    layout.frame_bytes.push_back(avformat_index_get_entry(&input.stream(), static_cast<int>(i))->size);
  }
  return layout;
}

bool SameVideoSetup(const std::filesystem::path& a, const std::filesystem::path& b) {
  return ProbeFilmLayout(a).setup == ProbeFilmLayout(b).setup;
}

namespace {

// By how many frames a piece is decoded ahead of what it shows.
int64_t DelayOf(const VideoClip& clip, const Source& source) {
  if (!CanCopy(clip, source.packets, source.ranks)) {
    throw Error(ErrorCode::kBadInput, clip.path.string(),
                fmt::format("frames {} to {} cannot be cut out without decoding", clip.first_frame,
                            clip.first_frame + clip.frames),
                "they do not begin at a key frame");
  }
  int64_t delay = 0;
  for (int64_t i = clip.first_frame; i < clip.first_frame + clip.frames; ++i) {
    delay = std::max(delay, i - source.ranks[static_cast<size_t>(i)]);
  }
  return delay;
}

// Copies the packets of a piece to the end of `file`. `position`: the packet at which `source` stands; -1: unknown.
void CopyPackets(const VideoClip& clip, Source& source, int64_t* position, int64_t delay, int64_t written,
                 av::Mp4Memory& file) {
  const av::Packet packet(av_packet_alloc());
  if (*position != clip.first_frame) {
    source.input->SeekTo(source.packets[static_cast<size_t>(clip.first_frame)]);
    *position = clip.first_frame;
  }
  for (int64_t i = 0; i < clip.frames; ++i, ++*position) {
    if (!source.input->Next(*packet) || packet->dts != source.packets[static_cast<size_t>(*position)].dts) {
      throw Error(ErrorCode::kBadInput, source.path, fmt::format("frame {} cannot be found", *position));
    }
    const int64_t rank = source.ranks[static_cast<size_t>(*position)];
    file.Write(*packet, written + rank - clip.first_frame, written + i - delay);
  }
}

}  // namespace

std::vector<uint8_t> ConcatMp4(std::span<const VideoClip> clips, int fps) {
  if (clips.empty()) throw Error(ErrorCode::kBadInput, "video", "nothing to join");
  Source first, source;
  first.Open(clips[0].path);
  // Films whose frames are reordered are decoded ahead of what is shown, by as many frames as the worst of them needs.
  int64_t delay = 0;
  for (const VideoClip& clip : clips) {
    source.Open(clip.path);
    CheckSameSetup(*first.input->stream().codecpar, *source.input->stream().codecpar, first.path, source.path);
    delay = std::max(delay, DelayOf(clip, source));
  }
  av::Mp4Memory file(*first.input->stream().codecpar, fps, first.path);
  int64_t written = 0, position = -1;
  for (const VideoClip& clip : clips) {
    if (source.path != clip.path.string()) position = -1;
    source.Open(clip.path);
    CopyPackets(clip, source, &position, delay, written, file);
    written += clip.frames;
  }
  return file.Finish();
}

void WriteConcatMp4(const std::filesystem::path& path, std::span<const VideoClip> clips, int fps) {
  WriteFileAtomic(path, ConcatMp4(clips, fps));
}

struct FilmCutter::State {
  std::filesystem::path path;
  Source source;
  int64_t position = -1;
};

FilmCutter::FilmCutter(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->path = path;
  state_->source.Open(path);
}
FilmCutter::FilmCutter(FilmCutter&&) noexcept = default;
FilmCutter& FilmCutter::operator=(FilmCutter&&) noexcept = default;
FilmCutter::~FilmCutter() = default;

const std::filesystem::path& FilmCutter::path() const { return state_->path; }

bool FilmCutter::CanCut(int64_t first_frame, int64_t frames) const {
  return CanCopy({state_->path, first_frame, frames}, state_->source.packets, state_->source.ranks);
}

std::vector<uint8_t> FilmCutter::Cut(int64_t first_frame, int64_t frames, int fps) {
  const VideoClip clip = {state_->path, first_frame, frames};
  const int64_t delay = DelayOf(clip, state_->source);
  av::Mp4Memory file(*state_->source.input->stream().codecpar, fps, state_->source.path);
  CopyPackets(clip, state_->source, &state_->position, delay, 0, file);
  return file.Finish();
}

}  // namespace takt::dataset
