// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <bit>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "takt/core/base/error.h"
#include "takt/core/io/safetensors.h"
#include "takt/data/splat/train/trainer.h"

namespace takt::splat {
namespace {

constexpr const char* kKind = "takt splat checkpoint 1";

// What a training depends on: a checkpoint of another one is refused. `minutes` and `iterations` may be extended.
std::string Fingerprint(const capture::Capture& capture, const TrainConfig& config) {
  std::string text = fmt::format("{} {} {} {} {} {} {} {} {} {} {}", capture.views.size(), config.max_splats,
                                 config.sh_degree, config.seed, config.background[0], config.background[1],
                                 config.background[2], config.ssim_weight, config.opacity_regularization,
                                 config.scale_regularization, config.fixed_geometry);
  for (const capture::View& view : capture.views) {
    text += fmt::format(" {}:{}x{}{}", view.name, view.camera.width_px, view.camera.height_px, view.held_out ? "h" : "");
  }
  return text;
}

// The arrays of Splats by name, with the floats of each a splat.
template <class S>
auto Arrays(S& splats) {
  struct Array {
    const char* name;
    decltype(&splats.means) values;
    int64_t width;
  };
  return std::array<Array, 5>{{{"means", &splats.means, 3},
                               {"log_scales", &splats.log_scales, 3},
                               {"quats", &splats.quats, 4},
                               {"logits", &splats.logits, 1},
                               {"sh", &splats.sh, splats.sh_stride()}}};
}

}  // namespace

void Trainer::SaveCheckpoint(const std::filesystem::path& path) const {
  SafeTensorsWriter writer;
  const int64_t n = static_cast<int64_t>(splats_.size());
  const std::pair<const char*, const Splats*> parts[] = {{"splats", &splats_}, {"moment1", &moment1_}, {"moment2", &moment2_}};
  for (const auto& [part, values] : parts) {
    for (const auto& array : Arrays(*values)) {
      writer.Add(fmt::format("{}.{}", part, array.name), {n, array.width}, *array.values);
    }
  }
  writer.SetMetadata("kind", kKind);
  writer.SetMetadata("fingerprint", Fingerprint(capture_, config_));
  writer.SetMetadata("iteration", std::to_string(iteration_));
  writer.SetMetadata("initial_count", std::to_string(initial_count_));
  writer.SetMetadata("elapsed_s_bits", std::to_string(std::bit_cast<uint64_t>(elapsed_s_)));
  writer.Write(path);
}

void Trainer::LoadCheckpoint(const std::filesystem::path& path) {
  const SafeTensors file = ReadSafeTensors(path);
  const auto metadata = [&](const char* key) {
    const auto it = file.metadata().find(key);
    if (it == file.metadata().end()) {
      throw Error(ErrorCode::kBadInput, path.string(), "is not a training checkpoint", "train without --resume");
    }
    return it->second;
  };
  const auto number = [&](const char* key) {
    const std::string text = metadata(key);
    try {
      size_t used = 0;
      const unsigned long long value = std::stoull(text, &used);
      if (used == text.size()) return value;
    } catch (const std::exception&) {
    }
    throw Error(ErrorCode::kBadInput, path.string(), fmt::format("has a damaged '{}'", key), "train without --resume");
  };
  if (metadata("kind") != kKind || metadata("fingerprint") != Fingerprint(capture_, config_)) {
    throw Error(ErrorCode::kBadInput, path.string(), "is the checkpoint of another capture or of other options",
                "repeat the options of the interrupted run, or train without --resume");
  }
  const int64_t n = file.Get("splats.logits").shape.empty() ? 0 : file.Get("splats.logits").shape[0];
  Splats loaded[3];
  const char* parts[3] = {"splats", "moment1", "moment2"};
  for (int part = 0; part < 3; ++part) {
    loaded[part].sh_degree = splats_.sh_degree;
    loaded[part].antialiased = part == 0 && splats_.antialiased;
    for (const auto& array : Arrays(loaded[part])) {
      *array.values = file.GetFloats(fmt::format("{}.{}", parts[part], array.name), {n, array.width});
    }
  }
  CheckSplats(loaded[0], path.c_str());
  iteration_ = static_cast<long>(number("iteration"));
  initial_count_ = number("initial_count");
  elapsed_s_ = std::bit_cast<double>(static_cast<uint64_t>(number("elapsed_s_bits")));
  splats_ = std::move(loaded[0]);
  moment1_ = std::move(loaded[1]);
  moment2_ = std::move(loaded[2]);
}

}  // namespace takt::splat
