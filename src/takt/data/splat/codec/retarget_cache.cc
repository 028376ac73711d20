// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/retarget_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/core/io/safetensors.h"
#include "takt/data/splat/codec/octree.h"

namespace takt::splat {
namespace {

constexpr const char* kKind = "takt.splat.retarget_cache";
constexpr const char* kSchema = "1.0";
constexpr double kBudgetRatio = 1.6;  // between known points

// The arrays of one float a splat, with their names in the file.
template <class Source, class Visit>
void VisitFloats(Source& s, const Visit& visit) {
  visit("log_opacity", s.log_opacity);
  visit("removal", s.removal);
  visit("cost.dc", s.dc_cost);
  visit("cost.opacity", s.opacity_cost);
  for (int a = 0; a < 3; ++a) {
    const std::string axis(1, static_cast<char>('0' + a));
    visit("scale." + axis, s.scales[a]);
    visit("cost.position." + axis, s.fixed_cost[a]);
    visit("cost.scale." + axis, s.scale_cost[a]);
    visit("cost.turn." + axis, s.turn_cost[a]);
  }
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

}  // namespace

std::optional<OperatingPoint> RetargetCache::At(uint64_t max_bytes) const {
  const double bytes = static_cast<double>(max_bytes);
  for (size_t i = 0; i + 1 < points.size(); ++i) {
    const KnownPoint &a = points[i], &b = points[i + 1];
    if (bytes < a.bytes || bytes > b.bytes) continue;
    const double t = std::log(bytes / a.bytes) / std::log(b.bytes / a.bytes);
    OperatingPoint point = t < 0.5 ? a.point : b.point;
    point.log2_lambda = a.point.log2_lambda + t * (b.point.log2_lambda - a.point.log2_lambda);
    point.bits_per_splat = a.point.bits_per_splat * std::pow(b.point.bits_per_splat / a.point.bits_per_splat, t);
    return point;
  }
  return std::nullopt;
}

RetargetCache MakeRetargetCache(const Splats& splats, const Sensitivity& sensitivity, const char* subject) {
  CheckSplats(splats, subject);
  RetargetCache cache;
  cache.source = PrepareSource(splats, sensitivity, subject);
  // From a bit or two a splat to where only the last digits of the values are left to code.
  const double values = 11.0 + 3.0 * ShCoefficients(splats.sh_degree);
  const double n = static_cast<double>(splats.size());
  std::optional<OperatingPoint> last;
  const double most = n * values * 1.3;
  for (double bytes = std::max(4000.0, 0.5 * n); bytes < most * kBudgetRatio; bytes *= kBudgetRatio) {
    EncodeOptions options;
    options.max_bytes = static_cast<uint64_t>(bytes);
    last = SearchOperatingPoint(cache.source, options, last);
    cache.points.push_back({static_cast<double>(options.max_bytes), *last});
  }
  return cache;
}

std::vector<uint8_t> EncodeTks(const RetargetCache& cache, const EncodeOptions& options, EncodeReport* report) {
  return EncodeTks(cache.source, options, report, cache.At(options.max_bytes));
}

void WriteRetargetCache(const std::filesystem::path& path, const RetargetCache& cache) {
  const SplatSource& s = cache.source;
  const auto n = static_cast<int64_t>(s.size());
  SafeTensorsWriter writer;
  VisitFloats(s, [&](const std::string& name, const std::vector<float>& values) { writer.Add(name, {n}, values); });
  for (int a = 0; a < 3; ++a) writer.Add("position." + std::to_string(a), {n}, s.fixed[a]);
  writer.Add("quats", DType::kF32, {n, 4},
             {reinterpret_cast<const uint8_t*>(s.quats.data()), s.quats.size() * sizeof(s.quats[0])});
  for (size_t c = 0; c < s.colour.size(); ++c) writer.Add("colour." + std::to_string(c), {n}, s.colour[c]);
  const std::vector<float> model = {static_cast<float>(s.sh_degree),
                                    s.antialiased ? 1.0f : 0.0f,
                                    s.space.centre[0],
                                    s.space.centre[1],
                                    s.space.centre[2],
                                    s.space.radius,
                                    s.space.extent,
                                    s.blur};
  const std::vector<float> rows(s.colour_rows.begin(), s.colour_rows.end());
  writer.Add("model", {static_cast<int64_t>(model.size())}, model);
  writer.Add("colour_rows", {9}, rows);
  writer.Add("cost.sh_ratio", {static_cast<int64_t>(s.sh_cost_ratio.size())}, s.sh_cost_ratio);
  std::vector<double> points;
  for (const auto& p : cache.points) {
    points.insert(points.end(),
                  {p.bytes, p.point.log2_lambda, p.point.bits_per_splat, static_cast<double>(p.point.depth)});
  }
  writer.Add("operating_points", {static_cast<int64_t>(cache.points.size()), 4}, points);
  writer.SetMetadata("kind", kKind);
  writer.SetMetadata("schema", kSchema);
  writer.Write(path);
}

RetargetCache ReadRetargetCache(const std::filesystem::path& path) {
  const SafeTensors file = ReadSafeTensors(path);
  const auto bad = [&](const std::string& what) {
    return Error(ErrorCode::kBadInput, path.string(), what, "make it again with `takt splat compress`");
  };
  const auto kind = file.metadata().find("kind"), schema = file.metadata().find("schema");
  if (kind == file.metadata().end() || kind->second != kKind) throw bad("this is not a retarget cache");
  if (schema == file.metadata().end() || schema->second.substr(0, 2) != "1.") {
    throw bad("the cache was written by another version");
  }
  RetargetCache cache;
  SplatSource& s = cache.source;
  const std::vector<float> model = file.GetFloats("model", {8});
  const std::vector<float> rows = file.GetFloats("colour_rows", {9});
  if (!AllFinite(model) || !AllFinite(rows)) throw bad("a value is not finite");
  if (!(model[0] >= 0 && model[0] <= kMaxShDegree)) throw bad("the degree of the spherical harmonics is impossible");
  if (!(model[5] > 0) || !(model[6] >= 1 && model[6] < 80) || !(model[7] >= 0)) throw bad("the space map is impossible");
  s.sh_degree = static_cast<int>(model[0]);
  s.antialiased = model[1] != 0;
  s.space.centre = {model[2], model[3], model[4]};
  s.space.radius = model[5];
  s.space.extent = model[6];
  s.blur = model[7];
  std::copy(rows.begin(), rows.end(), s.colour_rows.begin());
  const auto k = static_cast<size_t>(ShCoefficients(s.sh_degree));
  const auto n = static_cast<int64_t>(file.Get("removal").count());
  if (n == 0) throw bad("there are no splats");
  VisitFloats(s, [&](const std::string& name, std::vector<float>& values) {
    values = file.GetFloats(name, {n});
    if (!AllFinite(values)) throw bad(name + " has a value that is not finite");
  });
  for (int a = 0; a < 3; ++a) s.fixed[a] = file.GetValues<uint32_t>("position." + std::to_string(a), {n});
  const std::vector<float> quats = file.GetFloats("quats", {n, 4});
  s.quats.resize(static_cast<size_t>(n));
  std::memcpy(s.quats.data(), quats.data(), quats.size() * sizeof(float));
  for (const auto& q : s.quats) {
    const float norm = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
    if (!(norm > 0.5f && norm < 2.0f)) throw bad("a rotation is not normalised");
  }
  s.colour.resize(3 * k);
  ParallelFor(s.colour.size(), 1, [&](size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) {
      s.colour[c] = file.GetFloats("colour." + std::to_string(c), {n});
      if (!AllFinite(s.colour[c])) throw bad("a colour is not finite");
    }
  });
  s.sh_cost_ratio = file.GetFloats("cost.sh_ratio", {static_cast<int64_t>(k)});
  if (!AllFinite(s.sh_cost_ratio)) throw bad("a cost is not finite");
  s.codes.resize(static_cast<size_t>(n));
  for (size_t i = 0; i < s.codes.size(); ++i) {
    s.codes[i] = CellCode(s.fixed[0][i] >> 16, s.fixed[1][i] >> 16, s.fixed[2][i] >> 16);
    if (i > 0 && s.codes[i] < s.codes[i - 1]) throw bad("the splats are not in coding order");
  }
  const std::vector<double> points = file.GetValues<double>("operating_points", {-1, 4});
  for (size_t i = 0; i + 3 < points.size(); i += 4) {
    RetargetCache::KnownPoint p{points[i], {points[i + 1], points[i + 2], static_cast<int>(points[i + 3])}};
    const bool fine = std::isfinite(p.bytes) && std::abs(p.point.log2_lambda) <= 200 && p.point.bits_per_splat > 0 &&
                      p.point.bits_per_splat < 1e6 && p.point.depth >= 1 && p.point.depth <= kMaxOctreeDepth &&
                      p.bytes > (cache.points.empty() ? 0.0 : cache.points.back().bytes);
    if (!fine) throw bad("an operating point is impossible");
    cache.points.push_back(p);
  }
  return cache;
}

}  // namespace takt::splat
