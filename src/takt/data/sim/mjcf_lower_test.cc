// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_lower.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/data/sim/model.h"
#include "takt/data/sim/world.h"

namespace takt::sim {
namespace {

namespace fs = std::filesystem;

LoweredMjcf Lower(const std::string& inside) { return LowerMjcf("<mujoco>" + inside + "</mujoco>", {}); }

const LoweredItem* Find(const LoweredMjcf& lowered, const std::string& element, const std::string& attribute) {
  for (const LoweredItem& item : lowered.items)
    if (item.element == element && item.attribute == attribute) return &item;
  return nullptr;
}

ErrorCode CodeOf(const std::string& text, const LowerOptions& options = {}) {
  try {
    LowerMjcf(text, options);
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("takt_sim_" + std::to_string(::getpid()))) {
    fs::create_directories(path_ / "model/meshes");
  }
  ~Folder() { fs::remove_all(path_); }
  void Write(const std::string& name, const std::string& text) const {
    WriteFileAtomic(path_ / name, std::string_view(text));
  }
  fs::path path() const { return path_; }

 private:
  fs::path path_;
};

constexpr char kArm[] = R"(<worldbody><body name="link"><joint name="j" range="-1 2" damping="0.1"/>
  <geom size="0.05" mass="1" pos="0.3 0 0"/></body></worldbody>)";

TEST(LowerMjcf, ServosKeepTheirGains) {
  const std::string text = std::string("<mujoco><compiler angle='radian'/>") + kArm + R"(
    <actuator><position name="a" joint="j" kp="50" kv="3" inheritrange="1"/></actuator></mujoco>)";
  const auto model = Model::Compile(text);
  EXPECT_EQ(model->actuators()[0].kp, 50);
  EXPECT_EQ(model->actuators()[0].kv, 3);
  EXPECT_TRUE(model->actuators()[0].ctrl_limited);
  EXPECT_EQ(model->actuators()[0].ctrl_lower, -1);
  EXPECT_EQ(model->actuators()[0].ctrl_upper, 2);
  EXPECT_TRUE(model->joints()[0].limited) << "autolimits";
}

TEST(LowerMjcf, DampingRatiosUseTheInertiaOfTheJoint) {
  const std::string text = std::string("<mujoco><default><position kp='80' dampratio='0.7'/></default>") + kArm +
                           "<actuator><position joint='j'/></actuator></mujoco>";
  const auto model = Model::Compile(text);
  // Sphere of 1 kg and radius 0.05 m at 0.3 m: about y and z through the joint; the axis is z.
  const double inertia = 1 * 0.3 * 0.3 + 0.4 * 0.05 * 0.05;
  EXPECT_NEAR(model->actuators()[0].kv, 2 * 0.7 * std::sqrt(80 * inertia), 1e-9);
}

TEST(LowerMjcf, RangesInheritedFromDegreesAndClasses) {
  const auto model = Model::Compile(R"(<mujoco><default><default class="c"><joint range="-90 90"/></default></default>
    <worldbody><body childclass="c"><joint name="j"/><geom size="0.1"/></body></worldbody>
    <actuator><position joint="j" inheritrange="0.5"/></actuator></mujoco>)");
  EXPECT_NEAR(model->actuators()[0].ctrl_upper, M_PI / 4, 1e-12);
  EXPECT_NEAR(model->joints()[0].upper, M_PI / 2, 1e-12);
}

TEST(LowerMjcf, GravityCompensationFloats) {
  const std::string body =
      "<worldbody><body name='%' pos='0 0 1' gravcomp='1'><freejoint align='true'/><geom "
      "size='0.1'/></body></worldbody>";
  const auto model = Model::Compile("<mujoco>" + body + "</mujoco>");
  EXPECT_EQ(model->bodies()[1].gravity_compensation, 1);
  World world(model);
  ASSERT_TRUE(world.Step(500));
  EXPECT_NEAR(world.BodyPose(1).translation_m.z(), 1, 1e-9);
  // Variants keep it.
  World lighter(model->WithBodyMass(1, 0.1));
  ASSERT_TRUE(lighter.Step(500));
  EXPECT_NEAR(lighter.BodyPose(1).translation_m.z(), 1, 1e-9);
}

TEST(LowerMjcf, SaysWhatItDidAndWhere) {
  const LoweredMjcf lowered = LowerMjcf(R"(<mujoco>
  <option integrator="implicitfast" ls_iterations="20">
    <flag eulerdamp="disable" nativeccd="enable"/>
  </option>
  <size memory="10M"/>
  <visual><global realtime="1"/></visual>
  <asset><texture name="t" type="2d" file="none.png"/><material name="m" texture="t"/></asset>
  <worldbody>
    <camera name="c" resolution="640 480" focal="0.01 0.01" sensorsize="0.02 0.02"/>
    <geom type="plane" size="1 1 1" material="m"/>
  </worldbody>
  <sensor><e_kinetic/><clock interval="1"/></sensor>
</mujoco>)",
                                        {.asset_folder = "", .subject = "robot.xml", .more_folders = {}});
  const LoweredItem* integrator = Find(lowered, "option", "integrator");
  ASSERT_NE(integrator, nullptr);
  EXPECT_EQ(integrator->line, 2);
  EXPECT_EQ(integrator->file, "robot.xml");
  EXPECT_FALSE(integrator->exact);
  ASSERT_NE(Find(lowered, "option", "ls_iterations"), nullptr);
  EXPECT_TRUE(Find(lowered, "option", "ls_iterations")->exact);
  EXPECT_EQ(Find(lowered, "flag", "eulerdamp")->line, 3);
  EXPECT_NE(Find(lowered, "e_kinetic", ""), nullptr);
  EXPECT_NE(Find(lowered, "clock", "interval"), nullptr);
  EXPECT_NE(Find(lowered, "visual", ""), nullptr);
  EXPECT_EQ(lowered.text.find("takt-place"), std::string::npos);
  const auto model = Model::Compile(lowered.text);
  EXPECT_NEAR(model->cameras()[0].fovy_rad, M_PI / 2, 1e-9);
}

TEST(LowerMjcf, OldTextsStayAsTheyAre) {
  const LoweredMjcf lowered =
      Lower("<compiler autolimits='false'/><worldbody><body><joint range='-1 1'/><geom size='1'/></body></worldbody>");
  EXPECT_TRUE(lowered.items.empty());
}

TEST(LowerMjcf, FramesDissolveIntoPoses) {
  const auto framed = Model::Compile(R"(<mujoco><compiler angle="radian"/><worldbody>
    <frame pos="1 0 0" euler="0 0 1.5707963267948966"><frame pos="0 2 0">
      <geom name="g" type="box" size="1 1 1" pos="0.5 0 0"/>
      <geom name="c" type="capsule" size="0.1" fromto="0 0 0 1 0 0"/>
      <body name="b" pos="0 0 3"><joint axis="1 0 0"/><geom size="1"/></body>
    </frame></frame></worldbody></mujoco>)");
  World world(framed);
  EXPECT_LT((world.GeomPose(framed->GeomIdx("g")).translation_m - Vec3(-1, 0.5, 0)).norm(), 1e-9);
  EXPECT_LT((world.GeomPose(framed->GeomIdx("c")).translation_m - Vec3(-1, 0.5, 0)).norm(), 1e-9);
  EXPECT_LT((world.BodyPose(framed->BodyIdx("b")).translation_m - Vec3(-1, 0, 3)).norm(), 1e-9);
}

TEST(LowerMjcf, ReplicatesStepOn) {
  const auto model = Model::Compile(R"(<mujoco><worldbody>
    <replicate count="12" offset="0.5 0 0" sep="-"><body name="peg" pos="0 1 0"><geom name="g" size="0.1"/></body></replicate>
    </worldbody></mujoco>)");
  World world(model);
  EXPECT_EQ(model->body_count(), 13);
  EXPECT_LT((world.BodyPose(model->BodyIdx("peg-11")).translation_m - Vec3(5.5, 1, 0)).norm(), 1e-9);
  EXPECT_GE(model->FindGeom("g-00"), 0);
  EXPECT_EQ(CodeOf("<mujoco><worldbody><replicate count='1000000000'><geom/></replicate></worldbody></mujoco>"),
            ErrorCode::kBadInput);
  std::string bomb = "<mujoco><worldbody>";
  for (int i = 0; i < 20; ++i) bomb += "<replicate count='10'>";
  bomb += "<geom size='1'/>";
  for (int i = 0; i < 20; ++i) bomb += "</replicate>";
  EXPECT_EQ(CodeOf(bomb + "</worldbody></mujoco>"), ErrorCode::kBadInput);
}

TEST(LowerMjcf, WeldsBetweenSites) {
  const auto model = Model::Compile(R"(<mujoco><worldbody>
    <site name="s1" pos="0 0 1"/>
    <body name="b" pos="0 0 1"><freejoint/><geom size="0.1"/><site name="s2" pos="0.1 0 0"/></body></worldbody>
    <equality><weld site1="s1" site2="s2"/></equality></mujoco>)");
  World world(model);
  ASSERT_TRUE(world.Step(2000));
  EXPECT_NEAR(world.BodyPose(1).translation_m.x(), -0.1, 2e-3);
}

TEST(LowerMjcf, IncludesAndAssetsStayInTheirFolder) {
  const Folder folder;
  folder.Write("model/arm.xml",
               "<mujocoinclude><worldbody><body name='b'>\n<geom size='1' surfacevel='1 0 "
               "0'/></body></worldbody></mujocoinclude>");
  folder.Write("outside.xml", "<mujoco/>");
  folder.Write("model/loop.xml", "<mujoco><include file='loop.xml'/></mujoco>");
  folder.Write("model/meshes/t.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n");
  const LowerOptions options{folder.path() / "model", "main.xml", {}};
  const LoweredMjcf lowered = LowerMjcf("<mujoco><include file='arm.xml'/></mujoco>", options);
  EXPECT_EQ(lowered.items.at(0).file, "arm.xml");
  EXPECT_EQ(lowered.items.at(0).line, 2);
  EXPECT_EQ(CodeOf("<mujoco><include file='../outside.xml'/></mujoco>", options), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf("<mujoco><include file='/etc/hostname'/></mujoco>", options), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf("<mujoco><include file='none.xml'/></mujoco>", options), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf("<mujoco><include file='loop.xml'/></mujoco>", options), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf("<mujoco><include file='arm.xml'/></mujoco>"), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf("<mujoco><compiler meshdir='../..'/><asset><mesh file='outside.xml'/></asset></mujoco>", options),
            ErrorCode::kBadInput);
  const std::string with_mesh =
      "<mujoco><compiler meshdir='meshes'/><asset><mesh file='t.obj' maxhullvert='20'/></asset>"
      "<worldbody><geom type='mesh' mesh='t'/></worldbody></mujoco>";
  const auto model = Model::Compile(with_mesh, {folder.path() / "model", "main.xml", {}});
  EXPECT_EQ(model->mesh_count(), 1);
  EXPECT_EQ(model->mesh(0).triangles.size(), 4U);
  // The mesh stands where the file has it.
  World world(model);
  double nearest = 1;
  for (const Vec3& vertex : model->GeomMesh(0).vertices_m)
    nearest = std::min(nearest, (world.GeomPose(0) * vertex - Vec3(1, 0, 0)).norm());
  EXPECT_LT(nearest, 1e-6);
  fs::create_symlink(folder.path() / "outside.xml", folder.path() / "model/link.xml");
  EXPECT_EQ(CodeOf("<mujoco><include file='link.xml'/></mujoco>", options), ErrorCode::kBadInput);
}

TEST(LowerMjcf, HostileTexts) {
  EXPECT_EQ(CodeOf(""), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf("<robot/>"), ErrorCode::kBadInput);
  EXPECT_EQ(CodeOf(std::string("<mujoco>\0</mujoco>", 18)), ErrorCode::kBadInput);
  std::string deep = "<mujoco>";
  for (int i = 0; i < 100000; ++i) deep += "<body>";
  EXPECT_EQ(CodeOf(deep), ErrorCode::kBadInput);
  for (int i = 0; i < 100000; ++i) deep += "</body>";
  EXPECT_EQ(CodeOf(deep + "</mujoco>"), ErrorCode::kBadInput);
  // Entities are not expanded, so they cannot explode.
  const LoweredMjcf bomb =
      LowerMjcf("<!DOCTYPE m [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;'>]><mujoco model='&b;'/>", {});
  EXPECT_LT(bomb.text.size(), 200U);
  for (const char* unsupported : {"<extension/>", "<worldbody><flexcomp/></worldbody>", "<actuator><pid/></actuator>",
                                  "<asset><model name='m' file='f'/></asset>"})
    EXPECT_EQ(CodeOf("<mujoco>" + std::string(unsupported) + "</mujoco>"), ErrorCode::kUnsupported) << unsupported;
  EXPECT_EQ(CodeOf("<mujoco takt-place='1'/>"), ErrorCode::kBadInput);
  const std::string whole = std::string("<mujoco><option integrator='implicitfast'/>") + kArm +
                            "<actuator><position joint='j' kv='1'/></actuator></mujoco>";
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(CodeOf(whole.substr(0, length)), ErrorCode::kBadInput) << length;
}

TEST(Model, CompilerErrorsNameTheLine) {
  try {
    Model::Compile("<mujoco>\n\n<worldbody><geom siez='1'/></worldbody></mujoco>", {"", "scene.xml", {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    EXPECT_EQ(error.subject(), "scene.xml");
    EXPECT_NE(error.message().find("siez"), std::string::npos) << error.message();
    EXPECT_NE(error.message().find("line"), std::string::npos) << error.message();
  }
  EXPECT_THROW(Model::Compile("<mujoco><worldbody><body><joint/><geom size='1' mass='0'/></body></worldbody></mujoco>"),
               Error);
  EXPECT_THROW(Model::Compile("<mujoco><worldbody><geom type='mesh' mesh='none'/></worldbody></mujoco>"), Error);
}

TEST(Model, NamesAndVariants) {
  const auto model = Model::Compile(std::string("<mujoco>") + kArm + "</mujoco>");
  EXPECT_EQ(model->JointIdx("j"), 0);
  EXPECT_THROW(model->BodyIdx("none"), Error);
  EXPECT_EQ(model->FindBody("none"), -1);
  EXPECT_EQ(model->Subtree(0).size(), 2U);
  EXPECT_EQ(model->WithTimestep(0.001)->timestep_s(), 0.001);
  EXPECT_EQ(model->timestep_s(), 0.002) << "the model itself never changes";
  EXPECT_NEAR(model->WithFrictionScale(0.5)->geoms()[0].friction, 0.5, 1e-12);
  EXPECT_NEAR(model->WithGeomFriction(0, 0.3)->geoms()[0].friction, 0.3, 1e-12);
  EXPECT_EQ(model->WithBodyMass(1, 3)->bodies()[1].mass_kg, 3);
  EXPECT_THROW(model->WithTimestep(std::nan("")), Error);
  EXPECT_THROW(model->WithBodyMass(0, 1), Error);
  World moon(model->WithGravity({0, 0, -1.62}));
  EXPECT_NEAR(moon.model().gravity_m_s2().z(), -1.62, 1e-12);
  EXPECT_EQ(model->GeomMesh(0).triangles.empty(), false);
}

}  // namespace
}  // namespace takt::sim
