// SPDX-License-Identifier: Apache-2.0
#include "takt/data/demo/verify.h"

#include <fmt/format.h>

#include <map>

#include "takt/core/base/clock.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/demo/record.h"

namespace takt::demo {
namespace {

struct Recorded {
  int64_t episode = 0;
  const AttemptOptions* options = nullptr;
  EpisodeRecord record;
  std::vector<Action> actions;
};

std::vector<VesselMotion> MotionOfVessel(const Trace& trace) {
  std::vector<VesselMotion> motion;
  for (const Sample& s : trace.samples) motion.insert(motion.end(), s.vessel_motion.begin(), s.vessel_motion.end());
  return motion;
}

bool SameActions(const Attempt& attempt, const std::vector<Action>& actions) {
  if (attempt.frames.size() != actions.size()) return false;
  for (size_t k = 0; k < actions.size(); ++k) {
    if (attempt.frames[k].action != actions[k]) return false;
  }
  return true;
}

EpisodeCheck Check(const VerifyOptions& options, const Recorded& recorded) {
  EpisodeCheck check;
  check.episode = recorded.episode;
  const auto fault = [&](std::string what) {
    if (check.detail.empty()) check.detail = std::move(what);
  };
  const AttemptOptions& made = *recorded.options;
  const Stage stage = MakeStage(made.stage, recorded.record.attempt);
  for (const HeldRun& run : recorded.record.held) {
    if (run.object_idx < 0 || run.object_idx >= static_cast<int>(stage.objects.size())) {
      throw Error(ErrorCode::kBadInput, fmt::format("episode {}", recorded.episode),
                  "holds an object that its scene does not have");
    }
  }
  const Replayed replayed = Replay(stage, stage.model, made.fps, recorded.actions, recorded.record.held);
  check.exact = !replayed.diverged && replayed.digest == recorded.record.digest;
  if (!check.exact) fault("does not give the same bits: another build of takt or its libraries, or a changed dataset");
  if (!replayed.diverged) {
    const Verdict verdict = Judge(replayed.trace, made.limits);
    check.judged = verdict.findings.empty();
    if (!check.judged) fault(fmt::format("{}: {}", ReasonName(verdict.reason()), verdict.findings.front().what));
    if (options.particles && replayed.trace.vessel_idx >= 0) {
      const ParticleResult poured =
          PourParticles(replayed.trace.vessel, MotionOfVessel(replayed.trace), made.stage.seed);
      check.dry = poured.spilled == 0;
      if (!check.dry) fault(fmt::format("{} of {} particles were spilled", poured.spilled, poured.particles));
    }
  }
  if (options.from_seed) {
    check.planned = SameActions(MakeAttempt(made, recorded.record.attempt), recorded.actions);
    if (!check.planned) fault("its seed gives other actions");
  }
  for (size_t p = 0; options.perturbed && p < kPerturbations.size(); ++p) {
    const Verdict verdict =
        JudgePerturbed(stage, kPerturbations[p], made.fps, recorded.actions, recorded.record.held, made.limits);
    check.survived[p] = verdict.findings.empty();
    if (!check.survived[p]) {
      fault(fmt::format("with {}: {}: {}", kPerturbations[p].name, ReasonName(verdict.reason()),
                        verdict.findings.front().what));
    }
  }
  return check;
}

class DatasetOfDemos {
 public:
  explicit DatasetOfDemos(const std::filesystem::path& folder)
      : folder_(folder), dataset_(dataset::LoadDataset(folder)), reader_(dataset_) {
    if (dataset_.extras.empty()) {
      throw Error(ErrorCode::kBadInput, folder.string(), "holds no records of takt demo",
                  "only datasets that takt demo generate made can be verified; see takt dataset validate for others");
    }
  }

  size_t size() const { return dataset_.episodes.size(); }

  Recorded Read(size_t k) {
    const dataset::EpisodeMeta& episode = dataset_.episodes[k];
    Recorded recorded;
    recorded.episode = episode.index;
    const std::string subject = fmt::format("episode {} of {}", recorded.episode, folder_.string());
    const auto extra = dataset_.extras.find(recorded.episode);
    if (extra == dataset_.extras.end())
      throw Error(ErrorCode::kBadInput, subject, "has no record in meta/takt_episodes.jsonl");
    recorded.record = EpisodeRecordOf(extra->second, subject);
    auto options = options_.find(recorded.record.options);
    if (options == options_.end()) {
      options = options_.emplace(recorded.record.options, OptionsOfRecord(RecordPath(folder_, recorded.record.options)))
                    .first;
    }
    recorded.options = &options->second;
    const dataset::EpisodeData data = reader_.Read(episode, {"action"});
    const auto values = data.Numbers("action");
    const auto* numbers = std::get_if<std::vector<float>>(&values);
    if (!numbers || data.length <= 0 || numbers->size() % static_cast<size_t>(data.length) != 0) {
      throw Error(ErrorCode::kBadInput, subject, "has actions that are not rows of float32");
    }
    const size_t width = numbers->size() / static_cast<size_t>(data.length);
    for (size_t at = 0; at < numbers->size(); at += width) {
      recorded.actions.emplace_back(numbers->begin() + static_cast<long>(at),
                                    numbers->begin() + static_cast<long>(at + width));
    }
    return recorded;
  }

 private:
  std::filesystem::path folder_;
  dataset::Dataset dataset_;
  dataset::EpisodeReader reader_;
  std::map<std::string, AttemptOptions> options_;
};

}  // namespace

bool VerifyReport::ok() const {
  const int count = static_cast<int>(checks.size());
  return exact == count && judged == count && planned == count && dry == count;
}

VerifyReport Verify(const VerifyOptions& options) {
  const double start = CpuSeconds();
  DatasetOfDemos demos(options.dataset);
  std::vector<size_t> wanted;
  for (size_t k = 0; k < demos.size(); ++k) {
    if (options.episode < 0 || static_cast<size_t>(options.episode) == k) wanted.push_back(k);
  }
  if (wanted.empty()) {
    throw Error(ErrorCode::kNotFound, "--episode", fmt::format("{} is not there", options.episode),
                fmt::format("the dataset has the episodes 0 ... {}", demos.size() - 1));
  }
  VerifyReport report;
  const size_t batch = 4 * static_cast<size_t>(ThreadCount());
  for (size_t begin = 0; begin < wanted.size(); begin += batch) {
    std::vector<Recorded> recorded;
    for (size_t k = begin; k < std::min(begin + batch, wanted.size()); ++k) recorded.push_back(demos.Read(wanted[k]));
    std::vector<EpisodeCheck> checks(recorded.size());
    ParallelFor(recorded.size(), 1, [&](size_t k, size_t) { checks[k] = Check(options, recorded[k]); });
    for (EpisodeCheck& check : checks) {
      report.exact += check.exact;
      report.judged += check.judged;
      report.planned += check.planned;
      report.dry += check.dry;
      bool robust = true;
      for (size_t p = 0; p < check.survived.size(); ++p) {
        report.survived[p] += check.survived[p];
        robust = robust && check.survived[p];
      }
      report.robust += robust;
      report.checks.push_back(std::move(check));
    }
    if (options.progress) {
      options.progress({"verify", report.checks.size(), wanted.size(), "episodes",
                        fmt::format("{} bit for bit, {} robust", report.exact, report.robust)});
    }
    ThrowIfInterrupted();
  }
  report.cpu_s = CpuSeconds() - start;
  return report;
}

}  // namespace takt::demo
