// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takt/data/dataset/parquet/array.h"

namespace takt::dataset {

// Numbers as parquet.thrift has them.
enum class PhysicalType : int32_t { kBoolean, kInt32, kInt64, kInt96, kFloat, kDouble, kByteArray, kFixedLenByteArray };
enum class Repetition : int32_t { kRequired, kOptional, kRepeated };

// One line of the flattened schema tree in a footer.
struct SchemaElement {
  std::string name;
  std::optional<PhysicalType> type;  // none: a group
  int32_t type_length = 0;           // kFixedLenByteArray
  std::optional<Repetition> repetition;
  int32_t num_children = 0;
  int32_t converted_type = -1;       // ConvertedType; from LogicalType where only that stands
  int32_t scale = 0, precision = 0;  // DECIMAL
  std::string logical_type;          // the LogicalType in Thrift's bytes, kept as it is; empty = none

  bool operator==(const SchemaElement&) const = default;
};

// A column as Parquet stores it: a leaf of the schema tree.
struct Leaf {
  std::vector<std::string> path;  // from below the root: {"action", "list", "element"}
  PhysicalType type = PhysicalType::kInt32;
  int32_t type_length = 0;
  int32_t converted_type = -1;
  int32_t max_definition = 0, max_repetition = 0;
  size_t field = 0;  // the top-level field it belongs to

  std::string Name() const;  // the path with dots
  bool operator==(const Leaf&) const = default;
};

// The columns of a file twice: as fields (what they mean) and as Parquet's tree (how it is spelled). Lists come in
// several spellings; they all become kList, and maps become lists of struct{key, value}.
class ParquetSchema {
 public:
  // Spelled as Arrow writes it: root "schema", lists as group (LIST) > repeated group "list" > "element".
  // Errors: bad_input for no fields, empty or repeated names, a struct without fields, nesting over 32.
  static ParquetSchema FromFields(std::vector<Field> fields);
  // Errors: bad_input for a tree that does not add up; unsupported for INT96 and lists without a value in them.
  static ParquetSchema FromElements(std::vector<SchemaElement> elements, const std::string& subject);

  const std::vector<Field>& fields() const { return fields_; }
  const std::vector<SchemaElement>& elements() const { return elements_; }
  const std::vector<Leaf>& leaves() const { return leaves_; }  // in file order; those of one field stand together
  // The place of a field of this name. Errors of FieldIndex: not_found naming `subject`.
  std::optional<size_t> FindField(std::string_view name) const;
  size_t FieldIndex(std::string_view name, const std::string& subject) const;
  // Leaves [first, last) of a field.
  std::pair<size_t, size_t> LeavesOf(size_t field) const;

 private:
  std::vector<Field> fields_;
  std::vector<SchemaElement> elements_;
  std::vector<Leaf> leaves_;
};

}  // namespace takt::dataset
