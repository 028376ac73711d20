// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/dataset/parquet/array.h"

namespace takt::dataset {

// Random columns for tests: every kind, gaps where a field may have them, lists of 0 to 3 items.
class RandomArrays {
 public:
  explicit RandomArrays(uint64_t seed) : rng_(seed) {}

  // Missing values are 0 or empty, as a reader leaves them. `parent`: of the struct around.
  Array Make(const Field& field, size_t length, const Array* parent = nullptr) {
    Array array;
    array.kind = field.kind;
    array.length = length;
    for (size_t i = 0; i < length; ++i) {
      const bool possible = parent == nullptr || parent->IsValid(i);
      array.valid.push_back(possible && (!field.nullable || Below(5) > 0) ? 1 : 0);
    }
    if (std::find(array.valid.begin(), array.valid.end(), 0) == array.valid.end()) array.valid.clear();
    Fill(field, array);
    return array;
  }
  std::vector<Array> Make(const std::vector<Field>& fields, size_t length) {
    std::vector<Array> arrays;
    for (const Field& field : fields) arrays.push_back(Make(field, length));
    return arrays;
  }
  uint64_t Below(uint64_t n) { return rng_.Below(counter_++, n); }

 private:
  template <class T, class Draw>
  void Numbers(Array& array, Draw draw) {
    std::vector<T> values(array.length);
    for (size_t i = 0; i < values.size(); ++i) values[i] = array.IsValid(i) ? static_cast<T>(draw()) : T{};
    array.values = std::move(values);
  }
  template <class Draw>
  void Strings(Array& array, Draw draw) {
    Blobs blobs;
    for (size_t i = 0; i < array.length; ++i) blobs.Add(array.IsValid(i) ? draw(i) : std::string());
    array.values = std::move(blobs);
  }
  void Fill(const Field& field, Array& array) {
    const auto number = [this] { return static_cast<int64_t>(Below(2000)) - 1000; };
    switch (field.kind) {
      case ValueKind::kList:
        array.offsets = {0};
        for (size_t i = 0; i < array.length; ++i) {
          array.offsets.push_back(array.offsets.back() + (array.IsValid(i) ? Below(4) : 0));
        }
        array.children = {Make(field.children[0], array.offsets.back())};
        return;
      case ValueKind::kStruct:
        for (const Field& child : field.children) array.children.push_back(Make(child, array.length, &array));
        return;
      case ValueKind::kBool:
        return Numbers<uint8_t>(array, [&] { return Below(2); });
      case ValueKind::kInt32:
        return Numbers<int32_t>(array, number);
      case ValueKind::kInt64:
        return Numbers<int64_t>(array, [&] { return number() * 1'000'000'007; });
      case ValueKind::kFloat:
        return Numbers<float>(array, [&] { return static_cast<float>(number()) / 7.0f; });
      case ValueKind::kDouble:
        return Numbers<double>(array, [&] { return std::sqrt(static_cast<double>(Below(100'000'000))); });
      case ValueKind::kFixedBinary:
        return Strings(array, [&](size_t) { return fmt::format("{:0{}}", Below(100'000), field.fixed_bytes); });
      case ValueKind::kBinary:
        return Strings(array, [&](size_t) { return std::string(Below(300), static_cast<char>(Below(256))); });
      case ValueKind::kString:
        return Strings(array, [&](size_t i) {
          return field.name == "few" ? fmt::format("task {}", Below(5)) : fmt::format("Stück {} {}", i, Below(1000));
        });
    }
  }

  Rng rng_;
  uint64_t counter_ = 0;
};

// A column of every kind and nesting.
inline std::vector<Field> SampleFields() {
  Field pair = ScalarField("element", ValueKind::kStruct);
  pair.children = {ScalarField("x", ValueKind::kInt32), ListField("y", ValueKind::kFloat),
                   ScalarField("z", ValueKind::kInt64, false)};
  Field pairs = ScalarField("pairs", ValueKind::kList);
  pairs.children = {pair};
  Field fixed = ScalarField("fixed", ValueKind::kFixedBinary);
  fixed.fixed_bytes = 5;
  return {ScalarField("required", ValueKind::kInt64, false),
          ScalarField("flag", ValueKind::kBool),
          ScalarField("i32", ValueKind::kInt32),
          ScalarField("i64", ValueKind::kInt64),
          ScalarField("f32", ValueKind::kFloat),
          ScalarField("f64", ValueKind::kDouble),
          ScalarField("few", ValueKind::kString),
          ScalarField("many", ValueKind::kString),
          ScalarField("blob", ValueKind::kBinary),
          fixed,
          ListField("action", ValueKind::kFloat),
          ListField("deep", ValueKind::kDouble, 3),
          ImageField("image"),
          pairs};
}

}  // namespace takt::dataset
