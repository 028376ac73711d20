// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "takt/core/io/report.h"
#include "takt/data/scene/repair_scene.h"
#include "takt/data/scene/repair_scene_view.h"

namespace takt::scene {
namespace {

constexpr std::string_view kKinds[] = {"on", "in", "against", "near", "facing", "aligned", "reachable_by"};
constexpr double kDegrees = 57.29577951308232;

std::string Verdict(const SceneRepairReport& report) {
  switch (report.result.outcome) {
    case RepairOutcome::kClean: return "Nothing was wrong; the scene is as it was.";
    case RepairOutcome::kRepaired:
      return fmt::format("{} faults are gone, {} objects moved; the certificate holds.", report.result.faults.size(), report.result.moved.size());
    case RepairOutcome::kInfeasible: return "It cannot be repaired; the witness says why.";
    case RepairOutcome::kUnsolved: break;
  }
  return "Not solved; not proved impossible.";
}

void Faults(Report* page, const std::string& caption, const std::vector<Fault>& faults) {
  ReportTable table;
  table.caption = caption;
  table.columns = {{"fault"}, {"subject"}, {"other"}, {"what was measured"}};
  for (const Fault& f : faults) {
    if (table.rows.size() == 200) break;
    table.rows.push_back({FaultName(f.kind), f.subject, f.other, f.text});
  }
  page->Table(table);
}

}  // namespace

void WriteRepairReport(const SceneRepairOptions& options, const SceneRepairReport& report) {
  const RepairResult& result = report.result;
  const Certificate& c = result.certificate;
  Report page(fmt::format("Repair of {}", options.in.filename().string()), Verdict(report));
  double sum = 0;
  for (const Moved& m : result.moved) sum += m.distance_m;
  const bool drift = !std::isnan(c.settle_drift_m);
  page.Tiles({{"Faults found", fmt::format("{}", result.faults.size()), "", result.faults.empty() ? TileState::kOk : TileState::kPlain},
              {"Faults left", fmt::format("{}", c.faults.size()), "", c.faults.empty() ? TileState::kOk : TileState::kWarn},
              {"Deepest penetration", fmt::format("{:.3f} mm", c.deepest_penetration_m * 1e3), "allowed: 0.1 mm",
               c.deepest_penetration_m <= 1e-4 ? TileState::kOk : TileState::kWarn},
              {"Moved", fmt::format("{:.2f} m", sum), fmt::format("{} objects", result.moved.size())},
              {"Drift in 2 s", drift ? fmt::format("{:.2f} mm", c.settle_drift_m * 1e3) : "not run",
               drift ? fmt::format("{:.2f} degrees", c.settle_turn_rad * kDegrees) : ""}});
  std::set<std::string> bad, left, moved;
  for (const Fault& f : result.faults) {
    bad.insert(f.subject);
    bad.insert(f.other);
  }
  for (const Fault& f : c.faults) {
    left.insert(f.subject);
    left.insert(f.other);
  }
  for (const Moved& m : result.moved) moved.insert(m.id);
  page.Section("Plan");
  page.Compare({DrawPlan(report.input, options.in.parent_path(), bad, {}), "before", "plan before the repair; what is faulty is red", true},
               {DrawPlan(result.scene, options.in.parent_path(), left, moved), "after", "plan after the repair; what moved is blue", true},
               "Red: faulty. Blue: moved. Dark: fixed. The line points to the front. Yellow: space before doors and windows; green: clearances.");
  if (result.witness.kind != ProofKind::kNone) {
    page.Section("Why it is impossible");
    page.Paragraph(fmt::format("Proof: {}. Needed {:.4g}, available {:.4g}.", ProofName(result.witness.kind), result.witness.needed, result.witness.available));
    for (const std::string& step : result.witness.steps) page.Paragraph(step);
    ReportTable table;
    table.caption = "What cannot hold together; without any of it the argument fails";
    table.columns = {{"member"}, {"what"}};
    for (const std::string& id : result.witness.objects) table.rows.push_back({id, "object"});
    for (const int r : result.witness.relations) {
      const Relation& relation = report.input.relations[r];
      table.rows.push_back({fmt::format("relation {}", r), fmt::format("{} {} {}", relation.subject, kKinds[static_cast<size_t>(relation.kind)], relation.target)});
    }
    page.Table(table);
  }
  page.Section("Certificate");
  const auto mm = [](double m) { return std::isfinite(m) ? fmt::format("{:.3f} mm", m * 1e3) : std::string("-"); };
  ReportTable table;
  table.columns = {{"what"}, {"measured", true}, {"allowed", true}};
  table.rows = {{"objects", fmt::format("{}", c.objects), ""},
                {"pairs measured exactly", fmt::format("{}", c.pairs), ""},
                {fmt::format("closest pair {} {}", c.closest.a, c.closest.b), mm(c.closest.distance_m), "-0.1 mm"},
                {"deepest penetration", mm(c.deepest_penetration_m), "0.1 mm"},
                {"least distance to the walls", mm(c.bounds_margin_m), "-0.1 mm"},
                {"least distance to a clearance", mm(c.clearance_margin_m), "-0.1 mm"},
                {"largest gap to a support", mm(c.support_error_m), "2 mm"},
                {"drift under gravity", drift ? mm(c.settle_drift_m) : "-", "10 mm"},
                {"turn under gravity", drift ? fmt::format("{:.3f} degrees", c.settle_turn_rad * kDegrees) : "-", "2 degrees"},
                {"seed", fmt::format("{}", c.seed), ""}};
  page.Table(table);
  if (!c.relations.empty()) {
    ReportTable relations;
    relations.caption = "Stated relations";
    relations.columns = {{"relation"}, {"measured", true}, {"allowed", true}, {"holds"}};
    for (const RelationCheck& check : c.relations) {
      const Relation& r = result.scene.relations[check.relation_idx];
      relations.rows.push_back({fmt::format("{} {} {}", r.subject, kKinds[static_cast<size_t>(r.kind)], r.target), fmt::format("{:.4g}", check.value),
                                fmt::format("{:.4g} to {:.4g}", check.lower, check.upper), check.holds ? "yes" : "no"});
    }
    page.Table(relations);
  }
  if (!result.moved.empty()) {
    page.Section("What moved");
    ReportTable rows;
    rows.columns = {{"object"}, {"distance", true}, {"turn", true}};
    for (const Moved& m : result.moved) rows.rows.push_back({m.id, mm(m.distance_m), fmt::format("{:.2f} degrees", m.turn_rad * kDegrees)});
    page.Table(rows);
  }
  page.Section("Faults");
  Faults(&page, "Found in the input", result.faults);
  if (!c.faults.empty()) Faults(&page, "Left in the end", c.faults);
  if (!report.diagnostics.empty()) {
    ReportTable rows;
    rows.caption = "Faults of the text";
    rows.columns = {{"place"}, {"code"}, {"message"}};
    for (const Diagnostic& d : report.diagnostics) rows.rows.push_back({fmt::format("{}:{}", d.line, d.column), d.code, d.message});
    page.Table(rows);
  }
  page.Write(options.report);
}

}  // namespace takt::scene
