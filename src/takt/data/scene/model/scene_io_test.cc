// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/model/scene_io.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/scene/model/numbers.h"
#include "takt/data/scene/model/test_scenes.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

std::string Listed(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& d : diagnostics) {
    text += std::to_string(d.line) + ":" + std::to_string(d.column) + " " + d.code + " " + d.message + "\n";
  }
  return text;
}

Scene Cell() { return ParseScene(kCellXml, Format::kXml, "cell.xml").scene; }

TEST(SceneIo, ReadsWhatStandsInTheText) {
  const ReadResult result = ParseScene(kCellXml, Format::kXml, "cell.xml");
  EXPECT_EQ(Listed(result.diagnostics), "");
  const Scene& scene = result.scene;
  EXPECT_EQ(scene.name, "cell & bench");
  ASSERT_EQ(scene.room.openings.size(), 2u);
  EXPECT_EQ(scene.room.openings[1].sill_m, 1);
  const Node* bench = Find(scene, "bench");
  ASSERT_NE(bench, nullptr);
  EXPECT_TRUE(bench->fixed);
  EXPECT_EQ(bench->parts.size(), 2u);
  EXPECT_EQ(bench->parts[1].shape, ShapeKind::kCylinder);
  EXPECT_EQ(bench->clearances[0].what, "operator");
  const Node* cup = Find(scene, "cup");
  ASSERT_NE(cup, nullptr);
  EXPECT_FALSE(cup->upright);
  EXPECT_EQ(cup->friction, 0.4);
  // Bench at (3, 3) turned by 90 degrees: its (0.1, 0.2) is the room's (-0.2, 0.1) from there.
  EXPECT_TRUE(WorldFromNode(scene, "cup").translation_m.isApprox(Vec3(2.8, 3.1, 0.75), 1e-12));
  EXPECT_THROW(WorldFromNode(scene, "nothing"), Error);
  EXPECT_EQ(scene.relations[1].target, "wall:1");
  EXPECT_EQ(scene.relations[3].tolerance_rad, 0.35);
}

TEST(SceneIo, TheCanonicalTextIsStable) {
  const Scene scene = Cell();
  std::string expected = kCellXml;
  expected.replace(expected.find(" side=\"back\""), 12, "");  // a default
  EXPECT_EQ(FormatScene(scene, Format::kXml), expected);
  const std::string json = FormatScene(scene, Format::kJson);
  const ReadResult again = ParseScene(json, Format::kJson, "cell.json");
  EXPECT_EQ(Listed(again.diagnostics), "");
  EXPECT_EQ(FormatScene(again.scene, Format::kJson), json);
  EXPECT_EQ(FormatScene(again.scene, Format::kXml), expected);
}

TEST(SceneIo, BothSpellingsCarryEveryBit) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const Scene scene = RandomScene(seed);
    for (const Format format : {Format::kXml, Format::kJson}) {
      const std::string text = FormatScene(scene, format);
      const ReadResult back = ParseScene(text, format, "random");
      ASSERT_FALSE(HasErrors(back.diagnostics)) << Listed(back.diagnostics) << text;
      ASSERT_TRUE(SameScene(scene, back.scene)) << text;
      ASSERT_EQ(FormatScene(back.scene, format), text);
      const Scene twice = ParseScene(FormatScene(back.scene, Format::kJson), Format::kJson, "j").scene;
      ASSERT_EQ(FormatScene(twice, Format::kXml), FormatScene(scene, Format::kXml));
      // The numbers themselves, not only their text.
      Walk(scene, [&](const Node& node, const Node*, const Pose&) {
        const Node* other = Find(back.scene, node.id);
        ASSERT_NE(other, nullptr);
        for (int i = 0; i < 4; ++i) {
          ASSERT_TRUE(
              SameBits(node.parent_from_node.rotation.coeffs()[i], other->parent_from_node.rotation.coeffs()[i]));
        }
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(SameBits(node.size_m[i], other->size_m[i]));
        ASSERT_EQ(node.extra, other->extra);
      });
    }
  }
}

TEST(SceneIo, UnknownKeysAreKeptAndSaid) {
  const std::string json = R"({"schema": "1.3", "colour": [1, 2], "room": {"id": "r", "floor_m": [[0,0],[1,0],[1,1]],
    "height_m": 2, "note": "5", "vendor": {"a": [null, true]}, "plain": "text", "number": 1.50}})";
  const ReadResult result = ParseScene(json, Format::kJson, "x.json");
  EXPECT_EQ(result.diagnostics.size(), 5u) << Listed(result.diagnostics);
  for (const Diagnostic& d : result.diagnostics) EXPECT_EQ(d.severity, Severity::kNote);
  EXPECT_EQ(result.scene.room.extra.at("note"), "\"5\"");
  EXPECT_EQ(result.scene.room.extra.at("vendor"), R"({"a":[null,true]})");
  const Scene by_xml = ParseScene(FormatScene(result.scene, Format::kXml), Format::kXml, "x.xml").scene;
  EXPECT_EQ(FormatScene(by_xml, Format::kJson), FormatScene(result.scene, Format::kJson));
  EXPECT_NE(FormatScene(by_xml, Format::kJson).find(R"("note": "5", "number": 1.50, "plain": "text")"),
            std::string::npos);
}

TEST(SceneIo, DiagnosticsHaveTheirPlace) {
  const std::string xml =
      "<scene schema=\"1.0\">\n"
      "  <room id=\"r\" floor_m=\"0 0 4 0 4 4 0 4\" height_m=\"3\">\n"
      "    <object id=\"a\" size_m=\"1 1 x\"/>\n"
      "    <object id=\"a\" size_m=\"1 1 1\"\n"
      "            mass_kg=\"-2\"/>\n"
      "    <thing/>\n"
      "  </room>\n"
      "  <relation kind=\"on\" subject=\"a\" target=\"nobody\"/>\n"
      "</scene>\n";
  EXPECT_EQ(Listed(ParseScene(xml, Format::kXml, "x").diagnostics),
            "3:20 scene/bad-number size_m of object 'a': 'x' is not a finite number\n"
            "4:13 scene/duplicate-id the id 'a' is taken\n"
            "5:13 scene/out-of-range mass_kg of object 'a' is '-2'\n"
            "6:6 scene/unknown-element <thing> cannot stand in room 'r'\n"
            "8:35 scene/unknown-target no node has the id 'nobody'\n");
  const std::string json =
      "{\"schema\": \"1.0\",\n"
      " \"room\": {\"id\": \"r\", \"floor_m\": [[0, 0], [4, 0], [4, 4]], \"height_m\": \"3\",\n"
      "   \"children\": [\n"
      "     {\"kind\": \"object\", \"id\": \"\\u0061 b\", \"size_m\": [1, 1]},\n"
      "     {\"id\": \"c\", \"size_m\": [1, 1, 1]}]}}\n";
  EXPECT_EQ(Listed(ParseScene(json, Format::kJson, "x").diagnostics),
            "2:59 scene/wrong-type height_m of room 'r' is not numbers\n"
            "4:25 scene/bad-id 'a b' cannot be an id\n"
            "4:43 scene/bad-number size_m of object 'a b' holds 2 numbers, not 3\n"
            "5:6 scene/missing-key an item of 'children' does not say its 'kind'\n");
}

TEST(SceneIo, TextThatBreaksOffGivesWhatCameBefore) {
  for (const Format format : {Format::kXml, Format::kJson}) {
    const std::string whole = FormatScene(Cell(), format);
    for (size_t length = 0; length < whole.size() - 1; ++length) {
      const ReadResult result = ParseScene(std::string_view(whole).substr(0, length), format, "cut");
      if (format == Format::kXml || length + 2 < whole.size()) {
        ASSERT_TRUE(HasErrors(result.diagnostics)) << length;
      }
      ASSERT_FALSE(HasErrors(Check(result.scene)) && length > whole.size() / 2 && format == Format::kXml &&
                   Find(result.scene, "bench") == nullptr);
    }
    const ReadResult late = ParseScene(std::string_view(whole).substr(0, whole.find("shelf") - 10), format, "cut");
    EXPECT_NE(Find(late.scene, "cup"), nullptr);
  }
}

TEST(SceneIo, DamagedBytesNeverThrow) {
  const Rng rng(5, 1);
  for (const Format format : {Format::kXml, Format::kJson}) {
    const std::string whole = FormatScene(Cell(), format);
    for (uint64_t round = 0; round < 3000; ++round) {
      std::string text = whole;
      for (uint64_t k = 0; k < 1 + round % 4; ++k) {
        text[rng.Below(round * 16 + 2 * k, text.size())] = static_cast<char>(rng.Below(round * 16 + 2 * k + 1, 256));
      }
      const ReadResult result = ParseScene(text, format, "damaged");
      (void)FormatScene(result.scene, Format::kJson);
    }
  }
}

TEST(SceneIo, LimitsAreKept) {
  std::string deep = "<scene schema=\"1.0\"><room id=\"r\" floor_m=\"0 0 1 0 1 1\" height_m=\"1\">";
  for (int i = 0; i < 100000; ++i) deep += "<region id=\"a" + std::to_string(i) + "\" size_m=\"1 1 0\">";
  const ReadResult xml = ParseScene(deep, Format::kXml, "deep");
  EXPECT_TRUE(HasErrors(xml.diagnostics));
  EXPECT_NE(Listed(xml.diagnostics).find("scene/too-large"), std::string::npos);
  EXPECT_NE(Listed(ParseScene(std::string(100000, '['), Format::kJson, "deep").diagnostics).find("scene/too-large"),
            std::string::npos);
  EXPECT_NE(Listed(ParseScene("{\"a\":" + std::string(100000, '['), Format::kJson, "deep").diagnostics)
                .find("scene/too-large"),
            std::string::npos);
  EXPECT_NE(Listed(ParseScene(std::string(kMaxSceneBytes + 1, ' '), Format::kJson, "big").diagnostics)
                .find("scene/too-large"),
            std::string::npos);
  std::string many = "{\"relations\": [";
  for (size_t i = 0; i < kMaxSceneElements + 2; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_NE(Listed(ParseScene(many + "]}", Format::kJson, "many").diagnostics).find("scene/too-large"),
            std::string::npos);
}

TEST(SceneIo, RecoversATreeThatChecks) {
  const std::string xml = R"(<scene schema="1.0">
  <room id="r" floor_m="0 0 0 4 5 4 5 0" height_m="-3">
    <opening kind="door" id="d" wall_idx="1" offset_m="1" width_m="1" height_m="2"/>
    <object id="a" size_m="-1 1 0"/>
    <object id="a" size_m="1 1 1"/>
    <object size_m="1 1 1" material="none"/>
    <sofa id="s" size_m="0.9 2 0.8"/>
  </room>
  <relation kind="near" subject="a" target="a_2" max_m="1"/>
  <relation kind="on" subject="a" target="b"/>
</scene>)";
  const ReadResult result = ParseScene(xml, Format::kXml, "x");
  EXPECT_TRUE(HasErrors(result.diagnostics));
  const Scene& scene = result.scene;
  EXPECT_EQ(Listed(Check(scene)), "");
  EXPECT_NE(Find(scene, "a_2"), nullptr);
  EXPECT_NE(Find(scene, "object_1"), nullptr);
  ASSERT_NE(Find(scene, "s"), nullptr);
  EXPECT_EQ(Find(scene, "s")->category, "sofa");
  EXPECT_EQ(scene.relations.size(), 1u);
  // The door was 1 m from the corner (0, 4) along the wall at y = 4 to (5, 4): between x = 1 and x = 2.
  const Opening& door = scene.room.openings.at(0);
  const auto corner = [&](int i) { return scene.room.floor_m[static_cast<size_t>(i) % 4]; };
  const Vec2 along = (corner(door.wall_idx + 1) - corner(door.wall_idx)).normalized();
  EXPECT_TRUE((corner(door.wall_idx) + along * door.offset_m).isApprox(Vec2(2, 4)));
  EXPECT_TRUE((corner(door.wall_idx) + along * (door.offset_m + door.width_m)).isApprox(Vec2(1, 4)));
}

TEST(SceneIo, FilesByTheirSuffix) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "scene_io";
  std::filesystem::create_directories(folder);
  WriteScene(Cell(), folder / "a.xml");
  WriteScene(Cell(), folder / "a.json");
  EXPECT_TRUE(SameScene(LoadScene(folder / "a.xml"), LoadScene(folder / "a.json")));
  EXPECT_THROW(WriteScene(Cell(), folder / "a.txt"), Error);
  EXPECT_THROW(LoadScene(folder / "none.xml"), Error);
  WriteFileAtomic(folder / "bad.xml", std::string_view("<scene/>"));
  try {
    LoadScene(folder / "bad.xml");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    EXPECT_EQ(error.subject(), (folder / "bad.xml").string() + ":1:2");
  }
}

TEST(SceneIo, ThePublishedSchemasAreThoseOfTheProgram) {
  const std::filesystem::path formats = std::filesystem::path(TAKT_SOURCE_DIR) / "docs/formats";
  EXPECT_EQ(ReadTextFile(formats / "scene.schema.json"), JsonSchema());
  EXPECT_EQ(ReadTextFile(formats / "scene.rng"), XmlSchema());
}

TEST(SceneIo, XmllintAgreesWithTheSchema) {
  if (std::system("xmllint --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs xmllint (Debian: libxml2-utils)";
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "scene_rng";
  std::filesystem::create_directories(folder);
  WriteFileAtomic(folder / "scene.rng", std::string_view(XmlSchema()));
  const auto is_valid = [&](std::string_view xml) {
    WriteFileAtomic(folder / "scene.xml", xml);
    const std::string command = "xmllint --noout --relaxng '" + (folder / "scene.rng").string() + "' '" +
                                (folder / "scene.xml").string() + "' >/dev/null 2>&1";
    return std::system(command.c_str()) == 0;
  };
  EXPECT_TRUE(is_valid(kCellXml));
  EXPECT_TRUE(is_valid(FormatScene(Cell(), Format::kXml)));
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string, std::string>>{
           {"<part shape=\"box\"", "<part shape=\"cone\""},
           {"mass_kg=\"40\"", "mass_kg=\"-40\""},
           {"yaw_deg=\"90\"", "yaw_deg=\"90\" rotation_wxyz=\"1 0 0 0\""},
           {" height_m=\"3\"", ""},
           {"<region ", "<room id=\"x\" height_m=\"1\" floor_m=\"0 0 1 0 1 1\"/><region "},
           {"id=\"bench\"", "id=\"a bench\""}}) {
    std::string wrong = kCellXml;
    wrong.replace(wrong.find(from), from.size(), to);
    EXPECT_FALSE(is_valid(wrong)) << to;
    EXPECT_TRUE(HasErrors(ParseScene(wrong, Format::kXml, "x").diagnostics)) << to;
  }
}

TEST(Numbers, YawIsWrittenOnlyWhereItIsExact) {
  for (double yaw_deg : {0.0, 90.0, -90.0, 180.0, 270.0, 45.0, 0.1, 33.3, 123.456789, 1e-9}) {
    const auto found = ExactYawDeg(QuatFromYawDeg(yaw_deg));
    ASSERT_TRUE(found.has_value()) << yaw_deg;
    EXPECT_EQ(*found, yaw_deg);
  }
  const Rng rng(3, 3);
  int exact = 0;
  for (uint64_t i = 0; i < 20000; ++i) {
    const Quat q = Pose::Yaw(rng.UniformDouble(i) * 8 - 4).rotation;
    if (const auto yaw_deg = ExactYawDeg(q)) {
      ++exact;
      const Quat back = QuatFromYawDeg(*yaw_deg);
      ASSERT_TRUE(SameBits(back.w(), q.w()) && SameBits(back.z(), q.z()));
    }
  }
  EXPECT_GT(exact, 10000);
  EXPECT_FALSE(ExactYawDeg(Quat(0.9, 0.1, 0, 0.1)));
  EXPECT_FALSE(ExactYawDeg(Quat(1, -0.0, 0, 0)));
}

TEST(Numbers, ReadsOnlyWholeFiniteNumbers) {
  EXPECT_EQ(ParseNumber("+1.5"), 1.5);
  EXPECT_EQ(ParseNumber("1e-3"), 1e-3);
  for (const char* bad : {"", "nan", "inf", "-inf", "1e999", "1,5", "5cm", "+-1", "0x10", " 1", "--1", "."}) {
    EXPECT_FALSE(ParseNumber(bad)) << bad;
  }
  for (double value : {0.1, -0.0, 1e22, 5e-324, std::numeric_limits<double>::max(), 1.0 / 3}) {
    EXPECT_TRUE(SameBits(*ParseNumber(FormatNumber(value)), value)) << FormatNumber(value);
  }
}

}  // namespace
}  // namespace takt::scene
