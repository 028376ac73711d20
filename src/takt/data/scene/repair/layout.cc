// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/repair/layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "takt/data/scene/repair/links.h"

namespace takt::scene {

constexpr double kInf = std::numeric_limits<double>::infinity();

void Layout::SetYaw(int index, double yaw) {
  Body& body = bodies[index];
  body.yaw = yaw;
  const double c = body.cosine = std::cos(yaw), s = body.sine = std::sin(yaw);
  double* least = border_reach.data() + static_cast<size_t>(index) * borders.size();
  std::fill_n(least, borders.size(), kInf);
  for (int p = body.first_prism; p < body.first_prism + body.prisms; ++p) {
    const Prism& prism = prisms[p];
    for (int k = prism.first; k < prism.first + prism.count; ++k) {
      const Vec2& v = local[k];
      turned[k] = Vec2(c * v.x() - s * v.y(), s * v.x() + c * v.y());
    }
    for (int k = 0; k < prism.count; ++k) {
      const Vec2& a = turned[prism.first + k];
      const Vec2 edge = turned[prism.first + (k + 1 == prism.count ? 0 : k + 1)] - a;
      const Vec2 n = Vec2(edge.y(), -edge.x()) / edge.norm();
      normal[prism.first + k] = n;
      reach[prism.first + k] = n.dot(a);
    }
    for (size_t b = 0; b < borders.size(); ++b) {
      if (prism.zone && borders[b].limits != Limits::kBodyAndZones) continue;
      if (body.overhangs && borders[b].limits == Limits::kSupport) {
        least[b] = -kInset_m;
        continue;
      }
      for (int k = prism.first; k < prism.first + prism.count; ++k) {
        least[b] = std::min(least[b], borders[b].plane.inward.dot(turned[k]));
      }
    }
  }
}

void Layout::Finish() {
  turned.resize(local.size());
  normal.resize(local.size());
  reach.resize(local.size());
  wall.resize(local.size(), 0);
  border_reach.assign(bodies.size() * borders.size(), 0.0);
  pairs_of.assign(bodies.size(), {});
  links_of.assign(bodies.size(), {});
  moving.clear();
  for (int i = 0; i < static_cast<int>(bodies.size()); ++i) {
    Body& body = bodies[i];
    double radius = 0, area = 0;
    for (int p = body.first_prism; p < body.first_prism + body.prisms; ++p) {
      const Prism& prism = prisms[p];
      for (int k = 0; k < prism.count; ++k) {
        const Vec2 &a = local[prism.first + k], &b = local[prism.first + (k + 1) % prism.count];
        radius = std::max(radius, a.norm());
        area += Cross(a, b) / 2;
      }
    }
    body.radius_m = radius;
    body.area_m2 = area;
    SetYaw(i, body.yaw);
    if (body.movable) moving.push_back(i);
  }
  for (int k = 0; k < static_cast<int>(body_pairs.size()); ++k) {
    pairs_of[body_pairs[k].a].push_back(k);
    pairs_of[body_pairs[k].b].push_back(k);
  }
  for (int k = 0; k < static_cast<int>(links.size()); ++k) {
    links_of[links[k].a].push_back(k);
    if (links[k].b >= 0 && links[k].b != links[k].a) links_of[links[k].b].push_back(k);
  }
}

double Separation(const Layout& layout, const Prism& p, const Vec2& p_at, const Prism& q, const Vec2& q_at, Vec2* push) {
  const Vec2 d = q_at - p_at;
  double best = -kInf;
  const Vec2* pv = layout.turned.data() + p.first;
  const Vec2* qv = layout.turned.data() + q.first;
  for (int k = 0; k < p.count; ++k) {
    const Vec2& n = layout.normal[p.first + k];
    double low = kInf;
    for (int j = 0; j < q.count; ++j) low = std::min(low, n.dot(qv[j]));
    const double s = low + n.dot(d) - layout.reach[p.first + k];
    if (s > best && (s > 0 || !q.pocket)) {
      best = s;
      *push = n;
    }
  }
  for (int k = 0; k < q.count; ++k) {
    const Vec2& n = layout.normal[q.first + k];
    double low = kInf;
    for (int j = 0; j < p.count; ++j) low = std::min(low, n.dot(pv[j]));
    const double s = low - n.dot(d) - layout.reach[q.first + k];
    if (s > best && (s > 0 || !q.pocket || layout.wall[q.first + k])) {
      best = s;
      *push = -n;
    }
  }
  return best;
}

namespace {

double PairViolation(const Layout& layout, const BodyPair& pair) {
  const Body &a = layout.bodies[pair.a], &b = layout.bodies[pair.b];
  const double reach = a.radius_m + b.radius_m + kWantedGap_m;
  if ((a.at - b.at).squaredNorm() > reach * reach) return -kInf;
  double worst = -kInf;
  Vec2 push;
  for (int k = pair.first; k < pair.first + pair.count; ++k) {
    const PrismPair& test = layout.pairs[k];
    const double s = Separation(layout, layout.prisms[test.p], a.at, layout.prisms[test.q], b.at, &push);
    worst = std::max(worst, test.gap_m - s - kAccept_m);
  }
  return worst;
}

double BorderViolation(const Layout& layout, int body) {
  double worst = -kInf;
  const Body& b = layout.bodies[body];
  for (size_t k = 0; k < layout.borders.size(); ++k) {
    const HalfPlane& plane = layout.borders[k].plane;
    worst = std::max(worst, plane.offset_m - plane.inward.dot(b.at) - layout.border_reach[body * layout.borders.size() + k]);
  }
  return worst - 1e-7;
}

}  // namespace

double Violation(const Layout& layout) {
  double worst = -kInf;
  for (const BodyPair& pair : layout.body_pairs) worst = std::max(worst, PairViolation(layout, pair));
  for (const int i : layout.moving) worst = std::max(worst, BorderViolation(layout, i));
  for (const CentreLimit& limit : layout.centre_limits) {
    worst = std::max(worst, limit.plane.offset_m - limit.plane.inward.dot(layout.bodies[limit.body].at) - 1e-7);
  }
  for (const Link& link : layout.links) worst = std::max(worst, LinkViolation(layout, link));
  return worst;
}

double ViolationOf(const Layout& layout, int body) {
  double worst = BorderViolation(layout, body);
  for (const int k : layout.pairs_of[body]) worst = std::max(worst, PairViolation(layout, layout.body_pairs[k]));
  for (const CentreLimit& limit : layout.centre_limits) {
    if (limit.body != body) continue;
    worst = std::max(worst, limit.plane.offset_m - limit.plane.inward.dot(layout.bodies[body].at) - 1e-7);
  }
  for (const int k : layout.links_of[body]) worst = std::max(worst, LinkViolation(layout, layout.links[k]));
  return worst;
}

}  // namespace takt::scene
