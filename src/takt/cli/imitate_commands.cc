// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "takt/cli/command.h"
#include "takt/cli/output.h"
#include "takt/core/base/error.h"
#include "takt/core/base/interrupt.h"

// `takt imitate` only asks: what needs libtorch is in the program takt-train, so that nothing else waits for libtorch to load.
namespace takt::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* kTrainer = "takt-train";

// Beside this program, or on PATH.
std::filesystem::path FindTrainer() {
  std::error_code failed;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (!failed && ::access((self.parent_path() / kTrainer).c_str(), X_OK) == 0) return self.parent_path() / kTrainer;
  const char* path = std::getenv("PATH");
  for (const std::string& folder : CLI::detail::split(path ? path : "", ':')) {
    if (!folder.empty() && ::access((std::filesystem::path(folder) / kTrainer).c_str(), X_OK) == 0) {
      return std::filesystem::path(folder) / kTrainer;
    }
  }
  throw Error(ErrorCode::kUnsupported, "takt imitate", fmt::format("needs {}, which is neither beside takt nor on PATH", kTrainer),
              "build Takt with -DTAKT_TRAIN=ON; it needs libtorch-dev and libopenblas-dev");
}

// Runs takt-train with a request; stderr is shared. An interrupt of this program is passed on, once.
std::string Ask(const std::filesystem::path& program, const std::string& request) {
  int ends[2];
  if (::pipe(ends) != 0) throw Error(ErrorCode::kIo, kTrainer, "cannot be started: no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw Error(ErrorCode::kIo, kTrainer, "cannot be started: no process");
  if (child == 0) {
    ::setpgid(0, 0);  // the terminal interrupts this program alone, which passes it on
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    const std::string name = program.string();
    ::execl(name.c_str(), kTrainer, request.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(ends[1]);
  std::string answer;
  bool passed_on = false;
  // The handler of takt restarts system calls, so the wait is in slices.
  for (bool open = true; open;) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    timeval slice = {0, 100'000};
    const int ready = ::select(ends[0] + 1, &set, nullptr, nullptr, &slice);
    if (InterruptRequested() && !passed_on) {
      ::kill(child, SIGINT);
      passed_on = true;
    }
    if (ready <= 0) continue;
    char buffer[4096];
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    if (got > 0) answer.append(buffer, static_cast<size_t>(got));
    open = got > 0 || (got < 0 && errno == EINTR);
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (answer.empty()) {
    throw Error(ErrorCode::kInternal, kTrainer,
                WIFSIGNALED(status) ? fmt::format("was ended by signal {}", WTERMSIG(status))
                                    : fmt::format("ended with status {} and said nothing", WEXITSTATUS(status)));
  }
  return answer;
}

// The answer, or the error that takt-train met.
ordered_json AskTrainer(const ordered_json& request) {
  const std::string text = Ask(FindTrainer(), request.dump());
  try {
    ordered_json answer = ordered_json::parse(text);
    if (!answer.contains("error")) return answer;
    const ordered_json& error = answer["error"];
    for (const ErrorCode code : {ErrorCode::kBadInput, ErrorCode::kInfeasibleBudget, ErrorCode::kNotFound, ErrorCode::kUnsupported,
                                 ErrorCode::kIo, ErrorCode::kCancelled, ErrorCode::kInternal}) {
      if (ErrorCodeName(code) == error.at("code").get<std::string>()) {
        throw Error(code, error.at("subject"), error.at("message"), error.at("hint"));
      }
    }
  } catch (const ordered_json::exception&) {
  }
  throw Error(ErrorCode::kInternal, kTrainer, "gave an answer that is none", "takt and takt-train must be of one version");
}

struct TrainArguments {
  std::string dataset, config, out, device = "cpu";
  double minutes = 0, teleop_noise = 0;
  int64_t steps = 0, episodes = 0;
  uint64_t seed = 0, memory_mb = 12'000;
  bool resume = false;
};

int RunTrain(const TrainArguments& a, const Context& context) {
  const ordered_json answer = AskTrainer({{"verb", "train"},
                                          {"dataset", a.dataset},
                                          {"config", a.config},
                                          {"out", a.out},
                                          {"minutes", a.minutes},
                                          {"steps", a.steps},
                                          {"resume", a.resume},
                                          {"episodes", a.episodes},
                                          {"seed", a.seed},
                                          {"threads", context.threads},
                                          {"memory_mb", a.memory_mb},
                                          {"teleop_noise", a.teleop_noise},
                                          {"device", a.device},
                                          {"progress", context.quiet ? "quiet" : context.json ? "json" : "auto"}});
  const auto number = [&](const char* name) {
    return answer[name].is_number() ? fmt::format("{:.4f}", answer[name].get<double>()) : std::string("not measured");
  };
  std::vector<std::pair<std::string, std::string>> fields = {
      {"policy", a.out},
      {"parameters", fmt::format("{:.2f} M", answer["parameters"].get<double>() * 1e-6)},
      {"steps", fmt::format("{} in {:.1f} min, {:.1f} samples/s", answer["steps"].get<int64_t>(),
                            answer["elapsed_s"].get<double>() / 60, answer["samples_per_s"].get<double>())},
      {"episodes", fmt::format("{}, and {} held out", answer["train_episodes"].get<int64_t>(),
                               answer["held_out_episodes"].get<int64_t>())},
      {"loss", number("loss")},
      {"held out", number("held_out_loss")},
      {"action error", number("action_rmse")},
      {"report", a.out + "/report.html"}};
  for (const ordered_json& note : answer["notes"]) fields.emplace_back("note", note.get<std::string>());
  PrintAnswer(context, answer, FormatFields(fields));
  return 0;
}

void AddTrain(CLI::App& group, Context& context) {
  const auto a = std::make_shared<TrainArguments>();
  CLI::App* verb = group.add_subcommand("train", "Train a policy on a LeRobot dataset");
  verb->add_option("DATASET", a->dataset, "The folder with meta/ and data/")->required();
  verb->add_option("--config", a->config, "A JSON file, or a name that takt imitate configs lists")->type_name("C")->required();
  verb->add_option("--out", a->out, "The folder to make: config.json, model.safetensors, report.html, checkpoint/")
      ->type_name("DIR")
      ->required();
  CLI::Option* minutes =
      verb->add_option("--minutes", a->minutes, "How long to train, wall clock; counts what was trained before --resume")
          ->check(CLI::PositiveNumber);
  verb->add_option("--steps", a->steps, "How many steps to train, instead of --minutes")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->excludes(minutes);
  verb->add_flag("--resume", a->resume, "Go on from the checkpoint in --out");
  verb->add_option("--episodes", a->episodes, "Only the first so many episodes; 0: all")->check(CLI::NonNegativeNumber);
  verb->add_option("--seed", a->seed, "Of weights, noise, order and the episodes that are held out");
  verb->add_option("--teleop-noise", a->teleop_noise,
                   "Spoil the demonstrations as a person who steers by hand would; 1: an attentive one, 0: not at all")
      ->check(CLI::Range(0.0, 10.0));
  verb->add_option("--memory", a->memory_mb, "At most so many MB of pictures are kept in memory")->check(CLI::Range(1, 10'000'000));
  verb->add_option("--device", a->device, "Where to train")->check(CLI::IsMember({"cpu", "cuda"}));
  verb->callback([a, &context] { context.verb = [a, &context] { return RunTrain(*a, context); }; });
}

int RunConfigs(const std::string& name, const Context& context) {
  const ordered_json answer = AskTrainer({{"verb", "configs"}});
  std::vector<std::vector<std::string>> rows;
  for (const ordered_json& config : answer["configs"]) {
    if (config["name"] == name) {
      Print(config["config"].dump(2) + "\n");
      return 0;
    }
    rows.push_back({config["name"].get<std::string>(), config["purpose"].get<std::string>()});
  }
  if (!name.empty()) {
    throw Error(ErrorCode::kNotFound, name, "is no configuration that comes with takt", "takt imitate configs lists them");
  }
  PrintAnswer(context, answer, FormatTable({"config", "for"}, rows));
  return 0;
}

void AddConfigs(CLI::App& group, Context& context) {
  const auto name = std::make_shared<std::string>();
  CLI::App* verb = group.add_subcommand("configs", "List the configurations that come with takt, or print one");
  verb->add_option("NAME", *name, "Print this one as JSON: a start for your own");
  verb->callback([name, &context] { context.verb = [name, &context] { return RunConfigs(*name, context); }; });
}

}  // namespace

void RegisterImitate(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("imitate", "Train policies on demonstrations");
  group->require_subcommand(1);
  AddTrain(*group, context);
  AddConfigs(*group, context);
}

}  // namespace takt::cli
