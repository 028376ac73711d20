// SPDX-License-Identifier: Apache-2.0
// Proves the filters of takt demo: good demonstrations are spoilt in ways whose outcome is known, replayed in physics
// and judged. Good ones are replayed with jitter on every action and other friction, and must be kept.
//
//   bench_demo_filters [EPISODES_PER_TASK] [SEED]      prints Markdown tables
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bench_util.h"
#include "takt/core/base/parallel.h"
#include "takt/data/demo/attempt.h"
#include "takt/data/scene/model/walk.h"

namespace takt::demo {
namespace {

struct Script {
  std::vector<Action> actions;
  std::vector<HeldRun> held;
};

// A way to spoil an episode. `spoil` returns an empty script where it does not apply.
struct Spoiler {
  const char* name;
  std::vector<Reason> intended;
  std::function<Script(const Stage&, const Attempt&, const Trace&, const Rng&)> spoil;
  // Whether the spoilt run is bad, by another measure than the judge's; empty: by construction.
  std::function<bool(const Stage&, const Trace&)> is_bad;
};

Script ScriptOf(const Attempt& attempt) {
  Script script;
  for (const Frame& frame : attempt.frames) script.actions.push_back(frame.action);
  script.held = attempt.held;
  return script;
}

// Frames [begin, end) only every `factor`-th; the last one stays.
Script Hurry(const Attempt& attempt, size_t begin, size_t end, size_t factor) {
  Script script;
  const auto new_idx = [&](size_t k) {
    return k <= begin ? k
           : k >= end ? begin + (end - begin + factor - 1) / factor + (k - end)
                      : begin + (k - begin) / factor;
  };
  for (size_t k = 0; k < attempt.frames.size(); ++k) {
    if (k >= begin && k < end && (k - begin) % factor != 0) continue;
    script.actions.push_back(attempt.frames[k].action);
  }
  for (const HeldRun& run : attempt.held) script.held.push_back({run.object_idx, new_idx(run.begin), new_idx(run.end)});
  return script;
}

// Turns the base so that the last object is let go `offset_m` beside its place.
Script Aside(const Stage& stage, const Attempt& attempt, const Trace& trace, double offset_m) {
  Script script = ScriptOf(attempt);
  const HeldRun& run = attempt.held.back();
  const Pose base = scene::WorldFromNode(stage.scene, stage.robot_id);
  const double radius = (base.Inverse() * trace.samples[run.end - 1].world_from_tool.translation_m).head<2>().norm();
  const double angle = offset_m / std::max(0.1, radius);
  const size_t middle = run.begin + (run.end - run.begin) / 2, back = std::min(run.end + 25, script.actions.size());
  for (size_t k = run.begin; k < script.actions.size(); ++k) {
    double share = 1;
    if (k < middle)
      share = static_cast<double>(k - run.begin) / static_cast<double>(middle - run.begin);
    else if (k >= back)
      share = std::max(0.0, 1 - static_cast<double>(k - back) / 20.0);
    script.actions[k][0] += static_cast<float>(angle * share);
  }
  return script;
}

double PeakCommandedSpeed(const Stage& stage, const Trace& trace) {
  double peak = 0;
  for (size_t i = 1; i < trace.samples.size(); ++i) {
    for (size_t j = 0; j + 1 < trace.samples[i].action.size(); ++j) {
      const double v = std::abs(trace.samples[i].action[j] - trace.samples[i - 1].action[j]) / trace.control_period_s;
      peak = std::max(peak, v / stage.robot.velocity_rad_s[j]);
    }
  }
  return peak;
}

const std::vector<Spoiler>& Spoilers() {
  static const std::vector<Spoiler> spoilers = {
      {"gripper opens on the way",
       {Reason::kDrop},
       [](const Stage&, const Attempt& a, const Trace&, const Rng& rng) {
         Script s = ScriptOf(a);
         const HeldRun& run = a.held.front();
         const size_t at = run.begin + (run.end - run.begin) * (30 + rng.Below(0, 40)) / 100;
         for (size_t k = at; k < run.end; ++k) s.actions[k].back() = 0.08f;
         return s;
       },
       {}},
      {"grip loosens for a moment",
       {Reason::kSlip, Reason::kDrop},
       [](const Stage&, const Attempt& a, const Trace& t, const Rng& rng) {
         Script s = ScriptOf(a);
         const HeldRun& run = a.held.front();
         const size_t at = run.begin + (run.end - run.begin) * (30 + rng.Below(0, 40)) / 100;
         for (size_t k = at; k < std::min(at + 3, run.end); ++k)
           s.actions[k].back() = static_cast<float>(t.samples[k].opening_m + 0.004);
         return s;
       },
       [](const Stage&, const Trace& t) {
         // The object's height over the tool before and after: another measure than the judge's pose difference.
         double low = 1e9, high = -1e9;
         for (const Sample& s : t.samples) {
           if (s.held_idx < 0) continue;
           const double rise = s.objects[static_cast<size_t>(s.held_idx)].world_from_object.translation_m.z() -
                               s.world_from_tool.translation_m.z();
           low = std::min(low, rise);
           high = std::max(high, rise);
         }
         return high - low > 0.008;
       }},
      {"put down over the edge",
       {Reason::kTip, Reason::kMissed, Reason::kUnsettled},
       [](const Stage& stage, const Attempt& a, const Trace& t, const Rng&) {
         const PutStep& step = stage.task.steps.back();
         if (step.kind != PutKind::kOnto) return Script{};
         return Aside(stage, a, t, 0.5 * scene::Find(stage.scene, step.target_id)->size_m.head<2>().minCoeff() + 0.008);
       },
       {}},
      {"put down beside the goal",
       {Reason::kMissed},
       [](const Stage& stage, const Attempt& a, const Trace& t, const Rng& rng) {
         return Aside(stage, a, t, (rng.Below(0, 2) ? 1 : -1) * 0.16);
       },
       [](const Stage&, const Trace& t) {
         // Beside is bad unless it still came to lie inside.
         const Goal& g = t.goals.back();
         const Sample& s = t.samples.back();
         Pose box = g.target_from_box;
         if (g.target_idx >= 0) box = s.objects[static_cast<size_t>(g.target_idx)].world_from_object * box;
         const Vec3 at = box.Inverse() * s.objects[static_cast<size_t>(g.object_idx)].world_from_object.translation_m;
         return at.head<2>().norm() > 0.1;
       }},
      {"pressed into the table",
       {Reason::kPenetration, Reason::kLimit, Reason::kSlip},
       [](const Stage& stage, const Attempt& a, const Trace&, const Rng&) {
         Script s = ScriptOf(a);
         const HeldRun& run = a.held.back();
         const size_t pitch = 1;  // shoulder of both arms: positive leans forward and down
         const double depth_rad = stage.robot.joints.size() == 5 ? 0.22 : 0.12;
         for (size_t k = run.end - std::min<size_t>(10, run.end); k < std::min(run.end + 6, s.actions.size()); ++k) {
           s.actions[k][pitch] +=
               static_cast<float>(depth_rad * std::min(1.0, static_cast<double>(k + 11 - run.end) / 10.0));
         }
         return s;
       },
       {}},
      {"carried too fast",
       {Reason::kSpill},
       [](const Stage& stage, const Attempt& a, const Trace&, const Rng&) {
         if (stage.task.vessel_id.empty()) return Script{};
         return Hurry(a, a.held.front().begin, a.held.front().end, 3);
       },
       [](const Stage&, const Trace& t) {
         std::vector<VesselMotion> motion;
         for (const Sample& s : t.samples) motion.insert(motion.end(), s.vessel_motion.begin(), s.vessel_motion.end());
         return PourParticles(t.vessel, motion, 1).spilled > 0;
       }},
      {"all too fast",
       {Reason::kLimit},
       [](const Stage&, const Attempt& a, const Trace&, const Rng&) { return Hurry(a, 0, a.frames.size() - 15, 3); },
       [](const Stage& stage, const Trace& t) { return PeakCommandedSpeed(stage, t) > 1.15; }},
      {"ends at the release",
       {Reason::kUnsettled, Reason::kMissed},
       [](const Stage&, const Attempt& a, const Trace&, const Rng& rng) {
         Script s = ScriptOf(a);
         s.actions.resize(a.held.back().end + 1 + rng.Below(0, 6));
         return s;
       },
       {}},
      {"stands still on the way",
       {Reason::kIdle},
       [](const Stage&, const Attempt& a, const Trace&, const Rng& rng) {
         Script s = ScriptOf(a);
         const size_t at = std::max<size_t>(2, a.held.front().begin / 3), count = 15 + rng.Below(0, 40);
         s.actions.insert(s.actions.begin() + static_cast<long>(at), count, s.actions[at]);
         for (HeldRun& run : s.held) {
           run.begin += count;
           run.end += count;
         }
         return s;
       },
       {}},
  };
  return spoilers;
}

// Whether every goal holds at the end and nothing moves: the outcome, without any of the filters.
bool GoodOutcome(const Trace& trace) {
  const Sample& s = trace.samples.back();
  for (const Goal& g : trace.goals) {
    Pose box = g.target_from_box;
    if (g.target_idx >= 0) box = s.objects[static_cast<size_t>(g.target_idx)].world_from_object * box;
    const ObjectState& o = s.objects[static_cast<size_t>(g.object_idx)];
    const Vec3 at =
        (box.Inverse() * (o.world_from_object * trace.objects[static_cast<size_t>(g.object_idx)].com_in_object_m))
            .cwiseAbs();
    if (!((at - g.half_extents_m).maxCoeff() <= 0.002) || !(o.velocity_in_world_m_s.norm() < 0.02)) return false;
  }
  return true;
}

Script Jittered(const Attempt& attempt, const Rng& rng) {
  Script script = ScriptOf(attempt);
  for (size_t k = 0; k < script.actions.size(); ++k) {
    for (size_t j = 0; j + 1 < script.actions[k].size(); ++j) {
      // Slow noise of 1 mrad: actuators and encoders drift, they do not rattle.
      const double phase = 0.3 * static_cast<double>(k) + 6.28 * rng.UniformDouble(j);
      script.actions[k][j] += static_cast<float>(1e-3 * std::sin(phase));
    }
  }
  return script;
}

struct Tally {
  int bad = 0, rejected = 0, named = 0;
};

void Main(int episodes, uint64_t seed) {
  std::map<std::string, Tally> tallies;
  std::map<std::string, std::map<std::string, int>> good;  // task -> counts
  for (int t = 0; t < kTaskCount; ++t) {
    AttemptOptions options;
    options.stage.task = static_cast<TaskKind>(t);
    options.stage.recipe = scene::LoadRecipe(std::string(DefaultRecipe(options.stage.task)));
    options.stage.seed = seed;
    auto& counts = good[std::string(TaskName(options.stage.task))];
    int kept = 0;
    for (uint64_t begin = 0; kept < episodes && begin < 4 * static_cast<uint64_t>(episodes) + 40; begin += 8) {
      std::vector<Attempt> attempts(8);
      ParallelFor(8, 1, [&](size_t i, size_t) { attempts[i] = MakeAttempt(options, begin + i); });
      for (const Attempt& attempt : attempts) {
        if (attempt.reason != Reason::kKept || kept >= episodes) continue;
        ++kept;
        const Stage stage = MakeStage(options.stage, attempt.index);
        const Rng rng(seed, attempt.index);
        const Script plain = ScriptOf(attempt);
        const Replayed original = Replay(stage, stage.model, options.fps, plain.actions, plain.held);
        const Script jittered = Jittered(attempt, rng);
        const auto other = stage.model->WithFrictionScale(0.95 + 0.1 * rng.UniformDouble(99));
        const Replayed again = Replay(stage, other, options.fps, jittered.actions, jittered.held);
        if (!again.diverged && GoodOutcome(again.trace)) {
          ++counts["good"];
          const Verdict verdict = Judge(again.trace, options.limits);
          counts["rejected"] += !verdict.findings.empty();
          if (!verdict.findings.empty())
            fmt::print(stderr, "good but rejected: {} {}: {}\n", TaskName(options.stage.task), attempt.index,
                       verdict.findings.front().what);
        }
        for (const Spoiler& spoiler : Spoilers()) {
          const Script script = spoiler.spoil(stage, attempt, original.trace, rng);
          if (script.actions.empty()) continue;
          const Replayed spoilt = Replay(stage, stage.model, options.fps, script.actions, script.held);
          if (spoilt.diverged || (spoiler.is_bad && !spoiler.is_bad(stage, spoilt.trace))) continue;
          const Verdict verdict = Judge(spoilt.trace, options.limits);
          Tally& tally = tallies[spoiler.name];
          ++tally.bad;
          tally.rejected += !verdict.findings.empty();
          tally.named += std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& f) {
            return std::find(spoiler.intended.begin(), spoiler.intended.end(), f.reason) != spoiler.intended.end();
          });
          if (verdict.findings.empty())
            fmt::print(stderr, "bad but kept: {} {} {}\n", spoiler.name, TaskName(options.stage.task), attempt.index);
        }
      }
    }
  }
  fmt::print("| spoilt how | bad | rejected | named as intended |\n|---|---|---|---|\n");
  Tally all;
  for (const Spoiler& spoiler : Spoilers()) {
    const Tally& t = tallies[spoiler.name];
    fmt::print("| {} | {} | {:.1f} % | {:.1f} % |\n", spoiler.name, t.bad, t.bad ? 100.0 * t.rejected / t.bad : 0,
               t.bad ? 100.0 * t.named / t.bad : 0);
    all.bad += t.bad;
    all.rejected += t.rejected;
    all.named += t.named;
  }
  fmt::print("| all | {} | {:.2f} % | {:.2f} % |\n\n", all.bad, 100.0 * all.rejected / std::max(1, all.bad),
             100.0 * all.named / std::max(1, all.bad));
  fmt::print("| task | good by outcome | rejected |\n|---|---|---|\n");
  int count = 0, rejected = 0;
  for (auto& [task, counts] : good) {
    fmt::print("| {} | {} | {} |\n", task, counts["good"], counts["rejected"]);
    count += counts["good"];
    rejected += counts["rejected"];
  }
  fmt::print("| all | {} | {} ({:.2f} %) |\n", count, rejected, 100.0 * rejected / std::max(1, count));
}

}  // namespace
}  // namespace takt::demo

int main(int argc, char** argv) {
  const int episodes = argc > 1 ? std::atoi(argv[1]) : 40;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  return takt::bench::Run([&] { takt::demo::Main(episodes, seed); });
}
