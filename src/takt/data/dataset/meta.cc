// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/meta.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

using Json = nlohmann::ordered_json;

Error Bad(const std::string& subject, const std::string& message, const std::string& hint = {}) {
  return Error(ErrorCode::kBadInput, subject, message, hint);
}

int64_t GetCount(const Json& json, const char* key, const std::string& subject, std::optional<int64_t> otherwise = {}) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    if (otherwise) return *otherwise;
    throw Bad(subject, fmt::format("has no '{}'", key));
  }
  if (!found->is_number()) throw Bad(subject, fmt::format("has a '{}' that is no number", key));
  const double value = found->get<double>();
  if (!(value >= 0) || value > 1e15 || value != std::floor(value)) {
    throw Bad(subject, fmt::format("has a '{}' of {}, which is no count", key, value));
  }
  return static_cast<int64_t>(value);
}

std::string GetText(const Json& json, const char* key, const std::string& subject, bool required) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    if (required) throw Bad(subject, fmt::format("has no '{}'", key));
    return {};
  }
  if (!found->is_string()) throw Bad(subject, fmt::format("has a '{}' that is no text", key));
  return found->get<std::string>();
}

Feature ParseFeature(const std::string& name, const Json& json, const std::string& subject) {
  if (!json.is_object()) throw Bad(subject, fmt::format("has a feature '{}' that is no object", name));
  Feature feature;
  feature.name = name;
  feature.dtype = GetText(json, "dtype", fmt::format("{}: feature '{}'", subject, name), true);
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array()) {
    throw Bad(subject, fmt::format("has a feature '{}' without a shape", name));
  }
  for (const Json& side : *shape) {
    if (!side.is_number_integer()) throw Bad(subject, fmt::format("has a feature '{}' with a bad shape", name));
    feature.shape.push_back(side.get<int64_t>());
  }
  for (const auto& [key, value] : json.items()) {
    if (key == "dtype" || key == "shape") continue;
    if (key == "names") {
      feature.names = value;
    } else if (key == "info" || key == "video_info") {
      feature.info = value;
    } else {
      feature.other[key] = value;
    }
  }
  // Some sets call pictures [channels, height, width].
  if (feature.IsPicture() && feature.shape.size() == 3 && feature.shape[2] != 3 && feature.shape[0] == 3) {
    feature.shape = {feature.shape[1], feature.shape[2], 3};
    feature.names = {"height", "width", "channels"};
  }
  try {
    CheckFeature(feature);
  } catch (const Error& error) {
    throw Bad(subject, fmt::format("has a {} that {}", error.subject(), error.message()), error.hint());
  }
  return feature;
}

Json FormatFeature(const Feature& feature) {
  Json json;
  json["dtype"] = feature.dtype;
  json["shape"] = feature.shape;
  json["names"] = feature.names;
  if (!feature.info.is_null()) json["info"] = feature.info;
  if (feature.other.is_object()) {
    for (const auto& [key, value] : feature.other.items()) json[key] = value;
  }
  return json;
}

}  // namespace

const Feature* DatasetInfo::Find(std::string_view name) const {
  for (const Feature& feature : features) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

DatasetInfo MakeInfo(DatasetFormat format, int fps, const std::string& robot_type,
                     const std::vector<Feature>& features) {
  DatasetInfo info;
  info.format = format;
  info.fps = fps;
  info.robot_type = robot_type;
  bool videos = false;
  for (const Feature& feature : features) {
    if (IsDefaultFeature(feature.name)) continue;
    info.features.push_back(feature);
    videos = videos || feature.IsVideo();
  }
  for (const Feature& feature : DefaultFeatures()) info.features.push_back(feature);
  if (format == DatasetFormat::kV30) {
    info.data_path = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
    if (videos) info.video_path = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4";
  } else {
    info.data_path = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet";
    if (videos) info.video_path = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4";
  }
  return info;
}

DatasetInfo ParseInfo(const std::string& text, const std::string& subject) {
  const Json json = ParseJson(text, subject);
  if (!json.is_object()) throw Bad(subject, "is no JSON object");
  DatasetInfo info;
  const std::string version = GetText(json, "codebase_version", subject, true);
  if (version == "v2.1" || version == "v2.0") {
    info.format = DatasetFormat::kV21;
  } else if (version == "v3.0") {
    info.format = DatasetFormat::kV30;
  } else {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("is of the version '{}'", version),
                "v2.0, v2.1 and v3.0 can be read");
  }
  info.robot_type = GetText(json, "robot_type", subject, false);
  const int64_t fps = GetCount(json, "fps", subject);
  if (fps < 1 || fps > 100000) throw Bad(subject, fmt::format("has an fps of {}", fps));
  info.fps = static_cast<int>(fps);
  info.total_episodes = GetCount(json, "total_episodes", subject);
  info.total_frames = GetCount(json, "total_frames", subject);
  info.total_tasks = GetCount(json, "total_tasks", subject, 0);
  info.chunks_size = GetCount(json, "chunks_size", subject, 1000);
  if (info.chunks_size < 1) throw Bad(subject, "has a chunks_size of 0");
  info.data_files_size_in_mb = GetCount(json, "data_files_size_in_mb", subject, 100);
  info.video_files_size_in_mb = GetCount(json, "video_files_size_in_mb", subject, 200);
  info.data_path = GetText(json, "data_path", subject, true);
  info.video_path = GetText(json, "video_path", subject, false);
  const auto features = json.find("features");
  if (features == json.end() || !features->is_object()) throw Bad(subject, "has no 'features'");
  if (features->size() > 10000) throw Bad(subject, "has more than 10,000 features");
  for (const auto& [name, value] : features->items()) info.features.push_back(ParseFeature(name, value, subject));
  for (const auto& [key, value] : json.items()) {
    static const std::set<std::string> known = {
        "codebase_version", "robot_type", "fps", "total_episodes", "total_frames", "total_tasks", "total_videos",
        "total_chunks", "chunks_size", "data_files_size_in_mb", "video_files_size_in_mb", "data_path", "video_path",
        "features", "splits"};
    if (key == "splits") info.splits = value;
    if (known.find(key) == known.end()) info.other[key] = value;
  }
  return info;
}

std::string FormatInfo(const DatasetInfo& info) {
  int64_t videos = 0;
  for (const Feature& feature : info.features) videos += feature.IsVideo() ? 1 : 0;
  Json json;
  json["codebase_version"] = DatasetFormatName(info.format);
  json["robot_type"] = info.robot_type.empty() ? Json() : Json(info.robot_type);
  json["total_episodes"] = info.total_episodes;
  json["total_frames"] = info.total_frames;
  json["total_tasks"] = info.total_tasks;
  if (info.format == DatasetFormat::kV21) {
    json["total_videos"] = videos * info.total_episodes;
    json["total_chunks"] = (info.total_episodes + info.chunks_size - 1) / info.chunks_size;
  }
  json["chunks_size"] = info.chunks_size;
  if (info.format == DatasetFormat::kV30) {
    json["data_files_size_in_mb"] = info.data_files_size_in_mb;
    json["video_files_size_in_mb"] = info.video_files_size_in_mb;
  }
  json["fps"] = info.fps;
  json["splits"] = info.splits.is_null() ? Json{{"train", fmt::format("0:{}", info.total_episodes)}} : info.splits;
  json["data_path"] = info.data_path;
  json["video_path"] = info.video_path.empty() ? Json() : Json(info.video_path);
  Json features = Json::object();
  for (const Feature& feature : info.features) features[feature.name] = FormatFeature(feature);
  json["features"] = std::move(features);
  if (info.other.is_object()) {
    for (const auto& [key, value] : info.other.items()) json[key] = value;
  }
  return FormatJson(json);
}

nlohmann::ordered_json ParseJson(std::string_view text, const std::string& subject) {
  // Python's json writes NaN, Infinity and -Infinity bare.
  std::string strict;
  const bool python = text.find("NaN") != std::string_view::npos || text.find("Infinity") != std::string_view::npos;
  if (python) {
    bool quoted = false;
    for (size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quoted && c == '\\' && i + 1 < text.size()) {
        strict += c;
        strict += text[++i];
        continue;
      }
      if (c == '"') quoted = !quoted;
      bool replaced = false;
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"}) {
        if (!quoted && text.substr(i, word.size()) == word) {
          strict += "null";
          i += word.size() - 1;
          replaced = true;
          break;
        }
      }
      if (!replaced) strict += c;
    }
    text = strict;
  }
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    throw Bad(subject, fmt::format("is no valid JSON: {}", error.what()));
  }
}

std::string FormatJson(const nlohmann::ordered_json& json) {
  return json.dump(4, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string FormatJsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::filesystem::path ExpandPattern(const std::string& pattern, const std::map<std::string, int64_t>& numbers,
                                    const std::string& video_key) {
  const auto fail = [&](const std::string& message) { return Bad(fmt::format("path '{}'", pattern), message); };
  std::string path;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '{') {
      if (pattern[i] == '}') throw fail("has a '}' without a '{'");
      path += pattern[i];
      continue;
    }
    const size_t end = pattern.find('}', i);
    if (end == std::string::npos) throw fail("has a '{' without a '}'");
    std::string name = pattern.substr(i + 1, end - i - 1), form;
    if (const size_t colon = name.find(':'); colon != std::string::npos) {
      form = name.substr(colon + 1);
      name.resize(colon);
    }
    i = end;
    if (name == "video_key") {
      if (!form.empty()) throw fail(fmt::format("asks for the form '{}' of a name", form));
      path += video_key;
      continue;
    }
    const auto found = numbers.find(name);
    if (found == numbers.end()) throw fail(fmt::format("asks for '{}', which is not known", name));
    if (found->second < 0 || found->second > 1000000000) throw fail(fmt::format("has a {} of {}", name, found->second));
    int width = 0;
    if (!form.empty()) {
      if (form.size() > 3 || form.front() != '0' || form.back() != 'd') {
        throw fail(fmt::format("has a number in the form '{}'", form));
      }
      for (const char c : form.substr(1, form.size() - 2)) {
        if (c < '0' || c > '9') throw fail(fmt::format("has a number in the form '{}'", form));
        width = 10 * width + (c - '0');
      }
    }
    path += fmt::format("{:0{}d}", found->second, width);
  }
  const std::filesystem::path result(path);
  if (path.empty() || path.find('\0') != std::string::npos || result.is_absolute()) throw fail("is no path in the set");
  for (const auto& part : result) {
    if (part == "..") throw fail("leads out of the set");
  }
  return result;
}

std::filesystem::path DataPath(const DatasetInfo& info, FilePlace place) {
  return ExpandPattern(info.data_path, {{"chunk_index", place.chunk}, {"file_index", place.file}}, {});
}

std::filesystem::path VideoPath(const DatasetInfo& info, FilePlace place, const std::string& key) {
  return ExpandPattern(info.video_path, {{"chunk_index", place.chunk}, {"file_index", place.file}}, key);
}

std::filesystem::path DataPath(const DatasetInfo& info, const EpisodeMeta& episode) {
  if (info.format == DatasetFormat::kV30) return DataPath(info, episode.data);
  return ExpandPattern(info.data_path,
                       {{"episode_chunk", episode.index / info.chunks_size}, {"episode_index", episode.index}}, {});
}

std::filesystem::path VideoPath(const DatasetInfo& info, const EpisodeMeta& episode, const std::string& key) {
  if (info.format == DatasetFormat::kV30) {
    const auto found = episode.videos.find(key);
    if (found == episode.videos.end()) {
      throw Bad(fmt::format("episode {}", episode.index), fmt::format("has no film of '{}'", key));
    }
    return VideoPath(info, found->second.place, key);
  }
  return ExpandPattern(info.video_path,
                       {{"episode_chunk", episode.index / info.chunks_size}, {"episode_index", episode.index}}, key);
}

std::filesystem::path EpisodesPath(FilePlace place) {
  return fmt::format("meta/episodes/chunk-{:03d}/file-{:03d}.parquet", place.chunk, place.file);
}

std::vector<Field> DataFields(const DatasetInfo& info) {
  std::vector<Field> fields;
  for (const Feature& feature : info.features) {
    if (!feature.IsVideo()) fields.push_back(ParquetFieldOf(feature));
  }
  return fields;
}

std::string HuggingFaceMetadata(const DatasetInfo& info) {
  const char* list = info.format == DatasetFormat::kV30 ? "List" : "Sequence";
  Json features = Json::object();
  for (const Feature& feature : info.features) {
    if (feature.IsVideo()) continue;
    const Json value = {{"dtype", feature.dtype}, {"_type", "Value"}};
    if (feature.IsImage()) {
      features[feature.name] = {{"_type", "Image"}};
    } else if (feature.shape.size() == 1 && feature.shape[0] == 1) {
      features[feature.name] = value;
    } else if (feature.shape.size() == 1) {
      features[feature.name] = {{"feature", value}, {"length", feature.shape[0]}, {"_type", list}};
    } else if (feature.shape.size() <= 5) {
      features[feature.name] = {{"shape", feature.shape},
                                {"dtype", feature.dtype},
                                {"_type", fmt::format("Array{}D", feature.shape.size())}};
    }
  }
  return Json{{"info", {{"features", features}}}}.dump();
}

nlohmann::ordered_json StatsFileJson(const DatasetInfo& info, const StatsMap& stats) {
  Json json = Json::object();
  for (const Feature& feature : info.features) {
    const auto found = stats.find(feature.name);
    if (found != stats.end()) json[feature.name] = StatsToJson(found->second);
  }
  return json;
}

}  // namespace takt::dataset
