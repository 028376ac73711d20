// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/patch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/test_scenes.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

Scene Cell() { return ParseScene(kCellXml, Format::kXml, "cell.xml").scene; }

std::string Listed(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics)
    text += std::to_string(d.line) + ":" + std::to_string(d.column) + " " + d.code + " " + d.message + "\n";
  return text;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with(',')) line.pop_back();  // JSON's comma belongs to the list, not to its item
    lines.push_back(line);
  }
  return lines;
}

// Nodes whose place in the tree and whose text are random, and the relations between them.
std::vector<std::string> Ids(const Scene& scene, NodeKind kind) {
  std::vector<std::string> ids;
  Walk(scene, [&](const Node& node, const Node*, const Pose&) {
    if (node.kind == kind) ids.push_back(node.id);
  });
  return ids;
}

Node* ParentOf(Node* node, const std::string& id) {
  for (Node& child : node->children) {
    if (child.id == id) return node;
    if (Node* found = ParentOf(&child, id)) return found;
  }
  return nullptr;
}

// `count` random edits of the tree itself, not through patches; ids that start with `prefix` are new.
Scene Edited(Scene scene, uint64_t seed, int count, const std::string& prefix) {
  const Rng rng(seed, 11);
  uint64_t counter = 0;
  const auto below = [&](size_t n) { return static_cast<size_t>(rng.Below(counter++, n)); };
  for (int edit = 0; edit < count; ++edit) {
    const std::vector<std::string> objects = Ids(scene, NodeKind::kObject);
    if (objects.size() < 3) return scene;
    const std::string id = objects[below(objects.size())];
    Node* node = Find(&scene, id);
    switch (below(8)) {
      case 0:
        node->mass_kg = rng.UniformDouble(counter++) * 3;
        break;
      case 1: {
        const double yaw_rad = rng.UniformDouble(counter++), x_m = rng.UniformDouble(counter++);
        node->parent_from_node = Pose::Yaw(yaw_rad, {x_m, 1, 0});
        break;
      }
      case 2:
        node->parent_from_node = Pose();
        node->name = node->name.empty() ? "named" : "";
        break;
      case 3:
        node->clearances.assign(below(3), {.side = Side::kLeft, .depth_m = 0.5, .what = "hand"});
        break;
      case 4: {
        Node added;
        added.id = prefix + std::to_string(edit);
        added.size_m = {0.1, 0.1, 0.1};
        const std::vector<std::string> surfaces = Ids(scene, NodeKind::kSurface);
        Node* parent = surfaces.empty() || below(2) == 0 ? &scene.room : Find(&scene, surfaces[below(surfaces.size())]);
        parent->children.insert(
            parent->children.begin() + static_cast<std::ptrdiff_t>(below(parent->children.size() + 1)), added);
        break;
      }
      case 5: {
        std::set<std::string> gone;
        Scene alone;
        alone.room = *node;
        Walk(alone, [&](const Node& n, const Node*, const Pose&) { gone.insert(n.id); });
        Node* parent = ParentOf(&scene.room, id);
        std::erase_if(parent->children, [&](const Node& n) { return n.id == id; });
        std::erase_if(scene.relations,
                      [&](const Relation& r) { return gone.contains(r.subject) || gone.contains(r.target); });
        break;
      }
      case 6: {
        Node moved = *node;
        Node* parent = ParentOf(&scene.room, id);
        std::erase_if(parent->children, [&](const Node& n) { return n.id == id; });
        const std::vector<std::string> surfaces = Ids(scene, NodeKind::kSurface);
        Node* target = surfaces.empty() || below(2) == 0 ? &scene.room : Find(&scene, surfaces[below(surfaces.size())]);
        target->children.insert(
            target->children.begin() + static_cast<std::ptrdiff_t>(below(target->children.size() + 1)), moved);
        break;
      }
      default:
        if (scene.relations.size() > 1) std::swap(scene.relations[0], scene.relations[below(scene.relations.size())]);
        if (!scene.relations.empty() && below(2) == 0) scene.relations.erase(scene.relations.begin());
        scene.name = prefix;
    }
  }
  return scene;
}

TEST(Patch, DoesWhatItSaysInBothSpellings) {
  const std::string xml = R"(<patch>
  <set id="cup" mass_kg="0.3" unset="friction name"/>
  <move id="cup" position_m="0.2 0 0" yaw_deg="90"/>
  <add parent="top" after="cup"><object id="tray" size_m="0.3 0.2 0.02"/></add>
  <add at="0"><relation kind="on" subject="tray" target="top"/></add>
  <remove id="shelf"/>
  <set id="bench"><part shape="box" size_m="0.8 1.6 0.75" position_m="0 0 0.375"/></set>
  <set name="edited"/>
</patch>)";
  const std::string json = R"({"ops": [
  {"op": "set", "id": "cup", "mass_kg": 0.3, "unset": "friction name"},
  {"op": "move", "id": "cup", "position_m": [0.2, 0, 0], "yaw_deg": 90},
  {"op": "add", "parent": "top", "after": "cup", "node": {"kind": "object", "id": "tray", "size_m": [0.3, 0.2, 0.02]}},
  {"op": "add", "at": 0, "relation": {"kind": "on", "subject": "tray", "target": "top"}},
  {"op": "remove", "id": "shelf"},
  {"op": "set", "id": "bench", "parts": [{"shape": "box", "size_m": [0.8, 1.6, 0.75], "position_m": [0, 0, 0.375]}]},
  {"op": "set", "name": "edited"}]})";
  const EditResult a = Apply(Cell(), xml, Format::kXml, "p.xml"), b = Apply(Cell(), json, Format::kJson, "p.json");
  EXPECT_EQ(Listed(a.diagnostics), "");
  EXPECT_EQ(Listed(b.diagnostics), "");
  EXPECT_TRUE(SameScene(a.scene, b.scene));
  EXPECT_EQ(a.touched, (std::vector<std::string>{"bench", "cup", "tray"}));
  const Node* cup = Find(a.scene, "cup");
  EXPECT_EQ(cup->mass_kg, 0.3);
  EXPECT_EQ(cup->friction, Node().friction);
  EXPECT_EQ(cup->name, "");
  EXPECT_EQ(FormatNumber(*ExactYawDeg(cup->parent_from_node.rotation)), "90");
  EXPECT_EQ(Find(a.scene, "top")->children[1].id, "tray");
  EXPECT_EQ(a.scene.relations.size(), 4u);  // one added; that of the shelf went with it
  EXPECT_EQ(a.scene.relations[0].subject, "tray");
  EXPECT_EQ(a.scene.name, "edited");
  for (const Format format : {Format::kXml, Format::kJson}) {
    const PatchResult read = ParsePatch(json, Format::kJson, "p");
    const PatchResult again = ParsePatch(FormatPatch(read.patch, Format::kJson), Format::kJson, "p");
    EXPECT_EQ(FormatPatch(read.patch, format), FormatPatch(again.patch, format));
  }
}

TEST(Patch, UntouchedNodesKeepTheirLines) {
  const Scene before = Cell();
  for (const Format format : {Format::kXml, Format::kJson}) {
    const EditResult edit =
        Apply(before, R"({"ops": [{"op": "set", "id": "cup", "mass_kg": 0.5}, {"op": "add", "parent": "cell",
      "node": {"kind": "object", "id": "bin", "size_m": [0.4, 0.3, 0.2]}}]})",
              Format::kJson, "p");
    ASSERT_EQ(Listed(edit.diagnostics), "");
    std::vector<std::string> old_lines = Lines(FormatScene(before, format)),
                             new_lines = Lines(FormatScene(edit.scene, format));
    // JSON closes its lists on the line of the last item.
    const auto bare = [](std::string line) { return line.substr(0, line.find_last_not_of("]}") + 1); };
    for (auto& line : old_lines) line = bare(line);
    for (auto& line : new_lines) line = bare(line);
    std::vector<std::string> changed;
    for (const std::string& line : new_lines) {
      if (std::find(old_lines.begin(), old_lines.end(), line) == old_lines.end()) changed.push_back(line);
    }
    ASSERT_EQ(changed.size(), 2u) << changed[0];
    EXPECT_NE(changed[0].find("\"cup\""), std::string::npos);
    EXPECT_NE(changed[1].find("\"bin\""), std::string::npos);
  }
}

// A file that people laid out: comments, quotes, numbers and order are theirs.
TEST(Patch, WhatPeopleWroteStays) {
  const std::string text = R"(<?xml version="1.0"?>
<!-- the cell of line 3 -->
<scene schema='1.0'  name = "cell">
  <!-- colours -->
  <material rgba="0.50 0.5 0.55 1" id="steel"/>

  <room id="room" floor_m="0 0 4.0 0 4 3 0 3" height_m="3">
    <!-- the bench is bolted down -->
    <object id="bench" size_m="0.8 1.6 0.750" position_m="2 1.5 0" fixed="true">
      <clearance side="front" depth_m="0.80"/>
      <surface id="top" size_m="0.8 1.6 0"
               position_m="0 0 0.75"> <!-- clean it daily -->
        <object id="cup" size_m="0.08 0.08 0.1"/>
        <!-- the tray is new -->
        <object id="tray" position_m="0.1 -0.4 0" size_m="0.3 0.4 0.03"></object>
      </surface>
    </object>
    <object id="shelf" position_m="3.5 0.5 0" size_m="0.4 1 1.8"/>
  </room>
  <!-- must hold -->
  <relation target="top" subject="cup" kind="on"/>
</scene>
<!-- end -->
)";
  const ReadResult before = ParseScene(text, Format::kXml, "x");
  ASSERT_EQ(Listed(before.diagnostics), "");
  const auto edited = [&](const char* ops) {
    const EditResult edit = Apply(before.scene, "<patch>" + std::string(ops) + "</patch>", Format::kXml, "p");
    EXPECT_EQ(Listed(edit.diagnostics), "");
    const std::string rewritten = RewriteScene(before.scene, text, Format::kXml, edit.scene);
    EXPECT_TRUE(SameScene(ParseScene(rewritten, Format::kXml, "r").scene, edit.scene));
    return rewritten;
  };
  const auto replaced = [&](std::string from, const std::string& to) {
    std::string expected = text;
    expected.replace(expected.find(from), from.size(), to);
    return expected;
  };
  EXPECT_EQ(edited(""), text);
  EXPECT_EQ(edited("<set id='cup' mass_kg='0.2'/>"),
            replaced("\"cup\" size_m=\"0.08 0.08 0.1\"/>", "\"cup\" size_m=\"0.08 0.08 0.1\" mass_kg=\"0.2\"/>"));
  EXPECT_EQ(edited("<remove id='tray'/>"), replaced("\n        <!-- the tray is new -->\n        <object id=\"tray\" "
                                                    "position_m=\"0.1 -0.4 0\" size_m=\"0.3 0.4 0.03\"></object>",
                                                    ""));
  EXPECT_EQ(edited("<add parent='room'><object id='bin' size_m='1 1 1'/></add>"),
            replaced("1 1.8\"/>", "1 1.8\"/>\n    <object id=\"bin\" size_m=\"1 1 1\"/>"));
  EXPECT_EQ(edited("<add at='0'><relation kind='near' subject='cup' target='tray' max_m='1'/></add>"),
            replaced("\n  <!-- must",
                     "\n  <relation kind=\"near\" subject=\"cup\" target=\"tray\" max_m=\"1\"/>\n  <!-- must"));
  EXPECT_EQ(edited("<set id='bench' unset='fixed'/>"),
            replaced("id=\"bench\" size_m=\"0.8 1.6 0.750\" position_m=\"2 1.5 0\" fixed=\"true\">\n      <clearance "
                     "side=\"front\" depth_m=\"0.80\"/>",
                     "id=\"bench\" position_m=\"2 1.5 0\" size_m=\"0.8 1.6 0.75\">\n      <clearance side=\"front\" "
                     "depth_m=\"0.8\"/>"));
  EXPECT_NE(edited("<move id='tray' parent='room'/>")
                .find("<object id=\"tray\" position_m=\"0.1 -0.4 0\" size_m=\"0.3 0.4 0.03\"></object>"),
            std::string::npos);
  // Canonical text stays canonical, but for the indentation of what moves to another depth.
  const auto unindented = [](const std::string& xml) {
    std::string all;
    for (const std::string& line : Lines(xml)) all += line.substr(line.find_first_not_of(' ')) + "\n";
    return all;
  };
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Scene a = RandomScene(seed), b = Edited(a, seed, 3, "n");
    ASSERT_EQ(unindented(RewriteScene(a, FormatScene(a, Format::kXml), Format::kXml, b)),
              unindented(FormatScene(b, Format::kXml)))
        << seed;
  }
}

TEST(Patch, RefusesWhatCannotBeDone) {
  const Scene cell = Cell();
  for (const char* op : {
           R"({"op": "set", "id": "nobody", "mass_kg": 1})",
           R"({"op": "set", "id": "cup", "mass_kg": -1})",
           R"({"op": "set", "id": "cup", "unset": "size_m"})",
           R"({"op": "set", "id": "cup", "unset": "robot"})",
           R"({"op": "set", "id": "bench", "children": [{"kind": "surface", "id": "s", "size_m": [1, 1, 0]}]})",
           R"({"op": "move", "id": "bench", "parent": "top"})",
           R"({"op": "move", "id": "cup", "after": "bench"})",
           R"({"op": "move", "id": "cup", "parent": "nowhere"})",
           R"({"op": "move", "id": "cell", "after": ""})",
           R"({"op": "move", "id": "cup", "parent": "bench"})",
           R"({"op": "move", "id": "cup", "to": [1, 2, 3]})",
           R"({"op": "add", "parent": "top"})",
           R"({"op": "add", "parent": "top", "node": {"kind": "object", "id": "cup", "size_m": [1, 1, 1]}})",
           R"({"op": "add", "parent": "top", "node": {"kind": "object", "id": "new", "size_m": [1, 1]}})",
           R"({"op": "add", "parent": "cup", "node": {"kind": "region", "id": "new", "size_m": [1, 1, 0]}})",
           R"({"op": "add", "at": 99, "relation": {"kind": "on", "subject": "cup", "target": "bench"}})",
           R"({"op": "add", "relation": {"kind": "on", "subject": "cup", "target": "nobody"}})",
           R"({"op": "remove", "id": "cell"})",
           R"({"op": "remove", "relation": {"kind": "on", "subject": "arm", "target": "top"}})",
           R"({"op": "remove", "material": {"id": "glass"}})",
           R"({"op": "replace", "id": "cup", "node": {"kind": "object", "id": "bench", "size_m": [1, 1, 1]}})",
           R"({"op": "replace", "id": "cup", "node": {"kind": "surface", "id": "x", "size_m": [1, 1, 1]}})",
           R"({"op": "dance", "id": "cup"})",
           R"("remove")",
       }) {
    const EditResult edit = Apply(cell, "{\"ops\": [{\"op\": \"remove\", \"id\": \"shelf\"}, " + std::string(op) + "]}",
                                  Format::kJson, "p");
    EXPECT_TRUE(HasErrors(edit.diagnostics)) << op;
    EXPECT_TRUE(SameScene(edit.scene, cell)) << op;
  }
  const EditResult placed = Apply(cell, "<patch>\n  <remove id=\"x\"/>\n</patch>", Format::kXml, "p.xml");
  EXPECT_EQ(Listed(placed.diagnostics), "2:11 scene/bad-patch no node has the id 'x'\n");
}

TEST(Diff, LeadsFromOneSceneToTheOther) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Scene a = RandomScene(seed), b = Edited(a, seed, static_cast<int>(seed % 9), "n");
    const Patch patch = Diff(a, b);
    const EditResult edit = Apply(a, patch);
    ASSERT_EQ(Listed(edit.diagnostics), "") << seed << FormatPatch(patch, Format::kJson);
    ASSERT_TRUE(SameScene(edit.scene, b)) << seed << FormatPatch(patch, Format::kJson);
    const EditResult by_text = Apply(a, FormatPatch(patch, Format::kXml), Format::kXml, "p");
    ASSERT_TRUE(SameScene(by_text.scene, b)) << Listed(by_text.diagnostics) << FormatPatch(patch, Format::kXml);
    const EditResult by_json = Apply(a, FormatPatch(patch, Format::kJson), Format::kJson, "p");
    ASSERT_TRUE(SameScene(by_json.scene, b)) << Listed(by_json.diagnostics);
  }
  EXPECT_TRUE(Diff(Cell(), Cell()).ops.empty());
  // Two scenes that have nothing to do with each other.
  const Patch patch = Diff(Cell(), RandomScene(1));
  EXPECT_TRUE(SameScene(Apply(Cell(), patch).scene, RandomScene(1)));
}

TEST(Merge, Laws) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Scene base = RandomScene(seed), a = Edited(base, seed, 4, "a"), b = Edited(base, seed + 1000, 4, "b");
    for (const auto& [ours, theirs, expected] :
         {std::tuple(&base, &b, &b), {&a, &base, &a}, {&a, &a, &a}, {&base, &base, &base}}) {
      const MergeResult merged = Merge(base, *ours, *theirs);
      ASSERT_EQ(Listed(merged.conflicts), "") << seed;
      ASSERT_TRUE(SameScene(merged.scene, *expected))
          << seed << FormatPatch(Diff(*expected, merged.scene), Format::kJson);
    }
    // Whatever the two did, the result can be used, and is the same each time; without conflicts it does not matter
    // which side is ours.
    const MergeResult ab = Merge(base, a, b), ba = Merge(base, b, a);
    ASSERT_FALSE(HasErrors(Check(ab.scene))) << seed << Listed(Check(ab.scene));
    ASSERT_TRUE(SameScene(ab.scene, Merge(base, a, b).scene));
    ASSERT_EQ(ab.conflicts.empty(), ba.conflicts.empty());
    if (ab.conflicts.empty()) {
      ASSERT_TRUE(SameScene(ab.scene, ba.scene)) << seed << FormatPatch(Diff(ab.scene, ba.scene), Format::kJson);
    }
  }
}

// Edits below different objects of the room never conflict, and both arrive.
TEST(Merge, DisjointSubtreesCommute) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Scene base = RandomScene(seed);
    const auto edit_half = [&](bool odd, const std::string& prefix) {
      Scene scene = base;
      for (size_t i = 0; i < scene.room.children.size(); ++i) {
        if ((i % 2 == 1) != odd) continue;
        Node& node = scene.room.children[i];
        node.mass_kg += 1;
        node.parent_from_node.translation_m.x() += 0.125;
        for (Node& surface : node.children) {
          Node added;
          added.id = prefix + surface.id;
          added.size_m = {0.1, 0.1, 0.1};
          surface.children.insert(surface.children.begin(), added);
        }
      }
      return scene;
    };
    const Scene a = edit_half(true, "a"), b = edit_half(false, "b");
    const MergeResult ab = Merge(base, a, b), ba = Merge(base, b, a);
    ASSERT_EQ(Listed(ab.conflicts), "");
    ASSERT_TRUE(SameScene(ab.scene, ba.scene));
    ASSERT_TRUE(SameScene(Apply(a, Diff(base, b)).scene, ab.scene));
  }
}

TEST(Merge, ConflictsAreSaid) {
  const Scene base = Cell();
  const auto edited = [&](const char* op) {
    const EditResult edit = Apply(base, "{\"ops\": [" + std::string(op) + "]}", Format::kJson, "p");
    EXPECT_EQ(Listed(edit.diagnostics), "") << op;
    return edit.scene;
  };
  struct Case {
    const char *ours, *theirs, *says;
  };
  for (const Case& c : {
           Case{R"({"op": "move", "id": "cup", "position_m": [0, 0, 0]})",
                R"({"op": "move", "id": "cup", "position_m": [0.3, 0, 0]})", "both sides change pose of 'cup'"},
           Case{R"({"op": "remove", "id": "cup"})", R"({"op": "set", "id": "cup", "mass_kg": 1})",
                "'cup' is removed on one side and changed on the other"},
           Case{R"({"op": "add", "parent": "top", "node": {"kind": "object", "id": "n", "size_m": [0.1, 0.1, 0.1]}})",
                R"({"op": "add", "parent": "cell", "node": {"kind": "object", "id": "n", "size_m": [0.1, 0.1, 0.1]}})",
                "both sides add 'n', and differently"},
           Case{R"({"op": "remove", "id": "arm"})",
                R"({"op": "add", "relation": {"kind": "near", "subject": "shelf", "target": "arm", "max_m": 9}})",
                "a relation names 'arm', which the other side removed"},
           Case{R"({"op": "remove", "id": "bench"})",
                R"({"op": "add", "parent": "top", "node": {"kind": "object", "id": "n", "size_m": [0.1, 0.1, 0.1]}})",
                "'top' is removed on one side, and the other puts something into it"},
           Case{
               R"({"op": "set", "id": "bench", "clearances": []}, {"op": "set", "id": "bench", "unset": "clearances"})",
               R"({"op": "set", "id": "bench", "clearances": [{"side": "back", "depth_m": 1}]})",
               "both sides change the list of clearance of 'bench'"},
           Case{R"({"op": "set", "name": "a"})", R"({"op": "set", "name": "b"})",
                "both sides change name of the scene"},
           Case{R"({"op": "move", "id": "cup", "parent": "cell"})", R"({"op": "move", "id": "cup", "parent": "work"})",
                "'cup' is moved into 'cell' and into 'work'"},
       }) {
    const MergeResult merged = Merge(base, edited(c.ours), edited(c.theirs));
    EXPECT_NE(Listed(merged.conflicts).find(c.says), std::string::npos) << c.says << "\n" << Listed(merged.conflicts);
    EXPECT_FALSE(HasErrors(Check(merged.scene))) << Listed(Check(merged.scene));
  }
  // Each moves one of two into the other.
  Scene two = base;
  for (const char* id : {"x", "y"}) {
    Node node;
    node.id = id;
    node.size_m = {0.5, 0.5, 0.5};
    Node top;
    top.kind = NodeKind::kSurface;
    top.id = std::string(id) + "_top";
    top.size_m = {0.5, 0.5, 0};
    node.children.push_back(top);
    two.room.children.push_back(node);
  }
  const auto move = [&](const char* op) {
    return Apply(two, "{\"ops\": [" + std::string(op) + "]}", Format::kJson, "p").scene;
  };
  const MergeResult cycle = Merge(two, move(R"({"op": "move", "id": "x", "parent": "y_top"})"),
                                  move(R"({"op": "move", "id": "y", "parent": "x_top"})"));
  EXPECT_EQ(cycle.conflicts.size(), 1u) << Listed(cycle.conflicts);
  EXPECT_TRUE(SameScene(cycle.scene, two));
}

TEST(Patch, DamagedTextNeverThrows) {
  const Scene cell = Cell();
  const Rng rng(9, 1);
  for (const Format format : {Format::kXml, Format::kJson}) {
    const std::string whole = FormatPatch(Diff(cell, Edited(cell, 3, 9, "n")), format);
    for (size_t length = 0; length < whole.size(); ++length)
      (void)Apply(cell, std::string_view(whole).substr(0, length), format, "cut");
    for (uint64_t round = 0; round < 300; ++round) {
      std::string text = whole;
      for (uint64_t k = 0; k < 3; ++k)
        text[rng.Below(round * 8 + 2 * k, text.size())] = static_cast<char>(rng.Below(round * 8 + 2 * k + 1, 256));
      const EditResult edit = Apply(cell, text, format, "damaged");
      if (HasErrors(edit.diagnostics)) {
        ASSERT_TRUE(SameScene(edit.scene, cell));
      }
    }
  }
}

}  // namespace
}  // namespace takt::scene
