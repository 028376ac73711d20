// SPDX-License-Identifier: Apache-2.0
// The formats that users have, against .tks of at most the same size: PSNR of pictures of the file against pictures of
// the original.
//   bench_splat_equal_bytes SCENE ...
// The original is the scene turned by an odd angle and scaled by 1.037: the files at hand were themselves decoded from
// quantised formats, whose lattices would otherwise favour the format that they came from.
#include <cmath>
#include <string>
#include <vector>

#include "bench_util.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/model/transform.h"
#include "takt/data/splat/scene_file.h"
#include "takt/data/splat/score.h"

using namespace takt;
using namespace takt::splat;

int main(int argc, char** argv) {
  return bench::Run([&] {
    fmt::print("| scene | splats | rival | rival B | rival dB | .tks B | .tks dB | gain dB |\n|---|---|---|---|---|---|---|---|\n");
    for (int arg = 1; arg < argc; ++arg) {
      const std::string path = argv[arg];
      const double a = 0.7, b = 0.4;
      const std::array<double, 9> turn = {std::cos(a), -std::sin(a) * std::cos(b), std::sin(a) * std::sin(b),
                                          std::sin(a), std::cos(a) * std::cos(b),  -std::cos(a) * std::sin(b),
                                          0,           std::sin(b),                std::cos(b)};
      const Splats splats = TransformSplats(ReadScene(path), turn, {0.31, -0.17, 0.23}, 1.037);
      const std::vector<capture::Camera> judges = JudgingCameras(splats);
      const SplatSource source =
          PrepareSource(splats, ComputeSensitivity(splats, ScoringCameras(splats), {1, 1, 1}), path.c_str());
      struct Rival {
        const char* name;
        Format format;
        int spz_version;
      };
      for (const Rival& rival : {Rival{".spz v3", Format::kSpz, 3}, Rival{".spz v4", Format::kSpz, 4},
                                 Rival{".compressed.ply", Format::kCompressedPly, 4}}) {
        WriteOptions options;
        options.spz_version = rival.spz_version;
        const std::vector<uint8_t> theirs = EncodeSplats(splats, rival.format, options);
        const std::vector<uint8_t> ours = EncodeTks(source, {.max_bytes = theirs.size()});
        const double their_db = PsnrBetween(splats, ParseSplats(theirs, path), judges, {1, 1, 1});
        const double our_db = PsnrBetween(splats, DecodeTks(ours, path), judges, {1, 1, 1});
        fmt::print("| {} | {} | {} | {} | {:.2f} | {} | {:.2f} | {:+.2f} |\n", path.substr(path.rfind('/') + 1),
                   splats.size(), rival.name, theirs.size(), their_db, ours.size(), our_db, our_db - their_db);
        std::fflush(stdout);
      }
    }
  });
}
