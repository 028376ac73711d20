// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

class Assembler {
 public:
  Assembler(std::span<const Leaf> schemas, std::vector<LeafValues> leaves, size_t num_rows, const std::string& subject)
      : schemas_(schemas), leaves_(std::move(leaves)), num_rows_(num_rows), subject_(subject) {}

  Array Assemble(const Field& field) {
    Array array = Build(field, 0, 0, 0);
    if (array.length != num_rows_) Fail();
    return array;
  }

 private:
  // Where a list or struct begins, is missing and goes on.
  struct Shape {
    size_t length = 0;
    std::vector<uint8_t> valid;
    std::vector<uint64_t> offsets;
    bool operator==(const Shape&) const = default;
  };

  [[noreturn]] void Fail() const {
    throw Error(ErrorCode::kBadInput, subject_,
                fmt::format("has rows that do not add up in column {}", schemas_[0].path.front()));
  }

  // `slot`: the definition level from which on there is a place for a value here, present or not: that of an item of
  // the innermost list around. `parent`: the level from which on the parent is present. `repetition`: lists around.
  Array Build(const Field& field, int slot, int parent, int repetition) {
    const int own = parent + (field.nullable ? 1 : 0);
    const size_t first = next_leaf_;
    Array array;
    array.kind = field.kind;
    if (field.kind == ValueKind::kList) {
      array.children.push_back(Build(field.children[0], own + 1, own + 1, repetition + 1));
    } else if (field.kind == ValueKind::kStruct) {
      for (const Field& child : field.children) array.children.push_back(Build(child, slot, own, repetition));
    } else {
      BuildLeaf(slot, array);
      return array;
    }
    const bool is_list = field.kind == ValueKind::kList;
    Shape shape = ShapeOf(leaves_[first], is_list, slot, own, repetition);
    for (size_t leaf = first + 1; leaf < next_leaf_; ++leaf) {
      if (!(ShapeOf(leaves_[leaf], is_list, slot, own, repetition) == shape)) Fail();
    }
    for (const Array& child : array.children) {
      if (child.length != (is_list ? shape.offsets.back() : shape.length)) Fail();
    }
    array.length = shape.length;
    if (std::find(shape.valid.begin(), shape.valid.end(), 0) != shape.valid.end()) array.valid = std::move(shape.valid);
    array.offsets = std::move(shape.offsets);
    return array;
  }

  Shape ShapeOf(const LeafValues& leaf, bool is_list, int slot, int own, int repetition) const {
    Shape shape;
    const bool repeats = !leaf.repetition_levels.empty();
    if (leaf.definition_levels.empty() && !is_list) {  // a required struct of required values, or no rows
      shape.length = leaf.num_values;
      shape.valid.assign(leaf.num_values, 1);
      return shape;
    }
    uint64_t items = 0;
    bool open = false;  // whether the list that began last has an item
    for (size_t i = 0; i < leaf.num_values; ++i) {
      const int definition = leaf.definition_levels[i];
      const int repeated = repeats ? leaf.repetition_levels[i] : 0;
      if (repeated <= repetition) {
        open = definition > own;
        if (definition < slot) continue;
        shape.valid.push_back(definition >= own ? 1 : 0);
        if (is_list) {
          shape.offsets.push_back(items);
          items += open ? 1 : 0;
        }
      } else if (is_list) {
        if (!open || definition <= own) Fail();
        items += repeated == repetition + 1 ? 1 : 0;
      }
    }
    shape.length = shape.valid.size();
    if (is_list) shape.offsets.push_back(items);
    return shape;
  }

  void BuildLeaf(int slot, Array& array) {
    LeafValues& leaf = leaves_[next_leaf_];
    const int own = schemas_[next_leaf_].max_definition;
    ++next_leaf_;
    array.values = std::move(leaf.values);
    array.length = CountValues(array.values);
    const std::vector<uint8_t>& levels = leaf.definition_levels;
    const auto slots = static_cast<size_t>(
        std::count_if(levels.begin(), levels.end(), [slot](uint8_t level) { return level >= slot; }));
    if (levels.empty() || slots == array.length) return;
    array.valid.reserve(slots);
    for (const uint8_t level : levels) {
      if (level >= slot) array.valid.push_back(level == own ? 1 : 0);
    }
    array.length = slots;
    std::visit(
        [&](auto& values) {
          using Type = std::decay_t<decltype(values)>;
          size_t next = 0;
          if constexpr (std::is_same_v<Type, Blobs>) {
            std::vector<uint64_t> offsets = {0};
            offsets.reserve(slots + 1);
            for (const uint8_t valid : array.valid) offsets.push_back(values.offsets[next += valid]);
            values.offsets = std::move(offsets);
          } else {
            Type spread(slots);
            for (size_t i = 0; i < slots; ++i) {
              if (array.valid[i] != 0) spread[i] = values[next++];
            }
            values = std::move(spread);
          }
        },
        array.values);
  }

  std::span<const Leaf> schemas_;
  std::vector<LeafValues> leaves_;
  size_t num_rows_;
  const std::string& subject_;
  size_t next_leaf_ = 0;
};

// Where each entry of a column stands while the levels of a nested array are worked out from the outside in.
struct Entries {
  std::vector<uint8_t> definition, repetition;
  std::vector<int64_t> slot;  // in the array at hand; -1 where something around it is missing or empty

  void Reserve(size_t count) {
    definition.reserve(count);
    repetition.reserve(count);
    slot.reserve(count);
  }
  void Add(uint8_t d, uint8_t r, int64_t s) {
    definition.push_back(d);
    repetition.push_back(r);
    slot.push_back(s);
  }
};

// The entries of a list's items; an empty list keeps an entry of its own.
Entries Unfold(const Array& list, const Entries& entries, uint8_t repetition) {
  Entries items;
  items.Reserve(entries.slot.size() + list.children[0].length);
  for (size_t i = 0; i < entries.slot.size(); ++i) {
    const int64_t slot = entries.slot[i];
    const uint64_t begin = slot < 0 ? 0 : list.offsets[static_cast<size_t>(slot)];
    const uint64_t end = slot < 0 ? 0 : list.offsets[static_cast<size_t>(slot) + 1];
    if (begin == end) items.Add(entries.definition[i], entries.repetition[i], -1);
    for (uint64_t item = begin; item < end; ++item) {
      items.Add(static_cast<uint8_t>(entries.definition[i] + 1), item == begin ? entries.repetition[i] : repetition,
                static_cast<int64_t>(item));
    }
  }
  return items;
}

void ShredInto(const Field& field, const Array& array, Entries entries, bool has_definition, uint8_t repetition,
               std::vector<ShreddedLeaf>& leaves) {
  if (field.nullable) {
    has_definition = true;
    for (size_t i = 0; i < entries.slot.size(); ++i) {
      int64_t& slot = entries.slot[i];
      if (slot < 0) continue;
      if (array.IsValid(static_cast<size_t>(slot))) {
        ++entries.definition[i];
      } else {
        slot = -1;
      }
    }
  }
  if (field.kind == ValueKind::kList) {
    ++repetition;
    return ShredInto(field.children[0], array.children[0], Unfold(array, entries, repetition), true, repetition,
                     leaves);
  }
  if (field.kind == ValueKind::kStruct) {
    for (size_t c = 0; c < field.children.size(); ++c) {
      ShredInto(field.children[c], array.children[c], entries, has_definition, repetition, leaves);
    }
    return;
  }
  ShreddedLeaf leaf;
  leaf.num_values = entries.slot.size();
  leaf.array = &array;
  for (const int64_t slot : entries.slot) {
    if (slot >= 0) leaf.places.push_back(static_cast<uint64_t>(slot));
  }
  // Slots never fall, so that as many places as values are all of them.
  leaf.all_present = leaf.places.size() == array.length;
  if (leaf.all_present) leaf.places.clear();
  if (has_definition) leaf.definition_levels = std::move(entries.definition);
  if (repetition > 0) leaf.repetition_levels = std::move(entries.repetition);
  leaves.push_back(std::move(leaf));
}

}  // namespace

Array Assemble(const Field& field, std::span<const Leaf> leaf_schemas, std::vector<LeafValues> leaves, size_t num_rows,
               const std::string& subject) {
  return Assembler(leaf_schemas, std::move(leaves), num_rows, subject).Assemble(field);
}

std::vector<ShreddedLeaf> Shred(const Field& field, const Array& array) {
  Entries rows;
  rows.definition.assign(array.length, 0);
  rows.repetition.assign(array.length, 0);
  rows.slot.resize(array.length);
  std::iota(rows.slot.begin(), rows.slot.end(), 0);
  std::vector<ShreddedLeaf> leaves;
  ShredInto(field, array, std::move(rows), false, 0, leaves);
  return leaves;
}

}  // namespace takt::dataset
