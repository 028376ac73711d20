// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/windows.h"

#include <fmt/format.h>

#include <algorithm>

#include "takt/core/base/error.h"
#include "takt/core/base/rng.h"
#include "takt/data/dataset/dataset.h"

namespace takt::evaluate {
namespace {

constexpr int kBlankSide_px = 128;

// `count` of `total`, evenly.
std::vector<size_t> Evenly(size_t total, size_t count) {
  count = std::min(count, total);
  std::vector<size_t> chosen;
  for (size_t i = 0; i < count; ++i) chosen.push_back((2 * i + 1) * total / (2 * count));
  return chosen;
}

// Errors: bad_input for a column of texts or bytes.
std::vector<float> FloatsOf(const dataset::Values& values, const std::string& name) {
  return std::visit(
      [&](const auto& v) -> std::vector<float> {
        if constexpr (requires { static_cast<float>(*v.begin()); }) {
          return {v.begin(), v.end()};
        } else {
          throw Error(ErrorCode::kBadInput, name, "holds no numbers");
        }
      },
      values);
}

class WindowReader {
 public:
  WindowReader(const std::filesystem::path& folder, const policy::PolicyConfig& config)
      : folder_(folder), config_(config), set_(dataset::LoadDataset(folder)), rows_(set_), pictures_(set_) {
    for (const std::string& key : config.state_keys) Require(key);
    for (const policy::PictureInput& picture : config.pictures) Require(picture.key);
  }

  const dataset::Dataset& set() const { return set_; }

  // Windows at `frames` of an episode, which rise.
  std::vector<Window> Read(const dataset::EpisodeMeta& episode, const std::vector<int64_t>& frames) {
    const dataset::EpisodeData data = rows_.Read(episode, config_.state_keys);
    std::vector<std::vector<float>> columns;
    for (size_t k = 0; k < config_.state_keys.size(); ++k) {
      columns.push_back(FloatsOf(data.Numbers(config_.state_keys[k]), config_.state_keys[k]));
      if (columns[k].size() != static_cast<size_t>(data.length) * static_cast<size_t>(config_.state_dims[k])) {
        throw Error(ErrorCode::kBadInput, folder_.string(),
                    fmt::format("has no {} numbers in {}", config_.state_dims[k], config_.state_keys[k]));
      }
    }
    std::vector<Window> windows;
    std::vector<std::pair<int64_t, policy::Observation*>> wanted;  // by frame
    for (int64_t frame : frames) {
      if (frame < 0 || frame >= data.length) {
        throw Error(ErrorCode::kBadInput, folder_.string(),
                    fmt::format("episode {} has no frame {}", episode.index, frame),
                    fmt::format("frames 0 to {}", data.length - 1));
      }
      const int64_t first = std::max<int64_t>(0, frame - config_.n_obs_steps + 1);
      Window& window = windows.emplace_back(static_cast<size_t>(frame - first + 1));
      for (int64_t f = first; f <= frame; ++f) {
        policy::Observation& o = window[static_cast<size_t>(f - first)];
        for (size_t k = 0; k < columns.size(); ++k) {
          const auto begin = columns[k].begin() + f * config_.state_dims[k];
          o.state.insert(o.state.end(), begin, begin + config_.state_dims[k]);
        }
        o.pictures.resize(config_.pictures.size());
        if (!episode.tasks.empty()) o.instruction = episode.tasks.front();
      }
    }
    if (config_.pictures.empty()) return windows;
    for (size_t w = 0; w < windows.size(); ++w) {
      const int64_t first = frames[w] - static_cast<int64_t>(windows[w].size()) + 1;
      for (size_t i = 0; i < windows[w].size(); ++i)
        wanted.emplace_back(first + static_cast<int64_t>(i), &windows[w][i]);
    }
    std::vector<int64_t> needed;
    for (const auto& [frame, o] : wanted) needed.push_back(frame);
    std::sort(needed.begin(), needed.end());
    needed.erase(std::unique(needed.begin(), needed.end()), needed.end());
    for (size_t p = 0; p < config_.pictures.size(); ++p) {
      pictures_.Read(episode, config_.pictures[p].key, needed, [&](int64_t frame, const Image8& picture) {
        for (const auto& [f, o] : wanted) {
          if (f == frame) o->pictures[p] = picture;
        }
      });
    }
    return windows;
  }

 private:
  void Require(const std::string& key) const {
    if (!set_.info.Find(key)) {
      throw Error(ErrorCode::kBadInput, folder_.string(), "has no " + key + ", which the policy wants");
    }
  }

  std::filesystem::path folder_;
  const policy::PolicyConfig& config_;
  dataset::Dataset set_;
  dataset::EpisodeReader rows_;
  dataset::PictureReader pictures_;
};

}  // namespace

Window DatasetWindow(const std::filesystem::path& dataset, const policy::PolicyConfig& config, int64_t episode,
                     int64_t frame) {
  WindowReader reader(dataset, config);
  for (const dataset::EpisodeMeta& e : reader.set().episodes) {
    if (e.index == episode) return reader.Read(e, {frame}).front();
  }
  throw Error(ErrorCode::kNotFound, dataset.string(), fmt::format("has no episode {}", episode));
}

std::vector<Window> DatasetWindows(const std::filesystem::path& dataset, const policy::PolicyConfig& config, int count,
                                   uint64_t seed) {
  WindowReader reader(dataset, config);
  size_t total = 0;
  for (const dataset::EpisodeMeta& e : reader.set().episodes) total += static_cast<size_t>(e.length);
  if (total == 0) throw Error(ErrorCode::kBadInput, dataset.string(), "holds no frames");
  // Another seed moves all of them by the same number of frames.
  const size_t shift = seed == 0 ? 0 : Rng(seed).Below(0, total);
  std::vector<size_t> chosen = Evenly(total, static_cast<size_t>(std::max(1, count)));
  for (size_t& c : chosen) c = (c + shift) % total;
  std::sort(chosen.begin(), chosen.end());
  std::vector<Window> windows;
  size_t begin = 0, next = 0;
  for (const dataset::EpisodeMeta& e : reader.set().episodes) {
    std::vector<int64_t> frames;
    const size_t end = begin + static_cast<size_t>(e.length);
    for (; next < chosen.size() && chosen[next] < end; ++next)
      frames.push_back(static_cast<int64_t>(chosen[next] - begin));
    begin = end;
    if (frames.empty()) continue;
    for (Window& window : reader.Read(e, frames)) windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<Window> RolloutWindows(const Task& task, std::shared_ptr<const policy::Model> model,
                                   std::span<const Start> starts, int count, const ProgressSink& progress) {
  std::vector<std::vector<Window>> seen(starts.size());
  RunOptions options;
  options.label = "watch";
  options.progress = progress;
  options.on_window = [&](size_t episode, std::span<const policy::Observation> window) {
    seen[episode].emplace_back(window.begin(), window.end());
  };
  const policy::Plan exact = policy::ExactPlan(model->config);
  RunEpisodes(task, std::move(model), exact, std::nullopt, starts, options);
  std::vector<Window> all;
  for (std::vector<Window>& episode : seen) {
    for (Window& window : episode) all.push_back(std::move(window));
  }
  std::vector<Window> windows;
  for (size_t i : Evenly(all.size(), static_cast<size_t>(std::max(1, count)))) windows.push_back(std::move(all[i]));
  return windows;
}

std::vector<Window> BlankWindows(const policy::Model& model, int count) {
  const policy::PolicyConfig& config = model.config;
  const std::vector<float>&scale = model.Get("normalizer.state.scale"), &offset = model.Get("normalizer.state.offset");
  policy::Observation blank;
  for (size_t i = 0; i < scale.size(); ++i) blank.state.push_back(scale[i] == 0 ? 0 : -offset[i] / scale[i]);
  const Rng rng(17);
  for (size_t p = 0; p < config.pictures.size(); ++p) {
    Image8& picture = blank.pictures.emplace_back(kBlankSide_px, kBlankSide_px, 3);
    for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(rng.Words(i)[0] & 255);
  }
  return std::vector<Window>(static_cast<size_t>(count), Window(static_cast<size_t>(config.n_obs_steps), blank));
}

}  // namespace takt::evaluate
