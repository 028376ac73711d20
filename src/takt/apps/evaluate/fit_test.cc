// SPDX-License-Identifier: Apache-2.0
#include "takt/apps/evaluate/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "takt/apps/evaluate/serve_model.h"
#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/artefact.h"

namespace takt::evaluate {
namespace {

policy::PolicyConfig TinyConfig() {
  policy::PolicyConfig config;
  config.state_keys = {"observation.state"};
  config.state_dims = {20};
  config.action_dim = 2;
  config.fps = 10;
  config.horizon = 10;
  config.n_emb = 32;
  config.n_head = 2;
  config.n_layer = 2;
  config.train_steps = 12;
  return config;
}

// A folder with an untrained policy, and one for the answer.
struct Folders {
  explicit Folders(const std::string& name)
      : model(std::filesystem::path(testing::TempDir()) / ("takt_fit_" + name)), out(model.string() + "_out") {
    std::filesystem::remove_all(model);
    std::filesystem::remove_all(out);
    policy::SaveModel(policy::RandomModel(TinyConfig(), 3), model);
  }
  std::filesystem::path model, out;
};

FitOptions QuickOptions(const Folders& folders) {
  FitOptions options;
  options.budget_ms = 1000;
  options.max_drop = 0.25;
  options.precisions = {nn::Precision::kF32, nn::Precision::kW8A8};
  options.windows = 2;
  options.survivors = 3;
  options.search_starts = 2;
  options.proof_starts = 10;
  options.out = folders.out;
  options.report = folders.out / "report.html";
  return options;
}

TEST(Fit, WritesAPolicyWithItsProof) {
  const Folders folders("whole");
  const FitOptions options = QuickOptions(folders);
  const auto task = MakePushTTask(TinyConfig());
  const FitReport report = Fit(folders.model, *task, options);
  EXPECT_LE(report.fitted_time.p99_ms, options.budget_ms);
  EXPECT_EQ(report.fitted.fate, "fitted");
  EXPECT_GT(report.proof.rate_interval.low, -options.max_drop);
  std::set<std::string> families;
  for (const FitCandidate& c : report.candidates) {
    families.insert(c.family);
    EXPECT_FALSE(c.fate.empty());
    EXPECT_GT(c.time.p50_ms, 0);
    EXPECT_TRUE(std::isfinite(c.error.rms));
  }
  EXPECT_EQ(families, (std::set<std::string>{"ddim + reuse", "ddim steps", "ddpm + reuse", "ddpm steps"}));
  // The seeds of the proof are not those of the search.
  EXPECT_GE(report.fitted_proof.episodes.front().start.seed, 100000u + 4);

  // What was written runs as it was measured.
  const policy::Model model = policy::LoadModel(folders.out);
  EXPECT_EQ(policy::LoadPlan(folders.out, model.config), report.fitted.plan);
  EXPECT_EQ(VerifyArtefact(folders.out, "policy.fit", 1).payloads.size(),
            report.fitted.plan.quant_file.empty() ? 3u : 4u);
  policy::Policy policy(std::make_shared<const policy::Model>(model), report.fitted.plan, folders.out);
  EXPECT_EQ(policy.Act(BlankWindows(model, 1)[0]).count, 8);
  const auto json = nlohmann::ordered_json::parse(ReadTextFile(folders.out / "fit.json"));
  EXPECT_EQ(json["proof"]["exact"]["per_episode"].size(), 10u);
  EXPECT_EQ(json["candidates"].size(), report.candidates.size());
  EXPECT_NE(ReadTextFile(options.report).find("Time against fidelity"), std::string::npos);

  // Again: everything comes from the log, the same plan and the same proof.
  const FitReport again = Fit(folders.model, *task, options);
  EXPECT_EQ(again.fitted.plan, report.fitted.plan);
  EXPECT_EQ(again.fitted_time.p50_ms, report.fitted_time.p50_ms);
  EXPECT_EQ(again.proof.score_difference, report.proof.score_difference);
}

TEST(Fit, SaysWhatWouldBeFeasible) {
  const Folders folders("never");
  const auto task = MakePushTTask(TinyConfig());
  FitOptions options = QuickOptions(folders);
  options.budget_ms = 1e-4;
  try {
    Fit(folders.model, *task, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_EQ(error.subject(), "--budget-ms");
    EXPECT_NE(error.hint().find("--budget-ms"), std::string::npos);
  }
  options.budget_ms = 1000;
  options.max_drop = 0.01;  // ten starts cannot show that
  try {
    Fit(folders.model, *task, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInfeasibleBudget);
    EXPECT_EQ(error.subject(), "--max-drop");
    EXPECT_NE(error.hint().find("--seeds"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(folders.out / "plan.json"));  // nothing over budget is written
  options.max_drop = 0;
  EXPECT_THROW(Fit(folders.model, *task, options), Error);
}

TEST(Fit, LogsOutliveTornLines) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "takt_fit.jsonl";
  std::filesystem::remove(path);
  {
    FitLog log(path);
    log.Put("b", 2);
    log.Put("a", {1, 2});
    log.Put("b", 3);
  }
  const std::string text = ReadTextFile(path);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    WriteFileAtomic(path, text.substr(0, cut));
    const FitLog log(path);
    EXPECT_EQ(log.Find("b") != nullptr, cut == text.size());
    if (const auto* a = log.Find("a"); a && a->at(1) != 2) ADD_FAILURE() << cut;
  }
  WriteFileAtomic(path, "[1]\n{\"key\": 3, \"value\": 1}\nnonsense\n");
  EXPECT_EQ(FitLog(path).Find("3"), nullptr);
}

TEST(Schedules, EverySolverFillsOneThatTheModelFollows) {
  const auto model = std::make_shared<const policy::Model>(policy::RandomModel(TinyConfig(), 5));
  const std::vector<Window> windows = BlankWindows(*model, 2);
  const Similarities known = CollectSimilarities(model, policy::Sampler::kDdpm, 0, windows);
  EXPECT_EQ(known.steps, 12);
  EXPECT_EQ(known.blocks.size(), 6u);
  policy::Plan plan = policy::ExactPlan(model->config);
  policy::Policy exact(model, plan);
  const auto truth = ChunksOf(&exact, windows, 0);
  for (const char* name : {"bac", "bac-adjacent", "bac-shared", "budgeted", "uniform", "fora", "teacache"}) {
    double error_before = INFINITY;
    for (int updates : {3, 12}) {
      SolveOptions solve;
      solve.solver = ParseSolver(name);
      solve.updates = updates;
      plan.schedule = Solve(known, solve);
      EXPECT_EQ(plan.schedule->made_by, std::string(name) + "-" + std::to_string(updates));
      policy::Policy policy(model, plan);
      const ActionError error = ErrorOf(ChunksOf(&policy, windows, 0), truth);
      const bool all_computed = updates == 12 && std::string(name) != "teacache";
      EXPECT_TRUE(!all_computed || error.max == 0) << name;
      EXPECT_LE(error.rms, error_before) << name;
      error_before = error.rms;
      EXPECT_LE(policy.flops(), policy.exact_flops());
    }
  }
  EXPECT_THROW(ParseSolver("magic"), Error);
  SolveOptions none;
  none.updates = 13;
  EXPECT_THROW(Solve(known, none), Error);
}

TEST(Measure, TimesChunksAndComparesThem) {
  const auto model = std::make_shared<const policy::Model>(policy::RandomModel(TinyConfig(), 5));
  policy::Policy policy(model, policy::ExactPlan(model->config));
  const std::vector<Window> windows = BlankWindows(*model, 3);
  const ChunkTime time = MeasureChunks(&policy, windows, 5);
  EXPECT_EQ(time.chunks, 5);
  EXPECT_LE(time.min_ms, time.p50_ms);
  EXPECT_LE(time.p50_ms, time.p99_ms);
  EXPECT_EQ(time.flops, time.exact_flops);
  EXPECT_NEAR(RealisedShare(time, time), 1, 1e-12);
  EXPECT_THROW(MeasureChunks(&policy, {}, 5), Error);
  auto chunks = ChunksOf(&policy, windows, 1);
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(ErrorOf(chunks, ChunksOf(&policy, windows, 1)).max, 0);
  EXPECT_GT(ErrorOf(chunks, ChunksOf(&policy, windows, 2)).rms, 0);
  auto broken = chunks;
  broken[1][3] = NAN;
  EXPECT_TRUE(std::isnan(ErrorOf(chunks, broken).max));
  broken.pop_back();
  EXPECT_THROW(ErrorOf(chunks, broken), Error);
}

TEST(ServeModel, GivesEachClientItsOwnEpisode) {
  const auto model = std::make_shared<const policy::Model>(policy::RandomModel(TinyConfig(), 5));
  const policy::Plan plan = policy::ExactPlan(model->config);
  PolicyServeModel served("tiny", model, plan, std::nullopt, 1);
  EXPECT_EQ(served.Info().state_dim, 20);
  EXPECT_EQ(served.Info().horizon, 8);
  serve::Request request;
  const Window window = BlankWindows(*model, 1)[0];
  for (const policy::Observation& o : window) request.observations.push_back({o.state, {}});
  policy::Policy alone(model, plan);
  alone.Reset(7);
  const auto first = alone.Act(window).actions, second = alone.Act(window).actions;
  EXPECT_NE(first, second);
  request.seed = 7;
  for (const char* client : {"a", "b"}) {
    request.client_id = client;
    request.reset = true;
    EXPECT_EQ(served.Act(request), first);
  }
  request.reset = false;
  EXPECT_EQ(served.Act(request), second);
  request.client_id = "a";
  EXPECT_EQ(served.Act(request), second);
  served.Forget("a");
  served.Forget("nobody");
  request.reset = true;
  EXPECT_EQ(served.Act(request), first);
}

}  // namespace
}  // namespace takt::evaluate
