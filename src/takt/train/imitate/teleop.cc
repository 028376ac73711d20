// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/teleop.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "takt/core/base/parallel.h"
#include "takt/core/base/rng.h"
#include "takt/train/imitate/streams.h"

namespace takt::imitate {
namespace {

constexpr double kSlower = 0.4, kPauseProbability = 0.01, kDeviation = 0.02, kFilter = 0.15;
constexpr uint64_t kPauseShortest = 3, kPauseLengths = 10;
constexpr int64_t kLongest = 8;  // times the clean length

// Draws in order, one stream for each episode.
class Draws {
 public:
  Draws(uint64_t seed, size_t episode) : rng_(seed, kStreamTeleop), next_(static_cast<uint64_t>(episode) << 32) {}
  double Uniform() { return rng_.UniformDouble(next_++); }
  uint64_t Below(uint64_t n) { return rng_.Below(next_++, n); }
  float Normal() { return rng_.Normal4(next_++)[0]; }

 private:
  Rng rng_;
  uint64_t next_;
};

// The step of the clean demonstration that is shown at each step of the noisy one.
std::vector<int64_t> PlayedSteps(int64_t length, double level, Draws* draws) {
  const double speed = 1 / (1 + kSlower * level * (0.5 + draws->Uniform()));
  std::vector<int64_t> steps;
  double at = 0;
  while (at < static_cast<double>(length) && static_cast<int64_t>(steps.size()) < kLongest * length) {
    steps.push_back(static_cast<int64_t>(at));
    if (draws->Uniform() < kPauseProbability * level) {
      steps.insert(steps.end(), kPauseShortest + draws->Below(kPauseLengths), static_cast<int64_t>(at));
    }
    at += speed;
  }
  return steps;
}

template <class T>
std::vector<T> Gather(const std::vector<T>& rows, const std::vector<int64_t>& picks, size_t width) {
  std::vector<T> out;
  out.reserve(picks.size() * width);
  for (const int64_t pick : picks) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(pick) * width);
    out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(width));
  }
  return out;
}

void PlayEpisode(double level, int stride, size_t action_dim, const std::vector<float>& deviation, Draws draws, Episode* episode) {
  const auto length = static_cast<size_t>(episode->length);
  const std::vector<int64_t> steps = PlayedSteps(episode->length, level, &draws);
  episode->state = Gather(episode->state, steps, episode->state.size() / length);
  episode->auxiliary = Gather(episode->auxiliary, steps, episode->auxiliary.size() / length);
  episode->action = Gather(episode->action, steps, action_dim);
  const size_t kept = (length + static_cast<size_t>(stride) - 1) / static_cast<size_t>(stride);
  std::vector<int64_t> shown;
  for (size_t t = 0; t < steps.size(); t += static_cast<size_t>(stride)) shown.push_back(steps[t] / stride);
  for (std::vector<uint8_t>& pictures : episode->pictures) pictures = Gather(pictures, shown, pictures.size() / kept);
  episode->length = static_cast<int64_t>(steps.size());

  // A first-order low-pass of gain g turns white noise of deviation 1 into one of sqrt(g / (2 - g)).
  const auto scale = static_cast<float>(std::sqrt((2 - kFilter) / kFilter));
  std::vector<float> drift(action_dim);
  for (size_t t = 0; t < steps.size(); ++t) {
    for (size_t i = 0; i < action_dim; ++i) {
      drift[i] += static_cast<float>(kFilter) * (draws.Normal() * scale - drift[i]);
      episode->action[t * action_dim + i] += drift[i] * deviation[i];
    }
  }
}

}  // namespace

void AddTeleopNoise(double level, uint64_t seed, int picture_stride, int action_dim, Demonstrations* demonstrations) {
  if (!(level > 0)) return;
  const auto dim = static_cast<size_t>(action_dim);
  std::vector<float> deviation(dim);
  for (size_t i = 0; i < dim; ++i) {
    std::set<float> values;
    for (const Episode& episode : demonstrations->episodes) {
      for (size_t j = i; j < episode.action.size(); j += dim) {
        values.insert(episode.action[j]);
        if (values.size() > 3) values.erase(std::next(values.begin()));  // both ends and one between
      }
    }
    if (values.size() > 2) deviation[i] = static_cast<float>(kDeviation * level) * (*values.rbegin() - *values.begin());
  }
  ParallelFor(demonstrations->episodes.size(), 1, [&](size_t begin, size_t end) {
    for (size_t e = begin; e < end; ++e) {
      PlayEpisode(level, picture_stride, dim, deviation, Draws(seed, e), &demonstrations->episodes[e]);
    }
  });
}

}  // namespace takt::imitate
