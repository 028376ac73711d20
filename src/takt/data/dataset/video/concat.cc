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

std::vector<uint8_t> ConcatMp4(std::span<const VideoClip> clips, int fps) {
  if (clips.empty()) throw Error(ErrorCode::kBadInput, "video", "nothing to join");
  Source first, source;
  first.Open(clips[0].path);
  // Films whose frames are reordered are decoded ahead of what is shown, by as many frames as the worst of them needs.
  int64_t delay = 0;
  for (const VideoClip& clip : clips) {
    source.Open(clip.path);
    CheckSameSetup(*first.input->stream().codecpar, *source.input->stream().codecpar, first.path, source.path);
    if (!CanCopy(clip, source.packets, source.ranks)) {
      throw Error(ErrorCode::kBadInput, clip.path.string(),
                  fmt::format("frames {} to {} cannot be cut out without decoding", clip.first_frame,
                              clip.first_frame + clip.frames),
                  "they do not begin at a key frame");
    }
    for (int64_t i = clip.first_frame; i < clip.first_frame + clip.frames; ++i) {
      delay = std::max(delay, i - source.ranks[static_cast<size_t>(i)]);
    }
  }
  av::Mp4Memory file(*first.input->stream().codecpar, fps, first.path);
  const av::Packet packet(av_packet_alloc());
  int64_t written = 0;
  source = Source();
  int64_t position = 0;  // of `source`, in packets
  for (const VideoClip& clip : clips) {
    if (source.path != clip.path.string()) position = -1;
    source.Open(clip.path);
    if (position != clip.first_frame) {
      source.input->SeekTo(source.packets[static_cast<size_t>(clip.first_frame)]);
      position = clip.first_frame;
    }
    for (int64_t i = 0; i < clip.frames; ++i, ++position) {
      if (!source.input->Next(*packet) || packet->dts != source.packets[static_cast<size_t>(position)].dts) {
        throw Error(ErrorCode::kBadInput, source.path, fmt::format("frame {} cannot be found", position));
      }
      const int64_t rank = source.ranks[static_cast<size_t>(position)];
      file.Write(*packet, written + rank - clip.first_frame, written + i - delay);
    }
    written += clip.frames;
  }
  return file.Finish();
}

void WriteConcatMp4(const std::filesystem::path& path, std::span<const VideoClip> clips, int fps) {
  WriteFileAtomic(path, ConcatMp4(clips, fps));
}

}  // namespace takt::dataset
