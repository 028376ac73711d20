// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/model/test_scenes.h"

// A patch of any bytes leaves the scene as it was or a scene without new errors, which Diff leads to and Merge keeps.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::scene;
  static const Scene cell = ParseScene(kCellXml, Format::kXml, "cell").scene;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Format format = !text.empty() && text[0] == '<' ? Format::kXml : Format::kJson;
  const EditResult edit = Apply(cell, text, format, "fuzz");
  if (takt::HasErrors(edit.diagnostics)) {
    if (!SameScene(edit.scene, cell)) abort();
    return 0;
  }
  if (takt::HasErrors(Check(edit.scene))) abort();
  if (!SameScene(Apply(cell, Diff(cell, edit.scene)).scene, edit.scene)) abort();
  const MergeResult merged = Merge(cell, cell, edit.scene);
  if (!merged.conflicts.empty() || !SameScene(merged.scene, edit.scene)) abort();
  return 0;
}
