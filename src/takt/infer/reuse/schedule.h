// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/io/image.h"

namespace takt::reuse {

// A block is one residual branch of a transformer: h <- h + block(h). A forward pass runs the blocks of a layer in this
// order.
enum class BlockKind : uint8_t { kSelfAttention, kCrossAttention, kFeedForward };
inline constexpr int kBlockKinds = 3;

struct Block {
  int layer = 0;  // from 0
  BlockKind kind = BlockKind::kSelfAttention;
  friend auto operator<=>(const Block&, const Block&) = default;
};
std::string BlockName(const Block& block);  // "l0.sa", "l0.ca", "l0.ffn"
// False where `name` is none.
bool ParseBlockName(std::string_view name, Block* block);
// l0.sa, l0.ca, l0.ffn, l1.sa ...; without the ca where not `cross_attention`.
std::vector<Block> TransformerBlocks(int layers, bool cross_attention = true);

// Where the output of a block comes from in one denoising step.
enum class Source : uint8_t {
  kCompute,  // computed
  kOwn,      // this block, the latest earlier step of this tick in which it was fresh
  kKind,     // the latest fresh block of this kind: earlier in this forward pass, else in an earlier step of this tick
  kTick,     // this cell in the previous control tick, moved along the horizon; computed in the first tick and when
             // refreshed
};
// A cell is fresh where its source is kCompute or kTick: what it puts into the residual stream becomes readable for
// others.

struct Cell {
  Source source = Source::kCompute;
  uint8_t order = 0;  // of the prediction from kOwn: 0 holds the value, 1 is a line through the last two fresh values
  friend bool operator==(const Cell&, const Cell&) = default;
};

// Which block is computed in which denoising step, and what is put in its place elsewhere: the one form that all
// solvers fill and the runtime obeys. docs/formats/reuse-schedule.md says what each source means to the bit.
struct Schedule {
  int steps = 0;              // K: forward passes of one control tick, the noisiest first
  std::vector<Block> blocks;  // [B] strictly ascending by layer, then kind
  std::vector<Cell> cells;    // [K, B]
  int tick_refresh = 0;       // every so many ticks the kTick cells are computed; >= 2 where there are any, else 0
  std::string made_by;        // solver and options, for people

  Cell& at(int step, int block) {
    return cells[static_cast<size_t>(step) * blocks.size() + static_cast<size_t>(block)];
  }
  const Cell& at(int step, int block) const {
    return cells[static_cast<size_t>(step) * blocks.size() + static_cast<size_t>(block)];
  }
  int block_count() const { return static_cast<int>(blocks.size()); }
  friend bool operator==(const Schedule&, const Schedule&) = default;
};

inline constexpr int kMaxSteps = 4096;
inline constexpr int kMaxBlocks = 4096;
inline constexpr int kMaxTickRefresh = 1 << 16;

// What is wrong with a schedule. `step`, `block` are -1 where it is not about one.
struct Fault {
  int step = -1, block = -1;
  std::string message;
};
// The first fault of each block, and those of the whole: nothing to reuse yet (the first cell of a block must be
// computed or come from the previous tick; a line needs two fresh values), blocks out of order, wrong sizes, an order
// without meaning. Cost: O(K B).
std::vector<Fault> FindFaults(const Schedule& schedule);
// Errors: bad_input with the first fault.
void Validate(const Schedule& schedule, const std::string& subject);

// Where the value of a cell was fresh. Itself for a fresh cell.
struct Origin {
  int step = 0, block = 0;
  int step_before = -1;  // order 1: value = v(step) + weight (v(step) - v(step_before)); -1 for order 0
  double weight = 0;     // (k - step) / (step - step_before)
};
// [K, B]. Arguments: a valid schedule. Cost: O(K B).
std::vector<Origin> ResolveOrigins(const Schedule& schedule);

// Everything computed: by contract the same bits as without a schedule.
// Errors: bad_input unless 1 <= steps <= kMaxSteps and `blocks` ascend; so for all makers of schedules.
Schedule AllCompute(std::vector<Block> blocks, int steps);
// Block b is computed in steps updates[b] (any order, repeats allowed) and reuses itself elsewhere, `order` 1 as soon
// as two values are there. Errors: bad_input where a block is not computed in step 0, or a step is outside [0, steps).
Schedule FromUpdates(std::vector<Block> blocks, int steps, const std::vector<std::vector<int>>& updates, int order = 0);
// The steps in which a block is fresh, ascending.
std::vector<int> FreshSteps(const Schedule& schedule, int block);
// Cells that are kCompute.
size_t ComputedCells(const Schedule& schedule);

// What the work of a schedule is measured in: FLOP, or seconds that were measured.
struct Costs {
  std::vector<double> block;  // [B] of one computation, >= 0
  double step = 0;            // of each forward pass whatever the schedule: embedding, head, solver
};
// Work of one control tick in the long run: a kTick cell is computed once in tick_refresh ticks; reuse is free.
// Errors: bad_input where there is not one cost for each block, or one is negative or not finite.
double Work(const Schedule& schedule, const Costs& costs);
// Work(schedule) / Work(everything computed), in [0, 1]; 1 where nothing costs anything.
double ComputeShare(const Schedule& schedule, const Costs& costs);

// Sizes of a transformer action head, for Costs in FLOP (a multiplication and an addition are two).
struct TransformerShape {
  int tokens = 16;           // T
  int width = 256;           // D
  int hidden = 1024;         // of the feed-forward block
  int memory_tokens = 3;     // what cross-attention attends to
  bool memory_ready = true;  // keys and values of the memory are computed elsewhere, not in the block
};
// sa: 8 T D^2 + 4 T^2 D; ca: 4 T D^2 + 4 T M D, + 4 M D^2 unless memory_ready; ffn: 4 T D H.
std::vector<double> BlockFlops(std::span<const Block> blocks, const TransformerShape& shape);

// Picture: a row for each block, the first on top; a column for each step. Black computed, white to red the age of an
// own value in steps, blue for kind, green for tick. Errors: bad_input unless 1 <= cell_px <= 64.
Image8 SchedulePicture(const Schedule& schedule, int cell_px = 8);

}  // namespace takt::reuse
