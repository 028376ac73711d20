// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::dataset {
namespace {

constexpr int kMaxDepth = 32;
// ConvertedType of parquet.thrift.
constexpr int kUtf8 = 0, kMap = 1, kMapKeyValue = 2, kListType = 3, kEnum = 4, kDecimal = 5, kJson = 19;
// LogicalType{STRING{}} and LogicalType{LIST{}} in Thrift's bytes.
const std::string kLogicalString{"\x1c\x00\x00", 3}, kLogicalList{"\x3c\x00\x00", 3};

[[noreturn]] void Fail(const std::string& subject, std::string message, ErrorCode code = ErrorCode::kBadInput) {
  throw Error(code, subject, std::move(message));
}

PhysicalType TypeOf(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBool:
      return PhysicalType::kBoolean;
    case ValueKind::kInt32:
      return PhysicalType::kInt32;
    case ValueKind::kInt64:
      return PhysicalType::kInt64;
    case ValueKind::kFloat:
      return PhysicalType::kFloat;
    case ValueKind::kDouble:
      return PhysicalType::kDouble;
    case ValueKind::kFixedBinary:
      return PhysicalType::kFixedLenByteArray;
    default:
      return PhysicalType::kByteArray;
  }
}

// Spells fields as Arrow does.
void Spell(const Field& field, const std::string& path, int depth, std::vector<SchemaElement>& elements) {
  if (depth > kMaxDepth) Fail(path, fmt::format("nests deeper than {}", kMaxDepth));
  SchemaElement element;
  element.name = field.name;
  element.repetition = field.nullable ? Repetition::kOptional : Repetition::kRequired;
  element.converted_type = field.converted_type;
  if (field.kind == ValueKind::kList) {
    if (field.children.size() != 1) Fail(path, "is a list without an item");
    element.num_children = 1;
    element.converted_type = kListType;
    element.logical_type = kLogicalList;
    elements.push_back(element);
    SchemaElement repeated;
    repeated.name = "list";
    repeated.repetition = Repetition::kRepeated;
    repeated.num_children = 1;
    elements.push_back(repeated);
    Field item = field.children[0];
    item.name = "element";
    return Spell(item, path + ".element", depth + 2, elements);
  }
  if (field.kind == ValueKind::kStruct) {
    if (field.children.empty()) Fail(path, "is a struct without fields");
    element.num_children = static_cast<int32_t>(field.children.size());
    elements.push_back(element);
    std::set<std::string_view> names;
    for (const Field& child : field.children) {
      if (child.name.empty() || !names.insert(child.name).second) Fail(path, "has fields without a name of their own");
      Spell(child, path + "." + child.name, depth + 1, elements);
    }
    return;
  }
  element.type = TypeOf(field.kind);
  if (field.converted_type == kDecimal) Fail(path, "is DECIMAL, which is not written here", ErrorCode::kUnsupported);
  if (field.kind == ValueKind::kFixedBinary) {
    if (field.fixed_bytes <= 0) Fail(path, "is fixed_binary without a length");
    element.type_length = field.fixed_bytes;
  }
  if (field.kind == ValueKind::kString && field.converted_type < 0) {
    element.converted_type = kUtf8;
    element.logical_type = kLogicalString;
  }
  elements.push_back(element);
}

// Walks the flattened tree once.
class TreeParser {
 public:
  TreeParser(const std::vector<SchemaElement>& elements, const std::string& subject, std::vector<Leaf>& leaves)
      : elements_(elements), subject_(subject), leaves_(leaves) {}

  std::vector<Field> Parse() {
    if (elements_.empty() || elements_[0].type || elements_[0].num_children <= 0) {
      Fail(subject_, "has a schema without columns");
    }
    std::vector<Field> fields;
    position_ = 1;
    for (int32_t i = 0; i < elements_[0].num_children; ++i) {
      field_ = fields.size();
      fields.push_back(Node(0, 0));
    }
    if (position_ != elements_.size()) Fail(subject_, "has a schema with parts that belong to no column");
    return fields;
  }

 private:
  const SchemaElement& Next() {
    if (position_ == elements_.size()) Fail(subject_, "has a schema that ends too early");
    const SchemaElement& element = elements_[position_++];
    if (!element.repetition) Fail(subject_, "has a column that is neither required, optional nor repeated");
    path_.push_back(element.name);
    if (path_.size() > kMaxDepth) Fail(subject_, fmt::format("has a schema deeper than {}", kMaxDepth));
    return element;
  }

  // A node in a place where nothing is known about it; `definition` and `repetition` are those of its parent.
  Field Node(int32_t definition, int32_t repetition) {
    const SchemaElement& element = Next();
    if (*element.repetition == Repetition::kRepeated) {
      // An old spelling: a repeated node outside a list is a list of required values.
      Field list = ScalarField(element.name, ValueKind::kList, false);
      list.children.push_back(Content(element, false, definition + 1, repetition + 1));
      return list;
    }
    const bool nullable = *element.repetition == Repetition::kOptional;
    return Content(element, nullable, definition + (nullable ? 1 : 0), repetition);
  }

  // What the node that was just taken holds; takes its name off the path.
  Field Content(const SchemaElement& element, bool nullable, int32_t definition, int32_t repetition) {
    Field field = element.type           ? Primitive(element, nullable, definition, repetition)
                  : IsListOrMap(element) ? ListOrMap(element, nullable, definition, repetition)
                                         : Group(element, nullable, definition, repetition);
    path_.pop_back();
    return field;
  }

  Field Primitive(const SchemaElement& element, bool nullable, int32_t definition, int32_t repetition) {
    Leaf leaf;
    leaf.path = path_;
    leaf.type = *element.type;
    leaf.converted_type = element.converted_type;
    leaf.max_definition = definition;
    leaf.max_repetition = repetition;
    leaf.field = field_;
    Field field = ScalarField(element.name, ValueKind::kBinary, nullable);
    field.converted_type = element.converted_type;
    switch (leaf.type) {
      case PhysicalType::kBoolean:
        field.kind = ValueKind::kBool;
        break;
      case PhysicalType::kInt32:
        field.kind = ValueKind::kInt32;
        break;
      case PhysicalType::kInt64:
        field.kind = ValueKind::kInt64;
        break;
      case PhysicalType::kFloat:
        field.kind = ValueKind::kFloat;
        break;
      case PhysicalType::kDouble:
        field.kind = ValueKind::kDouble;
        break;
      case PhysicalType::kByteArray:
        if (element.converted_type == kUtf8 || element.converted_type == kEnum || element.converted_type == kJson) {
          field.kind = ValueKind::kString;
        }
        if (element.converted_type == kUtf8) field.converted_type = -1;
        break;
      case PhysicalType::kFixedLenByteArray:
        if (element.type_length <= 0) Fail(subject_, "has a fixed_binary column without a length");
        field.kind = ValueKind::kFixedBinary;
        field.fixed_bytes = leaf.type_length = element.type_length;
        break;
      case PhysicalType::kInt96:
        throw Error(ErrorCode::kUnsupported, subject_, fmt::format("holds INT96 in column {}", leaf.Name()),
                    "write its times as INT64 TIMESTAMP");
    }
    leaves_.push_back(std::move(leaf));
    return field;
  }

  Field Group(const SchemaElement& element, bool nullable, int32_t definition, int32_t repetition) {
    if (element.num_children <= 0) Fail(subject_, "has a group without columns", ErrorCode::kUnsupported);
    Field field = ScalarField(element.name, ValueKind::kStruct, nullable);
    for (int32_t i = 0; i < element.num_children; ++i) field.children.push_back(Node(definition, repetition));
    return field;
  }

  static bool IsListOrMap(const SchemaElement& element) {
    return element.converted_type == kListType || element.converted_type == kMap ||
           element.converted_type == kMapKeyValue;
  }

  // Which part of the repeated child is the item, by the rules for older writers ("Backward-compatibility rules" of
  // LogicalTypes.md): normally its only child, else the repeated node itself.
  Field ListOrMap(const SchemaElement& element, bool nullable, int32_t definition, int32_t repetition) {
    if (element.num_children != 1) Fail(subject_, "has a list or map that is not one repeated part");
    Field list = ScalarField(element.name, ValueKind::kList, nullable);
    const SchemaElement& repeated = Next();
    if (*repeated.repetition != Repetition::kRepeated) Fail(subject_, "has a list or map that does not repeat");
    ++definition;
    ++repetition;
    const bool three_levels = element.converted_type == kListType && !repeated.type && repeated.num_children == 1 &&
                              position_ < elements_.size() &&
                              elements_[position_].repetition != Repetition::kRepeated && repeated.name != "array" &&
                              repeated.name != element.name + "_tuple";
    if (three_levels) {
      list.children.push_back(Node(definition, repetition));
      path_.pop_back();
    } else {
      // The repeated group of a map may carry MAP_KEY_VALUE itself: it is a struct all the same.
      const bool is_list = element.converted_type == kListType;
      list.children.push_back(is_list ? Content(repeated, false, definition, repetition)
                                      : Group(repeated, false, definition, repetition));
      if (!is_list) path_.pop_back();
    }
    return list;
  }

  const std::vector<SchemaElement>& elements_;
  const std::string& subject_;
  std::vector<Leaf>& leaves_;
  std::vector<std::string> path_;
  size_t position_ = 0, field_ = 0;
};

}  // namespace

std::string Leaf::Name() const { return fmt::format("{}", fmt::join(path, ".")); }

ParquetSchema ParquetSchema::FromFields(std::vector<Field> fields) {
  if (fields.empty()) Fail("a Parquet schema", "has no columns");
  Field root = ScalarField("schema", ValueKind::kStruct, false);
  root.children = std::move(fields);
  std::vector<SchemaElement> elements;
  Spell(root, root.name, 0, elements);
  return FromElements(std::move(elements), "a Parquet schema");
}

ParquetSchema ParquetSchema::FromElements(std::vector<SchemaElement> elements, const std::string& subject) {
  ParquetSchema schema;
  schema.fields_ = TreeParser(elements, subject, schema.leaves_).Parse();
  schema.elements_ = std::move(elements);
  return schema;
}

std::optional<size_t> ParquetSchema::FindField(std::string_view name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& f) { return f.name == name; });
  if (found == fields_.end()) return std::nullopt;
  return static_cast<size_t>(found - fields_.begin());
}

size_t ParquetSchema::FieldIndex(std::string_view name, const std::string& subject) const {
  const std::optional<size_t> index = FindField(name);
  if (!index) Fail(subject, fmt::format("has no column \"{}\"", name), ErrorCode::kNotFound);
  return *index;
}

std::pair<size_t, size_t> ParquetSchema::LeavesOf(size_t field) const {
  const auto first = std::lower_bound(leaves_.begin(), leaves_.end(), field,
                                      [](const Leaf& leaf, size_t f) { return leaf.field < f; });
  const auto last = std::find_if(first, leaves_.end(), [&](const Leaf& leaf) { return leaf.field != field; });
  return {static_cast<size_t>(first - leaves_.begin()), static_cast<size_t>(last - leaves_.begin())};
}

}  // namespace takt::dataset
