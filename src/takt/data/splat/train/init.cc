// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train/init.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <nanoflann.hpp>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"

namespace takt::splat {
namespace {

using capture::Camera;
using capture::Capture;
using Vec3 = std::array<double, 3>;

constexpr uint64_t kPointStream = 0x41, kRayStream = 0x42;
constexpr size_t kHullViews = 32;

struct Seeds {
  std::vector<Vec3> points;
  std::vector<std::array<float, 3>> colors;  // [0, 1]
};

std::vector<size_t> TrainingViews(const Capture& capture) {
  std::vector<size_t> views;
  for (size_t i = 0; i < capture.views.size(); ++i) {
    if (!capture.views[i].held_out) views.push_back(i);
  }
  return views;
}

// The point closest to all optical axes, and its median distance from the cameras.
struct Focus {
  Vec3 point;
  double distance;
};
Focus FindFocus(const Capture& capture, const std::vector<size_t>& views) {
  // sum (I - d d^T) (p - c) = 0
  double a[9] = {}, b[3] = {};
  for (const size_t v : views) {
    const Camera& camera = capture.views[v].camera;
    const Vec3 center = camera.CenterInWorld();
    const double* d = &camera.cam_from_world.rotation[6];
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) {
        const double m = (i == j ? 1.0 : 0.0) - d[i] * d[j];
        a[3 * i + j] += m;
        b[i] += m * center[j];
      }
    }
  }
  const double trace = a[0] + a[4] + a[8];
  for (int i = 0; i < 3; ++i) a[4 * i] += 1e-6 * trace;  // parallel axes: stay near the origin
  const double det = a[0] * (a[4] * a[8] - a[5] * a[7]) - a[1] * (a[3] * a[8] - a[5] * a[6]) +
                     a[2] * (a[3] * a[7] - a[4] * a[6]);
  const auto solve = [&](int column) {
    double m[9];
    std::copy_n(a, 9, m);
    for (int i = 0; i < 3; ++i) m[3 * i + column] = b[i];
    return (m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
            m[2] * (m[3] * m[7] - m[4] * m[6])) / det;
  };
  Focus focus{{solve(0), solve(1), solve(2)}, 1};
  std::vector<double> distances;
  for (const size_t v : views) {
    const Vec3 c = capture.views[v].camera.CenterInWorld();
    distances.push_back(std::hypot(c[0] - focus.point[0], c[1] - focus.point[1], c[2] - focus.point[2]));
  }
  std::nth_element(distances.begin(), distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2), distances.end());
  focus.distance = std::max(distances[distances.size() / 2], 1e-6);
  return focus;
}

Seeds FromPoints(const Capture& capture, size_t count) {
  Seeds seeds;
  const size_t n = capture.points.size(), kept = std::min(n, count);
  for (size_t k = 0; k < kept; ++k) {
    const capture::Point& p = capture.points[k * n / kept];
    seeds.points.push_back(p.p_in_world);
    seeds.colors.push_back({p.rgb[0] / 255.0f, p.rgb[1] / 255.0f, p.rgb[2] / 255.0f});
  }
  return seeds;
}

// Random points of the cube about the focus that no view sees as background.
Seeds InsideHull(const Capture& capture, capture::ViewSource& source, const std::vector<size_t>& views, size_t count,
                 uint64_t seed) {
  const Focus focus = FindFocus(capture, views);
  const size_t used = std::min(kHullViews, views.size());
  struct HullView {
    Camera camera;
    std::shared_ptr<const Image8> image;
  };
  std::vector<HullView> hull;
  double half_size = 0;
  for (size_t k = 0; k < used; ++k) {
    const size_t v = views[k * views.size() / used];
    const Camera& camera = capture.views[v].camera;
    hull.push_back({camera, source.Get(v)});
    half_size = std::max(half_size, focus.distance * 0.5 * std::max(camera.width_px / camera.fx, camera.height_px / camera.fy));
  }
  const Rng rng(seed, kPointStream);
  struct Candidate {
    Vec3 point;
    std::array<float, 3> color;
    bool inside = false;
  };
  Seeds seeds;
  constexpr size_t kBatch = 1 << 16;
  for (size_t batch = 0; batch < 64 && seeds.points.size() < count; ++batch) {
    std::vector<Candidate> candidates(kBatch);
    ParallelFor(kBatch, 4096, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        const auto words = rng.Words(batch * kBatch + i);
        Candidate& c = candidates[i];
        for (int k = 0; k < 3; ++k) c.point[k] = focus.point[k] + half_size * (words[k] * 0x1p-31 - 1.0);
        int seen = 0;
        float sum[3] = {0, 0, 0};
        bool inside = true;
        for (const HullView& view : hull) {
          const Vec3 p = view.camera.cam_from_world.Apply(c.point);
          if (!(p[2] > 0)) continue;
          const int x = static_cast<int>(std::floor(view.camera.fx * p[0] / p[2] + view.camera.cx));
          const int y = static_cast<int>(std::floor(view.camera.fy * p[1] / p[2] + view.camera.cy));
          if (x < 0 || y < 0 || x >= view.image->width_px || y >= view.image->height_px) continue;
          const uint8_t* pixel = view.image->row(y) + static_cast<size_t>(x) * view.image->channels;
          if (pixel[view.image->channels - 1] < 128) {
            inside = false;
            break;
          }
          for (int k = 0; k < 3; ++k) sum[k] += pixel[view.image->channels >= 3 ? k : 0] / 255.0f;
          ++seen;
        }
        c.inside = inside && seen >= static_cast<int>(hull.size() + 3) / 4;
        for (int k = 0; k < 3; ++k) c.color[k] = seen > 0 ? sum[k] / static_cast<float>(seen) : 0.5f;
      }
    });
    for (const Candidate& c : candidates) {
      if (!c.inside || seeds.points.size() >= count) continue;
      seeds.points.push_back(c.point);
      seeds.colors.push_back(c.color);
    }
  }
  return seeds;
}

Seeds AlongRays(const Capture& capture, capture::ViewSource& source, const std::vector<size_t>& views, size_t count,
                uint64_t seed) {
  const Focus focus = FindFocus(capture, views);
  const Rng rng(seed, kRayStream);
  Seeds seeds;
  for (size_t k = 0; k < views.size(); ++k) {
    const Camera& camera = capture.views[views[k]].camera;
    const auto image = source.Get(views[k]);
    const capture::RigidTransform world_from_cam = camera.cam_from_world.Inverse();
    const size_t begin = k * count / views.size(), end = (k + 1) * count / views.size();
    for (size_t i = begin; i < end; ++i) {
      const auto w = rng.Words(i);
      const int x = static_cast<int>(w[0] * 0x1p-32 * camera.width_px), y = static_cast<int>(w[1] * 0x1p-32 * camera.height_px);
      // Depths from 0.4 to 6 times the distance to the focus, denser near.
      const double z = focus.distance * 0.4 * std::pow(15.0, w[2] * 0x1p-32);
      seeds.points.push_back(world_from_cam.Apply(
          {(x + 0.5 - camera.cx) / camera.fx * z, (y + 0.5 - camera.cy) / camera.fy * z, z}));
      const uint8_t* pixel = image->row(y) + static_cast<size_t>(x) * image->channels;
      std::array<float, 3> color;
      for (int c = 0; c < 3; ++c) color[c] = pixel[image->channels >= 3 ? c : 0] / 255.0f;
      seeds.colors.push_back(color);
    }
  }
  return seeds;
}

struct PointCloud {
  const std::vector<Vec3>& points;
  size_t kdtree_get_point_count() const { return points.size(); }
  double kdtree_get_pt(size_t i, size_t k) const { return points[i][k]; }
  template <class Box>
  bool kdtree_get_bbox(Box&) const { return false; }
};

std::vector<float> NeighbourDistances(const std::vector<Vec3>& points) {
  using Tree = nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, PointCloud>, PointCloud, 3>;
  const PointCloud cloud{points};
  Tree tree(3, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(16));
  tree.buildIndex();
  std::vector<float> distances(points.size());
  ParallelFor(points.size(), 1024, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      uint32_t index[4];
      double square[4];
      const size_t found = tree.knnSearch(points[i].data(), 4, index, square);
      double sum = 0;
      for (size_t k = 1; k < found; ++k) sum += square[k];
      distances[i] = static_cast<float>(std::sqrt(std::max(found > 1 ? sum / static_cast<double>(found - 1) : 1e-4, 1e-14)));
    }
  });
  return distances;
}

}  // namespace

Splats InitialSplats(const Capture& capture, capture::ViewSource& source, size_t count, int sh_degree, uint64_t seed) {
  const std::vector<size_t> views = TrainingViews(capture);
  if (views.empty()) {
    throw Error(ErrorCode::kBadInput, capture.root.string(), "has no training views",
                "add pictures, or hold out fewer of them");
  }
  Seeds seeds;
  if (capture.points.size() >= 100) {
    seeds = FromPoints(capture, count);
  } else if (capture.has_alpha) {
    seeds = InsideHull(capture, source, views, count, seed);
  }
  if (seeds.points.size() < 100) seeds = AlongRays(capture, source, views, count, seed);

  const std::vector<float> distances = NeighbourDistances(seeds.points);
  Splats splats;
  splats.sh_degree = sh_degree;
  splats.Resize(seeds.points.size());
  const int k = ShCoefficients(sh_degree);
  for (size_t i = 0; i < splats.size(); ++i) {
    for (int c = 0; c < 3; ++c) {
      splats.means[3 * i + c] = static_cast<float>(seeds.points[i][c]);
      splats.log_scales[3 * i + c] = std::log(distances[i]);
      splats.sh[(3 * i + c) * k] = (seeds.colors[i][c] - 0.5f) / kShC0;
    }
    splats.quats[4 * i] = 1;
    splats.logits[i] = std::log(0.1f / 0.9f);
  }
  return splats;
}

}  // namespace takt::splat
