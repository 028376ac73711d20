// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "takt/cli/command.h"
#include "takt/data/splat/compress.h"
#include "takt/data/splat/convert.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/info.h"
#include "takt/data/splat/render.h"
#include "takt/data/splat/train.h"

namespace takt::cli {

// The answers of `takt splat`: a report as text for people or, with --json, as a document.
void AnswerTrain(const Context& context, const splat::TrainOptions& options, const splat::TrainReport& report);
void AnswerCompress(const Context& context, const splat::CompressOptions& options, const splat::CompressReport& report);
void AnswerRetarget(const Context& context, const splat::RetargetReport& report);
void AnswerInfo(const Context& context, const splat::InfoReport& report);
void AnswerConvert(const Context& context, const splat::ConvertOptions& options, const splat::ConvertReport& report);
void AnswerEval(const Context& context, const splat::EvalOptions& options, const splat::EvalReport& report);
void AnswerRender(const Context& context, const splat::RenderViewsOptions& options,
                  const splat::RenderViewsReport& report);

}  // namespace takt::cli
