// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/generate_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/interrupt.h"
#include "takt/core/base/parallel.h"
#include "takt/core/io/artefact.h"
#include "takt/data/scene/generate.h"

namespace takt::scene {
namespace {

constexpr size_t kBatch = 256;  // scenes between two looks at the interrupt flag

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

GenerateSetReport GenerateSet(const GenerateSetOptions& options) {
  if (options.count < 1 || options.count > kMaxScenes) {
    throw Error(ErrorCode::kBadInput, "--count",
                fmt::format("is {}; it must lie in [1, {}]", options.count, kMaxScenes));
  }
  const Recipe recipe = LoadRecipe(options.recipe);
  GenerateSetReport report;
  report.recipe = recipe.name;
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error) throw Error(ErrorCode::kIo, options.out.string(), "cannot be made: " + error.message());

  const auto count = static_cast<size_t>(options.count);
  const std::string suffix = options.format == Format::kXml ? "xml" : "json";
  std::vector<Scene> measured;
  for (size_t begin = 0; begin < count; begin += kBatch) {
    ThrowIfInterrupted();
    const size_t size = std::min(kBatch, count - begin);
    std::vector<Scene> scenes(size);
    std::vector<std::string> texts(size);
    const auto start = std::chrono::steady_clock::now();
    ParallelFor(size, 4, [&](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i) {
        scenes[i] = GenerateScene(recipe, options.seed, begin + i);
        texts[i] = FormatScene(scenes[i], options.format);
      }
    });
    report.generate_s += SecondsSince(start);
    const auto written = std::chrono::steady_clock::now();
    for (size_t i = 0; i < size; ++i) {
      const std::string name = fmt::format("scene_{:05}.{}", begin + i, suffix);
      WriteFileAtomic(options.out / name, texts[i]);
      report.files.push_back(options.out / name);
      if (measured.size() < kMaxMeasured) measured.push_back(std::move(scenes[i]));
    }
    report.write_s += SecondsSince(written);
    if (options.progress) options.progress({"generate", begin + size, count, "scenes", ""});
  }
  report.diversity = MeasureDiversity(measured);

  Manifest manifest;
  manifest.kind = "scene.generate";
  manifest.version = TAKT_VERSION;
  manifest.verb = "scene generate";
  manifest.seed = options.seed;
  manifest.options = {{"recipe", recipe.name}, {"count", options.count}, {"format", suffix}};
  if (std::filesystem::exists(options.recipe) && std::filesystem::is_regular_file(options.recipe)) {
    manifest.inputs.push_back(HashInput(options.recipe, std::filesystem::path(options.recipe).filename().string()));
  }
  for (const auto& file : report.files) manifest.payloads.push_back(HashPayload(options.out, file.filename().string()));
  manifest.unhashed = {{"host", HostFacts()}, {"generate_s", report.generate_s}, {"write_s", report.write_s}};
  report.id = WriteManifest(options.out, manifest);
  if (!options.report.empty())
    DiversityPage("Scenes of " + recipe.name, measured, report.diversity).Write(options.report);
  return report;
}

}  // namespace takt::scene
