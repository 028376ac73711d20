// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/score/scene_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::scene {
namespace {

using nlohmann::json;

constexpr double kMaxAbs = 1e6;  // of any number that is read
constexpr size_t kMaxCorners = 1000;
constexpr size_t kMaxElements = 10'000;
constexpr double kWindowClearanceM = 0.5;
constexpr double kOnWallM = 0.01;  // ends of a wall to corners of the floor

// The members of an object; null for anything else.
const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

std::optional<double> Number(const json* value) {
  if (!value || !value->is_number()) return std::nullopt;
  const double number = value->get<double>();
  if (!(std::abs(number) <= kMaxAbs)) return std::nullopt;
  return number;
}

// `n` numbers or more; nothing where one is missing or no number.
std::optional<std::vector<double>> Numbers(const json* value, size_t n) {
  if (!value || !value->is_array() || value->size() < n) return std::nullopt;
  std::vector<double> numbers;
  for (size_t i = 0; i < n; ++i) {
    const auto number = Number(&(*value)[i]);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::string Text(const json* value) {
  if (!value) return {};
  if (value->is_string()) return value->get<std::string>();
  return value->is_number_integer() ? value->dump() : std::string();
}

class Reader {
 public:
  Reader(std::string file, const SceneStateOptions& options) : file_(std::move(file)), options_(options) {}
  SceneStateResult Read(std::string_view text);

 private:
  void Fault(Severity severity, const char* code, std::string message, std::string hint = {}) {
    Diagnostic d;
    d.severity = severity;
    d.code = code;
    d.file = file_;
    d.message = std::move(message);
    d.hint = std::move(hint);
    result_.diagnostics.push_back(std::move(d));
  }
  void ReadFloor(const json& element);
  void ReadWall(const json& element);
  void ReadHoles(const json& holes, const Vec2& a, const Vec2& b);
  void ReadObject(const json& object, size_t number);

  std::string file_;
  const SceneStateOptions& options_;
  SceneStateResult result_;
  int floors_ = 0, doors_ = 0, windows_ = 0;
};

void Reader::ReadFloor(const json& element) {
  if (++floors_ > 1) return;
  Node& room = result_.scene.room;
  const json* points = Member(element, "points");
  const size_t count = points && points->is_array() ? points->size() : 0;
  if (count < 3 || count > kMaxCorners) {
    return Fault(Severity::kError, "scene-state/bad-floor", fmt::format("the floor has {} corners", count));
  }
  double twice_area = 0;
  for (const json& point : *points) {
    const auto xy = Numbers(&point, 2);
    if (!xy) return Fault(Severity::kError, "scene-state/bad-floor", "a corner of the floor is not two numbers");
    const Vec2 corner((*xy)[0], (*xy)[1]);
    if (room.floor_m.empty() || (corner - room.floor_m.back()).norm() > 1e-9) room.floor_m.push_back(corner);
  }
  if (room.floor_m.size() > 1 && (room.floor_m.front() - room.floor_m.back()).norm() <= 1e-9) room.floor_m.pop_back();
  for (size_t i = 0; i < room.floor_m.size(); ++i) {
    const Vec2 &p = room.floor_m[i], &q = room.floor_m[(i + 1) % room.floor_m.size()];
    twice_area += p.x() * q.y() - p.y() * q.x();
  }
  if (room.floor_m.size() < 3 || !(std::abs(twice_area) > 1e-6)) {
    room.floor_m.clear();
    return Fault(Severity::kError, "scene-state/bad-floor", "the floor has no area");
  }
  if (twice_area < 0) std::reverse(room.floor_m.begin(), room.floor_m.end());
  if (const std::string id = Text(Member(element, "roomId")); !id.empty()) room.name = id;
}

void Reader::ReadHoles(const json& holes, const Vec2& a, const Vec2& b) {
  const auto& floor = result_.scene.room.floor_m;
  int wall_idx = -1;
  bool reversed = false;
  for (size_t i = 0; i < floor.size() && wall_idx < 0; ++i) {
    const Vec2 &p = floor[i], &q = floor[(i + 1) % floor.size()];
    const bool along = (p - a).norm() < kOnWallM && (q - b).norm() < kOnWallM;
    reversed = (p - b).norm() < kOnWallM && (q - a).norm() < kOnWallM;
    if (along || reversed) wall_idx = static_cast<int>(i);
  }
  if (wall_idx < 0) {
    return Fault(Severity::kWarning, "scene-state/wall-off-floor",
                 "a wall with openings is no edge of the floor; they are left out");
  }
  const double length_m = (b - a).norm();
  for (const json& hole : holes) {
    const json* box = Member(hole, "box");
    const auto low = box ? Numbers(Member(*box, "min"), 2) : std::nullopt;
    const auto high = box ? Numbers(Member(*box, "max"), 2) : std::nullopt;
    if (!low || !high || !((*low)[0] < (*high)[0] && (*low)[1] < (*high)[1])) {
      Fault(Severity::kWarning, "scene-state/bad-hole", "an opening has no box with min < max; it is left out");
      continue;
    }
    Opening opening;
    const bool door = Text(Member(hole, "type")) != "Window";
    opening.kind = door ? OpeningKind::kDoor : OpeningKind::kWindow;
    opening.id = door ? fmt::format("door_{}", ++doors_) : fmt::format("window_{}", ++windows_);
    opening.wall_idx = wall_idx;
    opening.width_m = (*high)[0] - (*low)[0];
    opening.offset_m = reversed ? length_m - (*high)[0] : (*low)[0];
    opening.sill_m = (*low)[1];
    opening.height_m = (*high)[1] - (*low)[1];
    opening.clearance_m = door ? opening.width_m : kWindowClearanceM;
    result_.scene.room.openings.push_back(opening);
  }
}

void Reader::ReadWall(const json& element) {
  if (const auto height = Number(Member(element, "height"))) {
    result_.scene.room.height_m = std::max(result_.scene.room.height_m, *height);
  }
  const json* points = Member(element, "points");
  const auto a = points && points->is_array() && points->size() >= 2 ? Numbers(&(*points)[0], 2) : std::nullopt;
  const auto b = a ? Numbers(&(*points)[1], 2) : std::nullopt;
  if (!b) return Fault(Severity::kWarning, "scene-state/bad-wall", "a wall has no two ends");
  const json* holes = Member(element, "holes");
  if (!holes || !holes->is_array() || holes->empty()) return;
  if (holes->size() > kMaxElements)
    return Fault(Severity::kError, "scene-state/too-large", "a wall has too many openings");
  ReadHoles(*holes, {(*a)[0], (*a)[1]}, {(*b)[0], (*b)[1]});
}

void Reader::ReadObject(const json& object, size_t number) {
  const json* transform = Member(object, "transform");
  const auto data = transform ? Numbers(Member(*transform, "data"), 16) : std::nullopt;
  if (!data) {
    return Fault(Severity::kError, "scene-state/bad-transform",
                 fmt::format("object {} has no transform of 16 numbers", number));
  }
  Eigen::Matrix3d axes;  // columns: the asset's axes in the world, scaled
  for (int column = 0; column < 3; ++column) {
    for (int row = 0; row < 3; ++row) axes(row, column) = (*data)[static_cast<size_t>(4 * column + row)];
  }
  const Vec3 scale = axes.colwise().norm();
  if (!(scale.minCoeff() > 1e-6)) {
    return Fault(Severity::kError, "scene-state/bad-transform",
                 fmt::format("the transform of object {} is singular", number));
  }
  Eigen::Matrix3d world_from_node;
  world_from_node << axes.col(2) / scale.z(), axes.col(0) / scale.x(), axes.col(1) / scale.y();
  if (!((world_from_node.transpose() * world_from_node - Eigen::Matrix3d::Identity()).norm() < 1e-3) ||
      !(world_from_node.determinant() > 0)) {
    return Fault(Severity::kError, "scene-state/bad-transform",
                 fmt::format("the transform of object {} shears or mirrors", number));
  }
  Node node;
  node.kind = NodeKind::kObject;
  const auto index = Number(Member(object, "index"));
  node.id = fmt::format("idx{}", index && *index >= 0 && *index == std::floor(*index) ? static_cast<long>(*index)
                                                                                      : static_cast<long>(number));
  for (const Node& other : result_.scene.room.children) {
    if (other.id != node.id) continue;
    node.id = fmt::format("object{}", number);
    Fault(Severity::kWarning, "scene-state/duplicate-index",
          fmt::format("{} is there already; renamed {}", other.id, node.id));
    break;
  }
  const std::string model = Text(Member(object, "modelId"));
  node.name = node.category = "object";
  if (!model.empty()) node.extra["model_id"] = model;
  const auto known = options_.sizes_m.find(model);
  const Vec3 size = (known != options_.sizes_m.end() ? known->second : options_.assumed_size_m).cwiseProduct(scale);
  node.size_m = {size.z(), size.x(), size.y()};
  node.extra["size"] = known != options_.sizes_m.end() ? "given" : "assumed";
  result_.assumed_sizes += known == options_.sizes_m.end();
  node.parent_from_node.rotation = Quat(world_from_node).normalized();
  node.parent_from_node.translation_m = {(*data)[12], (*data)[13], (*data)[14]};
  result_.scene.room.children.push_back(std::move(node));
}

SceneStateResult Reader::Read(std::string_view text) {
  Node& room = result_.scene.room;
  room.kind = NodeKind::kRoom;
  room.id = "room";
  if (text.size() > kMaxSceneStateBytes) {
    Fault(Severity::kError, "scene-state/too-large", fmt::format("is {} bytes long", text.size()));
    return std::move(result_);
  }
  const json root = json::parse(text, nullptr, false);
  if (root.is_discarded()) {
    Fault(Severity::kError, "scene-state/syntax", "is no JSON document");
    return std::move(result_);
  }
  const json* scene = Member(root, "scene");
  if (Text(Member(root, "format")) != "sceneState" || !scene || !scene->is_object()) {
    Fault(Severity::kError, "scene-state/other-format",
          "is no scene state: \"format\" is not \"sceneState\", or \"scene\" is missing");
    return std::move(result_);
  }
  const std::string version = Text(Member(*scene, "version"));
  if (version != "scene@1.0.2") {
    Fault(Severity::kWarning, "scene-state/version",
          fmt::format("is version '{}'; scene@1.0.2 is what is known here", version));
  }
  result_.scene.name = Text(Member(*scene, "id"));
  const json* arch = Member(*scene, "arch");
  const json* elements = arch ? Member(*arch, "elements") : nullptr;
  const json* objects = Member(*scene, "object");
  if ((elements && elements->size() > kMaxElements) || (objects && objects->size() > kMaxSceneStateObjects)) {
    Fault(Severity::kError, "scene-state/too-large", "has too many elements or objects");
    return std::move(result_);
  }
  // The floor first: the walls refer to its corners.
  for (const char* type : {"Floor", "Wall"}) {
    if (!elements || !elements->is_array()) break;
    for (const json& element : *elements) {
      if (Text(Member(element, "type")) != type) continue;
      type[0] == 'F' ? ReadFloor(element) : ReadWall(element);
    }
  }
  if (floors_ == 0) Fault(Severity::kError, "scene-state/bad-floor", "has no floor");
  if (floors_ > 1) {
    Fault(Severity::kWarning, "scene-state/more-floors", fmt::format("has {} floors; only the first is read", floors_));
  }
  if (!(room.height_m > 0)) room.height_m = 3;
  if (objects && objects->is_array()) {
    size_t number = 0;
    for (const json& object : *objects) ReadObject(object, number++);
  }
  return std::move(result_);
}

}  // namespace

SceneStateResult ParseSceneState(std::string_view text, const std::string& file, const SceneStateOptions& options) {
  return Reader(file, options).Read(text);
}

SceneStateResult ReadSceneState(const std::filesystem::path& path, const SceneStateOptions& options) {
  SceneStateResult result = ParseSceneState(ReadTextFile(path, kMaxSceneStateBytes), path.string(), options);
  if (result.scene.name.empty() || result.scene.name == "generated-scene") result.scene.name = path.stem().string();
  return result;
}

bool LooksLikeSceneState(std::string_view text) {
  return text.substr(0, 4096).find("\"sceneState\"") != std::string_view::npos;
}

std::map<std::string, Vec3> ParseAssetSizes(std::string_view text, const std::string& file) {
  const json root = json::parse(text, nullptr, false);
  if (!root.is_object())
    throw Error(ErrorCode::kBadInput, file, "is no JSON object of sizes", "{\"MODEL_ID\": [0.5, 0.8, 0.6]}");
  std::map<std::string, Vec3> sizes;
  for (const auto& [model, value] : root.items()) {
    const auto size = Numbers(&value, 3);
    if (!size || !(std::min({(*size)[0], (*size)[1], (*size)[2]}) > 0)) {
      throw Error(ErrorCode::kBadInput, file, fmt::format("'{}' is not three positive numbers", model),
                  "extents in metres, in the asset's frame: y is up");
    }
    sizes[model] = {(*size)[0], (*size)[1], (*size)[2]};
  }
  return sizes;
}

}  // namespace takt::scene
