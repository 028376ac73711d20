// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numbers>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {
namespace {

std::map<std::string, double> ParamsAt(const CatalogueEntry& entry, double CatalogueParam::*value) {
  std::map<std::string, double> params;
  for (const CatalogueParam& param : entry.params) params[std::string(param.name)] = param.*value;
  return params;
}

// Corners of a part's own box in the object's frame: an upper bound for every convex shape.
void Grow(const Part& part, Vec3* low, Vec3* high) {
  const Eigen::Matrix3d r = part.object_from_part.rotation.toRotationMatrix();
  Vec3 half = r.cwiseAbs() * (part.size_m / 2);
  if (part.shape == ShapeKind::kCylinder) {
    for (int i = 0; i < 3; ++i) {
      const double along = std::abs(r(i, 2));
      half[i] = along * part.size_m.z() / 2 + std::sqrt(std::max(0.0, 1 - along * along)) * part.size_m.x() / 2;
    }
  }
  *low = low->cwiseMin(part.object_from_part.translation_m - half);
  *high = high->cwiseMax(part.object_from_part.translation_m + half);
}

TEST(Catalogue, HasMoreThanThirtyKindsInOrder) {
  EXPECT_GE(Catalogue().size(), 30u);
  for (size_t i = 1; i < Catalogue().size(); ++i) EXPECT_LT(Catalogue()[i - 1].category, Catalogue()[i].category);
}

TEST(Catalogue, EveryKindIsSoundAtItsStandardAndItsLimits) {
  for (const CatalogueEntry& entry : Catalogue()) {
    for (double CatalogueParam::*value : {&CatalogueParam::standard, &CatalogueParam::low, &CatalogueParam::high}) {
      SCOPED_TRACE(std::string(entry.category));
      const Node node = MakeObject(entry.category, "x", ParamsAt(entry, value));
      EXPECT_EQ(node.category, entry.category);
      EXPECT_FALSE(node.name.empty());
      EXPECT_TRUE((node.size_m.array() > 1e-4).all() && (node.size_m.array() < 7).all()) << node.size_m.transpose();
      EXPECT_TRUE(node.mass_kg >= 3e-4 && node.mass_kg < 15000) << node.mass_kg;
      EXPECT_TRUE(node.friction > 0.1 && node.friction < 1.5);
      if (!node.parts.empty()) {
        Vec3 low = Vec3::Constant(1e9), high = Vec3::Constant(-1e9);
        for (const Part& part : node.parts) {
          EXPECT_TRUE((part.size_m.array() > 0).all()) << part.size_m.transpose();
          Grow(part, &low, &high);
        }
        EXPECT_NEAR(low.z(), 0, 1e-12);
        EXPECT_NEAR((high - low - node.size_m).norm(), 0, 1e-12);
        EXPECT_NEAR((high + low).head<2>().norm(), 0, 1e-12);
      }
      std::set<std::string> suffixes;
      for (const Node& surface : node.children) {
        ASSERT_EQ(surface.kind, NodeKind::kSurface);
        const std::string suffix = surface.id.substr(2);
        EXPECT_TRUE(std::count(entry.surfaces.begin(), entry.surfaces.end(), suffix)) << suffix;
        EXPECT_TRUE(suffixes.insert(suffix).second) << suffix;
        const Vec3& at = surface.parent_from_node.translation_m;
        EXPECT_TRUE(at.z() > 0 && at.z() <= node.size_m.z() + 1e-12);
        EXPECT_LE(std::abs(at.x()) + surface.size_m.x() / 2, node.size_m.x() / 2 + 1e-9);
        EXPECT_LE(std::abs(at.y()) + surface.size_m.y() / 2, node.size_m.y() / 2 + 1e-9);
      }
    }
    const Node standard = MakeObject(entry.category, "x");
    for (std::string_view suffix : entry.surfaces) {
      if (entry.category == "shelf") break;  // as many as boards
      EXPECT_TRUE(std::any_of(standard.children.begin(), standard.children.end(),
                              [&](const Node& n) { return n.id == "x." + std::string(suffix); }))
          << entry.category << " lacks " << suffix;
    }
  }
}

TEST(Catalogue, EveryKindIsAValidScene) {
  for (const CatalogueEntry& entry : Catalogue()) {
    Scene scene;
    scene.name = "one";
    scene.room.kind = NodeKind::kRoom;
    scene.room.id = "room";
    scene.room.floor_m = {{-5, -5}, {5, -5}, {5, 5}, {-5, 5}};
    scene.room.height_m = 4;
    scene.room.children.push_back(MakeObject(entry.category, "x"));
    AddPaletteMaterials(&scene);
    for (const Diagnostic& d : Check(scene)) ADD_FAILURE() << entry.category << ": " << d.code << ": " << d.message;
    const ReadResult back = ParseScene(FormatScene(scene, Format::kXml), Format::kXml, "x.xml");
    EXPECT_TRUE(SameScene(scene, back.scene)) << entry.category;
  }
}

TEST(Catalogue, RealThingsWeighWhatRealThingsWeigh) {
  const auto mass = [](const char* category) { return MakeObject(category, "x").mass_kg; };
  EXPECT_NEAR(mass("cube"), 0.0384, 1e-4);                               // 4 cm of beech
  EXPECT_TRUE(mass("cup") > 0.15 && mass("cup") < 0.25) << mass("cup");  // 136 g of water and the cup
  EXPECT_TRUE(mass("mug") > 0.25 && mass("mug") < 0.6) << mass("mug");
  EXPECT_TRUE(mass("table") > 15 && mass("table") < 60) << mass("table");
  EXPECT_TRUE(mass("pallet") > 15 && mass("pallet") < 45) << mass("pallet");
  EXPECT_TRUE(mass("cnc_machine") > 2000 && mass("cnc_machine") < 6000) << mass("cnc_machine");
  EXPECT_TRUE(mass("microscope") > 3 && mass("microscope") < 12) << mass("microscope");
  EXPECT_TRUE(mass("bin") > 0.1 && mass("bin") < 0.6) << mass("bin");
  EXPECT_TRUE(mass("nut") > 0.02 && mass("nut") < 0.2) << mass("nut");
}

TEST(Catalogue, ACupHoldsWhatItSays) {
  const Node cup = MakeObject("cup", "cup", {{"inner_radius_m", 0.04}, {"inner_height_m", 0.1}, {"fill", 0.5}});
  EXPECT_EQ(ExtraNumber(cup, "inner_radius_m", 0), 0.04);
  EXPECT_EQ(ExtraNumber(cup, "fill_m", 0), 0.05);
  EXPECT_EQ(ExtraNumber(cup, "absent", -1), -1);
  // No part of the ring comes closer to the axis than the inner radius, and no gap lets a thin rod out.
  int ring = 0;
  for (const Part& part : cup.parts) {
    if (part.shape != ShapeKind::kBox) continue;
    ++ring;
    EXPECT_NEAR(part.object_from_part.translation_m.head<2>().norm() - part.size_m.x() / 2, 0.04, 1e-12);
  }
  EXPECT_EQ(ring, 16);
  ASSERT_EQ(cup.children.size(), 1u);
  EXPECT_NEAR(cup.children[0].size_m.x(), 0.04 * std::numbers::sqrt2, 1e-12);
  EXPECT_NEAR(cup.children[0].size_m.z(), 0.1, 1e-12);
}

TEST(Catalogue, APegFitsItsHole) {
  for (const double square : {0.0, 1.0}) {
    const Node peg = MakeObject("peg", "peg", {{"width_m", 0.03}, {"square", square}});
    const Node hole =
        MakeObject("peg_hole", "hole", {{"peg_width_m", 0.03}, {"clearance_m", 0.001}, {"square", square}});
    EXPECT_NEAR(ExtraNumber(hole, "hole_width_m", 0) - ExtraNumber(peg, "peg_width_m", 0), 0.001, 1e-9);
    EXPECT_GE(ExtraNumber(peg, "peg_length_m", 0), ExtraNumber(hole, "hole_depth_m", 1));
    // A rod of the hole's width (less a hair) at the centre meets no wall.
    const double half = 0.031 / 2 - 1e-9;
    for (const Part& part : hole.parts) {
      if (part.object_from_part.translation_m.z() < 0.008) continue;  // the plate
      const Pose part_from_object = part.object_from_part.Inverse();
      for (int i = 0; i < 360; ++i) {
        const double a = i * std::numbers::pi / 180,
                     scale = square > 0 ? 1 / std::max(std::abs(std::cos(a)), std::abs(std::sin(a))) : 1;
        const Vec3 at = part_from_object * Vec3(half * scale * std::cos(a), half * scale * std::sin(a), 0.02);
        EXPECT_FALSE((at.cwiseAbs().array() < part.size_m.array() / 2).all());
      }
    }
  }
}

TEST(Catalogue, RefusesWhatItDoesNotHave) {
  EXPECT_THROW(MakeObject("sofa_bed", "x"), Error);
  EXPECT_THROW(MakeObject("cube", "x", {{"radius_m", 0.1}}), Error);
  EXPECT_THROW(MakeObject("cube", "x", {{"size_m", 5}}), Error);
  EXPECT_THROW(MakeObject("cube", "x", {{"size_m", std::nan("")}}), Error);
  EXPECT_THROW(MakeObject("cube", "x", {}, "plaid"), Error);
  EXPECT_EQ(FindCatalogueEntry("sofa_bed"), nullptr);
  EXPECT_EQ(FindCatalogueEntry("cube")->category, "cube");
}

}  // namespace
}  // namespace takt::scene
