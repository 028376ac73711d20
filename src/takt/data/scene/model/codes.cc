// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/codes.h"

#include <cstddef>
#include <iterator>

namespace takt::scene {
namespace {

constexpr CodeRow kRows[] = {
    {Code::kSyntax, Severity::kError, "scene/syntax"},
    {Code::kTooLarge, Severity::kError, "scene/too-large"},
    {Code::kNotUtf8, Severity::kError, "scene/not-utf8"},
    {Code::kSchemaTooNew, Severity::kError, "scene/schema-too-new"},
    {Code::kUnknownElement, Severity::kError, "scene/unknown-element"},
    {Code::kUnknownKey, Severity::kNote, "scene/unknown-key"},
    {Code::kBadKey, Severity::kError, "scene/bad-key"},
    {Code::kDuplicateKey, Severity::kError, "scene/duplicate-key"},
    {Code::kMissingKey, Severity::kError, "scene/missing-key"},
    {Code::kWrongType, Severity::kError, "scene/wrong-type"},
    {Code::kBadNumber, Severity::kError, "scene/bad-number"},
    {Code::kBadWord, Severity::kError, "scene/bad-word"},
    {Code::kBadText, Severity::kError, "scene/bad-text"},
    {Code::kBadSize, Severity::kError, "scene/bad-size"},
    {Code::kOutOfRange, Severity::kError, "scene/out-of-range"},
    {Code::kBadRotation, Severity::kError, "scene/bad-rotation"},
    {Code::kMissingId, Severity::kError, "scene/missing-id"},
    {Code::kBadId, Severity::kError, "scene/bad-id"},
    {Code::kDuplicateId, Severity::kError, "scene/duplicate-id"},
    {Code::kBadNesting, Severity::kError, "scene/bad-nesting"},
    {Code::kStrayText, Severity::kError, "scene/stray-text"},
    {Code::kUnknownMaterial, Severity::kError, "scene/unknown-material"},
    {Code::kBadPath, Severity::kError, "scene/bad-path"},
    {Code::kUnknownTarget, Severity::kError, "scene/unknown-target"},
    {Code::kBadRelation, Severity::kError, "scene/bad-relation"},
    {Code::kCyclicRelation, Severity::kError, "scene/cyclic-relation"},
    {Code::kPartsOutsideBox, Severity::kError, "scene/parts-outside-box"},
    {Code::kPartsDisagree, Severity::kWarning, "scene/parts-disagree"},
    {Code::kSwappedAxes, Severity::kWarning, "scene/swapped-axes"},
    {Code::kWrongUnit, Severity::kWarning, "scene/wrong-unit"},
    {Code::kBadFloor, Severity::kError, "scene/bad-floor"},
    {Code::kClockwiseFloor, Severity::kError, "scene/clockwise-floor"},
    {Code::kOpeningOutsideWall, Severity::kError, "scene/opening-outside-wall"},
    {Code::kSurfaceTooLarge, Severity::kError, "scene/surface-too-large"},
    {Code::kBadPatch, Severity::kError, "scene/bad-patch"},
    {Code::kMergeConflict, Severity::kError, "scene/merge-conflict"},
};

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].code != static_cast<Code>(i)) return false;
  }
  return true;
}
static_assert(InOrder() && std::size(kRows) == static_cast<size_t>(Code::kMergeConflict) + 1);

}  // namespace

std::span<const CodeRow> AllCodes() { return kRows; }
const CodeRow& RowOf(Code code) { return kRows[static_cast<size_t>(code)]; }

}  // namespace takt::scene
