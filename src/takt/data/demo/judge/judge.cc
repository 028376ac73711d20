// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/judge/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "takt/core/base/error.h"

namespace takt::demo {
namespace {

constexpr double kDegrees = 180 / 3.14159265358979323846;

// Keeps the worst moment of one filter; NaN is worse than any number.
struct Worst {
  double value = -1, time_s = 0;
  int idx = -1;
  void See(double v, double t, int i) {
    if (!std::isnan(value) && !(v <= value)) *this = {v, t, i};
  }
};

double TiltRad(const Quat& from, const Quat& to) {
  const Vec3 a = from * Vec3::UnitZ(), b = to * Vec3::UnitZ();
  return std::atan2(a.cross(b).norm(), a.dot(b));
}

// Signed distance from `p` to the convex hull of `points`: positive inside. A hull without area counts as its outline.
double HullMargin(std::vector<Vec2> points, const Vec2& p) {
  std::sort(points.begin(), points.end(),
            [](const Vec2& a, const Vec2& b) { return a.x() < b.x() || (a.x() == b.x() && a.y() < b.y()); });
  const auto cross = [](const Vec2& o, const Vec2& a, const Vec2& b) {
    return (a.x() - o.x()) * (b.y() - o.y()) - (a.y() - o.y()) * (b.x() - o.x());
  };
  std::vector<Vec2> hull;
  for (int pass = 0; pass < 2; ++pass) {  // lower, then upper chain
    const size_t base = hull.size();
    for (const Vec2& q : points) {
      while (hull.size() >= base + 2 && cross(hull[hull.size() - 2], hull.back(), q) <= 0) hull.pop_back();
      hull.push_back(q);
    }
    hull.pop_back();
    std::reverse(points.begin(), points.end());
  }
  if (hull.empty()) hull = {points.front()};
  bool inside = hull.size() >= 3;
  double distance = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < hull.size(); ++i) {
    const Vec2& a = hull[i];
    const Vec2 edge = hull[(i + 1) % hull.size()] - a;
    const double length2 = edge.squaredNorm();
    const double u = length2 > 0 ? std::clamp((p - a).dot(edge) / length2, 0.0, 1.0) : 0.0;
    distance = std::min(distance, (p - a - u * edge).norm());
    inside = inside && edge.x() * (p - a).y() - edge.y() * (p - a).x() >= 0;
  }
  return inside ? distance : -distance;
}

class Judgement {
 public:
  Judgement(const Trace& trace, const JudgeLimits& limits) : trace_(trace), limits_(limits) { CheckShape(); }

  Verdict Run() {
    Drop();
    Spill();
    Slip();
    Tip();
    Penetration();
    Limits();
    GoalAndSettling();
    Idle();
    return std::move(verdict_);
  }

 private:
  void CheckShape() const {
    const auto fail = [](const std::string& what) { throw Error(ErrorCode::kBadInput, "trace", what); };
    const size_t joints = trace_.max_velocity_rad_s.size(), objects = trace_.objects.size();
    if (trace_.samples.empty()) fail("has no samples");
    if (!(trace_.control_period_s > 0)) fail("has no control period");
    if (trace_.joint_min_rad.size() != joints || trace_.joint_max_rad.size() != joints ||
        trace_.max_torque_n_m.size() != joints) {
      fail("has limits of different lengths");
    }
    for (const Sample& s : trace_.samples) {
      if (s.joint_rad.size() != joints || s.peak_velocity_rad_s.size() != joints ||
          s.peak_torque_n_m.size() != joints || s.objects.size() != objects ||
          s.action.size() != trace_.samples.front().action.size() || s.held_idx >= static_cast<int>(objects)) {
        fail("has a sample of another shape");
      }
    }
    for (const Goal& g : trace_.goals) {
      if (g.object_idx < 0 || g.object_idx >= static_cast<int>(objects) || g.target_idx >= static_cast<int>(objects)) {
        fail("has a goal for an object that is not there");
      }
    }
  }

  void Add(Reason reason, const Worst& worst, double limit, std::string what) {
    verdict_.findings.push_back({reason, worst.time_s, worst.value, limit, std::move(what)});
  }
  const std::string& Name(int object_idx) const { return trace_.objects[static_cast<size_t>(object_idx)].id; }
  Vec3 CentreOfMass(const Sample& s, int object_idx) const {
    return s.objects[static_cast<size_t>(object_idx)].world_from_object *
           trace_.objects[static_cast<size_t>(object_idx)].com_in_object_m;
  }

  // Calls body(begin, end, object) for every maximal run of samples that hold one object.
  template <class Body>
  void ForEachCarry(const Body& body) const {
    const auto& samples = trace_.samples;
    for (size_t i = 0; i < samples.size();) {
      size_t end = i + 1;
      while (end < samples.size() && samples[end].held_idx == samples[i].held_idx) ++end;
      if (samples[i].held_idx >= 0) body(i, end, samples[i].held_idx);
      i = end;
    }
  }

  void Limits() {
    Worst range, speed, torque;
    for (const Sample& s : trace_.samples) {
      for (size_t j = 0; j < s.joint_rad.size(); ++j) {
        const int joint = static_cast<int>(j);
        range.See(std::max(trace_.joint_min_rad[j] - s.joint_rad[j], s.joint_rad[j] - trace_.joint_max_rad[j]),
                  s.time_s, joint);
        speed.See(s.peak_velocity_rad_s[j] / trace_.max_velocity_rad_s[j], s.time_s, joint);
        torque.See(s.peak_torque_n_m[j] / trace_.max_torque_n_m[j], s.time_s, joint);
      }
    }
    if (!(range.value <= limits_.joint_tolerance_rad)) {
      Add(Reason::kLimit, range, limits_.joint_tolerance_rad,
          fmt::format("joint {} is {:.3f} rad out of its range", range.idx, range.value));
    }
    if (!(speed.value <= 1 + limits_.velocity_tolerance)) {
      Add(Reason::kLimit, speed, 1 + limits_.velocity_tolerance,
          fmt::format("joint {} turns at {:.0f} % of its speed limit", speed.idx, 100 * speed.value));
    }
    if (!(torque.value <= 1 + 1e-9)) {
      Add(Reason::kLimit, torque, 1,
          fmt::format("joint {} needs {:.0f} % of its torque limit", torque.idx, 100 * torque.value));
    }
  }

  void Penetration() {
    Worst worst;
    for (const Sample& s : trace_.samples) worst.See(s.peak_penetration_m, s.time_s, 0);
    if (!(worst.value <= limits_.max_penetration_m)) {
      Add(Reason::kPenetration, worst, limits_.max_penetration_m,
          fmt::format("bodies are {:.2f} mm inside each other", 1e3 * worst.value));
    }
  }

  void Drop() {
    ForEachCarry([&](size_t begin, size_t end, int object) {
      double gap = 0;
      Worst worst;
      for (size_t i = begin; i < end; ++i) {
        bool left = false, right = false;
        for (const Touch& t : trace_.samples[i].touches) {
          left = left || (t.object_idx == object && t.other_idx == kTouchLeftFinger);
          right = right || (t.object_idx == object && t.other_idx == kTouchRightFinger);
        }
        gap = left && right ? 0 : gap + trace_.control_period_s;
        worst.See(gap, trace_.samples[i].time_s, object);
      }
      if (!(worst.value <= limits_.max_held_gap_s)) {
        Add(Reason::kDrop, worst, limits_.max_held_gap_s,
            fmt::format("{} is without the fingers for {:.2f} s while it is carried", Name(object), worst.value));
      }
    });
  }

  void Slip() {
    ForEachCarry([&](size_t begin, size_t end, int object) {
      const auto tool_from_object = [&](size_t i) {
        const Sample& s = trace_.samples[i];
        return s.world_from_tool.Inverse() * s.objects[static_cast<size_t>(object)].world_from_object;
      };
      const Pose held = tool_from_object(begin);
      const Vec3& com = trace_.objects[static_cast<size_t>(object)].com_in_object_m;
      Worst moved, turned;
      for (size_t i = begin; i < end; ++i) {
        const Pose now = tool_from_object(i);
        moved.See((now * com - held * com).norm(), trace_.samples[i].time_s, object);
        turned.See(now.rotation.angularDistance(held.rotation), trace_.samples[i].time_s, object);
      }
      if (!(moved.value <= limits_.max_slip_m)) {
        Add(Reason::kSlip, moved, limits_.max_slip_m,
            fmt::format("{} moved {:.1f} mm in the gripper", Name(object), 1e3 * moved.value));
      }
      if (!(turned.value <= limits_.max_slip_rad)) {
        Add(Reason::kSlip, turned, limits_.max_slip_rad,
            fmt::format("{} turned {:.0f} degrees in the gripper", Name(object), kDegrees * turned.value));
      }
    });
  }

  void Tip() {
    for (size_t o = 0; o < trace_.objects.size(); ++o) {
      const double limit = trace_.objects[o].max_tilt_rad;
      if (std::isnan(limit)) continue;
      Worst tilt;
      const Quat& upright = trace_.samples.front().objects[o].world_from_object.rotation;
      for (const Sample& s : trace_.samples) {
        tilt.See(TiltRad(upright, s.objects[o].world_from_object.rotation), s.time_s, static_cast<int>(o));
      }
      if (!(tilt.value <= limit)) {
        Add(Reason::kTip, tilt, limit,
            fmt::format("{} tilts by {:.0f} degrees", trace_.objects[o].id, kDegrees * tilt.value));
      }
    }
    ForEachCarry([&](size_t begin, size_t end, int object) {
      Worst lever;
      for (size_t i = begin; i < end; ++i) {
        const Sample& s = trace_.samples[i];
        std::vector<Vec2> fingers;
        bool rests = false;  // on something else as well, as while it is set down
        for (const Touch& t : s.touches) {
          if (t.object_idx != object) continue;
          if (t.other_idx == kTouchLeftFinger || t.other_idx == kTouchRightFinger)
            fingers.push_back(t.position_in_world_m.head<2>());
          else
            rests = true;
        }
        if (rests || fingers.size() < 2) continue;
        lever.See(-HullMargin(std::move(fingers), CentreOfMass(s, object).head<2>()), s.time_s, object);
      }
      if (lever.idx >= 0 && !(lever.value <= limits_.max_com_lever_m)) {
        Add(Reason::kTip, lever, limits_.max_com_lever_m,
            fmt::format("the centre of mass of {} is {:.1f} mm beside the fingers that carry it", Name(object),
                        1e3 * lever.value));
      }
    });
    const Sample& last = trace_.samples.back();
    for (const Goal& goal : trace_.goals) {
      std::vector<Vec2> support;
      for (const Touch& t : last.touches) {
        if (t.object_idx == goal.object_idx || t.other_idx == goal.object_idx)
          support.push_back(t.position_in_world_m.head<2>());
      }
      // One or two contact points are a sphere or a cylinder on its side: at rest they are where they can be.
      if (support.size() < 3) continue;
      const double margin = HullMargin(std::move(support), CentreOfMass(last, goal.object_idx).head<2>());
      if (!(margin >= limits_.min_support_margin_m)) {
        Add(Reason::kTip, {margin, last.time_s, goal.object_idx}, limits_.min_support_margin_m,
            fmt::format("the centre of mass of {} is {:.1f} mm beside its support", Name(goal.object_idx),
                        -1e3 * margin));
      }
    }
  }

  void Spill() {
    if (trace_.vessel_idx < 0) return;
    std::vector<VesselMotion> motion;
    for (const Sample& s : trace_.samples) motion.insert(motion.end(), s.vessel_motion.begin(), s.vessel_motion.end());
    const SloshResult slosh = Slosh(trace_.vessel, motion);
    if (slosh.spilled()) {
      Add(Reason::kSpill, {slosh.peak_rise_m, slosh.peak_time_s, trace_.vessel_idx}, slosh.freeboard_m,
          fmt::format("liquid in {} climbs {:.1f} mm, the rim is at {:.1f} mm", Name(trace_.vessel_idx),
                      1e3 * slosh.peak_rise_m, 1e3 * slosh.freeboard_m));
    }
  }

  bool Holds(const Goal& goal, const Sample& s) const {
    const Pose& object = s.objects[static_cast<size_t>(goal.object_idx)].world_from_object;
    Pose world_from_box = goal.target_from_box;
    if (goal.target_idx >= 0)
      world_from_box = s.objects[static_cast<size_t>(goal.target_idx)].world_from_object * world_from_box;
    const Vec3 inside = (world_from_box.Inverse() * CentreOfMass(s, goal.object_idx)).cwiseAbs();
    for (int a = 0; a < 3; ++a) {
      if (!(inside[a] <= goal.half_extents_m[a])) return false;
    }
    return std::isnan(goal.max_tilt_rad) || TiltRad(Quat::Identity(), object.rotation) <= goal.max_tilt_rad;
  }

  void GoalAndSettling() {
    const auto& samples = trace_.samples;
    for (const Goal& goal : trace_.goals) {
      if (!Holds(goal, samples.back())) {
        Add(Reason::kMissed, {0, samples.back().time_s, goal.object_idx}, 0,
            fmt::format("{} does not end where it should", Name(goal.object_idx)));
      }
    }
    const size_t wanted = static_cast<size_t>(std::ceil(limits_.settle_s / trace_.control_period_s - 1e-9));
    Worst speed, rate;
    bool touched = false, held = samples.size() >= wanted;
    for (size_t i = samples.size() - std::min(wanted, samples.size()); i < samples.size(); ++i) {
      const Sample& s = samples[i];
      for (const Goal& goal : trace_.goals) {
        const ObjectState& o = s.objects[static_cast<size_t>(goal.object_idx)];
        speed.See(o.velocity_in_world_m_s.norm(), s.time_s, goal.object_idx);
        rate.See(o.angular_velocity_in_world_rad_s.norm(), s.time_s, goal.object_idx);
        held = held && Holds(goal, s);
        for (const Touch& t : s.touches)
          touched = touched || (t.object_idx == goal.object_idx && t.other_idx <= kTouchLeftFinger);
      }
    }
    if (!(speed.value <= limits_.settled_speed_m_s)) {
      Add(Reason::kUnsettled, speed, limits_.settled_speed_m_s,
          fmt::format("{} still moves at {:.1f} cm/s", Name(speed.idx), 100 * speed.value));
    } else if (!(rate.value <= limits_.settled_rate_rad_s)) {
      Add(Reason::kUnsettled, rate, limits_.settled_rate_rad_s,
          fmt::format("{} still turns at {:.2f} rad/s", Name(rate.idx), rate.value));
    } else if (touched) {
      Add(Reason::kUnsettled, {0, samples.back().time_s, 0}, 0, "the robot still touches what it has put down");
    } else if (!held && (verdict_.findings.empty() || verdict_.findings.back().reason != Reason::kMissed)) {
      Add(Reason::kUnsettled, {0, samples.back().time_s, 0}, limits_.settle_s, "the goal was not held for long enough");
    }
  }

  void Idle() {
    const auto& samples = trace_.samples;
    const size_t tail = static_cast<size_t>(std::ceil(limits_.settle_s / trace_.control_period_s - 1e-9));
    const size_t end = samples.size() - std::min(tail, samples.size());
    double run = 0;
    Worst worst;
    for (size_t i = 1; i < end; ++i) {
      double step = std::abs(samples[i].opening_m - samples[i - 1].opening_m);
      for (size_t a = 0; a < samples[i].action.size(); ++a)
        step = std::max(step, std::abs(samples[i].action[a] - samples[i - 1].action[a]));
      double speed = 0;
      for (const ObjectState& o : samples[i].objects) speed = std::max(speed, o.velocity_in_world_m_s.norm());
      const bool idle = step <= limits_.idle_action_step && speed <= limits_.idle_speed_m_s;
      run = idle ? run + trace_.control_period_s : 0;
      worst.See(run, samples[i].time_s, 0);
    }
    if (worst.idx >= 0 && !(worst.value <= limits_.max_idle_s)) {
      Add(Reason::kIdle, worst, limits_.max_idle_s, fmt::format("nothing happens for {:.2f} s", worst.value));
    }
  }

  const Trace& trace_;
  const JudgeLimits& limits_;
  Verdict verdict_;
};

}  // namespace

Verdict Judge(const Trace& trace, const JudgeLimits& limits) { return Judgement(trace, limits).Run(); }

std::vector<float> EpisodeFeatures(const Trace& trace) {
  constexpr size_t kPoints = 24;
  std::vector<float> features;
  const auto push = [&](const Vec3& p) {
    for (int a = 0; a < 3; ++a) features.push_back(static_cast<float>(p[a]));
  };
  if (trace.samples.empty()) return features;
  for (const Goal& goal : trace.goals) {
    push(trace.samples.front().objects[static_cast<size_t>(goal.object_idx)].world_from_object.translation_m);
    push(trace.samples.back().objects[static_cast<size_t>(goal.object_idx)].world_from_object.translation_m);
  }
  std::vector<double> way_m = {0};
  for (size_t i = 1; i < trace.samples.size(); ++i) {
    way_m.push_back(
        way_m.back() +
        (trace.samples[i].world_from_tool.translation_m - trace.samples[i - 1].world_from_tool.translation_m).norm());
  }
  size_t at = 0;
  for (size_t k = 0; k < kPoints; ++k) {
    const double wanted = way_m.back() * static_cast<double>(k) / (kPoints - 1);
    while (at + 2 < way_m.size() && way_m[at + 1] < wanted) ++at;
    const size_t next = std::min(at + 1, way_m.size() - 1);
    const double span = way_m[next] - way_m[at];
    const double share = span > 0 ? std::clamp((wanted - way_m[at]) / span, 0.0, 1.0) : 0;
    push(trace.samples[at].world_from_tool.translation_m * (1 - share) +
         trace.samples[next].world_from_tool.translation_m * share);
  }
  return features;
}

std::optional<size_t> DuplicateIndex::FindOrAdd(std::vector<float> features) {
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].size() != features.size()) continue;
    const bool same = std::equal(features.begin(), features.end(), kept_[i].begin(),
                                 [&](float a, float b) { return std::abs(a - b) <= threshold_m_; });
    if (same) return i;
  }
  kept_.push_back(std::move(features));
  return std::nullopt;
}

}  // namespace takt::demo
