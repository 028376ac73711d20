// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "takt/train/imitate/trainer.h"

namespace takt::imitate {

// out/report.html: the curves, the figures and the configuration of a finished training. Errors: io.
void WriteRunReport(const TrainingConfig& config, const TrainOptions& options, const TrainReport& report);
// out/manifest.json, of the kind "imitate.train"; returns the id. Errors: io.
std::string RecordRun(const TrainingConfig& config, const TrainOptions& options, int threads, const TrainReport& report);

}  // namespace takt::imitate
