// SPDX-License-Identifier: Apache-2.0
// Ten budgets a scene: is any file over, how much of each budget is used, and how far is the allocation from its bound?
//   bench_splat_budgets SCENE[=CAPTURE] ...
// Importance comes from the capture's training views where one is named, else from cameras around the scene.
#include <cmath>
#include <string>
#include <vector>

#include "bench_util.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/eval.h"
#include "takt/data/splat/scene_file.h"
#include "takt/data/splat/score.h"

using namespace takt;
using namespace takt::splat;

int main(int argc, char** argv) {
  return bench::Run([&] {
    int files = 0, over = 0, under = 0;
    double worst_gap = 0;
    fmt::print("| scene | splats | budget B | file B | used % | kept | gap to LP bound % | allocation ms | encode s | PSNR to input dB |\n");
    fmt::print("|---|---|---|---|---|---|---|---|---|---|\n");
    for (int arg = 1; arg < argc; ++arg) {
      const std::string text = argv[arg];
      const size_t split = text.find('=');
      const std::string path = text.substr(0, split);
      const Splats splats = ReadScene(path);
      std::vector<capture::Camera> cameras = ScoringCameras(splats), judges = JudgingCameras(splats);
      if (split != std::string::npos) {
        const capture::Capture capture = capture::LoadCapture(text.substr(split + 1));
        cameras = TrainingCameras(capture);
        judges.clear();
        for (const auto& view : capture.views) {
          if (view.held_out && judges.size() < 8) judges.push_back(view.camera);
        }
      }
      const SplatSource source = PrepareSource(splats, ComputeSensitivity(splats, cameras, {1, 1, 1}), path.c_str());
      EncodeReport finest;
      EncodeTks(source, {.max_bytes = kUnlimitedBytes}, &finest);
      const double largest = 0.9 * static_cast<double>(finest.bytes.total()), smallest = largest / 60;
      for (int k = 0; k < 10; ++k) {
        const uint64_t budget = static_cast<uint64_t>(smallest * std::pow(largest / smallest, k / 9.0));
        EncodeReport report;
        const double start = bench::WallSeconds();
        const std::vector<uint8_t> bytes = EncodeTks(source, {.max_bytes = budget}, &report);
        const double seconds = bench::WallSeconds() - start;
        const double used = 100.0 * static_cast<double>(bytes.size()) / static_cast<double>(budget);
        ++files;
        over += bytes.size() > budget;
        under += !(used >= 99.8);
        worst_gap = std::max(worst_gap, report.lp_gap);
        fmt::print("| {} | {} | {} | {} | {:.4f} | {} | {:.5f} | {:.1f} | {:.2f} | {:.2f} |\n",
                   path.substr(path.rfind('/') + 1), splats.size(), budget, bytes.size(), used, report.kept,
                   100 * report.lp_gap, 1e3 * report.allocation_s, seconds,
                   PsnrBetween(splats, DecodeTks(bytes, path), judges, {1, 1, 1}));
        std::fflush(stdout);
      }
    }
    fmt::print("\n{} files, {} over budget, {} below 99.8 % used, largest gap {:.5f} %\n", files, over, under, 100 * worst_gap);
  });
}
