// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/base/progress.h"
#include "takt/core/io/artefact.h"
#include "takt/train/imitate/demonstrations.h"

namespace takt::imitate {

struct TrainOptions {
  std::filesystem::path out;     // the folder to make
  double minutes = 0;            // of wall clock, spent in all runs together; 0: `steps` decides
  int64_t steps = 0;             // used where `minutes` is 0
  bool resume = false;           // go on from out/checkpoint
  uint64_t seed = 0;
  int threads = 0;               // 0: one per core. The bytes of the weights depend on it
  std::string device = "cpu";
  double checkpoint_every_s = 120;
  int64_t pause_at = 0;          // stop before this step as an interrupt would; 0: never
  nlohmann::ordered_json provenance;  // what else the run depends on: the set, its episodes; it must be equal to resume
  std::vector<ArtefactFile> inputs;   // for the manifest
  ProgressSink progress;
};

// A point of the curves: a line of train.jsonl. NaN: not measured here.
struct CurvePoint {
  int64_t step = 0;
  double elapsed_s = 0;
  double loss = 0, auxiliary = 0;  // means since the point before
  double learning_rate = 0;
  double gradient_norm = 0;        // mean, before it is clipped
  double held_out = 0;             // denoising loss of the averaged weights on held-out episodes
  double held_out_auxiliary = 0;
  double action_rmse = 0;          // of actions that are executed, sampled in 10 steps; normalised units (range 2)
};

struct TrainReport {
  int64_t step = 0;
  double elapsed_s = 0;
  double samples_per_s = 0;        // observations, over the whole of this run
  uint64_t parameters = 0;         // numbers in the exported model
  int64_t train_episodes = 0, held_out_episodes = 0, train_samples = 0;
  std::vector<CurvePoint> curve;
  std::vector<std::string> notes;
  std::string id;                  // of the run, from its manifest
};

// Trains a policy and writes the folder `out`: config.json and model.safetensors (the averaged weights; renewed with each
// checkpoint, so that they can be tried meanwhile), train.jsonl, report.html, manifest.json, and checkpoint/.
//
// The learning rate follows a cosine over the share of the training that is done: steps / `steps`, or with `minutes` the
// clock, which is looked at every 50 steps; what it said is in the checkpoint. An interrupt is answered by a checkpoint.
// Determinism: with `steps`, equal input, options and thread count give equal bytes on one machine, however often the run
// was stopped and resumed. With `minutes` that holds only up to where the clock has its say.
// Errors: bad_input (demonstrations, options, a checkpoint of another run, a loss that is not finite); not_found (resume
// without a checkpoint); unsupported (device); io; cancelled.
TrainReport Train(const Demonstrations& demonstrations, const TrainingConfig& config, const TrainOptions& options);

}  // namespace takt::imitate
