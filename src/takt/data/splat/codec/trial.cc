// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/trial.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "takt/core/base/parallel.h"

namespace takt::splat {
namespace {

constexpr size_t kGrain = 4096;
constexpr double kLn2 = 0.693147180559945309;
constexpr size_t kManySamples = 2048, kSampleStride = 8;
constexpr double kPi = 3.14159265358979323846;
// Mean squared angle per squared octahedral coordinate: the hemisphere's 2 pi over the square's area of 1.
constexpr double kAnglePerCoordinate = 2 * kPi;

std::vector<uint8_t> ClassesOf(const std::vector<float>& dc_cost) {
  std::vector<int> log4(dc_cost.size());
  int most = -1000, least = 1000;
  for (size_t i = 0; i < dc_cost.size(); ++i) {
    log4[i] = dc_cost[i] > 0 ? std::ilogb(dc_cost[i]) >> 1 : -1000;
    most = std::max(most, log4[i]);
  }
  for (int& c : log4) {
    c = std::max(c, most - (kClasses - 1));
    least = std::min(least, c);
  }
  std::vector<uint8_t> classes(dc_cost.size());
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<uint8_t>(log4[i] - least);
  return classes;
}

// The step in [low, high] with the least loss over every kSampleStride-th sample.
int BestStepOfSample(const GroupSamples& group, int low, int high, double lambda) {
  std::vector<float> values, costs;
  for (size_t i = 0; i < group.values.size(); i += kSampleStride) {
    values.push_back(group.values[i]);
    costs.push_back(group.costs[i]);
  }
  int best = high;
  double least = std::numeric_limits<double>::infinity();
  for (int step = high; step >= low; --step) {
    const GroupOption option = CodeMagnitudes({values, costs}, step, lambda, nullptr);
    const int64_t symbols = option.cost - option.code.TableBits(CodeKind::kMagnitude) * kCostUnit;
    const double loss = option.distortion + lambda * static_cast<double>(symbols) / kCostUnit;
    if (loss < least) {
      least = loss;
      best = step;
    }
  }
  return best;
}

}  // namespace

struct Trial::Channel {
  CodeKind kind = CodeKind::kMagnitude;
  const Groups* groups = nullptr;
  std::vector<float> samples;            // coding order
  std::vector<float> own_costs;          // coding order; empty where the DC's are shared
  std::span<const float> costs;
  double cost_scale = 1;                 // true cost = costs * cost_scale
  float root = 0;
  bool present = true;
  std::array<std::vector<GroupOption>, kGroups> options;
  std::array<uint32_t, kGroups> choice{};

  GroupSamples Group(int g) const {
    return {std::span(samples).subspan(groups->first[g], groups->size(g)), costs.subspan(groups->first[g], groups->size(g))};
  }
  int64_t FixedCost() const { return kind == CodeKind::kMagnitude ? (present ? 33 : 1) * kCostUnit : 0; }
  Trial::Totals Chosen() const {
    Totals t{FixedCost(), FixedCost(), 0};
    // The groups of an absent channel are not written.
    for (int g = 0; g < kGroups; ++g) {
      if (groups->size(g) == 0) continue;
      t.cost += present ? options[g][choice[g]].cost : 0;
      t.tables += present ? options[g][choice[g]].code.TableBits(kind) * kCostUnit : 0;
      t.distortion += options[g][choice[g]].distortion;
    }
    return t;
  }
};

Trial::~Trial() = default;
Trial::Trial(Trial&&) noexcept = default;

Trial::Trial(SplatSource source, int depth, uint8_t transforms, int effort) : source_(std::move(source)), effort_(effort) {
  const size_t n = source_.size();
  header_.count = static_cast<uint32_t>(n);
  header_.sh_degree = static_cast<uint8_t>(source_.sh_degree);
  header_.antialiased = source_.antialiased;
  header_.depth = static_cast<uint8_t>(depth);
  header_.transforms = transforms;
  header_.space = source_.space;
  header_.blur = source_.blur;
  header_.colour_rows = source_.colour_rows;
  cells_.resize(n);
  for (size_t i = 0; i < n; ++i) cells_[i] = source_.codes[i] >> (3 * (kMaxOctreeDepth - depth));
  // The octree coder is one long chain of decisions; the transforms fill the other cores meanwhile.
  ParallelFor(2, 1, [&](size_t begin, size_t end) {
    for (size_t part = begin; part < end; ++part) part == 0 ? void(octree_ = EncodeOctree(cells_, depth)) : Transform();
  });
}

void Trial::Transform() {
  std::vector<uint8_t> classes = ClassesOf(source_.dc_cost);
  classes_ = EncodeClasses(classes);
  basis_ = std::make_unique<AttributeBasis>(cells_, std::move(classes), header_.depth);
  channels_ = std::vector<Channel>(static_cast<size_t>(ChannelCount(source_.sh_degree)));
  for (const bool transformed : {false, true}) basis_->SpreadCosts(transformed, source_.dc_cost, &dc_costs_[transformed]);
  ParallelFor(channels_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) {
      const int channel = static_cast<int>(c);
      Channel& out = channels_[c];
      out.kind = IsLinear(channel) ? CodeKind::kLinear : CodeKind::kMagnitude;
      if (out.kind == CodeKind::kLinear || channel < kOpacityChannel) continue;
      const bool transformed = IsTransformed(header_, channel);
      out.groups = &basis_->groups(transformed);
      if (channel == kOpacityChannel) {
        out.root = basis_->Forward(transformed, source_.log_opacity, &out.samples);
        basis_->SpreadCosts(transformed, source_.opacity_cost, &out.own_costs);
        out.costs = out.own_costs;
      } else {
        out.root = basis_->Forward(transformed, source_.colour[c - kColourChannel], &out.samples);
        out.costs = dc_costs_[transformed];
        out.cost_scale = source_.sh_cost_ratio[ShIndex(channel, source_.sh_degree)];
      }
    }
  });
}

// Scales: a splat far off the others costs many bits and drags its whole neighbourhood along; where the pictures hardly
// see it (below a pixel) it is moved towards them as far as a few bits are worth.
void Trial::PrepareAttribute(int channel, double lambda) {
  Channel& out = channels_[channel];
  const bool transformed = IsTransformed(header_, channel);
  const std::vector<float>& cost = source_.scale_cost[channel - kScaleChannel];
  std::vector<float> x = source_.scales[channel - kScaleChannel];
  double total = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = static_cast<double>(cost[i]) + 1e-30;
    total += w, sum += w * x[i], squares += w * x[i] * x[i];
  }
  const double mean = sum / total, deviation = std::sqrt(std::max(0.0, squares / total - mean * mean));
  double added = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double away = std::abs(x[i] - mean) - 2.0 * deviation;
    if (!(away > 0)) continue;
    constexpr double kBitsSaved = 3;
    const double move = std::min(away, std::sqrt(kBitsSaved * lambda / std::max<double>(cost[i], 1e-30)));
    added += cost[i] * move * move;
    x[i] += static_cast<float>(x[i] > mean ? -move : move);
  }
  tamed_distortion_ += added;
  out.groups = &basis_->groups(transformed);
  out.root = basis_->Forward(transformed, x, &out.samples);
  basis_->SpreadCosts(transformed, cost, &out.own_costs);
  out.costs = out.own_costs;
}

// Fills the options of the channels' groups and chooses the best at lambda.
void Trial::FindOptions(const std::vector<int>& list, double lambda) {
  const size_t tasks = list.size() * kGroups;
  ParallelFor(tasks, 1, [&](size_t begin, size_t end) {
    for (size_t task = begin; task < end; ++task) {
      Channel& channel = channels_[list[task / kGroups]];
      const int g = static_cast<int>(task % kGroups);
      std::vector<GroupOption>& options = channel.options[g];
      options.clear();
      channel.choice[g] = 0;
      if (channel.groups->size(g) == 0) continue;
      const GroupSamples group = channel.Group(g);
      const double scale = channel.cost_scale;
      options.push_back(CodeConstant(channel.kind, group));
      double mean_cost = 0;
      float largest = 0;
      for (size_t i = 0; i < group.values.size(); ++i) {
        mean_cost += group.costs[i];
        largest = std::max(largest, std::abs(group.values[i]));
      }
      mean_cost *= scale / static_cast<double>(group.values.size());
      if (mean_cost > 0 && largest > 0) {
        // At high rate an option is best where d(cost h step^2 / 12) / d bits = -lambda.
        const double expected = std::sqrt(6 * lambda / (kLn2 * mean_cost));
        if (channel.kind == CodeKind::kLinear) {
          const int bits = static_cast<int>(std::lround(-std::log2(expected)));
          for (int b = std::max(1, bits - 1); b <= std::clamp(bits + reach_, 1, kMaxLinearBits); ++b) {
            if (b <= kMaxLinearBits) options.push_back(CodeLinear(group, b, nullptr));
          }
          if (bits - 1 > kMaxLinearBits) options.push_back(CodeLinear(group, kMaxLinearBits, nullptr));
        } else {
          const int finest = std::clamp(static_cast<int>(std::ceil(4 * std::log2(largest / 32000.0))), kMinStep, kMaxStep);
          const int coarsest = std::min(kMaxStep, static_cast<int>(std::floor(4 * std::log2(3.0 * largest))));
          const int expected_step = static_cast<int>(std::clamp(std::round(4 * std::log2(expected)), -1000.0, 1000.0));
          int high = std::min(expected_step + 4, coarsest), low = std::max(expected_step - 1 - reach_, finest);
          if (expected_step + 4 < finest) high = low = finest;
          if (group.values.size() >= kManySamples && high > low) {
            // A thin sample finds the step; the rest is worth looking at only beside it.
            const int best = BestStepOfSample(group, low, high, lambda / scale);
            high = std::min(best + 1, high);
            low = std::max(best - reach_, low);
          }
          for (int step = high; step >= low; step -= effort_ == 0 ? 2 : 1) {
            // A model without SH has few, large groups: what lies between two steps makes the budget's last bytes fit.
            const bool between = effort_ > 0 && list[task / kGroups] >= kOpacityChannel && source_.sh_degree == 0;
            for (const double factor : {1.0, 0.6, 0.8, 1.25, 1.6}) {
              GroupOption option = CodeMagnitudes(group, step, factor * lambda / scale, nullptr);
              if (!option.code.constant) options.push_back(option);
              if (!between) break;
            }
          }
        }
      }
      double best = 0;
      for (size_t o = 0; o < options.size(); ++o) {
        options[o].distortion *= scale;
        const double loss = options[o].distortion + lambda * static_cast<double>(options[o].cost) / kCostUnit;
        if (o == 0 || loss < best) {
          best = loss;
          channel.choice[g] = static_cast<uint32_t>(o);
        }
      }
    }
  });
  for (const int c : list) {
    Channel& channel = channels_[c];
    if (c <= kColourChannel || ShIndex(c, source_.sh_degree) == 0) continue;
    // A band that is nowhere coded needs no root either.
    bool coded = false;
    for (int g = 0; g < kGroups; ++g) coded = coded || (channel.groups->size(g) > 0 && channel.choice[g] != 0);
    channel.present = coded;
  }
}

std::vector<float> Trial::DecodeSamples(const Channel& channel) const {
  std::vector<float> values(channel.samples.size());
  ParallelFor(kGroups, 1, [&](size_t begin, size_t end) {
    for (size_t task = begin; task < end; ++task) {
      const int g = static_cast<int>(task);
      const size_t n = channel.groups->size(g), first = channel.groups->first[g];
      if (n == 0) continue;
      const GroupCode& code = channel.options[g][channel.choice[g]].code;
      std::vector<int32_t> symbols(n, 0);
      if (!code.constant) {
        if (channel.kind == CodeKind::kLinear) {
          CodeLinear(channel.Group(g), code.bits, symbols.data());
        } else {
          CodeMagnitudes(channel.Group(g), code.step, channel.options[g][channel.choice[g]].lambda, symbols.data());
        }
      }
      for (size_t i = 0; i < n; ++i) values[first + i] = ValueOf(channel.kind, code, symbols[i]);
    }
  });
  return values;
}

void Trial::ChooseShapes(double lambda) {
  const size_t n = source_.size();
  tamed_distortion_ = 0;
  for (int c = 0; c < 3; ++c) PrepareAttribute(kScaleChannel + c, lambda);
  FindOptions({kScaleChannel, kScaleChannel + 1, kScaleChannel + 2}, lambda);
  std::array<std::vector<float>, 3> scales;
  for (int c = 0; c < 3; ++c) {
    const Channel& channel = channels_[kScaleChannel + c];
    basis_->Inverse(IsTransformed(header_, kScaleChannel + c), channel.root, DecodeSamples(channel), &scales[c]);
  }

  const double blur = header_.blur;
  shapes_ = ComputeShapes(scales, blur);
  const TurnLevels levels = ComputeTurnLevels(shapes_, basis_->weights());
  header_.direction_base = BaseForLargest(levels.direction);
  header_.spin_base = BaseForLargest(levels.spin);
  direction_groups_ = MakeGroups(levels.direction, header_.direction_base);
  spin_groups_ = MakeGroups(levels.spin, header_.spin_base);
  for (int c = 0; c < 3; ++c) {
    Channel& channel = channels_[kRotationChannel + c];
    channel.groups = c < 2 ? &direction_groups_ : &spin_groups_;
    channel.samples.resize(n);
    channel.own_costs.resize(n);
    channel.costs = channel.own_costs;
  }
  std::vector<RotationCode> codes(n);
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      codes[i] = EncodeRotation(AxesFromQuaternion(source_.quats[i].data()), shapes_.needle[i] != 0);
    }
  });
  ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t j = begin; j < end; ++j) {
      const size_t d = direction_groups_.order[j], s = spin_groups_.order[j];
      channels_[kRotationChannel].samples[j] = codes[d].u;
      channels_[kRotationChannel + 1].samples[j] = codes[d].v;
      channels_[kRotationChannel + 2].samples[j] = codes[s].spin;
      const int across = shapes_.needle[d] != 0 ? 2 : 0, along = shapes_.needle[s] != 0 ? 0 : 2;
      const float cost = static_cast<float>(
          0.5 * kAnglePerCoordinate * (source_.turn_cost[1][d] + source_.turn_cost[across][d]));
      channels_[kRotationChannel].own_costs[j] = cost;
      channels_[kRotationChannel + 1].own_costs[j] = cost;
      channels_[kRotationChannel + 2].own_costs[j] = static_cast<float>(kPi * kPi * source_.turn_cost[along][s]);
    }
  });
  FindOptions({kRotationChannel, kRotationChannel + 1, kRotationChannel + 2}, lambda);
  std::array<std::vector<float>, 3> turns;
  for (int c = 0; c < 3; ++c) turns[c] = DecodeSamples(channels_[kRotationChannel + c]);
  const std::vector<Axes> axes = DecodeAxes(shapes_, direction_groups_, spin_groups_, turns);

  const ShiftLevels shifts =
      ComputeShiftLevels(shapes_, axes, basis_->weights(), cells_, header_.depth, header_.space);
  header_.shift_base = std::max({BaseForLargest(shifts[0]), BaseForLargest(shifts[1]), BaseForLargest(shifts[2])});
  for (int a = 0; a < 3; ++a) shift_groups_[a] = MakeGroups(shifts[a], header_.shift_base);
  const double side = static_cast<double>(uint64_t{1} << (32 - header_.depth));
  const double side_u = 2.0 * header_.space.extent / static_cast<double>(uint64_t{1} << header_.depth);
  for (int a = 0; a < 3; ++a) {
    Channel& channel = channels_[kShiftChannel + a];
    channel.groups = &shift_groups_[a];
    channel.samples.resize(n);
    channel.own_costs.resize(n);
    channel.costs = channel.own_costs;
    ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
      for (size_t j = begin; j < end; ++j) {
        const size_t i = shift_groups_[a].order[j];
        uint32_t cell[3];
        CellOf(cells_[i], cell);
        channel.samples[j] = static_cast<float>((source_.fixed[a][i] - cell[a] * side) / side);
        channel.own_costs[j] = static_cast<float>(source_.fixed_cost[a][i] * side_u * side_u);
      }
    });
  }
}

Trial::Totals Trial::Choose(double lambda, int reach) {
  reach_ = reach;
  ChooseShapes(lambda);
  std::vector<int> rest = {kOpacityChannel, kShiftChannel, kShiftChannel + 1, kShiftChannel + 2};
  for (int c = kColourChannel; c < static_cast<int>(channels_.size()); ++c) rest.push_back(c);
  FindOptions(rest, lambda);
  return Chosen();
}

Trial::Totals Trial::Chosen() const {
  Totals totals;
  totals.cost = static_cast<int64_t>(octree_.size() + classes_.size()) * 8 * kCostUnit;
  totals.distortion = tamed_distortion_;
  for (const Channel& channel : channels_) {
    const Totals t = channel.Chosen();
    totals.cost += t.cost;
    totals.tables += t.tables;
    totals.distortion += t.distortion;
  }
  return totals;
}

std::optional<KnapsackSolution> Trial::Allocate(int64_t budget) {
  std::vector<KnapsackOption> options;
  std::vector<size_t> first = {0};
  int64_t fixed = static_cast<int64_t>(octree_.size() + classes_.size()) * 8 * kCostUnit;
  for (size_t c = 0; c < channels_.size(); ++c) {
    const Channel& channel = channels_[c];
    fixed += channel.FixedCost();
    const int id = static_cast<int>(c);
    const bool flexible = id == kOpacityChannel || (id >= kShiftChannel && channel.present);
    for (int g = 0; g < kGroups; ++g) {
      if (channel.groups->size(g) == 0) continue;
      if (flexible) {
        for (const GroupOption& o : channel.options[g]) options.push_back({o.cost, o.distortion});
      } else {
        const GroupOption& o = channel.options[g][channel.choice[g]];
        // The groups of an absent channel are not written at all.
        options.push_back({channel.present ? o.cost : 0, o.distortion});
      }
      first.push_back(options.size());
    }
  }
  int64_t least = fixed;
  for (size_t i = 0; i + 1 < first.size(); ++i) {
    int64_t cheapest = options[first[i]].cost;
    for (size_t o = first[i]; o < first[i + 1]; ++o) cheapest = std::min(cheapest, options[o].cost);
    least += cheapest;
  }
  if (least > budget) return std::nullopt;
  KnapsackSolution solution = SolveKnapsack(options, first, budget - fixed);
  size_t item = 0;
  for (size_t c = 0; c < channels_.size(); ++c) {
    Channel& channel = channels_[c];
    const int id = static_cast<int>(c);
    const bool flexible = id == kOpacityChannel || (id >= kShiftChannel && channel.present);
    for (int g = 0; g < kGroups; ++g) {
      if (channel.groups->size(g) == 0) continue;
      if (flexible) channel.choice[g] = solution.choice[item];
      ++item;
    }
  }
  solution.cost += fixed;
  return solution;
}

TksParts Trial::Write() const {
  TksParts parts;
  parts.header = header_;
  parts.octree = octree_;
  parts.classes = classes_;
  parts.streams.resize(channels_.size());
  std::vector<std::array<GroupCode, kGroups>> codes(channels_.size());
  ParallelFor(channels_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t c = begin; c < end; ++c) {
      const Channel& channel = channels_[c];
      if (!channel.present) continue;
      RansEncoder coder;
      coder.Reserve(channel.samples.size());
      std::vector<int32_t> symbols;
      for (int g = 0; g < kGroups; ++g) {
        if (channel.groups->size(g) == 0) continue;
        const GroupCode& code = channel.options[g][channel.choice[g]].code;
        if (!code.constant) {
          symbols.resize(channel.groups->size(g));
          if (channel.kind == CodeKind::kLinear) {
            CodeLinear(channel.Group(g), code.bits, symbols.data());
          } else {
            CodeMagnitudes(channel.Group(g), code.step, channel.options[g][channel.choice[g]].lambda, symbols.data());
          }
        }
        PutSymbols(channel.kind, code, symbols, &coder);
        codes[c][g] = code;
      }
      parts.streams[c] = coder.Finish();
    }
  });
  BitWriter tables;
  for (size_t c = 0; c < channels_.size(); ++c) {
    const Channel& channel = channels_[c];
    if (channel.kind == CodeKind::kMagnitude) {
      tables.Write(channel.present ? 1 : 0, 1);
      if (!channel.present) continue;
      tables.Write(std::bit_cast<uint32_t>(channel.root), 32);
    }
    for (int g = 0; g < kGroups; ++g) {
      if (channel.groups->size(g) > 0) codes[c][g].Write(channel.kind, &tables);
    }
  }
  parts.tables = tables.bytes();
  return parts;
}

}  // namespace takt::splat
