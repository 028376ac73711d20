// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "takt/core/base/diagnostic.h"

namespace takt::scene {

// What can be wrong with a scene. Each has a section in docs/errors/scene.md with a wrong and a right example, which
// the tests run.
enum class Code {
  kSyntax,
  kTooLarge,
  kNotUtf8,
  kSchemaTooNew,
  kUnknownElement,
  kUnknownKey,
  kBadKey,
  kDuplicateKey,
  kMissingKey,
  kWrongType,
  kBadNumber,
  kBadWord,
  kBadText,
  kBadSize,
  kOutOfRange,
  kBadRotation,
  kMissingId,
  kBadId,
  kDuplicateId,
  kBadNesting,
  kStrayText,
  kUnknownMaterial,
  kBadPath,
  kUnknownTarget,
  kBadRelation,
  kCyclicRelation,
  kPartsOutsideBox,
  kPartsDisagree,
  kSwappedAxes,
  kWrongUnit,
  kBadFloor,
  kClockwiseFloor,
  kOpeningOutsideWall,
  kSurfaceTooLarge,
  kBadPatch,
  kMergeConflict,
};

struct CodeRow {
  Code code;
  Severity severity;
  std::string_view name;  // as in Diagnostic::code
};

// In the order of the enumeration.
std::span<const CodeRow> AllCodes();
const CodeRow& RowOf(Code code);

}  // namespace takt::scene
