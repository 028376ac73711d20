// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt::splat {

enum class PlyEncoding { kBinaryLittleEndian, kBinaryBigEndian, kAscii };
enum class PlyType { kInt8, kUint8, kInt16, kUint16, kInt32, kUint32, kFloat32, kFloat64 };

std::string_view PlyEncodingName(PlyEncoding encoding);
std::string_view PlyTypeName(PlyType type);
size_t PlyTypeBytes(PlyType type);

struct PlyProperty {
  std::string name;
  PlyType type = PlyType::kFloat32;
  bool is_list = false;     // then `type` is that of the items
  size_t offset_bytes = 0;  // from the start of a binary row
};

struct PlyElement {
  std::string name;
  uint64_t count = 0;  // as the header claims: not checked against anything
  std::vector<PlyProperty> properties;
  size_t row_bytes = 0;  // of a binary row; meaningless where has_list
  bool has_list = false;

  const PlyProperty* Find(std::string_view property_name) const;  // nullptr: not there
};

struct PlyHeader {
  PlyEncoding encoding = PlyEncoding::kBinaryLittleEndian;
  std::vector<std::string> comments;  // without the word "comment"
  std::vector<PlyElement> elements;
  size_t header_bytes = 0;  // where the data begin

  const PlyElement* Find(std::string_view element_name) const;  // nullptr: not there
};

bool IsPly(std::span<const uint8_t> bytes);  // begins with the line "ply"

// Reads the header of a PLY file; lines may end in LF or CRLF.
// Errors: bad_input naming the line, for anything that is not PLY 1.0, a doubled element or property, a header without
// end or longer than 1 MiB.
PlyHeader ParsePlyHeader(std::span<const uint8_t> bytes, const std::string& subject);

// `SplatRenderMode: mip` (Brush) or `antialiased 1` (Postshot) in the comments; the last one that says anything counts.
bool PlySaysAntialiased(const PlyHeader& header);

// Offset from the start of the file at which the rows of `element` begin, in a binary file.
// Errors: bad_input when the file ends before the last row of `element`; unsupported when a list stands before it.
size_t BinaryElementOffset(const PlyHeader& header, const PlyElement& element, uint64_t file_bytes,
                           const std::string& subject);

}  // namespace takt::splat
