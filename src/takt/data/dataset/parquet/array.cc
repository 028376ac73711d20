// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/array.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

constexpr std::string_view kNames[] = {"bool",   "int32",  "int64",        "float", "double",
                                       "string", "binary", "fixed_binary", "list",  "struct"};

// The place in Values of what a kind holds; none for lists and structs.
size_t ValuesIndex(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool:
      return 0;
    case ValueKind::kInt32:
      return 1;
    case ValueKind::kInt64:
      return 2;
    case ValueKind::kFloat:
      return 3;
    case ValueKind::kDouble:
      return 4;
    case ValueKind::kString:
    case ValueKind::kBinary:
    case ValueKind::kFixedBinary:
      return 5;
    default:
      return std::variant_npos;
  }
}

[[noreturn]] void Fail(const std::string& subject, std::string message) {
  throw Error(ErrorCode::kBadInput, subject, std::move(message));
}

template <class T>
Array MakePrimitive(ValueKind kind, T values) {
  Array array;
  array.kind = kind;
  array.values = std::move(values);
  array.length = CountValues(array.values);
  return array;
}

template <class T>
const T& Get(const Array& array, std::string_view wanted) {
  const T* values = std::get_if<T>(&array.values);
  if (values == nullptr || array.kind == ValueKind::kList || array.kind == ValueKind::kStruct) {
    Fail("an array", fmt::format("holds {}, not {}", ValueKindName(array.kind), wanted));
  }
  return *values;
}

void CheckOffsets(const std::string& subject, const std::vector<uint64_t>& offsets, size_t lists, size_t items) {
  if (offsets.size() != lists + 1 || offsets.front() != 0 || offsets.back() != items ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    Fail(subject, "has offsets that do not match its values");
  }
}

// `parent_valid`: of the struct that the array is a field of; where that is missing, so may the field be.
void Check(const Field& field, const Array& array, const std::string& path, const std::vector<uint8_t>* parent_valid) {
  if (array.kind != field.kind) {
    Fail(path,
         fmt::format("is a column of {}, but the values are {}", ValueKindName(field.kind), ValueKindName(array.kind)));
  }
  if (!array.valid.empty() && array.valid.size() != array.length)
    Fail(path, "has another number of validities than values");
  if (!field.nullable) {
    for (size_t i = 0; i < array.valid.size(); ++i) {
      const bool expected = parent_valid == nullptr || parent_valid->empty() || (*parent_valid)[i] != 0;
      if (expected && array.valid[i] == 0) Fail(path, fmt::format("misses value {} of a column without gaps", i));
    }
  }
  if (field.kind == ValueKind::kList) {
    if (array.children.size() != 1 || field.children.size() != 1) Fail(path, "is a list without items");
    CheckOffsets(path, array.offsets, array.length, array.children[0].length);
    Check(field.children[0], array.children[0], path + ".item", nullptr);
    return;
  }
  if (field.kind == ValueKind::kStruct) {
    if (array.children.size() != field.children.size()) Fail(path, "has another number of fields than its column");
    for (size_t c = 0; c < field.children.size(); ++c) {
      if (array.children[c].length != array.length) Fail(path, "has fields of different lengths");
      Check(field.children[c], array.children[c], path + "." + field.children[c].name, &array.valid);
    }
    return;
  }
  if (array.values.index() != ValuesIndex(field.kind) || CountValues(array.values) != array.length) {
    Fail(path, fmt::format("does not hold {} values of {}", array.length, ValueKindName(field.kind)));
  }
  if (const Blobs* blobs = std::get_if<Blobs>(&array.values)) {
    CheckOffsets(path, blobs->offsets, array.length, blobs->bytes.size());
    if (field.kind != ValueKind::kFixedBinary) return;
    for (size_t i = 0; i < array.length; ++i) {
      if (array.IsValid(i) && (*blobs)[i].size() != static_cast<size_t>(field.fixed_bytes)) {
        Fail(path, fmt::format("holds a value that is not {} bytes long", field.fixed_bytes));
      }
    }
  }
}

}  // namespace

std::string_view ValueKindName(ValueKind kind) { return kNames[static_cast<size_t>(kind)]; }

Field ScalarField(std::string name, ValueKind kind, bool nullable) {
  Field field;
  field.name = std::move(name);
  field.kind = kind;
  field.nullable = nullable;
  return field;
}

Field ListField(std::string name, ValueKind kind, int depth) {
  Field field = ScalarField(depth > 0 ? "element" : name, kind);
  for (int level = 1; level <= depth; ++level) {
    Field list = ScalarField(level == depth ? name : "element", ValueKind::kList);
    list.children.push_back(std::move(field));
    field = std::move(list);
  }
  return field;
}

Field ImageField(std::string name) {
  Field field = ScalarField(std::move(name), ValueKind::kStruct);
  field.children = {ScalarField("bytes", ValueKind::kBinary), ScalarField("path", ValueKind::kString)};
  return field;
}

size_t CountValues(const Values& values) {
  return std::visit([](const auto& v) { return v.size(); }, values);
}

const std::vector<uint8_t>& Array::Bools() const { return Get<std::vector<uint8_t>>(*this, "bool"); }
const std::vector<int32_t>& Array::Int32s() const { return Get<std::vector<int32_t>>(*this, "int32"); }
const std::vector<int64_t>& Array::Int64s() const { return Get<std::vector<int64_t>>(*this, "int64"); }
const std::vector<float>& Array::Floats() const { return Get<std::vector<float>>(*this, "float"); }
const std::vector<double>& Array::Doubles() const { return Get<std::vector<double>>(*this, "double"); }
const Blobs& Array::Strings() const { return Get<Blobs>(*this, "string or binary"); }

Array MakeBools(std::vector<uint8_t> values) { return MakePrimitive(ValueKind::kBool, std::move(values)); }
Array MakeInt32s(std::vector<int32_t> values) { return MakePrimitive(ValueKind::kInt32, std::move(values)); }
Array MakeInt64s(std::vector<int64_t> values) { return MakePrimitive(ValueKind::kInt64, std::move(values)); }
Array MakeFloats(std::vector<float> values) { return MakePrimitive(ValueKind::kFloat, std::move(values)); }
Array MakeDoubles(std::vector<double> values) { return MakePrimitive(ValueKind::kDouble, std::move(values)); }
Array MakeBinary(Blobs values) { return MakePrimitive(ValueKind::kBinary, std::move(values)); }
Array MakeStrings(const std::vector<std::string>& values) {
  Blobs blobs;
  for (const std::string& value : values) blobs.Add(value);
  return MakePrimitive(ValueKind::kString, std::move(blobs));
}

Array MakeLists(Array items, size_t width) {
  if (width == 0 || items.length % width != 0) {
    Fail("a list column", fmt::format("cannot be cut from {} values into lists of {}", items.length, width));
  }
  std::vector<uint64_t> offsets(items.length / width + 1);
  for (size_t i = 0; i < offsets.size(); ++i) offsets[i] = i * width;
  return MakeLists(std::move(items), std::move(offsets));
}

Array MakeLists(Array items, std::vector<uint64_t> offsets) {
  if (offsets.empty()) Fail("a list column", "has no offsets");
  CheckOffsets("a list column", offsets, offsets.size() - 1, items.length);
  Array array;
  array.kind = ValueKind::kList;
  array.length = offsets.size() - 1;
  array.offsets = std::move(offsets);
  array.children.push_back(std::move(items));
  return array;
}

Array MakeStruct(std::vector<Array> fields) {
  if (fields.empty()) Fail("a struct column", "has no fields");
  Array array;
  array.kind = ValueKind::kStruct;
  array.length = fields[0].length;
  for (const Array& field : fields) {
    if (field.length != array.length) Fail("a struct column", "has fields of different lengths");
  }
  array.children = std::move(fields);
  return array;
}

Array EmptyArray(const Field& field) {
  Array array;
  array.kind = field.kind;
  if (field.kind == ValueKind::kList) array.offsets = {0};
  for (const Field& child : field.children) array.children.push_back(EmptyArray(child));
  switch (ValuesIndex(field.kind)) {
    case 1:
      array.values.emplace<1>();
      break;
    case 2:
      array.values.emplace<2>();
      break;
    case 3:
      array.values.emplace<3>();
      break;
    case 4:
      array.values.emplace<4>();
      break;
    case 5:
      array.values.emplace<5>();
      break;
    default:
      break;
  }
  return array;
}

void AppendArray(Array& head, const Array& tail) {
  if (head.kind != tail.kind || head.children.size() != tail.children.size() ||
      head.values.index() != tail.values.index()) {
    Fail("an array", fmt::format("of {} cannot take values of {}", ValueKindName(head.kind), ValueKindName(tail.kind)));
  }
  if (!head.valid.empty() || !tail.valid.empty()) {
    head.valid.resize(head.length, 1);
    if (tail.valid.empty()) {
      head.valid.resize(head.length + tail.length, 1);
    } else {
      head.valid.insert(head.valid.end(), tail.valid.begin(), tail.valid.end());
    }
  }
  if (head.kind == ValueKind::kList) {
    const uint64_t base = head.offsets.back();
    for (size_t i = 1; i < tail.offsets.size(); ++i) head.offsets.push_back(base + tail.offsets[i]);
  }
  for (size_t c = 0; c < head.children.size(); ++c) AppendArray(head.children[c], tail.children[c]);
  std::visit(
      [&](auto& to) {
        const auto& from = std::get<std::decay_t<decltype(to)>>(tail.values);
        if constexpr (std::is_same_v<std::decay_t<decltype(to)>, Blobs>) {
          const uint64_t base = to.bytes.size();
          to.bytes += from.bytes;
          for (size_t i = 1; i < from.offsets.size(); ++i) to.offsets.push_back(base + from.offsets[i]);
        } else {
          to.insert(to.end(), from.begin(), from.end());
        }
      },
      head.values);
  head.length += tail.length;
}

void CheckArray(const Field& field, const Array& array) { Check(field, array, field.name, nullptr); }

}  // namespace takt::dataset
