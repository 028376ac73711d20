// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/colmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"

namespace takt::capture {
namespace {

namespace fs = std::filesystem;

Error BadInput(const std::string& subject, std::string message, std::string hint = {}) {
  return Error(ErrorCode::kBadInput, subject, std::move(message), std::move(hint));
}

// Shared by both encodings: what the values mean.

Lens MakeLens(LensModel model, uint64_t width_px, uint64_t height_px, const std::array<double, 12>& params,
              const std::string& subject) {
  constexpr uint64_t kMaxSide_px = uint64_t{1} << 28;
  Lens lens;
  lens.model = model;
  // Past the limit the exact size no longer matters: CheckLens refuses it either way.
  lens.width_px = static_cast<int>(std::min(width_px, kMaxSide_px + 1));
  lens.height_px = static_cast<int>(std::min(height_px, kMaxSide_px + 1));
  lens.params = params;
  CheckLens(lens, subject);
  return lens;
}

Error UnknownModel(const std::string& subject, std::string_view model) {
  return BadInput(subject, fmt::format("unknown camera model {}", model),
                  "the models from SIMPLE_PINHOLE to THIN_PRISM_FISHEYE (ids 0-10) are read here; "
                  "colmap image_undistorter turns others into PINHOLE");
}

// pose: qw qx qy qz tx ty tz.
RigidTransform MakePose(const std::array<double, 7>& pose, const std::string& subject) {
  double norm = 0;
  for (int i = 0; i < 4; ++i) norm += pose[i] * pose[i];
  norm = std::sqrt(norm);
  if (std::isfinite(norm) && !(std::abs(norm - 1) <= 0.02)) {
    throw BadInput(subject, fmt::format("the pose is not rigid: its quaternion has length {:.4g}", norm));
  }
  const double w = pose[0] / norm, x = pose[1] / norm, y = pose[2] / norm, z = pose[3] / norm;
  return NearestRigid({1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),  //
                       2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),  //
                       2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)},
                      {pose[4], pose[5], pose[6]}, subject);
}

template <class Map, class Value>
void InsertOnce(Map& map, uint32_t id, Value value, const std::string& subject) {
  if (!map.emplace(id, std::move(value)).second) throw BadInput(subject, "the id occurs twice");
}

void AppendPoint(std::vector<ColmapPoint>& points, const ColmapPoint& point, size_t& left_out) {
  const auto& p = point.point.p_in_world;
  const bool finite = std::isfinite(p[0]) && std::isfinite(p[1]) && std::isfinite(p[2]);
  left_out += !finite;
  if (finite) points.push_back(point);
}

// Old versions of COLMAP write points in the order of a hash table.
void SortById(std::vector<ColmapPoint>& points) {
  std::stable_sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

// Binary.

uint64_t ReadCount(ByteReader& reader, uint64_t min_entry_bytes, std::string_view what) {
  const uint64_t count = reader.Read<uint64_t>();
  if (count > reader.remaining() / min_entry_bytes) {
    throw BadInput(reader.subject(),
                   fmt::format("says {} {}, but only {} bytes follow", count, what, reader.remaining()),
                   "the file is damaged or truncated");
  }
  return count;
}

void ExpectEnd(const ByteReader& reader) {
  if (reader.remaining() > 0) {
    throw BadInput(reader.subject(), fmt::format("{} bytes follow its last entry", reader.remaining()),
                   "the file is damaged");
  }
}

// Text.

class TextLines {
 public:
  explicit TextLines(std::string_view text) : text_(text) {}
  // The next line without its end; false at the end of the text.
  bool Next(std::string_view& line) {
    if (at_ >= text_.size()) return false;
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    line = text_.substr(at_, end - at_);
    if (line.ends_with('\r')) line.remove_suffix(1);
    at_ = end + 1;
    ++number_;
    return true;
  }
  // The next line that is neither blank nor a comment.
  bool NextEntry(std::string_view& line) {
    while (Next(line)) {
      const size_t first = line.find_first_not_of(" \t");
      if (first != std::string_view::npos && line[first] != '#') return true;
    }
    return false;
  }
  size_t number() const { return number_; }

 private:
  std::string_view text_;
  size_t at_ = 0, number_ = 0;
};

std::string_view NextWord(std::string_view& line) {
  const size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
  const size_t end = std::min(line.find_first_of(" \t", begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

template <class T>
T NextNumber(std::string_view& line, const std::string& subject) {
  const std::string_view word = NextWord(line);
  T value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty()) throw BadInput(subject, "ends too early");
  if (error != std::errc() || end != word.data() + word.size()) {
    throw BadInput(subject, fmt::format("\"{}\" is not a number that fits here", word.substr(0, 40)));
  }
  return value;
}

std::string_view Trimmed(std::string_view s) {
  const size_t begin = std::min(s.find_first_not_of(" \t"), s.size());
  s.remove_prefix(begin);
  s.remove_suffix(s.size() - (s.find_last_not_of(" \t") + 1));
  return s;
}

bool IsFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// The .bin of a model file, or its .txt; nothing where there is neither.
std::optional<fs::path> ModelFile(const fs::path& folder, const char* stem) {
  for (const char* suffix : {".bin", ".txt"}) {
    fs::path path = folder / stem;
    path += suffix;
    if (IsFile(path)) return path;
  }
  return std::nullopt;
}

// parse_bin(bytes) or parse_text(text) of the file, by its suffix.
template <class ParseBin, class ParseText>
auto ParseFile(const fs::path& path, const ParseBin& parse_bin, const ParseText& parse_text) {
  return path.extension() == ".bin" ? parse_bin(ReadFile(path)) : parse_text(ReadTextFile(path));
}

fs::path FindPicture(const fs::path& folder, const std::string& name, const fs::path& images_file) {
  for (const fs::path& candidate : {folder / "images" / name, folder / name}) {
    if (IsFile(candidate)) return candidate;
  }
  throw Error(ErrorCode::kNotFound, (folder / "images" / name).string(),
              fmt::format("{} lists this picture but it is not there", images_file.filename().string()),
              "pictures belong into the folder images beside the model");
}

fs::path FindMask(const fs::path& folder, const std::string& name) {
  const fs::path masks = folder / "masks";
  for (const fs::path& candidate : {masks / (name + ".png"), (masks / name).replace_extension(".png")}) {
    if (IsFile(candidate)) return candidate;
  }
  return {};
}

}  // namespace

ColmapCameras ParseColmapCamerasBin(std::span<const uint8_t> bytes, const std::string& subject) {
  ByteReader reader(bytes, subject);
  ColmapCameras cameras;
  const uint64_t count = ReadCount(reader, 24 + 3 * 8, "cameras");
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t id = reader.Read<uint32_t>();
    const int32_t model_id = reader.Read<int32_t>();
    const std::string camera_subject = fmt::format("{}: camera {}", subject, id);
    const auto model = LensModelFromId(model_id);
    if (!model) throw UnknownModel(camera_subject, fmt::format("id {}", model_id));
    const uint64_t width_px = reader.Read<uint64_t>();
    const uint64_t height_px = reader.Read<uint64_t>();
    std::array<double, 12> params{};
    for (int k = 0; k < LensParamCount(*model); ++k) params[k] = reader.Read<double>();
    InsertOnce(cameras, id, MakeLens(*model, width_px, height_px, params, camera_subject), camera_subject);
  }
  ExpectEnd(reader);
  return cameras;
}

ColmapCameras ParseColmapCamerasText(std::string_view text, const std::string& subject) {
  TextLines lines(text);
  ColmapCameras cameras;
  for (std::string_view line; lines.NextEntry(line);) {
    const std::string line_subject = fmt::format("{}:{}", subject, lines.number());
    const uint32_t id = NextNumber<uint32_t>(line, line_subject);
    const std::string camera_subject = fmt::format("{}: camera {}", line_subject, id);
    const std::string_view model_name = NextWord(line);
    const auto model = LensModelFromName(model_name);
    if (!model) throw UnknownModel(camera_subject, model_name.substr(0, 40));
    const uint64_t width_px = NextNumber<uint64_t>(line, camera_subject);
    const uint64_t height_px = NextNumber<uint64_t>(line, camera_subject);
    std::array<double, 12> params{};
    for (int k = 0; k < LensParamCount(*model); ++k) params[k] = NextNumber<double>(line, camera_subject);
    if (!Trimmed(line).empty()) {
      throw BadInput(camera_subject,
                     fmt::format("has more than the {} parameters of {}", LensParamCount(*model), model_name));
    }
    InsertOnce(cameras, id, MakeLens(*model, width_px, height_px, params, camera_subject), camera_subject);
  }
  return cameras;
}

ColmapImages ParseColmapImagesBin(std::span<const uint8_t> bytes, const std::string& subject) {
  constexpr uint64_t kMinImageBytes = 4 + 7 * 8 + 4 + 1 + 8;
  constexpr uint64_t kObservationBytes = 24;  // x, y, point id
  ByteReader reader(bytes, subject);
  ColmapImages images;
  const uint64_t count = ReadCount(reader, kMinImageBytes, "images");
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t id = reader.Read<uint32_t>();
    std::array<double, 7> pose;
    for (double& value : pose) value = reader.Read<double>();
    ColmapImage image;
    image.camera_id = reader.Read<uint32_t>();
    const auto rest = bytes.subspan(reader.position());
    const auto end = std::find(rest.begin(), rest.end(), uint8_t{0});
    if (end == rest.end()) throw BadInput(subject, "ends within a name", "the file is truncated");
    image.name.assign(rest.begin(), end);
    reader.Take(image.name.size() + 1);
    const std::string image_subject = fmt::format("{}: image {} ({})", subject, id, image.name);
    CheckName(image.name, fmt::format("{}: image {}", subject, id));
    image.cam_from_world = MakePose(pose, image_subject);
    reader.Take(ReadCount(reader, kObservationBytes, fmt::format("observations of image {}", id)) * kObservationBytes);
    InsertOnce(images, id, std::move(image), image_subject);
  }
  ExpectEnd(reader);
  return images;
}

ColmapImages ParseColmapImagesText(std::string_view text, const std::string& subject) {
  TextLines lines(text);
  ColmapImages images;
  for (std::string_view line; lines.NextEntry(line);) {
    const std::string line_subject = fmt::format("{}:{}", subject, lines.number());
    const uint32_t id = NextNumber<uint32_t>(line, line_subject);
    std::array<double, 7> pose;
    for (double& value : pose) value = NextNumber<double>(line, line_subject);
    ColmapImage image;
    image.camera_id = NextNumber<uint32_t>(line, line_subject);
    image.name = Trimmed(line);
    CheckName(image.name, line_subject);
    const std::string image_subject = fmt::format("{}: image {} ({})", line_subject, id, image.name);
    image.cam_from_world = MakePose(pose, image_subject);
    InsertOnce(images, id, std::move(image), image_subject);
    // Observations follow as X Y POINT3D_ID triples on a line of their own, which may be empty but not absent.
    std::string_view observations;
    if (!lines.Next(observations)) break;
    size_t words = 0;
    while (!NextWord(observations).empty()) ++words;
    if (words % 3 != 0) {
      throw BadInput(
          fmt::format("{}:{}", subject, lines.number()),
          fmt::format("holds {} values where the observations of image {} belong: X Y POINT3D_ID triples", words, id),
          "each image has two lines; the second may be empty");
    }
  }
  return images;
}

std::vector<ColmapPoint> ParseColmapPointsBin(std::span<const uint8_t> bytes, const std::string& subject,
                                              size_t& left_out) {
  constexpr uint64_t kMinPointBytes = 8 + 3 * 8 + 3 + 8 + 8;
  constexpr uint64_t kTrackElementBytes = 8;  // image id, index of the observation
  ByteReader reader(bytes, subject);
  left_out = 0;
  std::vector<ColmapPoint> points;
  const uint64_t count = ReadCount(reader, kMinPointBytes, "points");
  points.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    ColmapPoint point;
    point.id = reader.Read<uint64_t>();
    for (double& value : point.point.p_in_world) value = reader.Read<double>();
    for (uint8_t& value : point.point.rgb) value = reader.Read<uint8_t>();
    reader.Read<double>();  // reprojection error
    reader.Take(ReadCount(reader, kTrackElementBytes, "track elements") * kTrackElementBytes);
    AppendPoint(points, point, left_out);
  }
  ExpectEnd(reader);
  SortById(points);
  return points;
}

std::vector<ColmapPoint> ParseColmapPointsText(std::string_view text, const std::string& subject, size_t& left_out) {
  TextLines lines(text);
  left_out = 0;
  std::vector<ColmapPoint> points;
  for (std::string_view line; lines.NextEntry(line);) {
    const std::string line_subject = fmt::format("{}:{}", subject, lines.number());
    ColmapPoint point;
    point.id = NextNumber<uint64_t>(line, line_subject);
    for (double& value : point.point.p_in_world) value = NextNumber<double>(line, line_subject);
    for (uint8_t& value : point.point.rgb) value = NextNumber<uint8_t>(line, line_subject);
    AppendPoint(points, point, left_out);
  }
  SortById(points);
  return points;
}

std::optional<fs::path> FindColmapModel(const fs::path& folder) {
  for (const fs::path& candidate : {folder, folder / "sparse" / "0", folder / "sparse"}) {
    if (ModelFile(candidate, "cameras") && ModelFile(candidate, "images")) return candidate;
  }
  return std::nullopt;
}

DraftCapture LoadColmap(const fs::path& folder, const fs::path& model_folder) {
  DraftCapture draft;
  draft.source = "colmap";
  const auto cameras_file = ModelFile(model_folder, "cameras");
  const auto images_file = ModelFile(model_folder, "images");
  if (!cameras_file || !images_file) {
    throw Error(ErrorCode::kNotFound, model_folder.string(), "holds no COLMAP model", "it needs cameras and images");
  }
  const ColmapCameras cameras = ParseFile(
      *cameras_file, [&](const auto& bytes) { return ParseColmapCamerasBin(bytes, cameras_file->string()); },
      [&](const auto& text) { return ParseColmapCamerasText(text, cameras_file->string()); });
  ColmapImages images = ParseFile(
      *images_file, [&](const auto& bytes) { return ParseColmapImagesBin(bytes, images_file->string()); },
      [&](const auto& text) { return ParseColmapImagesText(text, images_file->string()); });
  for (auto& [id, image] : images) {
    const auto camera = cameras.find(image.camera_id);
    if (camera == cameras.end()) {
      throw BadInput(fmt::format("{}: image {} ({})", images_file->string(), id, image.name),
                     fmt::format("its camera {} is not in {}", image.camera_id, cameras_file->filename().string()));
    }
    DraftView view;
    view.image_path = FindPicture(folder, image.name, *images_file);
    view.mask_path = FindMask(folder, image.name);
    view.lens = SimplifyLens(camera->second);
    const ImageInfo info = ReadImageInfo(view.image_path);
    if (info.width_px != view.lens.width_px || info.height_px != view.lens.height_px) {
      throw BadInput(view.image_path.string(),
                     fmt::format("the picture is {} x {} pixels, its camera {} says {} x {}", info.width_px,
                                 info.height_px, image.camera_id, view.lens.width_px, view.lens.height_px),
                     "use the pictures that the model was made from; making them smaller is done on load");
    }
    view.has_alpha = info.channels % 2 == 0;
    view.cam_from_world = image.cam_from_world;
    view.name = std::move(image.name);
    draft.views.push_back(std::move(view));
  }

  const auto points_file = ModelFile(model_folder, "points3D");
  if (!points_file) {
    draft.warnings.push_back(
        fmt::format("{}: no points3D.bin or points3D.txt; going on without points", model_folder.string()));
    return draft;
  }
  size_t left_out = 0;
  const auto points = ParseFile(
      *points_file, [&](const auto& bytes) { return ParseColmapPointsBin(bytes, points_file->string(), left_out); },
      [&](const auto& text) { return ParseColmapPointsText(text, points_file->string(), left_out); });
  draft.points.reserve(points.size());
  for (const auto& point : points) draft.points.push_back(point.point);
  if (left_out > 0) {
    draft.warnings.push_back(
        fmt::format("{}: {} points are not finite and were left out", points_file->string(), left_out));
  }
  return draft;
}

}  // namespace takt::capture
