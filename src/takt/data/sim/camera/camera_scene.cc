// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/sim/camera/camera.h"
#include "takt/data/sim/camera/embree_scene.h"
#include "takt/data/sim/camera/shading.h"

namespace takt::sim {
namespace {

constexpr double kMaxCoordinate_m = 1e6;

void CheckShape(const CameraShape& shape, size_t idx, int body_count) {
  const auto fail = [&](const char* what) {
    throw Error(ErrorCode::kBadInput, "camera shape " + std::to_string(idx), what, "check what the scene is built from");
  };
  if (shape.body_idx < 0 || shape.body_idx >= body_count) fail("belongs to a body that there is not");
  for (const Vec3& vertex : shape.mesh.vertices_m) {
    if (!(vertex.cwiseAbs().maxCoeff() <= kMaxCoordinate_m)) fail("has a vertex that is not finite or beyond 1e6 m");
  }
  for (const auto& triangle : shape.mesh.triangles) {
    for (const uint32_t vertex : triangle) {
      if (vertex >= shape.mesh.vertices_m.size()) fail("has a triangle of a vertex that there is not");
    }
  }
  if (!((shape.body_from_shape * Vec3::Zero()).cwiseAbs().maxCoeff() <= kMaxCoordinate_m) ||
      !shape.body_from_shape.rotation.coeffs().allFinite()) {
    fail("is placed nowhere");
  }
}

std::vector<TriangleRecord> Records(const CameraShape& shape) {
  const auto normals = CornerNormals(shape.mesh);
  std::vector<TriangleRecord> records(shape.mesh.triangles.size());
  for (size_t t = 0; t < records.size(); ++t) {
    Vec3 corner[3];
    for (int k = 0; k < 3; ++k) {
      corner[k] = shape.body_from_shape * shape.mesh.vertices_m[shape.mesh.triangles[t][k]];
      const Vec3 normal = shape.body_from_shape.rotation * normals[t][k];
      for (int axis = 0; axis < 3; ++axis) {
        records[t].corner[3 * k + axis] = static_cast<float>(corner[k][axis]);
        records[t].normal[3 * k + axis] = static_cast<float>(normal[axis]);
      }
    }
    Vec3 face = (corner[1] - corner[0]).cross(corner[2] - corner[0]);
    const double length = face.norm();
    if (length > 0) face /= length;
    for (int axis = 0; axis < 3; ++axis) records[t].face[axis] = static_cast<float>(face[axis]);
  }
  return records;
}

// Three vertices a triangle, in the order of the records.
RTCGeometry MakeGeometry(RTCDevice device, const CameraShape& shape, const std::vector<TriangleRecord>& records) {
  RTCGeometry geometry = rtcNewGeometry(device, RTC_GEOMETRY_TYPE_TRIANGLE);
  const size_t n = records.size();
  auto* vertices = static_cast<float*>(
      rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, 3 * sizeof(float), 3 * n));
  auto* indices = static_cast<uint32_t*>(
      rtcSetNewGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, 3 * sizeof(uint32_t), n));
  for (size_t t = 0; t < n; ++t) {
    for (int i = 0; i < 9; ++i) vertices[9 * t + i] = records[t].corner[i];
    for (int k = 0; k < 3; ++k) indices[3 * t + k] = static_cast<uint32_t>(3 * t + k);
  }
  const bool casts = shape.casts_shadow && !shape.shadow_catcher && shape.material.rgba[3] >= kMinShadowAlpha;
  rtcSetGeometryMask(geometry, kSeenMask | (casts ? kShadowMask : 0));
  rtcCommitGeometry(geometry);
  return geometry;
}

}  // namespace

CameraScene::Trees::~Trees() {
  for (const Body& body : bodies) rtcReleaseScene(body.tree);
  if (device) rtcReleaseDevice(device);
}

CameraScene::CameraScene(std::vector<CameraShape> shapes, int body_count) : trees_(std::make_unique<Trees>()) {
  Trees& trees = *trees_;
  for (size_t s = 0; s < shapes.size(); ++s) CheckShape(shapes[s], s, body_count);
  trees.shapes = std::move(shapes);
  trees.body_count = body_count;
  trees.device = rtcNewDevice(nullptr);
  if (!trees.device || !rtcGetDeviceProperty(trees.device, RTC_DEVICE_PROPERTY_RAY_MASK_SUPPORTED)) {
    throw Error(ErrorCode::kUnsupported, "camera", "needs Embree 3 built with ray masks", "install libembree3-3");
  }
  trees.triangles.resize(trees.shapes.size());
  std::vector<std::vector<uint32_t>> of_body(static_cast<size_t>(body_count));
  for (size_t s = 0; s < trees.shapes.size(); ++s) {
    if (!trees.shapes[s].mesh.triangles.empty()) of_body[trees.shapes[s].body_idx].push_back(static_cast<uint32_t>(s));
  }
  RunSerially([&] {
    for (int b = 0; b < body_count; ++b) {
      if (of_body[b].empty()) continue;
      Trees::Body& body = trees.bodies.emplace_back();
      body.body_idx = b;
      body.shape_idx = of_body[b];
      body.tree = rtcNewScene(trees.device);
      for (const uint32_t s : body.shape_idx) {
        trees.triangles[s] = Records(trees.shapes[s]);
        trees.triangle_count += trees.triangles[s].size();
        RTCGeometry geometry = MakeGeometry(trees.device, trees.shapes[s], trees.triangles[s]);
        rtcAttachGeometry(body.tree, geometry);  // numbered from 0 in this order
        rtcReleaseGeometry(geometry);
      }
      rtcCommitScene(body.tree);
    }
  });
  if (rtcGetDeviceError(trees.device) != RTC_ERROR_NONE) {
    throw Error(ErrorCode::kUnsupported, "camera", "could not build the ray caster's trees", "the machine may be out of memory");
  }
}

CameraScene::~CameraScene() = default;
const std::vector<CameraShape>& CameraScene::shapes() const { return trees_->shapes; }
int CameraScene::body_count() const { return trees_->body_count; }
size_t CameraScene::triangles() const { return trees_->triangle_count; }

}  // namespace takt::sim
