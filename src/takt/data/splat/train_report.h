// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/core/io/image.h"
#include "takt/data/capture/capture.h"
#include "takt/data/capture/view_source.h"
#include "takt/data/splat/model/splats.h"
#include "takt/data/splat/render/renderer.h"
#include "takt/data/splat/train.h"

namespace takt::splat {

// Writes report.report, one self-contained page about a training: held-out pictures before and after the budget, what
// other budgets would give, where the bytes went, how the loss fell. `trained` are the splats before they were fitted
// to the budget, `written` those of the file. Errors: as ViewSource::Get; io. Cost: six renderings and the encoding of
// pictures.
void WriteTrainReport(const TrainOptions& options, const TrainReport& report, const capture::Capture& capture,
                      capture::ViewSource& source, const Splats& trained, const Splats& written);

// |a - b|, mean of the colours, times `gain`: black where equal, through violet and orange to white at 1.
Image8 ErrorMap(const Picture& a, const Picture& b, double gain);

}  // namespace takt::splat
