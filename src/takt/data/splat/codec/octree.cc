// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/octree.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/splat/codec/range_coder.h"

namespace takt::splat {
namespace {

uint64_t Spread(uint64_t v) {
  v &= 0xFFFF;
  v = (v | v << 32) & 0x00FF00000000FFFFull;
  v = (v | v << 16) & 0x00FF0000FF0000FFull;
  v = (v | v << 8) & 0xF00F00F00F00F00Full;
  v = (v | v << 4) & 0x30C30C30C30C30C3ull;
  v = (v | v << 2) & 0x9249249249249249ull;
  return v;
}

uint32_t Gather(uint64_t v) {
  v &= 0x9249249249249249ull;
  v = (v | v >> 2) & 0x30C30C30C30C30C3ull;
  v = (v | v >> 4) & 0xF00F00F00F00F00Full;
  v = (v | v >> 8) & 0x00FF0000FF0000FFull;
  v = (v | v >> 16) & 0x00FF00000000FFFFull;
  v = (v | v >> 32) & 0xFFFF;
  return static_cast<uint32_t>(v);
}

// The nodes of one level, ascending, with a hash index from code to position.
class Level {
 public:
  std::vector<uint64_t> codes;
  std::vector<uint8_t> occupancy;  // children that are known so far

  void BuildIndex() {
    const size_t size = std::bit_ceil(codes.size() * 2 + 2);
    mask_ = size - 1;
    slots_.assign(size, 0);
    for (size_t i = 0; i < codes.size(); ++i) {
      size_t at = Hash(codes[i]);
      while (slots_[at] != 0) at = (at + 1) & mask_;
      slots_[at] = static_cast<uint32_t>(i + 1);
    }
    occupancy.assign(codes.size(), 0);
  }
  // Position of a code, or -1.
  int64_t Find(uint64_t code) const {
    for (size_t at = Hash(code); slots_[at] != 0; at = (at + 1) & mask_) {
      if (codes[slots_[at] - 1] == code) return slots_[at] - 1;
    }
    return -1;
  }

 private:
  size_t Hash(uint64_t code) const { return static_cast<size_t>((code * 0x9E3779B97F4A7C15ull) >> 24) & mask_; }
  std::vector<uint32_t> slots_;
  size_t mask_ = 0;
};

// Contexts of the occupancy decisions; encoder and decoder walk the same way.
class OccupancyModel {
 public:
  OccupancyModel() : models_(kLevels * 3 * 8 * 27 * 8) {}

  // What is known outside a node: for every axis and side the neighbour node, -1 where there is none.
  struct Neighbours {
    int64_t low[3], high[3];
  };

  Neighbours Look(const Level& level, uint64_t code, int level_depth) const {
    uint32_t cell[3];
    CellOf(code, cell);
    const uint32_t limit = (1u << level_depth) - 1;
    Neighbours n;
    for (int a = 0; a < 3; ++a) {
      const uint32_t at = cell[a];
      n.low[a] = n.high[a] = -1;
      if (at > 0) {
        cell[a] = at - 1;
        n.low[a] = level.Find(CellCode(cell[0], cell[1], cell[2]));
      }
      if (at < limit) {
        cell[a] = at + 1;
        n.high[a] = level.Find(CellCode(cell[0], cell[1], cell[2]));
      }
      cell[a] = at;
    }
    return n;
  }

  // The model for child `c` of a node, given the children before it.
  BitModel* At(const Level& level, const Neighbours& n, int c, uint32_t known, int siblings, int levels_left) {
    int outer = 0, inner = 0;
    for (int a = 2; a >= 0; --a) {
      int state;  // 0: nothing there; 1: a node, the adjacent cell unknown or empty; 2: the adjacent cell is occupied
      if ((c >> a & 1) == 0) {
        // The lower neighbour comes earlier in the order of coding: its children are known.
        state = n.low[a] < 0 ? 0 : (level.occupancy[static_cast<size_t>(n.low[a])] >> (c | 1 << a) & 1) != 0 ? 2 : 1;
      } else {
        state = n.high[a] < 0 ? 0 : 1;
        if ((known >> (c ^ 1 << a) & 1) != 0) inner |= 1 << a;
      }
      outer = outer * 3 + state;
    }
    const int bucket = std::min(levels_left, kLevels - 1);
    const int fullness = siblings <= 1 ? 0 : siblings <= 3 ? 1 : 2;
    return &models_[static_cast<size_t>((((bucket * 3 + fullness) * 8 + c) * 27 + outer) * 8 + inner)];
  }

 private:
  static constexpr int kLevels = 4;
  std::vector<BitModel> models_;
};

// How often a leaf occurs: unary with its own contexts.
struct RepeatModel {
  BitModel more[8];
};

}  // namespace

uint64_t CellCode(uint32_t x, uint32_t y, uint32_t z) { return Spread(x) | Spread(y) << 1 | Spread(z) << 2; }

void CellOf(uint64_t code, uint32_t cell[3]) {
  for (int a = 0; a < 3; ++a) cell[a] = Gather(code >> a);
}

std::vector<uint8_t> EncodeOctree(std::span<const uint64_t> codes, int depth) {
  RangeEncoder coder;
  OccupancyModel model;
  Level level;
  level.codes = {0};
  std::vector<uint8_t> siblings = {1};
  for (int d = 0; d < depth; ++d) {
    level.BuildIndex();
    Level next;
    std::vector<uint8_t> next_siblings;
    const int shift = 3 * (depth - 1 - d);
    size_t at = 0;
    for (size_t i = 0; i < level.codes.size(); ++i) {
      uint32_t occupancy = 0;
      while (at < codes.size() && codes[at] >> (shift + 3) == level.codes[i]) {
        occupancy |= 1u << (codes[at] >> shift & 7);
        ++at;
      }
      const auto neighbours = model.Look(level, level.codes[i], d);
      uint32_t known = 0;
      const auto count = static_cast<uint8_t>(std::popcount(occupancy));
      for (int c = 0; c < 8; ++c) {
        const uint32_t bit = occupancy >> c & 1;
        // A node is never empty: where seven children are absent the eighth is there.
        if (c < 7 || known != 0) {
          coder.Encode(model.At(level, neighbours, c, known, siblings[i], depth - 1 - d), static_cast<int>(bit));
        }
        known |= bit << c;
        if (bit != 0) {
          next.codes.push_back(level.codes[i] << 3 | static_cast<uint64_t>(c));
          next_siblings.push_back(count);
        }
      }
      level.occupancy[i] = static_cast<uint8_t>(known);
    }
    level = std::move(next);
    siblings = std::move(next_siblings);
  }
  RepeatModel repeats;
  for (size_t at = 0; at < codes.size();) {
    size_t run = 1;
    while (at + run < codes.size() && codes[at + run] == codes[at]) ++run;
    for (size_t r = 1; r <= run; ++r) coder.Encode(&repeats.more[std::min<size_t>(r, 8) - 1], r < run);
    at += run;
  }
  return coder.Finish();
}

std::vector<uint64_t> DecodeOctree(std::span<const uint8_t> bytes, int depth, size_t count, const std::string& subject) {
  const auto fail = [&] {
    return Error(ErrorCode::kBadInput, subject, "the positions do not match the number of splats", "the file is damaged");
  };
  std::vector<uint64_t> codes;
  if (count == 0) return codes;
  RangeDecoder coder(bytes);
  OccupancyModel model;
  Level level;
  level.codes = {0};
  std::vector<uint8_t> siblings = {1};
  for (int d = 0; d < depth; ++d) {
    level.BuildIndex();
    Level next;
    std::vector<uint8_t> next_siblings;
    for (size_t i = 0; i < level.codes.size(); ++i) {
      const auto neighbours = model.Look(level, level.codes[i], d);
      uint32_t known = 0;
      for (int c = 0; c < 8; ++c) {
        uint32_t bit = 1;
        if (c < 7 || known != 0) {
          bit = static_cast<uint32_t>(
              coder.Decode(model.At(level, neighbours, c, known, siblings[i], depth - 1 - d)));
        }
        known |= bit << c;
        if (bit != 0) next.codes.push_back(level.codes[i] << 3 | static_cast<uint64_t>(c));
      }
      level.occupancy[i] = static_cast<uint8_t>(known);
      next_siblings.resize(next.codes.size(), static_cast<uint8_t>(std::popcount(known)));
      if (next.codes.size() > count) throw fail();
    }
    level = std::move(next);
    siblings = std::move(next_siblings);
  }
  RepeatModel repeats;
  codes.reserve(count);
  for (const uint64_t code : level.codes) {
    size_t run = 1;
    while (coder.Decode(&repeats.more[std::min<size_t>(run, 8) - 1]) != 0) {
      if (codes.size() + ++run > count) throw fail();
    }
    codes.insert(codes.end(), run, code);
    if (codes.size() > count) throw fail();
  }
  if (codes.size() != count) throw fail();
  return codes;
}

}  // namespace takt::splat
