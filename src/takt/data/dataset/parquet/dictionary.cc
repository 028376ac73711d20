// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/dictionary.h"

#include <bit>
#include <functional>
#include <string_view>
#include <utility>

namespace takt::dataset {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;
constexpr size_t kSample = 4096;

uint64_t HashOf(uint64_t bits) {
  bits *= 0x9e3779b97f4a7c15;
  return bits ^ (bits >> 29);
}
uint64_t HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

uint64_t KeyOf(int32_t value) { return static_cast<uint32_t>(value); }
uint64_t KeyOf(int64_t value) { return static_cast<uint64_t>(value); }
uint64_t KeyOf(float value) { return std::bit_cast<uint32_t>(value); }
uint64_t KeyOf(double value) { return std::bit_cast<uint64_t>(value); }
std::string_view KeyOf(std::string_view value) { return value; }

void Add(Blobs& blobs, std::string_view value) { blobs.Add(value); }
template <class T>
void Add(std::vector<T>& values, T value) {
  values.push_back(value);
}

uint64_t PlainBytes(std::string_view value) { return value.size() + 4; }
template <class T>
uint64_t PlainBytes(T) {
  return sizeof(T);
}

template <class Type>
std::optional<Dictionary> Build(const Type& from) {
  if (from.size() == 0) return std::nullopt;
  Type distinct;
  std::vector<uint32_t> indices(from.size());
  std::vector<uint32_t> table(1024);  // place + 1 in `distinct`; 0 = free; never more than half full
  uint64_t bytes = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    const auto key = KeyOf(from[i]);
    size_t at = HashOf(key) & (table.size() - 1);
    while (table[at] != 0 && KeyOf(distinct[table[at] - 1]) != key) at = (at + 1) & (table.size() - 1);
    if (table[at] != 0) {
      indices[i] = table[at] - 1;
      continue;
    }
    indices[i] = static_cast<uint32_t>(distinct.size());
    Add(distinct, from[i]);
    table[at] = indices[i] + 1;
    bytes += PlainBytes(from[i]);
    const size_t count = distinct.size();
    if (count > from.size() / 2 + 1 || bytes > kMaxBytes || (i < kSample && count > kSample / 4 * 3))
      return std::nullopt;
    if (count * 2 < table.size()) continue;
    table.assign(table.size() * 2, 0);
    for (size_t place = 0; place < count; ++place) {
      at = HashOf(KeyOf(distinct[place])) & (table.size() - 1);
      while (table[at] != 0) at = (at + 1) & (table.size() - 1);
      table[at] = static_cast<uint32_t>(place + 1);
    }
  }
  return Dictionary{std::move(distinct), std::move(indices)};
}

}  // namespace

std::optional<Dictionary> BuildDictionary(const Values& values) {
  return std::visit(
      [](const auto& from) -> std::optional<Dictionary> {
        if constexpr (std::is_same_v<std::decay_t<decltype(from)>, std::vector<uint8_t>>) {
          return std::nullopt;
        } else {
          return Build(from);
        }
      },
      values);
}

}  // namespace takt::dataset
