// SPDX-License-Identifier: Apache-2.0
#include "takt/cli/splat_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "takt/cli/output.h"
#include "takt/core/base/budget.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;
using Fields = std::vector<std::pair<std::string, std::string>>;

std::string Bytes(uint64_t bytes) {
  return bytes < 1000 ? FormatBytes(bytes) : fmt::format("{} ({} B)", FormatBytes(bytes), bytes);
}

// JSON has no NaN.
Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json BytesJson(const splat::TksBytes& b) {
  return {{"header", b.header},
          {"positions", b.positions},
          {"refinement", b.refinement},
          {"classes", b.classes},
          {"tables", b.tables},
          {"scales", b.scales},
          {"opacity", b.opacity},
          {"rotation", b.rotation},
          {"dc", b.dc},
          {"sh", b.sh}};
}

std::string BytesTable(const splat::TksBytes& b) {
  const std::pair<const char*, uint64_t> parts[] = {{"positions, cells", b.positions},
                                                    {"positions inside cells", b.refinement},
                                                    {"scales", b.scales},
                                                    {"rotations", b.rotation},
                                                    {"opacities", b.opacity},
                                                    {"base colours", b.dc},
                                                    {"view-dependent colours", b.sh},
                                                    {"importance classes", b.classes},
                                                    {"statistics", b.tables},
                                                    {"header", b.header}};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, bytes] : parts) {
    rows.push_back({name, fmt::format("{}", bytes),
                    fmt::format("{:.1f} %", 100.0 * static_cast<double>(bytes) / static_cast<double>(b.total()))});
  }
  return FormatTable({"bytes for", "B", "share"}, rows);
}

Json ScoresJson(const splat::Scores& scores) {
  Json views = Json::array();
  for (const splat::ViewScore& v : scores.views) {
    views.push_back(
        {{"view", v.name}, {"held_out", v.held_out}, {"psnr_db", Number(v.psnr_db)}, {"ssim", Number(v.ssim)}});
  }
  return {{"psnr_db", Number(scores.psnr_db)}, {"ssim", Number(scores.ssim)}, {"views", std::move(views)}};
}

std::string JoinNonEmpty(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Json BudgetJson(const BudgetReport& budget) {
  return {{"quantity", budget.quantity},
          {"unit", budget.unit},
          {"asked", Number(budget.asked)},
          {"used", budget.used},
          {"kept", budget.kept()},
          {"proof", budget.proof},
          {"left_because", budget.left_because}};
}

// "1.99 MB (1999873 B), 99.99 % of the budget".
std::string BudgetText(const BudgetReport& budget) {
  std::string text = Bytes(static_cast<uint64_t>(budget.used));
  if (std::isnan(budget.asked)) return text;
  text += fmt::format(", {:.2f} % of the budget", 100 * budget.used / budget.asked);
  if (!budget.left_because.empty() && budget.used < 0.998 * budget.asked) text += ": " + budget.left_because;
  return text;
}

// What every verb that meets a budget answers about it.
void AddFit(const splat::FitReport& fit, Json* document, Fields* fields) {
  (*document)["splats"] = fit.total;
  (*document)["kept"] = fit.kept;
  (*document)["budget"] = BudgetJson(fit.budget);
  fields->emplace_back("size", BudgetText(fit.budget));
  fields->emplace_back(
      "splats", fit.kept == fit.total ? fmt::format("{}", fit.kept) : fmt::format("{} of {}", fit.kept, fit.total));
  if (fit.encode) {
    (*document)["bytes"] = BytesJson(fit.encode->bytes);
    (*document)["allocation"] = {{"gap_to_lp_bound", fit.encode->lp_gap},
                                 {"lambda", fit.encode->lambda},
                                 {"allocation_s", fit.encode->allocation_s},
                                 {"search_s", fit.encode->search_s}};
    fields->emplace_back("allocation",
                         fmt::format("within {:.1g} % of the LP bound", 100 * std::max(fit.encode->lp_gap, 1e-12)));
  }
  if (!fit.lost.empty()) (*document)["lost"] = fit.lost;
  for (const std::string& word : fit.lost) fields->emplace_back("lost", word);
}

std::string ScoreText(const splat::Scores& scores) {
  return fmt::format("{:.2f} dB, SSIM {:.4f}", scores.psnr_db, scores.ssim);
}

}  // namespace

void AnswerTrain(const Context& context, const splat::TrainOptions& options, const splat::TrainReport& report) {
  Json document = {{"capture", options.capture.path},         {"out", options.out},
                   {"out_bytes", report.out_bytes},           {"training_views", report.training_views},
                   {"held_out_views", report.held_out_views}, {"iterations", report.iterations},
                   {"resumed_at", report.resumed_at},         {"max_splats", report.max_splats},
                   {"final_loss", Number(report.final_loss)}};
  Fields fields = {{"written", options.out.string()}};
  AddFit(report.fit, &document, &fields);
  fields.emplace_back("trained", fmt::format("{} iterations in {:.0f} s on {} views", report.iterations, report.train_s,
                                             report.training_views));
  if (report.written.views.empty()) {
    fields.emplace_back("held out", "no views, so the quality on new views was not measured");
  } else {
    document["before_budget"] = ScoresJson(report.trained);
    document["written"] = ScoresJson(report.written);
    fields.emplace_back("held out", fmt::format("{} views: {}", report.held_out_views, ScoreText(report.written)));
    fields.emplace_back("before the budget", ScoreText(report.trained));
  }
  document["seconds"] = {{"train", report.train_s},
                         {"score", report.score_s},
                         {"encode", report.encode_s},
                         {"evaluate", report.evaluate_s}};
  Json rates = Json::array();
  for (const splat::RatePoint& point : report.rates) {
    rates.push_back({{"bytes", point.bytes}, {"splats", point.splats}, {"psnr_db", Number(point.psnr_db)}});
  }
  if (!rates.empty()) document["rates"] = {{"views", report.rate_views}, {"points", std::move(rates)}};
  document["warnings"] = report.warnings;
  for (const std::string& warning : report.warnings) fields.emplace_back("capture", warning);
  if (!report.scores.empty()) document["scores"] = report.scores;
  if (!report.report.empty()) {
    document["report"] = report.report;
    document["manifest"] = report.manifest;
    fields.emplace_back("report", report.report.string());
  }
  PrintAnswer(context, document, FormatFields(fields));
}

void AnswerCompress(const Context& context, const splat::CompressOptions& options,
                    const splat::CompressReport& report) {
  Json document = {{"in", options.in},
                   {"out", options.out},
                   {"in_bytes", report.in.read.file_bytes},
                   {"out_bytes", report.out_bytes},
                   {"out_format", splat::SceneFormatName(report.out_format)},
                   {"scored_by", options.capture ? "training views" : "cameras around the scene"},
                   {"scoring_views", report.scoring_views}};
  Fields fields = {{"read", fmt::format("{}, {}", options.in.string(), Bytes(report.in.read.file_bytes))},
                   {"written", options.out.string()}};
  AddFit(report.fit, &document, &fields);
  if (report.finetune_iterations > 0) {
    document["finetune"] = {{"iterations", report.finetune_iterations}, {"kept", report.finetune_kept}};
    fields.emplace_back("fine-tuned",
                        fmt::format("{} iterations in {:.0f} s{}", report.finetune_iterations, report.finetune_s,
                                    report.finetune_kept ? "" : "; it did not help and was left out"));
  }
  if (report.before && report.after) {
    document["before"] = ScoresJson(*report.before);
    document["after"] = ScoresJson(*report.after);
    fields.emplace_back("held out", fmt::format("{} views: {}", report.after->views.size(), ScoreText(*report.after)));
    fields.emplace_back("the input had", ScoreText(*report.before));
  } else {
    document["psnr_to_input_db"] = Number(report.psnr_to_input_db);
    fields.emplace_back("against the input", fmt::format("{:.2f} dB, pictures of both from {}", report.psnr_to_input_db,
                                                         options.capture ? "the training views" : "around the scene"));
  }
  document["seconds"] = {{"score", report.score_s}, {"encode", report.encode_s}, {"finetune", report.finetune_s}};
  if (!report.scores.empty()) {
    document["scores"] = report.scores;
    fields.emplace_back("scores", report.scores.string() + ", for takt splat retarget");
  }
  PrintAnswer(context, document, FormatFields(fields));
}

void AnswerRetarget(const Context& context, const splat::RetargetReport& report) {
  Json document = {{"out", report.out}, {"out_bytes", report.out_bytes}};
  Fields fields = {{"written", report.out.string()}};
  AddFit(report.fit, &document, &fields);
  document["seconds"] = {{"read", report.read_s}, {"encode", report.encode_s}};
  fields.emplace_back("took", fmt::format("{:.2f} s", report.read_s + report.encode_s));
  PrintAnswer(context, document, FormatFields(fields));
}

void AnswerInfo(const Context& context, const splat::InfoReport& report) {
  const splat::SceneReport& scene = report.scene;
  const splat::ReadReport& read = scene.read;
  const std::string format(splat::SceneFormatName(scene.format));
  Json document = {{"path", report.path},
                   {"format", format},
                   {"version", read.version},
                   {"encoding", read.encoding},
                   {"file_bytes", read.file_bytes},
                   {"splats", read.splats},
                   {"bytes_per_splat", static_cast<double>(read.file_bytes) / static_cast<double>(read.splats)},
                   {"sh_degree", read.sh_degree},
                   {"axes", read.axes},
                   {"lower_in_world", report.lower_in_world},
                   {"upper_in_world", report.upper_in_world},
                   {"lower_90_in_world", report.lower_90_in_world},
                   {"upper_90_in_world", report.upper_90_in_world},
                   {"median_scale", report.median_scale},
                   {"median_opacity", report.median_opacity},
                   {"columns", read.columns},
                   {"ignored", read.ignored},
                   {"defaulted", read.defaulted}};
  if (scene.tks) {
    document["octree_depth"] = scene.tks->octree_depth;
    document["bytes"] = BytesJson(scene.tks->bytes);
  }
  const auto box = [](const std::array<float, 3>& lower, const std::array<float, 3>& upper) {
    return fmt::format("({:.4g}, {:.4g}, {:.4g}) to ({:.4g}, {:.4g}, {:.4g})", lower[0], lower[1], lower[2], upper[0],
                       upper[1], upper[2]);
  };
  std::string kind = format;
  if (read.version > 0) kind += fmt::format(", version {}", read.version);
  if (!read.encoding.empty()) kind += fmt::format(", {}", read.encoding);
  Fields fields = {{"file", report.path.string()},
                   {"format", kind},
                   {"size", Bytes(read.file_bytes)},
                   {"splats", fmt::format("{}, {:.1f} B each", read.splats,
                                          static_cast<double>(read.file_bytes) / static_cast<double>(read.splats))},
                   {"SH degree", fmt::format("{}", read.sh_degree)},
                   {"bounds", box(report.lower_in_world, report.upper_in_world)},
                   {"90 % within", box(report.lower_90_in_world, report.upper_90_in_world)},
                   {"median scale", fmt::format("{:.4g} world units", report.median_scale)},
                   {"median opacity", fmt::format("{:.3f}", report.median_opacity)}};
  if (!scene.axes_note.empty()) fields.emplace_back("axes", scene.axes_note);
  if (!read.ignored.empty()) fields.emplace_back("ignored", JoinNonEmpty(read.ignored));
  for (const std::string& word : read.defaulted) fields.emplace_back("filled in", word);
  std::string text = FormatFields(fields);
  if (scene.tks) text += "\n" + BytesTable(scene.tks->bytes);
  PrintAnswer(context, document, text);
}

void AnswerConvert(const Context& context, const splat::ConvertOptions& options, const splat::ConvertReport& report) {
  const Json document = {{"in", options.in},
                         {"out", options.out},
                         {"in_format", splat::SceneFormatName(report.in.format)},
                         {"out_format", splat::SceneFormatName(report.out_format)},
                         {"in_bytes", report.in.read.file_bytes},
                         {"out_bytes", report.out_bytes},
                         {"splats", report.splats},
                         {"ignored", report.in.read.ignored},
                         {"lost", report.lost}};
  Fields fields = {{"read", fmt::format("{}, {}", options.in.string(), Bytes(report.in.read.file_bytes))},
                   {"written", fmt::format("{}, {}", options.out.string(), Bytes(report.out_bytes))},
                   {"splats", fmt::format("{}", report.splats)}};
  if (!report.in.axes_note.empty()) fields.emplace_back("axes", report.in.axes_note);
  if (!report.in.read.ignored.empty()) fields.emplace_back("ignored", JoinNonEmpty(report.in.read.ignored));
  for (const std::string& word : report.in.read.defaulted) fields.emplace_back("filled in", word);
  for (const std::string& word : report.lost) fields.emplace_back("lost", word);
  PrintAnswer(context, document, FormatFields(fields));
}

void AnswerEval(const Context& context, const splat::EvalOptions& options, const splat::EvalReport& report) {
  Json document = {{"file", options.file},
                   {"capture", options.capture.path},
                   {"file_bytes", report.file_bytes},
                   {"splats", report.splats}};
  document.update(ScoresJson(report.scores));
  std::vector<std::vector<std::string>> rows;
  for (const splat::ViewScore& v : report.scores.views) {
    rows.push_back({v.name, fmt::format("{:.2f}", v.psnr_db), fmt::format("{:.4f}", v.ssim)});
    if (options.all) rows.back().push_back(v.held_out ? "held out" : "trained on");
  }
  rows.push_back({fmt::format("mean of {}", report.scores.views.size()), fmt::format("{:.2f}", report.scores.psnr_db),
                  fmt::format("{:.4f}", report.scores.ssim)});
  std::vector<std::string> header = {"view", "PSNR dB", "SSIM"};
  if (options.all) header.push_back("view was"), rows.back().push_back("");
  PrintAnswer(context, document, FormatTable(header, rows));
}

void AnswerRender(const Context& context, const splat::RenderViewsOptions& options,
                  const splat::RenderViewsReport& report) {
  Json files = Json::array();
  for (const auto& file : report.files) files.push_back(file);
  const double per_s = static_cast<double>(report.pictures) / report.render_s;
  const Json document = {{"file", options.file},          {"out", options.out},
                         {"pictures", report.pictures},   {"width_px", report.width_px},
                         {"height_px", report.height_px}, {"rendered_per_s", Number(per_s)},
                         {"files", std::move(files)}};
  PrintAnswer(context, document,
              FormatFields({{"written", options.out.string()},
                            {"pictures", fmt::format("{}, {}x{}", report.pictures, report.width_px, report.height_px)},
                            {"rendered", fmt::format("{:.1f} a second", per_s)}}));
}

}  // namespace takt::cli
