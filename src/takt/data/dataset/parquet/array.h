// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace takt::dataset {

// What a column holds. kString is UTF-8 (not checked), kBinary any bytes, kFixedBinary bytes of one length.
enum class ValueKind { kBool, kInt32, kInt64, kFloat, kDouble, kString, kBinary, kFixedBinary, kList, kStruct };
std::string_view ValueKindName(ValueKind kind);  // "bool", "int32", ... "list", "struct"

// A named column, or a part of one: the item of a list, the field of a struct.
struct Field {
  std::string name;
  ValueKind kind = ValueKind::kInt64;
  bool nullable = true;         // whether a value may be missing (Parquet: optional)
  int32_t fixed_bytes = 0;      // kFixedBinary: length of each value
  int32_t converted_type = -1;  // Parquet's ConvertedType where the kind does not imply it (6 = DATE ...); -1 = none
  std::vector<Field> children;  // kList: the item; kStruct: its fields, at least one

  bool operator==(const Field&) const = default;
};

Field ScalarField(std::string name, ValueKind kind, bool nullable = true);
// list<list<... kind>>, `depth` lists deep, every level nullable as Arrow writes it.
Field ListField(std::string name, ValueKind kind, int depth = 1);
// LeRobot's embedded picture: struct{bytes: binary, path: string}.
Field ImageField(std::string name);

// Strings or byte strings, end to end in one buffer.
struct Blobs {
  std::string bytes;
  std::vector<uint64_t> offsets = {0};  // [size + 1]; value i is bytes[offsets[i], offsets[i + 1])

  size_t size() const { return offsets.size() - 1; }
  std::string_view operator[](size_t i) const {
    return std::string_view(bytes).substr(offsets[i], offsets[i + 1] - offsets[i]);
  }
  void Add(std::string_view value) {
    bytes.append(value);
    offsets.push_back(bytes.size());
  }
  bool operator==(const Blobs&) const = default;
};

// Values of one primitive type; uint8_t is bool (0 or 1).
using Values = std::variant<std::vector<uint8_t>, std::vector<int32_t>, std::vector<int64_t>, std::vector<float>,
                            std::vector<double>, Blobs>;
size_t CountValues(const Values& values);

// A column in memory, laid out as Arrow does: values, which of them are missing, offsets of lists, fields of structs.
// A missing value has a slot all the same: 0, an empty string, an empty list, a struct of missing fields.
struct Array {
  ValueKind kind = ValueKind::kInt64;
  size_t length = 0;
  std::vector<uint8_t> valid;  // [length] 0 = missing; empty = none is missing
  std::vector<uint64_t>
      offsets;                  // kList: [length + 1]; list i has the items [offsets[i], offsets[i + 1]) of children[0]
  std::vector<Array> children;  // kList: the items; kStruct: one of `length` for each field
  Values values;                // primitive kinds: [length]

  bool IsValid(size_t i) const { return valid.empty() || valid[i] != 0; }
  size_t ListLength(size_t i) const { return offsets[i + 1] - offsets[i]; }
  // The values of a primitive kind; nothing is converted.
  // Errors: bad_input when the array holds another kind.
  const std::vector<uint8_t>& Bools() const;
  const std::vector<int32_t>& Int32s() const;
  const std::vector<int64_t>& Int64s() const;
  const std::vector<float>& Floats() const;
  const std::vector<double>& Doubles() const;
  const Blobs& Strings() const;  // kString, kBinary, kFixedBinary

  bool operator==(const Array&) const = default;
};

// Arrays without missing values.
Array MakeBools(std::vector<uint8_t> values);
Array MakeInt32s(std::vector<int32_t> values);
Array MakeInt64s(std::vector<int64_t> values);
Array MakeFloats(std::vector<float> values);
Array MakeDoubles(std::vector<double> values);
Array MakeStrings(const std::vector<std::string>& values);
Array MakeBinary(Blobs values);
// Lists of `width` items each. Errors: bad_input when width does not divide the length of the items, or is 0.
Array MakeLists(Array items, size_t width);
// Lists of any lengths. Errors: bad_input unless offsets start at 0, never fall and end at items.length.
Array MakeLists(Array items, std::vector<uint64_t> offsets);
// Errors: bad_input for no fields or fields of different lengths.
Array MakeStruct(std::vector<Array> fields);

// A column of no rows.
Array EmptyArray(const Field& field);

// Appends `tail` to `head`: both hold the same kind. Errors: bad_input otherwise.
void AppendArray(Array& head, const Array& tail);

// Checks an array against the field it is to be written as: kind, lengths, offsets, missing values where none may be.
// Errors: bad_input naming the field. Cost: one pass.
void CheckArray(const Field& field, const Array& array);

}  // namespace takt::dataset
