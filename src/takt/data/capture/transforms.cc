// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/transforms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image.h"
#include "takt/data/capture/points_ply.h"

namespace takt::capture {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 28;

// Python writes NaN, Infinity and -Infinity, which JSON does not know. As null they stay where they were, and whoever
// reads a number there can name the frame.
std::string WithoutPythonNumbers(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (!in_string) {
      bool replaced = false;
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"}) {
        if (text.substr(i, word.size()) == word) {
          out += "null";
          i += word.size() - 1;
          replaced = true;
          break;
        }
      }
      if (replaced) continue;
    }
    out += c;
  }
  return out;
}

Error BadInput(const std::string& subject, std::string message, std::string hint = {}) {
  return Error(ErrorCode::kBadInput, subject, std::move(message), std::move(hint));
}

double NumberOf(const Json& value, std::string_view key, const std::string& subject) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) throw BadInput(subject, fmt::format("\"{}\" is not a number", key));
  return value.get<double>();
}

std::optional<double> OptionalNumber(const Json& object, const char* key, const std::string& subject) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  const double value = NumberOf(*found, key, subject);
  if (!std::isfinite(value)) throw BadInput(subject, fmt::format("\"{}\" is not finite", key));
  return value;
}

std::optional<std::string> OptionalString(const Json& object, const char* key, const std::string& subject) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_string()) throw BadInput(subject, fmt::format("\"{}\" is not a string", key));
  const auto& value = found->get_ref<const std::string&>();
  CheckName(value, subject);
  return value;
}

TransformsIntrinsics ReadIntrinsics(const Json& object, TransformsIntrinsics in, const std::string& subject) {
  const std::pair<const char*, std::optional<double>*> numbers[] = {{"fl_x", &in.fl_x},
                                                                    {"fl_y", &in.fl_y},
                                                                    {"cx", &in.cx},
                                                                    {"cy", &in.cy},
                                                                    {"w", &in.w},
                                                                    {"h", &in.h},
                                                                    {"k1", &in.k1},
                                                                    {"k2", &in.k2},
                                                                    {"k3", &in.k3},
                                                                    {"k4", &in.k4},
                                                                    {"p1", &in.p1},
                                                                    {"p2", &in.p2},
                                                                    {"camera_angle_x", &in.camera_angle_x},
                                                                    {"camera_angle_y", &in.camera_angle_y}};
  for (const auto& [key, slot] : numbers) {
    if (const auto value = OptionalNumber(object, key, subject)) *slot = value;
  }
  if (auto model = OptionalString(object, "camera_model", subject)) in.camera_model = std::move(model);
  if (const auto found = object.find("is_fisheye"); found != object.end()) {
    if (!found->is_boolean()) throw BadInput(subject, "\"is_fisheye\" is not true or false");
    in.is_fisheye = found->get<bool>();
  }
  return in;
}

// Camera-to-world in OpenGL's camera axes (x right, y up, z backward) -> cam_from_world in OpenCV's.
RigidTransform ReadPose(const Json& frame, const std::string& subject) {
  const auto matrix = frame.find("transform_matrix");
  if (matrix == frame.end()) throw BadInput(subject, "has no \"transform_matrix\"");
  if (!matrix->is_array() || (matrix->size() != 3 && matrix->size() != 4)) {
    throw BadInput(subject, "\"transform_matrix\" is not 4 x 4");
  }
  std::array<double, 16> m = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  for (size_t i = 0; i < matrix->size(); ++i) {
    const Json& row = (*matrix)[i];
    if (!row.is_array() || row.size() != 4) throw BadInput(subject, "\"transform_matrix\" is not 4 x 4");
    for (size_t j = 0; j < 4; ++j) m[4 * i + j] = NumberOf(row[j], "transform_matrix", subject);
  }
  const double last_row = std::abs(m[12]) + std::abs(m[13]) + std::abs(m[14]) + std::abs(m[15] - 1);
  if (last_row > 1e-6) throw BadInput(subject, "the last row of \"transform_matrix\" is not 0 0 0 1");
  const RigidTransform world_from_cam =
      NearestRigid({m[0], -m[1], -m[2], m[4], -m[5], -m[6], m[8], -m[9], -m[10]}, {m[3], m[7], m[11]}, subject);
  if (std::isnan(last_row)) throw BadInput(subject, "the pose is not finite");
  return world_from_cam.Inverse();
}

std::string NormalName(const std::string& file_path) { return fs::path(file_path).lexically_normal().string(); }

// nerfstudio's train_filenames, val_filenames and test_filenames.
void ReadSplit(const Json& root, TransformsFile& file, const std::string& subject) {
  std::map<std::string, size_t> frame_of;
  for (size_t i = 0; i < file.frames.size(); ++i) frame_of[NormalName(file.frames[i].file_path)] = i;
  bool any = false, names_train = false;
  for (const char* key : {"train_filenames", "val_filenames", "test_filenames"}) {
    const auto list = root.find(key);
    if (list == root.end()) continue;
    if (!list->is_array()) throw BadInput(subject, fmt::format("\"{}\" is not a list of names", key));
    const bool train = std::string_view(key) == "train_filenames";
    any = true;
    names_train |= train;
    for (const Json& name : *list) {
      if (!name.is_string()) throw BadInput(subject, fmt::format("\"{}\" is not a list of names", key));
      const auto found = frame_of.find(NormalName(name.get_ref<const std::string&>()));
      if (found == frame_of.end()) {
        throw BadInput(subject, fmt::format("\"{}\" names {}, which is no frame", key, name.get<std::string>()));
      }
      Split& split = file.frames[found->second].split;
      // A picture that is trained on can judge nothing: training wins where the lists overlap.
      if (train || split == Split::kUnnamed) split = train ? Split::kTrain : Split::kHeldOut;
    }
  }
  if (!any) return;
  if (!names_train) {
    for (auto& frame : file.frames) frame.split = frame.split == Split::kHeldOut ? Split::kHeldOut : Split::kTrain;
    return;
  }
  const size_t unnamed = std::erase_if(file.frames, [](const auto& frame) { return frame.split == Split::kUnnamed; });
  if (unnamed > 0)
    file.warnings.push_back(fmt::format("{}: {} frames are in no split and were left out", subject, unnamed));
}

double FocalFromAngle(double angle_rad, double size_px, const std::string& subject) {
  if (!(angle_rad > 0 && angle_rad < std::numbers::pi)) {
    throw BadInput(subject, fmt::format("the angle of view is {} rad; it lies between 0 and pi", angle_rad));
  }
  return 0.5 * size_px / std::tan(0.5 * angle_rad);
}

bool IsFisheye(const TransformsIntrinsics& in, const std::string& subject) {
  if (!in.camera_model) return in.is_fisheye.value_or(false);
  const std::string& model = *in.camera_model;
  if (model == "OPENCV_FISHEYE") return true;
  for (const std::string_view name : {"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"}) {
    if (model == name) return false;
  }
  throw BadInput(subject, fmt::format("unknown camera model \"{}\"", model),
                 "OPENCV, OPENCV_FISHEYE, PINHOLE, SIMPLE_PINHOLE, RADIAL and SIMPLE_RADIAL are read here");
}

// What a listed picture that is not there means. instant-ngp's own reader skips frames whose picture was sorted out as
// blurred, and its sample data rely on it; a set that lost most of its pictures is still taken for damaged. Blender's
// test sets are often thinned out.
enum class Missing { kRefuse, kLeaveOutSome, kLeaveOut };

std::optional<fs::path> FindPicture(const fs::path& folder, const std::string& file_path) {
  const fs::path stated = folder / file_path;
  std::error_code ignored;
  if (fs::is_regular_file(stated, ignored)) return stated;
  for (const char* suffix : {".png", ".jpg", ".jpeg"}) {
    fs::path with_suffix = stated;
    with_suffix += suffix;
    if (fs::is_regular_file(with_suffix, ignored)) return with_suffix;
  }
  return std::nullopt;
}

Error MissingPicture(const fs::path& folder, const std::string& file_path, const fs::path& list, size_t missing,
                     size_t listed) {
  return Error(ErrorCode::kNotFound, (folder / file_path).lexically_normal().string(),
               fmt::format("{} lists this picture but it is not there ({} of {} are missing)", list.filename().string(),
                           missing, listed),
               "copy the pictures next to the transforms file, or remove the frame");
}

// Frames whose picture is there; the others are refused or warned about.
std::vector<std::pair<TransformsFrame, fs::path>> FindPictures(TransformsFile file, const fs::path& json_path,
                                                               Missing missing, std::vector<std::string>& warnings) {
  const fs::path folder = json_path.parent_path();
  std::vector<std::pair<TransformsFrame, fs::path>> present;
  std::vector<std::string> absent;
  const size_t listed = file.frames.size();
  for (auto& frame : file.frames) {
    if (auto picture = FindPicture(folder, frame.file_path)) {
      present.emplace_back(std::move(frame), std::move(*picture));
    } else {
      absent.push_back(frame.file_path);
    }
  }
  if (absent.empty()) return present;
  const bool too_many = present.empty() || (missing == Missing::kLeaveOutSome && present.size() < absent.size());
  if (missing == Missing::kRefuse || too_many) {
    throw MissingPicture(folder, absent.front(), json_path, absent.size(), listed);
  }
  warnings.push_back(fmt::format("{}: {} of {} listed pictures are not there and were left out, {} the first",
                                 json_path.string(), absent.size(), listed, absent.front()));
  return present;
}

void AppendViews(const fs::path& json_path, TransformsFile file, Missing missing, DraftCapture& draft) {
  draft.warnings.insert(draft.warnings.end(), file.warnings.begin(), file.warnings.end());
  const fs::path folder = json_path.parent_path();
  for (auto& [frame, picture] : FindPictures(std::move(file), json_path, missing, draft.warnings)) {
    DraftView view;
    view.name = NormalName(frame.file_path);
    view.image_path = picture;
    view.cam_from_world = frame.cam_from_world;
    view.split = frame.split;
    const ImageInfo info = ReadImageInfo(picture);
    view.has_alpha = info.channels % 2 == 0;
    view.lens = LensOf(frame.intrinsics, info.width_px, info.height_px, picture.string());
    if (!frame.mask_path.empty()) view.mask_path = folder / frame.mask_path;
    draft.views.push_back(std::move(view));
  }
}

TransformsFile ReadTransforms(const fs::path& path) {
  return ParseTransforms(ReadTextFile(path, kMaxFileBytes), path.string());
}

}  // namespace

TransformsFile ParseTransforms(std::string_view text, const std::string& subject) {
  Json root;
  try {
    root = Json::parse(WithoutPythonNumbers(text));
  } catch (const Json::exception& e) {
    throw BadInput(subject, fmt::format("is not JSON: {}", e.what()));
  }
  const auto frames = root.is_object() ? root.find("frames") : root.end();
  if (frames == root.end() || !frames->is_array()) {
    throw BadInput(subject, "has no list \"frames\"",
                   "a transforms file of instant-ngp, nerfstudio or Blender has one");
  }
  TransformsFile file;
  file.is_ngp = root.contains("aabb_scale");
  const TransformsIntrinsics head = ReadIntrinsics(root, {}, subject);
  file.ply_file_path = OptionalString(root, "ply_file_path", subject).value_or("");
  file.frames.reserve(frames->size());
  for (size_t i = 0; i < frames->size(); ++i) {
    const Json& object = (*frames)[i];
    std::string frame_subject = fmt::format("{}: frame {}", subject, i);
    if (!object.is_object()) throw BadInput(frame_subject, "is not an object");
    TransformsFrame frame;
    const auto file_path = OptionalString(object, "file_path", frame_subject);
    if (!file_path) throw BadInput(frame_subject, "has no \"file_path\"");
    frame.file_path = *file_path;
    frame_subject += fmt::format(" ({})", frame.file_path);
    frame.mask_path = OptionalString(object, "mask_path", frame_subject).value_or("");
    frame.intrinsics = ReadIntrinsics(object, head, frame_subject);
    frame.cam_from_world = ReadPose(object, frame_subject);
    file.is_ngp |= object.contains("sharpness");
    file.frames.push_back(std::move(frame));
  }
  ReadSplit(root, file, subject);
  return file;
}

Lens LensOf(const TransformsIntrinsics& in, int width_px, int height_px, const std::string& subject) {
  if (in.w.value_or(width_px) != width_px || in.h.value_or(height_px) != height_px) {
    throw BadInput(subject,
                   fmt::format("the picture is {} x {} pixels, its camera says {} x {}", width_px, height_px,
                               in.w.value_or(width_px), in.h.value_or(height_px)),
                   "use the pictures that the capture was posed with; making them smaller is done on load");
  }
  std::optional<double> fx = in.fl_x, fy = in.fl_y;
  if (!fx && in.camera_angle_x) fx = FocalFromAngle(*in.camera_angle_x, width_px, subject);
  if (!fy && !in.fl_x && in.camera_angle_y) fy = FocalFromAngle(*in.camera_angle_y, height_px, subject);
  if (!fx && !fy) {
    throw BadInput(subject, "its transforms file states no focal length", "add fl_x and fl_y, or camera_angle_x");
  }
  if (!fx) fx = fy;
  if (!fy) fy = fx;
  const double cx = in.cx.value_or(0.5 * width_px), cy = in.cy.value_or(0.5 * height_px);
  const double k1 = in.k1.value_or(0), k2 = in.k2.value_or(0), k3 = in.k3.value_or(0), k4 = in.k4.value_or(0);
  const double p1 = in.p1.value_or(0), p2 = in.p2.value_or(0);

  Lens lens;
  lens.width_px = width_px;
  lens.height_px = height_px;
  if (IsFisheye(in, subject)) {
    lens.model = LensModel::kOpenCvFisheye;
    lens.params = {*fx, *fy, cx, cy, k1, k2, k3, k4};
  } else if (k4 != 0) {
    throw BadInput(subject, "\"k4\" needs \"camera_model\": \"OPENCV_FISHEYE\"");
  } else if (k3 != 0) {
    lens.model = LensModel::kFullOpenCv;
    lens.params = {*fx, *fy, cx, cy, k1, k2, p1, p2, k3};
  } else {
    lens.model = LensModel::kOpenCv;
    lens.params = {*fx, *fy, cx, cy, k1, k2, p1, p2};
  }
  CheckLens(lens, subject);
  return SimplifyLens(lens);
}

DraftCapture LoadTransforms(const fs::path& path) {
  DraftCapture draft;
  draft.source = "transforms";
  TransformsFile file = ReadTransforms(path);
  const std::string ply_file_path = file.ply_file_path;
  const Missing missing = file.is_ngp ? Missing::kLeaveOutSome : Missing::kRefuse;
  AppendViews(path, std::move(file), missing, draft);
  if (!ply_file_path.empty()) draft.points = ReadPlyPoints(path.parent_path() / ply_file_path, draft.warnings);
  return draft;
}

DraftCapture LoadBlender(const fs::path& folder) {
  DraftCapture draft;
  draft.source = "blender";
  AppendViews(folder / "transforms_train.json", ReadTransforms(folder / "transforms_train.json"), Missing::kRefuse,
              draft);
  const size_t train_count = draft.views.size();
  for (const char* name : {"transforms_test.json", "transforms_val.json"}) {
    std::error_code ignored;
    if (!fs::exists(folder / name, ignored)) continue;
    AppendViews(folder / name, ReadTransforms(folder / name), Missing::kLeaveOut, draft);
    break;
  }
  if (draft.views.size() > train_count) {
    for (size_t i = 0; i < draft.views.size(); ++i)
      draft.views[i].split = i < train_count ? Split::kTrain : Split::kHeldOut;
  }
  return draft;
}

}  // namespace takt::capture
