// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "takt/apps/evaluate/serve_model.h"
#include "takt/apps/evaluate/windows.h"
#include "takt/cli/policy_options.h"
#include "takt/core/base/clock.h"
#include "takt/infer/serve/client.h"
#include "takt/infer/serve/server.h"

namespace takt::cli {
namespace {

using nlohmann::ordered_json;

struct ServeArguments {
  PolicyArguments policy;
  serve::ServerOptions options;
  int ready = 1, probe = 0;
};

ordered_json ToJson(const serve::ServeReport& report) {
  ordered_json answered = ordered_json::object();
  for (int s = 0; s < serve::kStatusCount; ++s) {
    const auto status = static_cast<serve::Status>(s);
    answered[std::string(serve::StatusName(status))] = report.answered[static_cast<size_t>(s)];
  }
  return {{"received", report.received},
          {"answered", answered},
          {"inference_ms", {report.inference_p50_ms, report.inference_p95_ms, report.inference_p99_ms}},
          {"total_ms", {report.total_p50_ms, report.total_p95_ms, report.total_p99_ms}}};
}

std::string Fields(const serve::ServeReport& r) {
  std::string answers;
  for (int s = 0; s < serve::kStatusCount; ++s) {
    const uint64_t n = r.answered[static_cast<size_t>(s)];
    if (n > 0)
      answers +=
          fmt::format("{}{} {}", answers.empty() ? "" : ", ", n, serve::StatusName(static_cast<serve::Status>(s)));
  }
  return FormatFields({{"requests", fmt::format("{}", r.received)},
                       {"answers", answers.empty() ? "none" : answers},
                       {"policy", fmt::format("p50 {:.2f}, p95 {:.2f}, p99 {:.2f} ms", r.inference_p50_ms,
                                              r.inference_p95_ms, r.inference_p99_ms)},
                       {"answer", fmt::format("p50 {:.2f}, p95 {:.2f}, p99 {:.2f} ms", r.total_p50_ms, r.total_p95_ms,
                                              r.total_p99_ms)}});
}

// A request without a meaning that the model can answer.
serve::Request BlankRequest(const policy::Model& model) {
  serve::Request request;
  request.client_id = "probe";
  const evaluate::Window window = evaluate::BlankWindows(model, 1).front();
  for (const policy::Observation& seen : window) {
    serve::Observation& observation = request.observations.emplace_back();
    observation.state = seen.state;
    for (size_t p = 0; p < seen.pictures.size(); ++p) {
      observation.pictures.push_back({model.config.pictures[p].key, seen.pictures[p], {}});
    }
  }
  return request;
}

// Asks through every door, and stops.
serve::ServeReport Probe(serve::ServeModel* served, const policy::Model& model, const ServeArguments& a) {
  serve::PolicyServer server(served, a.options);
  std::vector<std::string> doors;
  if (!a.options.socket_path.empty()) doors.push_back("unix:" + a.options.socket_path.string());
  if (!a.options.grpc_address.empty()) {
    const std::string& address = a.options.grpc_address;
    doors.push_back(fmt::format("{}:{}", address.substr(0, address.rfind(':')), server.grpc_port()));
  }
  serve::Request request = BlankRequest(model);
  for (const std::string& door : doors) {
    const auto client = serve::PolicyClient::Connect(door);
    for (int i = 0; i < a.probe; ++i) {
      ++request.sequence;
      const serve::Reply reply = client->Act(request);
      if (reply.status != serve::Status::kOk) {
        throw Error(ErrorCode::kIo, door,
                    fmt::format("answered {}: {}", serve::StatusName(reply.status), reply.message));
      }
    }
  }
  const serve::ServeReport report = server.metrics().Report(WallSeconds());
  server.Stop();
  return report;
}

int ServePolicy(const ServeArguments& a, const Context& context) {
  if (a.options.socket_path.empty() && a.options.grpc_address.empty()) {
    throw Error(ErrorCode::kBadInput, "takt policy serve", "has no door to serve at", "give --listen or --unix");
  }
  const auto model = LoadPolicyModel(a.policy.model);
  const LoadedPlan loaded = LoadPlanOf(a.policy, *model);
  evaluate::PolicyServeModel served(a.policy.model.filename().string(), model, loaded.plan, loaded.quant, a.ready);
  const serve::ServeReport report =
      a.probe > 0 ? Probe(&served, *model, a)
                  : serve::Serve(&served, a.options, [&](const serve::PolicyServer& server) {
                      std::string where;
                      if (!a.options.socket_path.empty()) where += " unix:" + a.options.socket_path.string();
                      if (server.grpc_port() > 0) where += fmt::format(" grpc port {}", server.grpc_port());
                      if (server.http_port() > 0) where += fmt::format(" metrics port {}", server.http_port());
                      if (!context.json)
                        Print(fmt::format("{} serves at{}; Ctrl-C stops it\n", policy::PlanName(loaded.plan), where));
                    });
  PrintAnswer(context, ToJson(report), Fields(report));
  return 0;
}

}  // namespace

void AddPolicyServeVerb(CLI::App& group, Context& context) {
  const auto a = std::make_shared<ServeArguments>();
  CLI::App* verb = group.add_subcommand("serve", "The loop a robot talks to: observation in, chunk of actions out");
  AddPlanOptions(*verb, &a->policy);
  verb->add_option("--listen", a->options.grpc_address, "gRPC here; port 0 takes a free one")->type_name("HOST:PORT");
  verb->add_option("--unix", a->options.socket_path, "A Unix socket here")->type_name("PATH");
  verb->add_option("--metrics", a->options.http_address, "GET /metrics (Prometheus) and /health here")
      ->type_name("HOST:PORT");
  verb->add_option("--deadline-ms", a->options.loop.default_deadline_ms, "For requests that name none")->type_name("T");
  verb->add_option("--ready", a->ready, "Clients that need not wait for their packed weights")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  verb->add_option("--probe", a->probe, "Only ask so many times through each door, print the latency, and stop")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  verb->callback([a, &context] { context.verb = [a, &context] { return ServePolicy(*a, context); }; });
}

}  // namespace takt::cli
