// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/meta.h"
#include "takt/data/dataset/prepared.h"
#include "takt/data/dataset/tree.h"

namespace takt::dataset {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// While a set is written, its files hold at most so many episodes or bytes: each commit writes the last one anew.
constexpr size_t kGroupEpisodes = 32;
constexpr size_t kGroupBytes = 1 << 20;

Error Bad(const std::string& subject, const std::string& message, const std::string& hint = {}) {
  return Error(ErrorCode::kBadInput, subject, message, hint);
}

Json VideoInfoJson(const Feature& feature, int fps, VideoCodec codec) {
  return {{"video.height", feature.shape[0]},     {"video.width", feature.shape[1]},
          {"video.codec", VideoCodecName(codec)}, {"video.pix_fmt", "yuv420p"},
          {"video.is_depth_map", false},          {"video.fps", fps},
          {"video.channels", feature.shape[2]},   {"has_audio", false}};
}

// The values as the feature stores them: double may become float, integers any integer they fit.
Values ConvertValues(const Values& values, ValueKind kind, const std::string& subject) {
  const auto refuse = [&] {
    return Bad(subject, "holds values of another type", fmt::format("the feature is {}", ValueKindName(kind)));
  };
  return std::visit(
      [&](const auto& all) -> Values {
        using T = std::decay_t<decltype(all)>;
        if constexpr (std::is_same_v<T, Blobs>) {
          if (kind != ValueKind::kString) throw refuse();
          return all;
        } else {
          using V = typename T::value_type;
          constexpr bool floats = std::is_floating_point_v<V>;
          switch (kind) {
            case ValueKind::kFloat:
              return std::vector<float>(all.begin(), all.end());
            case ValueKind::kDouble:
              return std::vector<double>(all.begin(), all.end());
            case ValueKind::kBool:
              if constexpr (std::is_same_v<V, uint8_t>) {
                for (const uint8_t v : all) {
                  if (v > 1) throw refuse();
                }
                return all;
              }
              throw refuse();
            case ValueKind::kInt64:
              if constexpr (floats) throw refuse();
              return std::vector<int64_t>(all.begin(), all.end());
            case ValueKind::kInt32:
              if constexpr (floats) {
                throw refuse();
              } else {
                std::vector<int32_t> narrow;
                narrow.reserve(all.size());
                for (const V v : all) {
                  if (static_cast<int64_t>(v) != static_cast<int32_t>(v)) throw refuse();
                  narrow.push_back(static_cast<int32_t>(v));
                }
                return narrow;
              }
            default:
              throw refuse();
          }
        }
      },
      values);
}

Array MakeArray(Values values, ValueKind kind) {
  Array array;
  array.kind = kind;
  array.length = CountValues(values);
  array.values = std::move(values);
  return array;
}

// [frames, shape] as nested lists; a shape of 1 is a plain column.
Array MakeColumn(const Feature& feature, Values values) {
  const Field field = ParquetFieldOf(feature);
  const Field* leaf = &field;
  while (leaf->kind == ValueKind::kList) leaf = &leaf->children[0];
  Array array = MakeArray(std::move(values), leaf->kind);
  if (field.kind != ValueKind::kList) return array;
  for (size_t d = feature.shape.size(); d-- > 0;) {
    array = MakeLists(std::move(array), static_cast<size_t>(feature.shape[d]));
  }
  return array;
}

ValueKind LeafKind(const Feature& feature) {
  Field field = ParquetFieldOf(feature);
  while (field.kind == ValueKind::kList) field = Field(field.children[0]);
  return field.kind;
}

void CheckPictures(const Feature& feature, const std::vector<Image8>& pictures, int64_t length) {
  const std::string subject = fmt::format("feature '{}'", feature.name);
  if (static_cast<int64_t>(pictures.size()) != length) {
    throw Bad(subject, fmt::format("has {} pictures; the episode has {} frames", pictures.size(), length));
  }
  for (size_t i = 0; i < pictures.size(); ++i) {
    const Image8& p = pictures[i];
    if (p.height_px != feature.shape[0] || p.width_px != feature.shape[1] || p.channels != 3) {
      throw Bad(subject, fmt::format("picture {} is {}x{} with {} channels, not {}x{} RGB", i, p.width_px, p.height_px,
                                     p.channels, feature.shape[1], feature.shape[0]));
    }
  }
}

std::string Differences(const DatasetInfo& have, const DatasetInfo& want) {
  if (have.format != want.format) return fmt::format("is {}", DatasetFormatName(have.format));
  if (have.fps != want.fps) return fmt::format("has {} frames a second", have.fps);
  if (have.robot_type != want.robot_type) return fmt::format("is of the robot '{}'", have.robot_type);
  for (const Feature& feature : want.features) {
    const Feature* found = have.Find(feature.name);
    if (found == nullptr) return fmt::format("has no feature '{}'", feature.name);
    if (found->dtype != feature.dtype || found->shape != feature.shape || found->names != feature.names) {
      return fmt::format("has another feature '{}'", feature.name);
    }
    if (feature.IsVideo() && found->info.value("video.codec", "") != feature.info.value("video.codec", "")) {
      return fmt::format("has films of '{}' in another codec", feature.name);
    }
  }
  if (have.features.size() != want.features.size()) return "has more features";
  return {};
}

}  // namespace

Array PngColumn(const std::vector<Image8>& pictures) {
  Blobs bytes;
  std::vector<std::string> paths;
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::vector<uint8_t> png = EncodePng(pictures[i]);
    bytes.Add({reinterpret_cast<const char*>(png.data()), png.size()});
    paths.push_back(fmt::format("frame-{:06d}.png", i));
  }
  return MakeStruct({MakeBinary(std::move(bytes)), MakeStrings(paths)});
}

PreparedEpisode::PreparedEpisode() = default;
PreparedEpisode::PreparedEpisode(PreparedEpisode&&) noexcept = default;
PreparedEpisode& PreparedEpisode::operator=(PreparedEpisode&&) noexcept = default;
PreparedEpisode::~PreparedEpisode() = default;

struct DatasetWriter::State {
  WriterOptions options;
  TwinTree tree;
  DatasetInfo info;
  std::vector<Field> fields;
  std::string metadata;  // "huggingface"
  std::vector<std::string> tasks;
  std::map<std::string, int64_t> task_indices;
  std::vector<Json> extras;
  RunningStats running;
  PictureHistograms pictures;
  bool pictures_complete = true;  // every episode came with its histograms
  bool finished = false;
  // v3.0: the file that grows, and the next numbers.
  std::vector<EpisodeMeta> group_rows;
  std::vector<uint8_t> group_data;
  size_t group_episodes = 0;
  int64_t next_data = 0, next_meta = 0;
  std::map<std::string, int64_t> next_film;

  State(const fs::path& folder, const WriterOptions& o) : options(o), tree(folder, o.sync) {}

  FilePlace Place(int64_t number) const { return {number / info.chunks_size, number % info.chunks_size}; }
  int64_t Number(FilePlace place) const { return place.chunk * info.chunks_size + place.file; }

  void Resume(const DatasetInfo& wanted);
  void AddV30(const PreparedEpisode::State& episode, EpisodeMeta row, const std::vector<Array>& columns);
  void AddV21(const PreparedEpisode::State& episode, const EpisodeMeta& row, const std::vector<Array>& columns);
};

DatasetWriter::DatasetWriter(const fs::path& folder, const WriterOptions& options) {
  const auto in = [](const char* name, int value, int low, int high) {
    if (value < low || value > high) throw Bad(name, fmt::format("is {}; it can be {} to {}", value, low, high));
  };
  in("fps", options.fps, 1, 1000);
  in("chunk_files", options.chunk_files, 1, 1000000);
  in("data_file_mb", options.data_file_mb, 1, 4096);
  in("video_file_mb", options.video_file_mb, 1, 4096);
  std::set<std::string> names;
  std::vector<Feature> features = options.features;
  for (Feature& feature : features) {
    CheckFeature(feature);
    if (IsDefaultFeature(feature.name)) throw Bad(fmt::format("feature '{}'", feature.name), "is filled by the writer");
    if (!names.insert(feature.name).second) throw Bad(fmt::format("feature '{}'", feature.name), "is there twice");
    if (feature.IsVideo() && feature.info.is_null()) {
      feature.info = VideoInfoJson(feature, options.fps, options.video.codec);
    }
  }
  if (features.empty()) throw Bad("features", "are none");
  state_ = std::make_unique<State>(folder, options);
  State& s = *state_;
  s.options.video.fps = options.fps;
  s.info = MakeInfo(options.format, options.fps, options.robot_type, features);
  s.info.chunks_size = options.chunk_files;
  s.info.other = options.other;
  s.info.data_files_size_in_mb = options.data_file_mb;
  s.info.video_files_size_in_mb = options.video_file_mb;
  if (s.tree.exists()) {
    s.Resume(DatasetInfo(s.info));
  } else {
    for (const char* part : {"data", "videos", "meta"}) {
      if (fs::exists(folder / part)) throw Bad(folder.string(), fmt::format("holds a '{}' that is no dataset", part));
    }
  }
  s.fields = DataFields(s.info);
  s.metadata = HuggingFaceMetadata(s.info);
}

DatasetWriter::~DatasetWriter() = default;

void DatasetWriter::State::Resume(const DatasetInfo& wanted) {
  LoadOptions load;
  load.episode_stats = true;
  const Dataset set = LoadDataset(tree.root(), load);
  const std::string differences = Differences(set.info, wanted);
  if (!differences.empty()) {
    throw Bad(tree.root().string(), fmt::format("{}: it cannot be gone on with", differences), "give another folder");
  }
  info = set.info;
  tasks = set.tasks;
  for (size_t i = 0; i < tasks.size(); ++i) task_indices.emplace(tasks[i], static_cast<int64_t>(i));
  extras.resize(set.episodes.size());
  for (size_t i = 0; i < set.episodes.size(); ++i) {
    const EpisodeMeta& row = set.episodes[i];
    if (row.index != static_cast<int64_t>(i)) {
      throw Bad(tree.root().string(), fmt::format("has episode {} in place {}", row.index, i), "takt dataset validate");
    }
    running.Add(row.stats);
    next_data = std::max(next_data, Number(row.data) + 1);
    for (const auto& [key, video] : row.videos) {
      next_film[key] = std::max(next_film[key], Number(video.place) + 1);
    }
    const auto extra = set.extras.find(row.index);
    if (extra != set.extras.end()) extras[i] = extra->second;
  }
  while (info.format == DatasetFormat::kV30 && fs::exists(tree.root() / EpisodesPath(Place(next_meta)))) ++next_meta;
  pictures = LoadPictureHistograms(tree.root(), static_cast<int64_t>(set.episodes.size()));
  for (const Feature& feature : info.features) {
    if (feature.IsPicture() && pictures.find(feature.name) == pictures.end()) pictures_complete = false;
  }
}

int64_t DatasetWriter::episodes() const { return state_->info.total_episodes; }
int64_t DatasetWriter::frames() const { return state_->info.total_frames; }
const std::vector<Json>& DatasetWriter::extras() const { return state_->extras; }

void DatasetWriter::AddEpisode(const Episode& episode) { Add(Prepare(episode)); }

PreparedEpisode DatasetWriter::Prepare(const Episode& episode) const {
  const State& s = *state_;
  PreparedEpisode result;
  result.state = std::make_unique<PreparedEpisode::State>();
  PreparedEpisode::State& p = *result.state;
  if (episode.tasks.empty()) throw Bad("episode", "has no task", "say in words what it does");
  p.tasks = episode.tasks;
  p.extra = episode.extra;
  for (const auto& [name, values] : episode.columns) {
    const Feature* feature = s.info.Find(name);
    if (feature == nullptr || feature->IsPicture() || IsDefaultFeature(name)) {
      throw Bad(fmt::format("column '{}'", name), "is no column of this set");
    }
    const auto count = static_cast<int64_t>(CountValues(values));
    if (p.length == 0) p.length = count / feature->Elements();
    if (count == 0 || count != p.length * feature->Elements()) {
      throw Bad(fmt::format("column '{}'", name),
                fmt::format("has {} values; the episode has {} frames of {}", count, p.length, feature->Elements()));
    }
  }
  for (const auto& [name, pictures] : episode.images) {
    const Feature* feature = s.info.Find(name);
    if (feature == nullptr || !feature->IsPicture())
      throw Bad(fmt::format("pictures '{}'", name), "are no feature of this set");
    if (p.length == 0) p.length = static_cast<int64_t>(pictures.size());
    CheckPictures(*feature, pictures, p.length);
  }
  if (p.length == 0) throw Bad("episode", "has no frame");
  p.task_of_frame = episode.task_of_frame;
  if (p.task_of_frame.empty()) p.task_of_frame.assign(static_cast<size_t>(p.length), 0);
  if (static_cast<int64_t>(p.task_of_frame.size()) != p.length) throw Bad("task_of_frame", "is of another length");
  for (const int64_t task : p.task_of_frame) {
    if (task < 0 || task >= static_cast<int64_t>(p.tasks.size()))
      throw Bad("task_of_frame", "names a task that is not there");
  }
  std::vector<const Feature*> cameras;
  for (const Feature& feature : s.info.features) {
    if (IsDefaultFeature(feature.name)) continue;
    if (feature.IsPicture()) {
      if (episode.images.find(feature.name) == episode.images.end()) {
        throw Bad(fmt::format("feature '{}'", feature.name), "has no pictures in this episode");
      }
      cameras.push_back(&feature);
      continue;
    }
    const auto found = episode.columns.find(feature.name);
    if (found == episode.columns.end()) {
      throw Bad(fmt::format("feature '{}'", feature.name), "has no values in this episode");
    }
    Values values = ConvertValues(found->second, LeafKind(feature), fmt::format("column '{}'", feature.name));
    if (feature.dtype != "string") p.stats[feature.name] = ComputeStats(values, feature.Elements(), feature.shape);
    p.columns[feature.name] = MakeColumn(feature, std::move(values));
  }
  for (const Feature* camera : cameras) {  // the places exist before threads write to them
    p.pictures[camera->name];
    if (camera->IsVideo()) p.films[camera->name];
    if (camera->IsImage()) p.columns[camera->name];
  }
  ParallelFor(cameras.size(), 1, [&](size_t begin, size_t) {
    const Feature& camera = *cameras[begin];
    const std::vector<Image8>& pictures = episode.images.at(camera.name);
    PictureHistogram& histogram = p.pictures.at(camera.name);
    for (const int64_t i : SampledFrames(p.length)) histogram.Add(pictures[static_cast<size_t>(i)]);
    if (camera.IsVideo()) {
      p.films.at(camera.name) = EncodeMp4(pictures, s.options.video);
      return;
    }
    p.columns.at(camera.name) = PngColumn(pictures);
  });
  for (const Feature* camera : cameras) p.stats[camera->name] = p.pictures.at(camera->name).Stats();
  return result;
}

void DatasetWriter::Add(PreparedEpisode episode, Json extra) {
  State& s = *state_;
  if (s.finished) throw Error(ErrorCode::kInternal, "dataset writer", "is finished");
  PreparedEpisode::State& p = *episode.state;
  if (!extra.is_null()) p.extra = std::move(extra);
  if (!p.extra.is_null() && !p.extra.is_object()) throw Bad("episode", "has an 'extra' that is no object");
  if (p.extra.is_object()) p.extra.erase("episode_index");
  // Default columns.
  const int64_t index = s.info.total_episodes, from = s.info.total_frames;
  const size_t known_tasks = s.tasks.size();
  std::vector<int64_t> task_indices;
  EpisodeMeta row;
  row.index = index;
  row.length = p.length;
  row.from = from;
  row.to = from + p.length;
  for (const std::string& task : p.tasks) {
    const auto [it, fresh] = s.task_indices.emplace(task, static_cast<int64_t>(s.tasks.size()));
    if (fresh) s.tasks.push_back(task);
    task_indices.push_back(it->second);
    if (std::find(row.tasks.begin(), row.tasks.end(), task) == row.tasks.end()) row.tasks.push_back(task);
  }
  std::vector<float> times;
  std::vector<int64_t> frames, tasks, indices, numbers(static_cast<size_t>(p.length), index);
  for (int64_t i = 0; i < p.length; ++i) {
    times.push_back(static_cast<float>(static_cast<double>(i) / s.info.fps));
    frames.push_back(i);
    indices.push_back(from + i);
    tasks.push_back(task_indices[static_cast<size_t>(p.task_of_frame[static_cast<size_t>(i)])]);
  }
  row.stats = p.stats;
  const auto put = [&](const char* name, Values values) {
    row.stats[name] = ComputeStats(values, 1, {1});
    p.columns[name] =
        MakeArray(std::move(values), std::string_view(name) == "timestamp" ? ValueKind::kFloat : ValueKind::kInt64);
  };
  put("timestamp", std::move(times));
  put("frame_index", std::move(frames));
  put("episode_index", std::move(numbers));
  put("index", std::move(indices));
  put("task_index", std::move(tasks));
  std::vector<Array> columns;
  for (const Field& field : s.fields) columns.push_back(std::move(p.columns.at(field.name)));

  const int64_t tasks_before = s.info.total_tasks;
  const Json splits_before = s.info.splits;
  const auto restore = [&] {  // the counters alone: Prepare may be reading the features on another thread
    s.info.total_episodes = index;
    s.info.total_frames = from;
    s.info.total_tasks = tasks_before;
    s.info.splits = splits_before;
    while (s.tasks.size() > known_tasks) {
      s.task_indices.erase(s.tasks.back());
      s.tasks.pop_back();
    }
  };
  try {
    s.info.total_episodes = index + 1;
    s.info.total_frames = row.to;
    s.info.total_tasks = static_cast<int64_t>(s.tasks.size());
    s.info.splits = nullptr;
    const bool new_tasks = s.tasks.size() > known_tasks;
    RunningStats running = s.running;
    running.Add(row.stats);
    PictureHistograms pictures = s.pictures;
    bool complete = s.pictures_complete;
    for (const Feature& feature : s.info.features) {
      if (!feature.IsPicture()) continue;
      const auto found = p.pictures.find(feature.name);
      if (found == p.pictures.end()) {
        complete = false;
      } else {
        pictures[feature.name].Add(found->second);
      }
    }
    s.tree.Begin();
    if (s.info.format == DatasetFormat::kV30) {
      if (new_tasks) s.tree.Put("meta/tasks.parquet", FormatTasksParquet(s.tasks));
      s.tree.Put("meta/stats.json", FormatJson(StatsFileJson(s.info, running.Result())));
    } else {
      for (size_t i = known_tasks; i < s.tasks.size(); ++i) {
        s.tree.Append("meta/tasks.jsonl", FormatJsonLine({{"task_index", i}, {"task", s.tasks[i]}}));
      }
    }
    if (!p.extra.is_null()) {
      Json line = {{"episode_index", index}};
      line.update(p.extra);
      s.tree.Append("meta/takt_episodes.jsonl", FormatJsonLine(line));
    }
    if (!pictures.empty() && complete) {
      s.tree.Put("meta/takt_pictures.json", FormatPictureHistograms(pictures, index + 1));
    }
    s.tree.Put("meta/info.json", FormatInfo(s.info));
    if (s.info.format == DatasetFormat::kV30) {
      s.AddV30(p, std::move(row), columns);
    } else {
      s.AddV21(p, row, columns);
      s.tree.Commit();
    }
    s.running = std::move(running);
    s.pictures = std::move(pictures);
    s.pictures_complete = complete;
    s.extras.push_back(p.extra);
  } catch (...) {
    restore();
    throw;
  }
}

void DatasetWriter::State::AddV21(const PreparedEpisode::State& episode, const EpisodeMeta& row,
                                  const std::vector<Array>& columns) {
  ParquetWriter writer(ParquetSchema::FromFields(fields), {{"huggingface", metadata}});
  writer.WriteRowGroup(columns);
  tree.Put(DataPath(info, row), writer.Finish());
  for (const auto& [key, film] : episode.films) tree.Put(VideoPath(info, row, key), film);
  tree.Append("meta/episodes.jsonl",
              FormatJsonLine({{"episode_index", row.index}, {"tasks", row.tasks}, {"length", row.length}}));
  StatsMap stats = row.stats;
  for (auto& [name, feature] : stats) {
    for (auto& list : feature.quantiles) list.clear();  // v2.1 has none
  }
  tree.Append("meta/episodes_stats.jsonl",
              FormatJsonLine({{"episode_index", row.index}, {"stats", StatsFileJson(info, stats)}}));
}

void DatasetWriter::State::AddV30(const PreparedEpisode::State& episode, EpisodeMeta row,
                                  const std::vector<Array>& columns) {
  const bool fresh = group_episodes == 0 || group_episodes >= kGroupEpisodes || group_data.size() >= kGroupBytes;
  std::vector<uint8_t> bytes;
  {
    ParquetWriter writer(ParquetSchema::FromFields(fields), {{"huggingface", metadata}});
    if (!fresh) {
      const ParquetReader last(group_data, "the last data file");
      for (size_t g = 0; g < last.row_groups().size(); ++g) writer.CopyRowGroup(last, g);
    }
    writer.WriteRowGroup(columns);
    bytes = writer.Finish();
  }
  const int64_t data_number = fresh ? next_data : next_data - 1;
  const int64_t meta_number = fresh ? next_meta : next_meta - 1;
  row.data = Place(data_number);
  tree.Put(DataPath(info, row.data), bytes);
  for (const auto& [key, film] : episode.films) {
    VideoPlace& video = row.videos[key];
    const auto number = next_film.find(key);
    video.place = Place(number == next_film.end() ? 0 : number->second);
    video.to_s = static_cast<double>(row.length) / info.fps;
    tree.Put(VideoPath(info, video.place, key), film);
  }
  if (fresh) group_rows.clear();
  group_rows.push_back(std::move(row));
  try {
    ParquetWriter writer(ParquetSchema::FromFields(EpisodeFields(info)), {});
    writer.WriteRowGroup(EpisodeColumns(info, group_rows, Place(meta_number)));
    tree.Put(EpisodesPath(Place(meta_number)), writer.Finish());
    tree.Commit();
  } catch (...) {
    group_rows.pop_back();
    if (fresh) group_episodes = 0;  // what was cleared is on disk: the next episode begins a file
    throw;
  }
  group_data = std::move(bytes);
  group_episodes = fresh ? 1 : group_episodes + 1;
  next_data = data_number + 1;
  next_meta = meta_number + 1;
  for (const auto& [key, film] : episode.films) ++next_film[key];
}

WriteSummary DatasetWriter::Finish(const ProgressSink& progress) {
  State& s = *state_;
  if (s.info.total_episodes == 0) throw Bad("dataset", "has no episode");
  const fs::path folder = s.tree.folder();
  if (s.info.format == DatasetFormat::kV30 && !s.finished) PackDataset(s.tree, s.options, progress);
  s.tree.Finish();
  s.finished = true;
  WriteSummary summary{s.info.total_episodes, s.info.total_frames, s.info.total_tasks, 0};
  for (const char* part : {"data", "videos", "meta"}) {
    if (!fs::exists(folder / part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder / part)) {
      if (entry.is_regular_file()) summary.bytes += entry.file_size();
    }
  }
  return summary;
}

void SetPictureHistograms(DatasetWriter& writer, PictureHistograms pictures) {
  DatasetWriter::State& s = *writer.state_;
  s.pictures = std::move(pictures);
  s.pictures_complete = true;
  s.tree.Begin();
  s.tree.Put("meta/takt_pictures.json", FormatPictureHistograms(s.pictures, s.info.total_episodes));
  s.tree.Commit();
}

}  // namespace takt::dataset
