// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::reuse {
namespace {

constexpr std::array<std::string_view, kBlockKinds> kKindNames = {"sa", "ca", "ffn"};

[[noreturn]] void Refuse(std::string message, std::string hint = {}) {
  throw Error(ErrorCode::kBadInput, "schedule", std::move(message), std::move(hint));
}

// Faults of sizes and names: with one of them, the cells cannot be walked.
std::vector<Fault> FindFaultsOfFrame(const Schedule& s) {
  std::vector<Fault> faults;
  if (s.steps < 1 || s.steps > kMaxSteps) {
    faults.push_back({.message = fmt::format("has {} steps; 1 to {} are possible", s.steps, kMaxSteps)});
  }
  if (s.blocks.empty() || s.blocks.size() > kMaxBlocks) {
    faults.push_back({.message = fmt::format("has {} blocks; 1 to {} are possible", s.blocks.size(), kMaxBlocks)});
  }
  for (size_t b = 0; b < s.blocks.size(); ++b) {
    const Block& block = s.blocks[b];
    if (block.layer < 0 || static_cast<int>(block.kind) >= kBlockKinds) {
      faults.push_back({.block = static_cast<int>(b), .message = fmt::format("has a block {} that cannot be", b)});
    } else if (b > 0 && !(s.blocks[b - 1] < block)) {
      faults.push_back({.block = static_cast<int>(b),
                        .message = fmt::format("has {} behind {}; blocks stand in the order in which they run",
                                               BlockName(block), BlockName(s.blocks[b - 1]))});
    }
  }
  if (faults.empty() && s.cells.size() != static_cast<size_t>(s.steps) * s.blocks.size()) {
    faults.push_back({.message = fmt::format("has {} cells; {} steps of {} blocks are {}", s.cells.size(), s.steps,
                                             s.blocks.size(), static_cast<size_t>(s.steps) * s.blocks.size())});
  }
  return faults;
}

// What is readable at one point of a tick.
struct Readable {
  int step = -1, step_before = -1;  // fresh steps of a block
};
struct Latest {
  int step = -1, block = -1;  // fresh cell of a kind
};

// Why this cell cannot be; empty where it can.
std::string FaultOfCell(const Cell& cell, const Readable& own, const Latest& kind) {
  if (cell.source > Source::kTick) return "has a source that is not known";
  if (cell.order > 1) return fmt::format("predicts with order {}; 0 and 1 are known", cell.order);
  if (cell.order == 1 && cell.source != Source::kOwn) return "predicts with order 1 what is not its own";
  if (cell.source == Source::kOwn && own.step < 0) return "reuses itself before it was fresh";
  if (cell.order == 1 && own.step_before < 0) return "draws a line before it was fresh twice";
  if (cell.source == Source::kKind && kind.block < 0) return "reuses its kind before a block of it was fresh";
  return {};
}

bool IsFresh(const Cell& cell) { return cell.source == Source::kCompute || cell.source == Source::kTick; }

}  // namespace

std::string BlockName(const Block& block) {
  return fmt::format("l{}.{}", block.layer, kKindNames[static_cast<size_t>(block.kind)]);
}

bool ParseBlockName(std::string_view name, Block* block) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot < 2 || name[0] != 'l') return false;
  int layer = 0;
  const char* end = name.data() + dot;
  const auto [ptr, error] = std::from_chars(name.data() + 1, end, layer);
  // No second spelling of a number: equal schedules give equal files.
  if (error != std::errc() || ptr != end || layer < 0 || (name[1] == '0' && dot > 2) || name[1] == '-') return false;
  const auto kind = std::find(kKindNames.begin(), kKindNames.end(), name.substr(dot + 1));
  if (kind == kKindNames.end()) return false;
  *block = {.layer = layer, .kind = static_cast<BlockKind>(kind - kKindNames.begin())};
  return true;
}

std::vector<Block> TransformerBlocks(int layers, bool cross_attention) {
  std::vector<Block> blocks;
  for (int layer = 0; layer < layers; ++layer) {
    blocks.push_back({layer, BlockKind::kSelfAttention});
    if (cross_attention) blocks.push_back({layer, BlockKind::kCrossAttention});
    blocks.push_back({layer, BlockKind::kFeedForward});
  }
  return blocks;
}

std::vector<Fault> FindFaults(const Schedule& s) {
  std::vector<Fault> faults = FindFaultsOfFrame(s);
  if (!faults.empty()) return faults;
  std::vector<Readable> own(s.blocks.size());
  std::array<Latest, kBlockKinds> kinds;
  std::vector<char> faulty(s.blocks.size(), 0);
  bool has_tick = false;
  for (int k = 0; k < s.steps; ++k) {
    for (int b = 0; b < s.block_count(); ++b) {
      const Cell& cell = s.at(k, b);
      Latest& kind = kinds[static_cast<size_t>(s.blocks[b].kind)];
      if (!faulty[b]) {
        std::string message = FaultOfCell(cell, own[b], kind);
        if (!message.empty()) {
          faulty[b] = 1;
          faults.push_back({.step = k, .block = b, .message = BlockName(s.blocks[b]) + " " + message});
        }
      }
      has_tick |= cell.source == Source::kTick;
      if (IsFresh(cell)) {
        own[b] = {.step = k, .step_before = own[b].step};
        kind = {.step = k, .block = b};
      }
    }
  }
  if (has_tick ? s.tick_refresh < 2 || s.tick_refresh > kMaxTickRefresh : s.tick_refresh != 0) {
    faults.push_back({.message = has_tick
                                     ? fmt::format("refreshes what comes from earlier ticks every {} ticks; 2 to {} "
                                                   "are possible",
                                                   s.tick_refresh, kMaxTickRefresh)
                                     : "refreshes earlier ticks but reads none"});
  }
  return faults;
}

void Validate(const Schedule& schedule, const std::string& subject) {
  const std::vector<Fault> faults = FindFaults(schedule);
  if (faults.empty()) return;
  const Fault& fault = faults.front();
  throw Error(ErrorCode::kBadInput, subject,
              fault.step < 0 ? fault.message : fmt::format("{} (step {})", fault.message, fault.step));
}

std::vector<Origin> ResolveOrigins(const Schedule& s) {
  std::vector<Origin> origins(s.cells.size());
  std::vector<Readable> own(s.blocks.size());
  std::array<Latest, kBlockKinds> kinds;
  for (int k = 0; k < s.steps; ++k) {
    for (int b = 0; b < s.block_count(); ++b) {
      const Cell& cell = s.at(k, b);
      Latest& kind = kinds[static_cast<size_t>(s.blocks[b].kind)];
      if (IsFresh(cell)) {
        own[b] = {.step = k, .step_before = own[b].step};
        kind = {.step = k, .block = b};
      }
      Origin& origin = origins[static_cast<size_t>(k) * s.blocks.size() + b];
      if (cell.source == Source::kKind) {
        origin = {.step = kind.step, .block = kind.block};
        continue;
      }
      origin = {.step = own[b].step, .block = b};
      if (cell.order == 1) {
        origin.step_before = own[b].step_before;
        origin.weight = static_cast<double>(k - origin.step) / (origin.step - origin.step_before);
      }
    }
  }
  return origins;
}

Schedule AllCompute(std::vector<Block> blocks, int steps) {
  Schedule s{.steps = steps, .blocks = std::move(blocks), .cells = {}, .tick_refresh = 0, .made_by = "all"};
  if (steps >= 1 && steps <= kMaxSteps) s.cells.resize(static_cast<size_t>(steps) * s.blocks.size());
  Validate(s, "schedule");
  return s;
}

Schedule FromUpdates(std::vector<Block> blocks, int steps, const std::vector<std::vector<int>>& updates, int order) {
  Schedule s = AllCompute(std::move(blocks), steps);
  s.made_by.clear();
  if (updates.size() != s.blocks.size()) {
    Refuse(fmt::format("gets update steps for {} blocks; it has {}", updates.size(), s.blocks.size()));
  }
  if (order < 0 || order > 1) Refuse(fmt::format("cannot predict with order {}", order), "0 and 1 are known");
  std::vector<char> computed(static_cast<size_t>(steps));
  for (int b = 0; b < s.block_count(); ++b) {
    std::fill(computed.begin(), computed.end(), 0);
    for (const int k : updates[b]) {
      if (k < 0 || k >= steps) Refuse(fmt::format("gets an update of {} in step {}", BlockName(s.blocks[b]), k));
      computed[k] = 1;
    }
    if (!computed[0]) Refuse(fmt::format("does not compute {} in step 0", BlockName(s.blocks[b])));
    for (int k = 0, fresh = 0; k < steps; ++k) {
      fresh += computed[k];
      if (!computed[k]) s.at(k, b) = {.source = Source::kOwn, .order = static_cast<uint8_t>(fresh > 1 ? order : 0)};
    }
  }
  return s;
}

std::vector<int> FreshSteps(const Schedule& schedule, int block) {
  std::vector<int> steps;
  for (int k = 0; k < schedule.steps; ++k) {
    if (IsFresh(schedule.at(k, block))) steps.push_back(k);
  }
  return steps;
}

size_t ComputedCells(const Schedule& schedule) {
  return static_cast<size_t>(std::count_if(schedule.cells.begin(), schedule.cells.end(),
                                           [](const Cell& cell) { return cell.source == Source::kCompute; }));
}

double Work(const Schedule& s, const Costs& costs) {
  if (costs.block.size() != s.blocks.size()) {
    Refuse(fmt::format("gets costs of {} blocks; it has {}", costs.block.size(), s.blocks.size()));
  }
  for (const double cost : costs.block) {
    if (!(cost >= 0 && std::isfinite(cost))) Refuse("gets a cost that is negative or not finite");
  }
  if (!(costs.step >= 0 && std::isfinite(costs.step))) Refuse("gets a cost that is negative or not finite");
  double work = costs.step * s.steps;
  for (int k = 0; k < s.steps; ++k) {
    for (int b = 0; b < s.block_count(); ++b) {
      const Source source = s.at(k, b).source;
      if (source == Source::kCompute) work += costs.block[b];
      if (source == Source::kTick) work += costs.block[b] / s.tick_refresh;
    }
  }
  return work;
}

double ComputeShare(const Schedule& schedule, const Costs& costs) {
  const double work = Work(schedule, costs);
  const double all = Work(AllCompute(schedule.blocks, schedule.steps), costs);
  return all > 0 ? work / all : 1;
}

std::vector<double> BlockFlops(std::span<const Block> blocks, const TransformerShape& shape) {
  const double t = shape.tokens, d = shape.width, h = shape.hidden, m = shape.memory_tokens;
  std::vector<double> flops;
  for (const Block& block : blocks) {
    switch (block.kind) {
      case BlockKind::kSelfAttention:
        flops.push_back(8 * t * d * d + 4 * t * t * d);
        break;
      case BlockKind::kCrossAttention:
        flops.push_back(4 * t * d * d + 4 * t * m * d + (shape.memory_ready ? 0 : 4 * m * d * d));
        break;
      case BlockKind::kFeedForward:
        flops.push_back(4 * t * d * h);
        break;
    }
  }
  return flops;
}

Image8 SchedulePicture(const Schedule& s, int cell_px) {
  Validate(s, "schedule");
  if (cell_px < 1 || cell_px > 64) Refuse(fmt::format("cannot be drawn with cells of {} pixels", cell_px));
  const std::vector<Origin> origins = ResolveOrigins(s);
  Image8 image(s.steps * cell_px, s.block_count() * cell_px, 3);
  for (int b = 0; b < s.block_count(); ++b) {
    for (int k = 0; k < s.steps; ++k) {
      std::array<uint8_t, 3> colour = {20, 20, 20};
      const Source source = s.at(k, b).source;
      if (source == Source::kOwn) {
        const int age = k - origins[static_cast<size_t>(k) * s.blocks.size() + b].step;
        const auto fade = static_cast<uint8_t>(std::lround(245 * std::exp(-age / 20.0)));
        colour = {245, fade, fade};
      } else if (source == Source::kKind) {
        colour = {90, 140, 235};
      } else if (source == Source::kTick) {
        colour = {70, 180, 110};
      }
      for (int y = 0; y < cell_px; ++y) {
        uint8_t* pixel = image.row(b * cell_px + y) + static_cast<size_t>(k) * cell_px * 3;
        for (int x = 0; x < cell_px; ++x, pixel += 3) std::copy(colour.begin(), colour.end(), pixel);
      }
    }
  }
  return image;
}

}  // namespace takt::reuse
