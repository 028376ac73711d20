// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <string>

#include "takt/cli/output.h"
#include "takt/cli/scene_commands.h"
#include "takt/data/scene/repair_scene.h"

namespace takt::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kDegrees = 57.29577951308232;
constexpr int kCannotHold = 4;  // as ErrorCode::kInfeasibleBudget
constexpr std::string_view kOutcomes[] = {"clean", "repaired", "infeasible", "unsolved"};

Json Number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json FaultsJson(const std::vector<scene::Fault>& faults) {
  Json list = Json::array();
  for (const scene::Fault& f : faults) {
    list.push_back({{"kind", scene::FaultName(f.kind)}, {"subject", f.subject}, {"other", f.other}, {"value", Number(f.value)}, {"text", f.text}});
    if (f.relation_idx >= 0) list.back()["relation"] = f.relation_idx;
  }
  return list;
}

Json CertificateJson(const scene::Certificate& c) {
  Json relations = Json::array();
  for (const scene::RelationCheck& r : c.relations) {
    relations.push_back({{"relation", r.relation_idx}, {"value", Number(r.value)}, {"lower", Number(r.lower)}, {"upper", Number(r.upper)}, {"holds", r.holds}});
  }
  return {{"holds", c.holds},
          {"seed", c.seed},
          {"objects", c.objects},
          {"pairs", c.pairs},
          {"closest", {{"a", c.closest.a}, {"b", c.closest.b}, {"distance_m", Number(c.closest.distance_m)}}},
          {"deepest_penetration_m", c.deepest_penetration_m},
          {"bounds_margin_m", Number(c.bounds_margin_m)},
          {"clearance_margin_m", Number(c.clearance_margin_m)},
          {"support_error_m", c.support_error_m},
          {"settle_drift_m", Number(c.settle_drift_m)},
          {"settle_turn_rad", Number(c.settle_turn_rad)},
          {"relations", relations},
          {"faults", FaultsJson(c.faults)}};
}

Json WitnessJson(const scene::Witness& w) {
  return {{"proof", scene::ProofName(w.kind)}, {"objects", w.objects}, {"relations", w.relations}, {"support", w.support},
          {"needed", Number(w.needed)},        {"available", Number(w.available)}, {"steps", w.steps}};
}

std::string Text(const scene::SceneRepairOptions& options, const scene::SceneRepairReport& report) {
  const scene::RepairResult& result = report.result;
  const scene::Certificate& c = result.certificate;
  std::vector<Diagnostic> serious;
  for (const Diagnostic& d : report.diagnostics) {
    if (d.severity != Severity::kNote) serious.push_back(d);
  }
  std::string text = FormatDiagnostics(serious);
  for (const scene::Fault& f : result.faults) {
    text += fmt::format("found {}: {}{}{}: {}\n", scene::FaultName(f.kind), f.subject, f.other.empty() ? "" : ", ", f.other, f.text);
  }
  for (const scene::Moved& m : result.moved) {
    if (!report.written) break;
    text += fmt::format("moved {} by {:.1f} mm, {:.1f} degrees\n", m.id, m.distance_m * 1e3, m.turn_rad * kDegrees);
  }
  switch (result.outcome) {
    case scene::RepairOutcome::kClean: text += "nothing was wrong\n"; break;
    case scene::RepairOutcome::kRepaired: text += fmt::format("repaired: {} faults gone, {} objects moved\n", result.faults.size(), result.moved.size()); break;
    case scene::RepairOutcome::kInfeasible: {
      text += fmt::format("impossible ({}):", scene::ProofName(result.witness.kind));
      for (const std::string& id : result.witness.objects) text += " " + id;
      for (const int r : result.witness.relations) text += fmt::format(" relation:{}", r);
      text += "\n";
      for (const std::string& step : result.witness.steps) text += "  " + step + "\n";
      break;
    }
    case scene::RepairOutcome::kUnsolved:
      text += "not solved; not proved impossible\n";
      for (const scene::Fault& f : c.faults) text += fmt::format("left {}: {}{}{}: {}\n", scene::FaultName(f.kind), f.subject, f.other.empty() ? "" : ", ", f.other, f.text);
      break;
  }
  if (c.holds) {
    text += fmt::format("certificate: deepest penetration {:.3f} mm, {} relations hold", c.deepest_penetration_m * 1e3, c.relations.size());
    if (!std::isnan(c.settle_drift_m)) text += fmt::format(", drift in 2 s {:.2f} mm and {:.2f} degrees", c.settle_drift_m * 1e3, c.settle_turn_rad * kDegrees);
    text += "\n";
  }
  if (report.written) text += fmt::format("wrote {}\n", options.out.string());
  return text;
}

int RunRepair(scene::SceneRepairOptions& options, const Context& context) {
  const scene::SceneRepairReport report = scene::RepairScene(options);
  const scene::RepairResult& result = report.result;
  Json moved = Json::array();
  for (const scene::Moved& m : result.moved) moved.push_back({{"id", m.id}, {"distance_m", m.distance_m}, {"turn_rad", m.turn_rad}});
  Json document = {{"outcome", kOutcomes[static_cast<size_t>(result.outcome)]},
                   {"written", report.written ? Json(options.out.string()) : Json(nullptr)},
                   {"faults", FaultsJson(result.faults)},
                   {"moved", moved},
                   {"restarts", result.restarts},
                   {"settle_rounds", report.rounds},
                   {"certificate", CertificateJson(result.certificate)},
                   {"diagnostics", DiagnosticsJson(report.diagnostics)}};
  if (result.outcome == scene::RepairOutcome::kInfeasible) document["witness"] = WitnessJson(result.witness);
  PrintAnswer(context, document, Text(options, report));
  if (result.outcome == scene::RepairOutcome::kInfeasible) return kCannotHold;
  return result.outcome == scene::RepairOutcome::kUnsolved ? 1 : 0;
}

}  // namespace

void AddSceneRepair(CLI::App& group, Context& context) {
  const auto options = std::make_shared<scene::SceneRepairOptions>();
  CLI::App* verb = group.add_subcommand("repair", "Remove what breaks common sense, moving as little as possible, and prove it");
  verb->add_option("IN", options->in, "A scene, .xml or .json; faults of the text are recovered from and said")->required();
  verb->add_option("--out", options->out, "The repaired scene; written only when its certificate holds")->type_name("FILE")->required();
  verb->add_option("--report", options->report, "Write a report with plans before and after")->type_name("FILE.html");
  verb->add_option("--seed", options->seed, "Of restarts and searches")->type_name("S");
  verb->add_option("--effort", options->effort, "0: forces alone; 1: all; more: so many times the restarts")
      ->type_name("N")
      ->check(CLI::Range(0, 100));
  verb->add_flag("!--no-settle", options->settle, "Leave out the two seconds of physics");
  verb->callback([options, &context] { context.verb = [options, &context] { return RunRepair(*options, context); }; });
}

}  // namespace takt::cli
