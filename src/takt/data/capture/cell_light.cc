// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_light.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/capture/cell_layout.h"

namespace takt::capture::cell {
namespace {

using raycast::Bounds;
using raycast::Clamp01;
using raycast::Cross;
using raycast::Hit;
using raycast::kLeaveDistance;
using raycast::kNoHit;
using raycast::Length;
using raycast::Mix;
using raycast::Normalized;
using raycast::Primitive;
using raycast::Ray;
using raycast::Shape;

constexpr float kPi = 3.14159265358979f;

// The key light's rectangle: a tall window of the hall, to the left of the cameras.
constexpr Vec3 kKeyCenter{-2.7f, -4.7f, 3.55f};
constexpr Vec3 kKeyHalfU{0.22f, -0.11f, 0.0f};
constexpr Vec3 kKeyHalfV{0.0f, 0.0f, 0.20f};
constexpr Vec3 kKeyRadiance{1560.0f, 1416.0f, 1206.0f};

// Of the key light at one end of an indirect ray: what little lies close to the lamp would show as bright spots.
constexpr float kMostKey = 3.0f;
constexpr size_t kChunk = 256;

// Uniform on the surface or close to it; the grids only need every place to be visited.
Vec3 PointOnSurface(const Primitive& primitive, float u, float v, float w) {
  const Vec3 s = primitive.size;
  const float turn = 2 * kPi * v;
  Vec3 p;
  switch (primitive.shape) {
    case Shape::kBox: {
      const std::array<float, 3> areas = {s.y * s.z, s.z * s.x, s.x * s.y};
      float pick = w * (areas[0] + areas[1] + areas[2]);
      size_t axis = 0;
      while (axis < 2 && pick >= areas[axis]) pick -= areas[axis++];
      const float side = pick < 0.5f * areas[axis] ? -1.0f : 1.0f;
      const float a = 2 * u - 1, b = 2 * v - 1;
      p = axis == 0   ? Vec3{side * s.x, a * s.y, b * s.z}
          : axis == 1 ? Vec3{b * s.x, side * s.y, a * s.z}
                      : Vec3{a * s.x, b * s.y, side * s.z};
      break;
    }
    case Shape::kCylinder: {
      const float wall = 2 * s.z, cap = 0.5f * s.x, pick = w * (wall + 2 * cap);
      const bool on_wall = pick < wall;
      const float radius = on_wall ? s.x : s.x * std::sqrt(u);
      p = {radius * std::cos(turn), radius * std::sin(turn),
           on_wall             ? (2 * u - 1) * s.z
           : pick < wall + cap ? -s.z
                               : s.z};
      break;
    }
    case Shape::kCone: {
      const float z = u * (s.x + s.z + s.y) - s.x;
      const float t = Clamp01(z / s.z), dz = z - t * s.z, r = s.x + (s.y - s.x) * t;
      const float radius = std::sqrt(std::max(1e-8f, r * r - dz * dz));
      p = {radius * std::cos(turn), radius * std::sin(turn), z};
      break;
    }
    case Shape::kSphere: {
      const float z = 2 * u - 1, radius = std::sqrt(std::max(0.0f, 1 - z * z));
      p = Vec3{radius * std::cos(turn), radius * std::sin(turn), z} * s.x;
      break;
    }
    case Shape::kTorus: {
      const float tube = 2 * kPi * u, radius = s.x + s.y * std::cos(tube);
      p = {radius * std::cos(turn), radius * std::sin(turn), s.y * std::sin(tube)};
      break;
    }
  }
  Vec3 gradient{0, 0, 1};
  const float distance = raycast::Distance(primitive, p, &gradient);
  return p - gradient * distance;
}

float SurfaceArea(const Primitive& primitive) {
  const Vec3 s = primitive.size;
  switch (primitive.shape) {
    case Shape::kBox:
      return 8 * (s.x * s.y + s.y * s.z + s.z * s.x);
    case Shape::kCylinder:
      return 2 * kPi * s.x * (s.x + 2 * s.z);
    case Shape::kCone:
      return kPi * (s.x + s.y) * (s.x + s.y + s.z);
    case Shape::kSphere:
      return 4 * kPi * s.x * s.x;
    case Shape::kTorus:
      return 4 * kPi * kPi * s.x * s.y;
  }
  return 0;
}

// Behind the walls no camera looks.
bool InsideRoom(Vec3 p) {
  constexpr float kSlack = 0.01f;
  return std::abs(p.x) < kRoomHalfX_m + kSlack && p.y < kBackWallY_m + kSlack && p.y > kFrontY_m && p.z > -kSlack &&
         p.z < kCeilingZ_m + kSlack;
}

}  // namespace

KeySample SampleKeyLight(Vec3 p_in_world, float u, float v) {
  const Vec3 to_light = kKeyCenter + kKeyHalfU * (2 * u - 1) + kKeyHalfV * (2 * v - 1) - p_in_world;
  KeySample sample;
  sample.distance_m = Length(to_light);
  sample.direction = to_light * (1 / sample.distance_m);
  const Vec3 area = Cross(kKeyHalfU, kKeyHalfV) * 4.0f;  // its length is the area, it points into the room or out of it
  const float projected = std::abs(Dot(area, sample.direction));
  sample.irradiance = kKeyRadiance * (projected / (sample.distance_m * sample.distance_m));
  return sample;
}

Vec3 Outside(Vec3 direction) {
  return Mix(Vec3{0.26f, 0.29f, 0.33f}, Vec3{0.62f, 0.70f, 0.80f}, raycast::SmoothStep(-0.15f, 0.35f, direction.z));
}

Vec3 CosineDirection(Vec3 normal, float u, float v) {
  const float radius = std::sqrt(u), turn = 2 * kPi * v;
  return raycast::FrameAlong(normal).DirectionToWorld(
      {radius * std::cos(turn), radius * std::sin(turn), std::sqrt(std::max(0.0f, 1 - u))});
}

LitScene::LitScene(Scene scene, float samples_per_node)
    : materials_(std::move(scene.materials)), bvh_(std::move(scene.primitives)) {
  LayGrids(samples_per_node);
  Gather(0.4f);  // light that has bounced once
  Gather(1.0f);  // and again, on top of the first
}

Surface LitScene::SurfaceAt(const Ray& ray, const Hit& hit) const {
  const Primitive& primitive = bvh_.primitives()[hit.primitive_idx];
  Surface s;
  s.primitive_idx = hit.primitive_idx;
  s.p_in_world = ray.At(hit.t_m);
  s.p_in_local = primitive.world_from_local.ToLocal(s.p_in_world);
  s.normal_in_local = {0, 0, 1};
  raycast::Distance(primitive, s.p_in_local, &s.normal_in_local);
  s.normal_in_world = primitive.world_from_local.DirectionToWorld(s.normal_in_local);
  s.finish = FinishAt(materials_[primitive.material_idx], primitive, s.p_in_local, s.p_in_world, s.normal_in_local);
  return s;
}

template <class Visit>
void LitScene::VisitNodes(const Grid& grid, Vec3 p, Vec3 n, Visit&& visit) const {
  const Vec3 g = (p - grid.lo) * grid.per_m;
  const int ix = std::clamp(static_cast<int>(g.x), 0, grid.nx - 2),
            iy = std::clamp(static_cast<int>(g.y), 0, grid.ny - 2),
            iz = std::clamp(static_cast<int>(g.z), 0, grid.nz - 2);
  const float fx = Clamp01(g.x - static_cast<float>(ix)), fy = Clamp01(g.y - static_cast<float>(iy)),
              fz = Clamp01(g.z - static_cast<float>(iz));
  const size_t nx = static_cast<size_t>(grid.nx), ny = static_cast<size_t>(grid.ny), nz = static_cast<size_t>(grid.nz);
  const std::array<float, 3> normal = {n.x, n.y, n.z};
  for (size_t axis = 0; axis < 3; ++axis) {
    const float share = normal[axis] * normal[axis];
    if (share < 0.01f) continue;
    const size_t direction = 2 * axis + (normal[axis] < 0 ? 1 : 0);
    for (int corner = 0; corner < 8; ++corner) {
      const int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
      const float weight = share * (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (dz ? fz : 1 - fz);
      if (weight <= 1e-6f) continue;
      const size_t at =
          (static_cast<size_t>(iz + dz) * ny + static_cast<size_t>(iy + dy)) * nx + static_cast<size_t>(ix + dx);
      visit(grid.first + direction * nx * ny * nz + at, weight);
    }
  }
}

Vec3 LitScene::Indirect(const Surface& surface) const {
  Vec3 sum;
  float total = 0;
  VisitNodes(grids_[surface.primitive_idx], surface.p_in_local, surface.normal_in_local, [&](size_t idx, float weight) {
    const Node& node = nodes_[idx];
    sum += node.sum * weight;
    total += node.weight * weight;
  });
  return total > 0 ? sum * (1 / total) : Vec3{0, 0, 0};
}

Vec3 LitScene::KeyIrradiance(const Surface& surface, const KeySample& light) const {
  const float cosine = Dot(surface.normal_in_world, light.direction);
  if (cosine <= 0) return {0, 0, 0};
  const Ray ray{surface.p_in_world + surface.normal_in_world * kLeaveDistance, light.direction};
  return bvh_.Occluded(ray, light.distance_m) ? Vec3{0, 0, 0} : light.irradiance * cosine;
}

void LitScene::LayGrids(float samples_per_node) {
  size_t nodes = 0;
  for (const Primitive& primitive : bvh_.primitives()) {
    const float area = SurfaceArea(primitive);
    const Pattern pattern = materials_[primitive.material_idx].pattern;
    const float coarsest = pattern == Pattern::kCeiling ? 0.8f : pattern == Pattern::kWall ? 0.11f : 0.055f;
    const float cell = std::clamp(0.09f * std::sqrt(area), 0.012f, coarsest);
    const Bounds bounds = raycast::LocalBounds(primitive);
    const Vec3 extent = bounds.hi - bounds.lo;
    Grid grid;
    grid.per_m = 1 / cell;
    grid.nx = static_cast<int>(std::ceil(extent.x / cell)) + 1;
    grid.ny = static_cast<int>(std::ceil(extent.y / cell)) + 1;
    grid.nz = static_cast<int>(std::ceil(extent.z / cell)) + 1;
    grid.nx = std::max(grid.nx, 2), grid.ny = std::max(grid.ny, 2), grid.nz = std::max(grid.nz, 2);
    // Centred: a thin solid's two faces are then equally far from their nodes.
    grid.lo = (bounds.lo + bounds.hi) * 0.5f -
              Vec3{static_cast<float>(grid.nx - 1), static_cast<float>(grid.ny - 1), static_cast<float>(grid.nz - 1)} *
                  (0.5f * cell);
    grid.first = nodes;
    grid.samples = static_cast<size_t>(std::max(1.0f, std::ceil(area / (cell * cell)) * samples_per_node));
    nodes += 6 * static_cast<size_t>(grid.nx) * static_cast<size_t>(grid.ny) * static_cast<size_t>(grid.nz);
    grids_.push_back(grid);
  }
  nodes_.resize(nodes);
}

Vec3 LitScene::IncomingRadiance(const Ray& ray, float u, float v) const {
  const Hit hit = bvh_.Nearest(ray);
  if (hit.t_m == kNoHit) return Outside(ray.direction);
  const Surface s = SurfaceAt(ray, hit);
  const Vec3 key =
      raycast::Min(KeyIrradiance(s, SampleKeyLight(s.p_in_world, u, v)) * (1 / kPi), {kMostKey, kMostKey, kMostKey});
  // What glossy surfaces reflect counts as diffuse here.
  const Vec3 albedo = s.finish.albedo + s.finish.reflectance * (Vec3{1, 1, 1} - s.finish.albedo);
  return MeanEmission(materials_[bvh_.primitives()[s.primitive_idx].material_idx]) + albedo * (key + Indirect(s));
}

void LitScene::Gather(float fraction) {
  struct Chunk {
    uint32_t primitive_idx;
    size_t begin, end, out;  // samples of the primitive; first slot of its results
  };
  std::vector<Chunk> chunks;
  std::vector<size_t> first_out;
  size_t total = 0;
  for (size_t i = 0; i < grids_.size(); ++i) {
    const auto samples = static_cast<size_t>(std::ceil(static_cast<float>(grids_[i].samples) * fraction));
    first_out.push_back(total);
    for (size_t begin = 0; begin < samples; begin += kChunk) {
      const size_t end = std::min(samples, begin + kChunk);
      chunks.push_back({static_cast<uint32_t>(i), begin, end, total + begin});
    }
    total += samples;
  }
  first_out.push_back(total);

  struct Sample {
    Vec3 p_in_local, normal_in_local, radiance;
    bool valid = false;
  };
  std::vector<Sample> samples(total);
  ParallelFor(chunks.size(), 4, [&](size_t begin, size_t end) {
    ThrowIfInterrupted();
    for (size_t c = begin; c < end; ++c) {
      const Chunk& chunk = chunks[c];
      const Primitive& primitive = bvh_.primitives()[chunk.primitive_idx];
      for (size_t i = chunk.begin; i < chunk.end; ++i) {
        // Additive recurrence in 7 dimensions. Source: Roberts, "The unreasonable effectiveness of quasirandom
        // sequences", 2018: powers of 1 / x, x^8 = x + 1.
        std::array<float, 7> u;
        double alpha = 1;
        for (size_t k = 0; k < u.size(); ++k) {
          alpha /= 1.0969815577985598;
          const double value = 0.5 + alpha * static_cast<double>(i + 1) + 0.137 * chunk.primitive_idx;
          u[k] = static_cast<float>(value - std::floor(value));
        }
        Sample& sample = samples[chunk.out + i - chunk.begin];
        sample.p_in_local = PointOnSurface(primitive, u[0], u[1], u[2]);
        raycast::Distance(primitive, sample.p_in_local, &sample.normal_in_local);
        const Vec3 normal = primitive.world_from_local.DirectionToWorld(sample.normal_in_local);
        const Vec3 p = primitive.world_from_local.ToWorld(sample.p_in_local) + normal * kLeaveDistance;
        // A place inside another solid is never seen; its darkness must not spread to the nodes around it.
        if (!InsideRoom(p) || bvh_.Contains(p, 0, chunk.primitive_idx)) continue;
        sample.radiance = IncomingRadiance({p, CosineDirection(normal, u[3], u[4])}, u[5], u[6]);
        sample.valid = true;
      }
    }
  });

  std::vector<Node> gathered(nodes_.size());
  ParallelFor(grids_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      for (size_t k = first_out[i]; k < first_out[i + 1]; ++k) {
        if (!samples[k].valid) continue;
        VisitNodes(grids_[i], samples[k].p_in_local, samples[k].normal_in_local, [&](size_t idx, float weight) {
          gathered[idx].sum += samples[k].radiance * weight;
          gathered[idx].weight += weight;
        });
      }
    }
  });
  ParallelFor(grids_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) SmoothGrid(i, &gathered);
  });
  for (Node& node : gathered) {
    if (node.weight > 0) node = {node.sum * (1 / node.weight), 1};
  }
  nodes_ = std::move(gathered);
}

void LitScene::SmoothGrid(size_t grid_idx, std::vector<Node>* nodes) const {
  const Grid& grid = grids_[grid_idx];
  const std::array<int, 3> size = {grid.nx, grid.ny, grid.nz};
  std::array<size_t, 3> stride = {1, static_cast<size_t>(grid.nx),
                                  static_cast<size_t>(grid.nx) * static_cast<size_t>(grid.ny)};
  const size_t count = stride[2] * static_cast<size_t>(grid.nz);
  std::vector<Node> line;
  for (size_t axis = 0; axis < 3; ++axis) {
    const auto n = static_cast<size_t>(size[axis]);
    if (n < 4) continue;  // too coarse to lose more
    const size_t step = stride[axis], block = step * n;
    for (size_t start = 0; start < 6 * count; ++start) {
      if (start % block >= step) continue;
      Node* first = nodes->data() + grid.first + start;
      line.resize(n);
      for (size_t k = 0; k < n; ++k) line[k] = first[k * step];
      for (size_t k = 0; k < n; ++k) {
        const Node &left = line[k > 0 ? k - 1 : k], &right = line[k + 1 < n ? k + 1 : k];
        first[k * step] = {line[k].sum * 0.5f + (left.sum + right.sum) * 0.25f,
                           line[k].weight * 0.5f + (left.weight + right.weight) * 0.25f};
      }
    }
  }
}

}  // namespace takt::capture::cell
