// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "takt/data/scene/repair/layout.h"
#include "takt/data/scene/repair/links.h"

namespace takt::scene {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kTouch_m = 1e-9;  // how deep in a forbidden polygon a place on its boundary may seem to lie

// The places of a body's origin that one other prism forbids, as edges with outward normals.
struct Obstacle {
  std::vector<Vec2> at, normal;
  std::vector<double> reach;
  Vec2 centre;
  double radius_m = 0;

  void Set(const SmallPolygon& p, double grow_m) {
    at.clear();
    normal.clear();
    reach.clear();
    for (int k = 0; k < p.n; ++k) {
      const Vec2 edge = p.at[(k + 1) % p.n] - p.at[k];
      const double length = edge.norm();
      if (length < 1e-9) continue;
      const Vec2 n(edge.y() / length, -edge.x() / length);
      if (!normal.empty() && Cross(normal.back(), n) < 1e-9 && normal.back().dot(n) > 0) continue;
      normal.push_back(n);
      reach.push_back(n.dot(p.at[k]) + grow_m);
    }
    while (normal.size() > 1 && Cross(normal.back(), normal.front()) < 1e-9 && normal.back().dot(normal.front()) > 0) {
      normal.pop_back();
      reach.pop_back();
    }
    const size_t n = normal.size();
    centre = Vec2::Zero();
    for (size_t k = 0; k < n; ++k) {  // corners of the grown polygon: where neighbouring lines meet
      const size_t before = (k + n - 1) % n;
      const double det = Cross(normal[before], normal[k]);
      const Vec2 corner((reach[before] * normal[k].y() - reach[k] * normal[before].y()) / det,
                        (reach[k] * normal[before].x() - reach[before] * normal[k].x()) / det);
      at.push_back(corner);
      centre += corner / static_cast<double>(n);
    }
    radius_m = 0;
    for (const Vec2& p2 : at) radius_m = std::max(radius_m, (p2 - centre).norm());
  }
  bool Holds(const Vec2& p) const {
    if ((p - centre).squaredNorm() > radius_m * radius_m) return false;
    for (size_t k = 0; k < normal.size(); ++k) {
      if (!(normal[k].dot(p) < reach[k] - kTouch_m)) return false;
    }
    return true;
  }
  // Part of the line p + t d that lies inside; false where there is none.
  bool Cut(const Vec2& p, const Vec2& d, double* from, double* to) const {
    const Vec2 c = centre - p;
    const double across = Cross(d, c);
    if (across > radius_m || across < -radius_m) return false;
    double low = -kInf, high = kInf;
    for (size_t k = 0; k < normal.size(); ++k) {
      const double slope = normal[k].dot(d), room = reach[k] - kTouch_m - normal[k].dot(p);
      if (std::abs(slope) < 1e-12) {
        if (room <= 0) return false;
      } else if (slope > 0) {
        high = std::min(high, room / slope);
      } else {
        low = std::max(low, room / slope);
      }
      if (!(low < high)) return false;
    }
    *from = low;
    *to = high;
    return true;
  }
};

}  // namespace

struct PlaceScratch {
  std::vector<Obstacle> obstacles;
  int count = 0;
  std::vector<HalfPlane> planes;
  std::vector<std::pair<double, double>> cuts;
  LinkRegion region;
  SmallPolygon sum;

  Obstacle& Next() {
    if (count == static_cast<int>(obstacles.size())) obstacles.emplace_back();
    return obstacles[count++];
  }
  bool Free(const Vec2& p) const {
    for (const HalfPlane& plane : planes) {
      if (!(plane.inward.dot(p) >= plane.offset_m - kTouch_m)) return false;
    }
    for (int k = 0; k < count; ++k) {
      if (obstacles[k].Holds(p)) return false;
    }
    return true;
  }

  // The free point of the line p + t d, |d| = 1, 0 <= t <= length, nearest to `wish`.
  bool NearestOnLine(const Vec2& p, const Vec2& d, double length, const Vec2& wish, double limit, Vec2* place) {
    double low = 0, high = length;
    const double centre = d.dot(wish - p);
    const double off2 = (p + centre * d - wish).squaredNorm();
    const double half2 = limit * limit - off2;
    if (!(half2 > 0)) return false;
    const double half = std::sqrt(half2);
    low = std::max(low, centre - half);
    high = std::min(high, centre + half);
    for (const HalfPlane& plane : planes) {
      const double slope = plane.inward.dot(d), room = plane.offset_m - kTouch_m - plane.inward.dot(p);
      if (std::abs(slope) < 1e-12) {
        if (room > 0) return false;
      } else if (slope > 0) {
        low = std::max(low, room / slope);
      } else {
        high = std::min(high, room / slope);
      }
    }
    if (!(low <= high)) return false;
    cuts.clear();
    for (int k = 0; k < count; ++k) {
      double from, to;
      if (!obstacles[k].Cut(p, d, &from, &to) || to <= low || from >= high) continue;
      if (from < low && to > high) return false;
      cuts.emplace_back(from, to);
    }
    const double start = std::clamp(centre, low, high);
    double best = kInf;
    for (const int side : {-1, 1}) {
      double t = start;
      bool moved = true;
      while (moved && t >= low && t <= high) {
        moved = false;
        for (const auto& [from, to] : cuts) {
          if (t > from && t < to) {
            t = side < 0 ? from : to;
            moved = true;
          }
        }
      }
      if (t >= low && t <= high && std::abs(t - centre) < std::abs(best - centre)) best = t;
    }
    if (best == kInf) return false;
    *place = p + best * d;
    return true;
  }
};

Placer::Placer(Layout* layout) : layout_(layout), scratch_(new PlaceScratch) {}
Placer::~Placer() { delete scratch_; }

bool Placer::Nearest(int body, const Vec2& wish, double limit_m, const std::vector<char>* use, Vec2* place) {
  Layout& layout = *layout_;
  PlaceScratch& s = *scratch_;
  s.planes.clear();
  s.count = 0;
  const size_t borders = layout.borders.size();
  for (size_t k = 0; k < borders; ++k) {
    const double reach = layout.border_reach[body * borders + k];
    if (reach == kInf) continue;
    s.planes.push_back({layout.borders[k].plane.inward, layout.borders[k].plane.offset_m - reach});
  }
  for (const CentreLimit& limit : layout.centre_limits) {
    if (limit.body == body) s.planes.push_back(limit.plane);
  }
  const Vec2 at = layout.bodies[body].at;
  for (const int k : layout.links_of[body]) {
    const Link& link = layout.links[k];
    const int other = link.a == body ? link.b : link.a;
    if (use != nullptr && other >= 0 && !(*use)[other]) continue;
    if (!RegionOfLink(layout, link, body, &s.region)) return false;
    s.planes.insert(s.planes.end(), s.region.planes.begin(), s.region.planes.end());
    if (s.region.forbidden.n >= 3) s.Next().Set(s.region.forbidden, 0);
  }
  for (const int k : layout.pairs_of[body]) {
    const BodyPair& pair = layout.body_pairs[k];
    const int other = pair.a == body ? pair.b : pair.a;
    if (use != nullptr && !(*use)[other]) continue;
    const Body& b = layout.bodies[other];
    const double far = limit_m + b.radius_m + layout.bodies[body].radius_m + kWantedGap_m;
    if ((b.at - wish).squaredNorm() > far * far) continue;
    for (int t = pair.first; t < pair.first + pair.count; ++t) {
      const PrismPair& test = layout.pairs[t];
      const Prism& own = layout.prisms[pair.a == body ? test.p : test.q];
      const Prism& its = layout.prisms[pair.a == body ? test.q : test.p];
      MinkowskiDifference(layout.turned.data() + its.first, its.count, layout.turned.data() + own.first, own.count, &s.sum);
      for (int v = 0; v < s.sum.n; ++v) s.sum.at[v] += b.at;
      s.Next().Set(s.sum, test.gap_m);
    }
  }
  if ((wish - at).squaredNorm() == 0 || limit_m > 0) {
    if (s.Free(wish)) {
      *place = wish;
      return true;
    }
  }
  bool found = false;
  double best = limit_m;
  const auto offer = [&](const Vec2& p) {
    const double d = (p - wish).norm();
    if (d < best) {
      best = d;
      *place = p;
      found = true;
    }
  };
  Vec2 p;
  for (const HalfPlane& plane : s.planes) {
    const Vec2 d(-plane.inward.y(), plane.inward.x());
    const double off = plane.inward.dot(wish) - plane.offset_m;
    if (std::abs(off) >= best) continue;
    if (s.NearestOnLine(wish - off * plane.inward - best * d, d, 2 * best, wish, best, &p)) offer(p);
  }
  for (int k = 0; k < s.count; ++k) {
    const Obstacle& o = s.obstacles[k];
    if ((o.centre - wish).norm() - o.radius_m >= best) continue;
    for (size_t e = 0; e < o.at.size(); ++e) {
      const double off = o.normal[e].dot(wish) - o.reach[e];
      if (std::abs(off) >= best) continue;
      const Vec2 edge = o.at[(e + 1) % o.at.size()] - o.at[e];
      const double length = edge.norm();
      if (length < 1e-12) continue;
      if (s.NearestOnLine(o.at[e], edge / length, length, wish, best, &p)) offer(p);
    }
  }
  return found;
}

}  // namespace takt::scene
