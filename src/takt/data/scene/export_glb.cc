// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/export_glb.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "takt/core/base/bytes.h"
#include "takt/core/base/error.h"
#include "takt/data/scene/solids.h"
#include "takt/data/sim/camera/shading.h"

namespace takt::scene {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kMagic = 0x46546C67, kJsonChunk = 0x4E4F534A, kBinChunk = 0x004E4942;  // "glTF", "JSON", "BIN\0"
constexpr int kFloat = 5126, kArrayBuffer = 34962;

const char* KindName(NodeKind kind) {
  switch (kind) {
    case NodeKind::kRoom: return "room";
    case NodeKind::kRegion: return "region";
    case NodeKind::kObject: return "object";
    case NodeKind::kSurface: return "surface";
  }
  return "";
}

class Writer {
 public:
  Writer(const Scene& scene, const std::filesystem::path& folder) : scene_(scene), folder_(folder) {}

  std::vector<uint8_t> Write() {
    const int room = AddNode(scene_.room);
    const double half = std::sqrt(0.5);
    nodes_.push_back({{"name", scene_.name.empty() ? "scene" : scene_.name},
                      {"rotation", {-half, 0, 0, half}},  // z up becomes y up
                      {"children", {room}}});
    Json document = {{"asset", {{"version", "2.0"}, {"generator", "takt"}}},
                     {"scene", 0},
                     {"scenes", Json::array({{{"nodes", {nodes_.size() - 1}}}})},
                     {"nodes", nodes_}};
    if (!meshes_.empty()) {
      document["meshes"] = meshes_;
      document["materials"] = materials_;
      document["accessors"] = accessors_;
      document["bufferViews"] = Json::array({{{"buffer", 0},
                                              {"byteOffset", 0},
                                              {"byteLength", data_.size()},
                                              {"byteStride", 6 * sizeof(float)},
                                              {"target", kArrayBuffer}}});
      document["buffers"] = Json::array({{{"byteLength", data_.size()}}});
    }
    std::string text = document.dump(-1, ' ', false, Json::error_handler_t::replace);
    text.resize((text.size() + 3) / 4 * 4, ' ');
    const uint64_t total = 12 + 8 + text.size() + (data_.size() > 0 ? 8 + data_.size() : 0);
    if (total > std::numeric_limits<uint32_t>::max()) {
      throw Error(ErrorCode::kUnsupported, scene_.name, "is larger than a .glb file can be", "leave out large meshes");
    }
    ByteWriter out;
    for (const uint32_t word : {kMagic, uint32_t{2}, static_cast<uint32_t>(total), static_cast<uint32_t>(text.size()), kJsonChunk}) {
      out.Write(word);
    }
    out.Append({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    if (data_.size() > 0) {
      out.Write(static_cast<uint32_t>(data_.size()));
      out.Write(kBinChunk);
      out.Append(data_.bytes());
    }
    return out.Release();
  }

 private:
  int AddMaterial(const std::array<double, 4>& rgba) {
    for (size_t i = 0; i < colors_.size(); ++i) {
      if (colors_[i] == rgba) return static_cast<int>(i);
    }
    colors_.push_back(rgba);
    Json factor = Json::array();
    for (int c = 0; c < 3; ++c) factor.push_back(sim::LinearFromSrgb(static_cast<float>(rgba[c])));
    factor.push_back(std::clamp(rgba[3], 0.0, 1.0));
    Json material = {{"pbrMetallicRoughness", {{"baseColorFactor", factor}, {"metallicFactor", 0}, {"roughnessFactor", 0.8}}}};
    if (rgba[3] < 1) material["alphaMode"] = "BLEND";
    materials_.push_back(material);
    return static_cast<int>(colors_.size()) - 1;
  }

  // Positions and normals of every corner, interleaved; accessors share the one view by their offsets.
  Json AddPrimitive(const Solid& solid) {
    const auto normals = sim::CornerNormals(solid.mesh);
    const size_t begin = data_.size();
    const float largest = std::numeric_limits<float>::max();
    std::array<float, 3> low = {largest, largest, largest}, high = {-largest, -largest, -largest};
    for (size_t t = 0; t < solid.mesh.triangles.size(); ++t) {
      for (int k = 0; k < 3; ++k) {
        const Vec3 p = solid.node_from_solid * solid.mesh.vertices_m[solid.mesh.triangles[t][k]];
        const Vec3 n = (solid.node_from_solid.rotation * normals[t][k]).normalized();
        for (int axis = 0; axis < 3; ++axis) {
          const auto value = static_cast<float>(p[axis]);
          low[axis] = std::min(low[axis], value), high[axis] = std::max(high[axis], value);
          data_.Write(value);
        }
        for (int axis = 0; axis < 3; ++axis) data_.Write(static_cast<float>(n[axis]));
      }
    }
    const size_t count = 3 * solid.mesh.triangles.size();
    const size_t position = accessors_.size();
    accessors_.push_back({{"bufferView", 0}, {"byteOffset", begin}, {"componentType", kFloat}, {"count", count},
                          {"type", "VEC3"}, {"min", low}, {"max", high}});
    accessors_.push_back({{"bufferView", 0}, {"byteOffset", begin + 3 * sizeof(float)}, {"componentType", kFloat},
                          {"count", count}, {"type", "VEC3"}});
    return {{"attributes", {{"POSITION", position}, {"NORMAL", position + 1}}}, {"material", AddMaterial(solid.rgba)}};
  }

  int AddNode(const Node& node) {
    Json json = {{"name", node.id}};
    const Pose& pose = node.parent_from_node;
    const Quat q = pose.rotation.normalized();
    if (pose.translation_m != Vec3::Zero()) {
      json["translation"] = {pose.translation_m[0], pose.translation_m[1], pose.translation_m[2]};
    }
    if (q.vec() != Vec3::Zero()) json["rotation"] = {q.x(), q.y(), q.z(), q.w()};
    json["extras"] = {{"kind", KindName(node.kind)}};
    if (!node.name.empty()) json["extras"]["name"] = node.name;
    if (!node.category.empty()) json["extras"]["category"] = node.category;
    Json primitives = Json::array();
    for (const Solid& solid : NodeSolids(scene_, node, folder_)) {
      if (!solid.mesh.triangles.empty()) primitives.push_back(AddPrimitive(solid));
    }
    if (!primitives.empty()) {
      json["mesh"] = meshes_.size();
      meshes_.push_back({{"name", node.id}, {"primitives", primitives}});
    }
    Json children = Json::array();
    for (const Node& child : node.children) children.push_back(AddNode(child));
    if (!children.empty()) json["children"] = children;
    nodes_.push_back(json);
    return static_cast<int>(nodes_.size()) - 1;
  }

  const Scene& scene_;
  const std::filesystem::path& folder_;
  Json nodes_ = Json::array(), meshes_ = Json::array(), materials_ = Json::array(), accessors_ = Json::array();
  std::vector<std::array<double, 4>> colors_;
  ByteWriter data_;
};

}  // namespace

std::vector<uint8_t> SceneToGlb(const Scene& scene, const std::filesystem::path& folder) {
  return Writer(scene, folder).Write();
}

}  // namespace takt::scene
