// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/codes.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "takt/core/base/file.h"
#include "takt/data/scene/model/patch.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {
namespace {

constexpr std::string_view kRoom =
    "<scene schema=\"1.0\"><room id=\"room\" floor_m=\"0 0 5 0 5 4 0 4\" height_m=\"3\">";

struct Page {
  std::string code;
  std::vector<std::string> examples;  // wrong, right
  bool is_json = false;
};

std::vector<Page> ReadPages() {
  std::istringstream in(ReadTextFile(std::filesystem::path(TAKT_SOURCE_DIR) / "docs/errors/scene.md"));
  std::vector<Page> pages;
  std::string* block = nullptr;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## `")) pages.push_back({line.substr(4, line.size() - 5), {}, false});
    if (line.starts_with("```")) {
      if (block == nullptr && !pages.empty()) {
        pages.back().is_json = line == "```json";
        block = &pages.back().examples.emplace_back();
      } else {
        block = nullptr;
      }
    } else if (block != nullptr) {
      *block += line + "\n";
    }
  }
  return pages;
}

// The examples of the page stand in a room; relations and materials behind it.
std::string Whole(const std::string& example) {
  if (example.starts_with("<scene") || example.starts_with("{")) return example;
  std::istringstream in(example);
  std::string inside, behind;
  for (std::string line; std::getline(in, line);) {
    (line.starts_with("<relation") || line.starts_with("<material") ? behind : inside) += line + "\n";
  }
  return std::string(kRoom) + inside + "</room>" + behind + "</scene>";
}

std::string WithBytes(std::string text) {
  for (size_t at = text.find("\\x"); at != std::string::npos; at = text.find("\\x")) {
    text.replace(at, 4, 1, static_cast<char>(std::stoi(text.substr(at + 2, 2), nullptr, 16)));
  }
  return text;
}

std::vector<Diagnostic> Faults(const std::string& example, bool is_json) {
  if (!example.starts_with("<patch")) {
    return ParseScene(WithBytes(Whole(example)), is_json ? Format::kJson : Format::kXml, "example").diagnostics;
  }
  const Scene scene =
      ParseScene(Whole("<object id=\"cup\" size_m=\"0.1 0.1 0.1\"/><object id=\"tray\" size_m=\"0.3 0.2 0.02\"/>"),
                 Format::kXml, "room")
          .scene;
  const size_t second = example.find("<patch", 1);
  const EditResult ours = Apply(scene, example.substr(0, second), Format::kXml, "ours");
  if (second == std::string::npos || HasErrors(ours.diagnostics)) return ours.diagnostics;
  return Merge(scene, ours.scene, Apply(scene, example.substr(second), Format::kXml, "theirs").scene).conflicts;
}

TEST(Codes, EachHasAPageWhoseExamplesSayIt) {
  std::set<std::string> codes, pages;
  for (const CodeRow& row : AllCodes()) codes.emplace(row.name);
  for (const Page& page : ReadPages()) {
    EXPECT_TRUE(codes.contains(page.code)) << page.code;
    EXPECT_TRUE(pages.insert(page.code).second) << page.code;
    if (page.code == "scene/too-large") continue;  // SceneIo.LimitsAreKept
    ASSERT_EQ(page.examples.size(), 2u) << page.code;
    std::set<std::string> said;
    for (const Diagnostic& d : Faults(page.examples[0], page.is_json)) said.insert(d.code);
    EXPECT_EQ(said, std::set<std::string>{page.code}) << page.examples[0];
    std::string wrong;
    for (const Diagnostic& d : Faults(page.examples[1], page.is_json)) wrong += d.code + " " + d.message + "\n";
    EXPECT_EQ(wrong, "") << page.code;
  }
  EXPECT_EQ(pages, codes);
}

}  // namespace
}  // namespace takt::scene
