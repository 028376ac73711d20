// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/data/splat/codec/codec.h"

namespace takt::splat {

// Everything another byte budget needs without scoring the model again: the splats in coding order, what every error
// costs, and the operating points of some budgets, between which the search interpolates.
struct RetargetCache {
  struct KnownPoint {
    double bytes = 0;
    OperatingPoint point;
  };
  SplatSource source;
  std::vector<KnownPoint> points;  // ascending in bytes; may be empty

  // The operating point for a budget inside the known ones; none outside.
  std::optional<OperatingPoint> At(uint64_t max_bytes) const;
};

// Cost: PrepareSource and about ten searches, 1-2 s of one core. Errors: as PrepareSource.
RetargetCache MakeRetargetCache(const Splats& splats, const Sensitivity& sensitivity, const char* subject);

// As EncodeTks; searches only where the budget lies outside the known points.
std::vector<uint8_t> EncodeTks(const RetargetCache& cache, const EncodeOptions& options, EncodeReport* report = nullptr);

// One safetensors file, 4 bytes a value: about 80 + 12 K bytes a splat for K SH coefficients a channel.
// Errors: io.
void WriteRetargetCache(const std::filesystem::path& path, const RetargetCache& cache);
// Errors: not_found; io; bad_input naming the file for anything that is not such a cache.
RetargetCache ReadRetargetCache(const std::filesystem::path& path);

}  // namespace takt::splat
