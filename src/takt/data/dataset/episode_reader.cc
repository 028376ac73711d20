// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/dataset/dataset.h"

namespace takt::dataset {
namespace {

Values SliceValues(const Values& values, size_t first, size_t count) {
  return std::visit(
      [&](const auto& all) -> Values {
        using T = std::decay_t<decltype(all)>;
        if constexpr (std::is_same_v<T, Blobs>) {
          Blobs part;
          for (size_t i = first; i < first + count; ++i) part.Add(all[i]);
          return part;
        } else {
          return T(all.begin() + static_cast<std::ptrdiff_t>(first),
                   all.begin() + static_cast<std::ptrdiff_t>(first + count));
        }
      },
      values);
}

}  // namespace

Array SliceArray(const Array& array, size_t first, size_t count) {
  Array part;
  part.kind = array.kind;
  part.length = count;
  if (!array.valid.empty()) {
    part.valid.assign(array.valid.begin() + static_cast<std::ptrdiff_t>(first),
                      array.valid.begin() + static_cast<std::ptrdiff_t>(first + count));
  }
  if (array.kind == ValueKind::kList) {
    const uint64_t begin = array.offsets[first], end = array.offsets[first + count];
    for (size_t i = first; i <= first + count; ++i) part.offsets.push_back(array.offsets[i] - begin);
    part.children.push_back(SliceArray(array.children[0], begin, end - begin));
  } else if (array.kind == ValueKind::kStruct) {
    for (const Array& child : array.children) part.children.push_back(SliceArray(child, first, count));
  } else {
    part.values = SliceValues(array.values, first, count);
  }
  return part;
}

Values FlatValues(const Array& array, const std::string& subject) {
  const Array* level = &array;
  while (true) {
    if (std::find(level->valid.begin(), level->valid.end(), uint8_t{0}) != level->valid.end()) {
      throw Error(ErrorCode::kBadInput, subject, "has missing values");
    }
    if (level->kind != ValueKind::kList) break;
    // Lists may share no items with what is around them: the items of all rows stand end to end.
    level = &level->children[0];
  }
  if (level->kind == ValueKind::kStruct) throw Error(ErrorCode::kBadInput, subject, "is no column of numbers");
  return level->values;
}

Values EpisodeData::Numbers(const std::string& name) const {
  const auto found = columns.find(name);
  if (found == columns.end()) throw Error(ErrorCode::kNotFound, fmt::format("column '{}'", name), "is not there");
  return FlatValues(found->second, fmt::format("column '{}'", name));
}

struct EpisodeReader::State {
  const Dataset& set;
  std::map<FilePlace, int64_t> first_frame;  // v3.0: of each data file
  std::filesystem::path path;
  std::optional<ParquetReader> file;
  std::vector<int64_t> group_starts;  // [row groups + 1]
  // Columns of one row group, for files where many episodes share one.
  size_t cached_group = SIZE_MAX;
  std::map<std::string, Array> cached;

  void Open(const std::filesystem::path& wanted) {
    if (file && path == wanted) return;
    file.reset();
    cached.clear();
    cached_group = SIZE_MAX;
    if (!std::filesystem::exists(wanted)) throw Error(ErrorCode::kNotFound, wanted.string(), "is not there");
    file.emplace(wanted);
    path = wanted;
    group_starts = {0};
    for (const RowGroup& group : file->row_groups()) group_starts.push_back(group_starts.back() + group.num_rows);
  }

  const Array& Column(size_t group, const std::string& name) {
    if (cached_group != group) {
      cached.clear();
      cached_group = group;
    }
    const auto found = cached.find(name);
    if (found != cached.end()) return found->second;
    return cached.emplace(name, file->ReadField(group, name)).first->second;
  }
};

EpisodeReader::EpisodeReader(const Dataset& dataset) : state_(new State{dataset, {}, {}, {}, {}, SIZE_MAX, {}}) {
  if (dataset.info.format != DatasetFormat::kV30) return;
  for (const EpisodeMeta& episode : dataset.episodes) {
    const auto [it, fresh] = state_->first_frame.emplace(episode.data, episode.from);
    if (!fresh) it->second = std::min(it->second, episode.from);
  }
}

EpisodeReader::~EpisodeReader() = default;

EpisodeData EpisodeReader::Read(const EpisodeMeta& episode, const std::vector<std::string>& columns) {
  State& s = *state_;
  s.Open(s.set.folder / DataPath(s.set.info, episode));
  const int64_t rows = s.group_starts.back();
  int64_t first = 0;
  if (s.set.info.format == DatasetFormat::kV30) {
    const auto found = s.first_frame.find(episode.data);
    first = found == s.first_frame.end() ? 0 : episode.from - found->second;
  }
  if (first < 0 || episode.length < 0 || first > rows || episode.length > rows - first) {
    throw Error(ErrorCode::kBadInput, s.path.string(),
                fmt::format("has {} rows; episode {} needs rows {} to {}", rows, episode.index, first,
                            first + episode.length));
  }
  EpisodeData data;
  data.length = episode.length;
  std::vector<std::string> wanted = columns;
  if (wanted.empty()) {
    for (const Field& field : s.file->fields()) wanted.push_back(field.name);
  }
  const int64_t last = first + episode.length;
  for (size_t g = 0; g + 1 < s.group_starts.size(); ++g) {
    const int64_t begin = std::max(first, s.group_starts[g]), end = std::min(last, s.group_starts[g + 1]);
    if (begin >= end) continue;
    for (const std::string& name : wanted) {
      const Array& group = s.Column(g, name);
      Array part = begin == s.group_starts[g] && end == s.group_starts[g + 1]
                       ? group
                       : SliceArray(group, static_cast<size_t>(begin - s.group_starts[g]),
                                    static_cast<size_t>(end - begin));
      const auto found = data.columns.find(name);
      if (found == data.columns.end()) {
        data.columns.emplace(name, std::move(part));
      } else {
        AppendArray(found->second, part);
      }
    }
  }
  return data;
}

struct PictureReader::State {
  const Dataset& set;
  EpisodeReader episodes;
  std::map<std::string, std::pair<std::filesystem::path, VideoReader>> films;  // of each camera, the last one
};

PictureReader::PictureReader(const Dataset& dataset) : state_(new State{dataset, EpisodeReader(dataset), {}}) {}
PictureReader::~PictureReader() = default;

void PictureReader::Read(const EpisodeMeta& episode, const std::string& key, const std::vector<int64_t>& frames,
                         const std::function<void(int64_t frame, const Image8& picture)>& visit) {
  State& s = *state_;
  const Feature* feature = s.set.info.Find(key);
  if (feature == nullptr || !feature->IsPicture()) {
    throw Error(ErrorCode::kNotFound, fmt::format("feature '{}'", key), "is no picture of this set");
  }
  if (feature->IsVideo()) {
    const VideoClip clip = ClipOf(s.set, episode, key);
    auto found = s.films.find(key);
    if (found == s.films.end() || found->second.first != clip.path) {
      if (found != s.films.end()) s.films.erase(found);
      found = s.films.emplace(key, std::pair(clip.path, VideoReader(clip.path))).first;
    }
    for (const int64_t frame : frames) visit(frame, found->second.second.Frame(clip.first_frame + frame));
    return;
  }
  const EpisodeData data = s.episodes.Read(episode, {key});
  const Array& column = data.columns.at(key);
  if (column.kind != ValueKind::kStruct || column.children.empty() || column.children[0].kind != ValueKind::kBinary) {
    throw Error(ErrorCode::kBadInput, fmt::format("column '{}'", key), "holds no embedded pictures");
  }
  for (const int64_t frame : frames) {
    if (frame < 0 || frame >= data.length) {
      throw Error(ErrorCode::kBadInput, fmt::format("episode {}", episode.index), fmt::format("has no frame {}", frame));
    }
    const std::string_view png = column.children[0].Strings()[static_cast<size_t>(frame)];
    const auto picture = DecodeImage({reinterpret_cast<const uint8_t*>(png.data()), png.size()},
                                     fmt::format("episode {}, frame {}, '{}'", episode.index, frame, key));
    if (!std::holds_alternative<Image8>(picture) || std::get<Image8>(picture).channels != 3) {
      throw Error(ErrorCode::kBadInput, fmt::format("column '{}'", key), "holds a picture that is not 8-bit RGB");
    }
    visit(frame, std::get<Image8>(picture));
  }
}

}  // namespace takt::dataset
