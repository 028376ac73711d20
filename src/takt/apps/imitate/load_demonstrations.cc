// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/imitate/load_demonstrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numeric>
#include <type_traits>
#include <variant>

#include "takt/core/base/budget.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"

namespace takt::imitate {
namespace {

// Share of source pixels that each pixel of a line of `out` covers, as (first, weights...).
struct Span {
  int first = 0;
  std::vector<float> weights;  // sum 1
};
std::vector<Span> CoverLine(int in, int out) {
  std::vector<Span> spans(static_cast<size_t>(out));
  const double step = static_cast<double>(in) / out;
  for (int o = 0; o < out; ++o) {
    const double low = o * step, high = std::min((o + 1) * step, static_cast<double>(in));
    Span& span = spans[static_cast<size_t>(o)];
    span.first = static_cast<int>(low);
    for (int i = span.first; i < in && i < high; ++i) {
      const double share = (std::min(high, i + 1.0) - std::max(low, static_cast<double>(i))) / (high - low);
      if (share > 0) span.weights.push_back(static_cast<float>(share));
    }
  }
  return spans;
}

// Appends `dim` numbers for each row to rows of `width`, from column `at` on.
void PutColumn(const dataset::Values& values, int64_t length, int dim, int width, int at, std::vector<float>* rows,
               const std::string& subject) {
  std::visit(
      [&](const auto& list) {
        using List = std::decay_t<decltype(list)>;
        if constexpr (std::is_same_v<List, dataset::Blobs>) {
          throw Error(ErrorCode::kBadInput, subject, "holds text where numbers are expected");
        } else {
          if (list.size() != static_cast<size_t>(length) * static_cast<size_t>(dim)) {
            throw Error(ErrorCode::kBadInput, subject, fmt::format("does not hold {} numbers a frame", dim));
          }
          for (int64_t t = 0; t < length; ++t) {
            for (int i = 0; i < dim; ++i) {
              (*rows)[static_cast<size_t>(t * width + at + i)] = static_cast<float>(list[static_cast<size_t>(t * dim + i)]);
            }
          }
        }
      },
      values);
}

int ColumnDim(const dataset::Dataset& set, const std::string& key) {
  const dataset::Feature* feature = set.info.Find(key);
  return feature ? static_cast<int>(feature->Elements()) : 0;
}

void CheckMemory(const dataset::Dataset& set, size_t count, const TrainingConfig& config, uint64_t max_bytes) {
  uint64_t frame_bytes = 0, frames = 0;
  for (const policy::PictureInput& input : config.policy.pictures) {
    frame_bytes += uint64_t{3} * static_cast<uint64_t>(input.width_px) * static_cast<uint64_t>(input.height_px);
  }
  for (size_t e = 0; e < count; ++e) frames += static_cast<uint64_t>(set.episodes[e].length);
  const auto stride = static_cast<uint64_t>(config.training.picture_stride);
  const uint64_t need = frame_bytes * (frames / stride + count);
  if (need <= max_bytes) return;
  throw Error(ErrorCode::kUnsupported, "--memory",
              fmt::format("the pictures take {}; {} are allowed", FormatBytes(need), FormatBytes(max_bytes)),
              fmt::format("allow more, use fewer --episodes, or set \"picture_stride\" to {}",
                          (frame_bytes * frames + max_bytes - 1) / std::max<uint64_t>(max_bytes, 1)));
}

void LoadPictures(const dataset::Dataset& set, size_t count, const TrainingConfig& config, const ProgressSink& progress,
                  Demonstrations* demonstrations) {
  const size_t inputs = config.policy.pictures.size();
  const int stride = config.training.picture_stride;
  std::atomic<uint64_t> done = 0;
  std::mutex mutex;
  // Some episodes at a time, so that a film is opened seldom.
  constexpr size_t kGrain = 4;
  ParallelFor(count, kGrain, [&](size_t begin, size_t end) {
    dataset::PictureReader reader(set);
    for (size_t i = 0; i < inputs; ++i) {
      const policy::PictureInput& input = config.policy.pictures[i];
      const size_t size = static_cast<size_t>(input.width_px) * static_cast<size_t>(input.height_px) * 3;
      for (size_t e = begin; e < end; ++e) {
        ThrowIfInterrupted();
        std::vector<int64_t> frames;
        for (int64_t t = 0; t < set.episodes[e].length; t += stride) frames.push_back(t);
        std::vector<uint8_t>& pictures = demonstrations->episodes[e].pictures[i];
        pictures.resize(frames.size() * size);
        reader.Read(set.episodes[e], input.key, frames, [&](int64_t frame, const Image8& picture) {
          ResizeArea(picture, input.width_px, input.height_px, pictures.data() + static_cast<size_t>(frame / stride) * size);
        });
        if (progress) {
          const uint64_t now = done.fetch_add(1) + 1;
          const std::lock_guard lock(mutex);
          progress({"decode", now, count * inputs, "films", ""});
        }
      }
    }
  });
}

}  // namespace

DatasetFacts FactsOf(const dataset::Dataset& set) {
  DatasetFacts facts;
  facts.fps = set.info.fps;
  for (const dataset::Feature& feature : set.info.features) {
    if (feature.IsPicture()) {
      facts.pictures[feature.name] = {static_cast<int>(feature.shape.at(1)), static_cast<int>(feature.shape.at(0))};
    } else if (feature.dtype != "string" && feature.Elements() <= 4096) {
      facts.columns[feature.name] = static_cast<int>(feature.Elements());
    }
  }
  return facts;
}

void ResizeArea(const Image8& picture, int width_px, int height_px, uint8_t* out) {
  if (picture.channels != 3 || picture.width_px < 1 || picture.height_px < 1) {
    throw Error(ErrorCode::kBadInput, "picture", "has no three channels");
  }
  const std::vector<Span> columns = CoverLine(picture.width_px, width_px), rows = CoverLine(picture.height_px, height_px);
  std::vector<float> line(static_cast<size_t>(picture.width_px) * 3);
  for (int y = 0; y < height_px; ++y) {
    const Span& row = rows[static_cast<size_t>(y)];
    std::fill(line.begin(), line.end(), 0.0f);
    for (size_t i = 0; i < row.weights.size(); ++i) {
      const uint8_t* source = picture.row(row.first + static_cast<int>(i));
      for (size_t x = 0; x < line.size(); ++x) line[x] += row.weights[i] * static_cast<float>(source[x]);
    }
    for (int x = 0; x < width_px; ++x) {
      const Span& column = columns[static_cast<size_t>(x)];
      float sum[3] = {};
      for (size_t i = 0; i < column.weights.size(); ++i) {
        const float* pixel = line.data() + (static_cast<size_t>(column.first) + i) * 3;
        for (int c = 0; c < 3; ++c) sum[c] += column.weights[i] * pixel[c];
      }
      for (const float s : sum) *out++ = static_cast<uint8_t>(std::lround(std::clamp(s, 0.0f, 255.0f)));
    }
  }
}

Demonstrations LoadDemonstrations(const dataset::Dataset& set, const TrainingConfig& config,
                                  const LoadDemonstrationsOptions& options) {
  const policy::PolicyConfig& policy = config.policy;
  const std::string subject = set.folder.string();
  if (options.episodes > static_cast<int64_t>(set.episodes.size())) {
    throw Error(ErrorCode::kBadInput, "--episodes", fmt::format("asks for {}; the set has {}", options.episodes, set.episodes.size()));
  }
  const size_t count = options.episodes > 0 ? static_cast<size_t>(options.episodes) : set.episodes.size();
  CheckMemory(set, count, config, options.max_bytes);

  Demonstrations demonstrations;
  demonstrations.episodes.resize(count);
  const std::string& auxiliary_key = config.training.auxiliary_key;
  std::vector<int> auxiliary_dims = config.training.auxiliary_dims;
  if (!auxiliary_key.empty() && auxiliary_dims.empty()) {
    auxiliary_dims.resize(static_cast<size_t>(ColumnDim(set, auxiliary_key)));
    std::iota(auxiliary_dims.begin(), auxiliary_dims.end(), 0);
  }
  demonstrations.auxiliary_dim = static_cast<int>(auxiliary_dims.size());
  std::vector<std::string> columns = policy.state_keys;
  columns.push_back(policy.action_key);
  if (!auxiliary_key.empty()) columns.push_back(auxiliary_key);
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  dataset::EpisodeReader reader(set);
  for (size_t e = 0; e < count; ++e) {
    ThrowIfInterrupted();
    const dataset::EpisodeMeta& meta = set.episodes[e];
    const dataset::EpisodeData data = reader.Read(meta, columns);
    Episode& episode = demonstrations.episodes[e];
    episode.length = data.length;
    if (!meta.tasks.empty()) episode.instruction = meta.tasks.front();
    const auto put = [&](const std::string& key, int width, int at, std::vector<float>* rows) {
      const int dim = ColumnDim(set, key);
      rows->resize(static_cast<size_t>(data.length) * static_cast<size_t>(width));
      PutColumn(data.Numbers(key), data.length, dim, width, at, rows, fmt::format("{} {}", subject, key));
      return dim;
    };
    int at = 0;
    for (const std::string& key : policy.state_keys) at += put(key, policy.state_dim(), at, &episode.state);
    put(policy.action_key, policy.action_dim, 0, &episode.action);
    if (!auxiliary_key.empty()) {
      std::vector<float> whole;
      const int width = ColumnDim(set, auxiliary_key);
      put(auxiliary_key, width, 0, &whole);
      for (size_t row = 0; row < static_cast<size_t>(data.length); ++row) {
        for (const int dim : auxiliary_dims) {
          episode.auxiliary.push_back(whole[row * static_cast<size_t>(width) + static_cast<size_t>(dim)]);
        }
      }
    }
    episode.pictures.resize(policy.pictures.size());
    if (options.progress && (e % 64 == 63 || e + 1 == count)) options.progress({"read", e + 1, count, "episodes", ""});
  }
  if (!policy.pictures.empty()) LoadPictures(set, count, config, options.progress, &demonstrations);
  return demonstrations;
}

std::vector<ArtefactFile> SetInputs(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "meta")) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<ArtefactFile> inputs;
  for (const auto& file : files) inputs.push_back(HashInput(file, file.lexically_relative(folder).generic_string()));
  return inputs;
}

}  // namespace takt::imitate
