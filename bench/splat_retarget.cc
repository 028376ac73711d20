// SPDX-License-Identifier: Apache-2.0
// How long another budget takes, from files to file: `takt splat retarget` on a scene of about 300,000 splats.
//   bench_splat_retarget SCENE WORK_FOLDER
// A smaller scene is repeated beside itself until it has 300,000 splats.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "bench_util.h"
#include "takt/data/splat/compress.h"
#include "takt/data/splat/model/formats.h"
#include "takt/data/splat/model/transform.h"

using namespace takt;
using namespace takt::splat;

namespace {

Splats Repeated(const Splats& scene, size_t count) {
  Splats all = scene;
  const auto append = [](std::vector<float>& to, const std::vector<float>& from) { to.insert(to.end(), from.begin(), from.end()); };
  for (int copy = 1; all.size() < count; ++copy) {
    const Splats moved = TransformSplats(scene, {1, 0, 0, 0, 1, 0, 0, 0, 1}, {2.9 * copy, 0, 0}, 1);
    append(all.means, moved.means), append(all.log_scales, moved.log_scales), append(all.quats, moved.quats);
    append(all.logits, moved.logits), append(all.sh, moved.sh);
  }
  all.Resize(count);
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::Run([&] {
    if (argc < 3) throw Error(ErrorCode::kBadInput, "bench_splat_retarget", "needs SCENE and WORK_FOLDER");
    const std::filesystem::path folder = argv[2];
    std::filesystem::create_directories(folder);
    const Splats scene = Repeated(ReadScene(argv[1]), 300'000);
    WriteSplats(folder / "scene.ply", scene);
    CompressOptions options;
    options.in = folder / "scene.ply", options.out = folder / "scene.tks", options.max_bytes = 9'000'000;
    Compress(options);
    fmt::print("| splats | budget B | file B | wall s | CPU s | read s | encode s | allocation ms | gap to LP bound % |\n|---|---|---|---|---|---|---|---|---|\n");
    for (const uint64_t budget : {uint64_t{2'000'000}, uint64_t{4'000'000}, uint64_t{8'000'000}, uint64_t{16'000'000}}) {
      for (int repetition = 0; repetition < 3; ++repetition) {
        const double wall = bench::WallSeconds(), cpu = bench::CpuSeconds();
        const RetargetReport report = Retarget({.file = folder / "scene.tks", .out = folder / "other.tks", .max_bytes = budget});
        fmt::print("| {} | {} | {} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.1f} | {:.5f} |\n", scene.size(), budget,
                   report.out_bytes, bench::WallSeconds() - wall, bench::CpuSeconds() - cpu, report.read_s,
                   report.encode_s, 1e3 * report.fit.encode->allocation_s, 100 * report.fit.encode->lp_gap);
        std::fflush(stdout);
      }
    }
  });
}
