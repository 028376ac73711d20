// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/catalogue_builder.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace takt::scene {
namespace {

constexpr double kWaterKgPerM3 = 1000;
constexpr int kRingPieces = 16;

double VolumeM3(const Part& part) {
  const Vec3& s = part.size_m;
  switch (part.shape) {
    case ShapeKind::kCylinder:
      return std::numbers::pi / 4 * s.x() * s.x() * s.z();
    case ShapeKind::kSphere:
      return std::numbers::pi / 6 * s.x() * s.x() * s.x();
    default:
      return s.x() * s.y() * s.z();
  }
}

Vec3 HalfBounds(const Part& part) {
  const Eigen::Matrix3d r = part.object_from_part.rotation.toRotationMatrix();
  const Vec3 half = part.size_m / 2;
  if (part.shape == ShapeKind::kSphere) return half;
  if (part.shape == ShapeKind::kCylinder) {
    Vec3 bounds;
    for (int i = 0; i < 3; ++i) {
      bounds[i] = std::abs(r(i, 2)) * half.z() + half.x() * std::sqrt(std::max(0.0, 1 - r(i, 2) * r(i, 2)));
    }
    return bounds;
  }
  return r.cwiseAbs() * half;
}

double Round(double value, double per_unit) { return std::round(value * per_unit) / per_unit; }

}  // namespace

CatalogueBuilder::CatalogueBuilder(std::string id, std::map<std::string, double> params, std::string color)
    : params_(std::move(params)), color_(std::move(color)) {
  node_.kind = NodeKind::kObject;
  node_.id = std::move(id);
  node_.material = color_;
}

void CatalogueBuilder::Add(ShapeKind shape, const Vec3& size_m, const Pose& pose, const char* material) {
  Part& part = node_.parts.emplace_back();
  part.shape = shape;
  part.size_m = size_m;
  part.object_from_part = pose;
  part.material = material;
}

double CatalogueBuilder::operator()(const char* name) const { return params_.at(name); }

void CatalogueBuilder::Box(const Vec3& size_m, double x, double y, double z, const char* material) {
  Add(ShapeKind::kBox, size_m, Pose::Translation(x, y, z + size_m.z() / 2), material);
}

void CatalogueBuilder::Cylinder(double diameter_m, double height_m, double x, double y, double z,
                                const char* material) {
  Add(ShapeKind::kCylinder, {diameter_m, diameter_m, height_m}, Pose::Translation(x, y, z + height_m / 2), material);
}

void CatalogueBuilder::LyingCylinder(double diameter_m, double length_m, double x, double y, double z,
                                     const char* material) {
  const Quat about_x(std::numbers::sqrt2 / 2, std::numbers::sqrt2 / 2, 0, 0);
  Add(ShapeKind::kCylinder, {diameter_m, diameter_m, length_m}, {about_x, {x, y, z + diameter_m / 2}}, material);
}

void CatalogueBuilder::Sphere(double diameter_m, double x, double y, double z, const char* material) {
  Add(ShapeKind::kSphere, Vec3::Constant(diameter_m), Pose::Translation(x, y, z + diameter_m / 2), material);
}

void CatalogueBuilder::Ring(double inner_radius_m, double wall_m, double height_m, double z, const char* material) {
  const double outer_m = inner_radius_m + wall_m;
  const double width_m = 2 * outer_m * std::tan(std::numbers::pi / kRingPieces);
  const double middle_m = inner_radius_m + wall_m / 2;
  for (int i = 0; i < kRingPieces; ++i) {
    const double angle = 2 * std::numbers::pi * i / kRingPieces;
    Add(ShapeKind::kBox, {wall_m, width_m, height_m},
        Pose::Yaw(angle, {middle_m * std::cos(angle), middle_m * std::sin(angle), z + height_m / 2}), material);
  }
}

void CatalogueBuilder::Tub(const Vec3& size_m, double wall_m, double bottom_m, double z, const char* material) {
  const double height_m = size_m.z() - bottom_m;
  Box({size_m.x(), size_m.y(), bottom_m}, 0, 0, z, material);
  for (const int side : {-1, 1}) {
    Box({wall_m, size_m.y(), height_m}, side * (size_m.x() - wall_m) / 2, 0, z + bottom_m, material);
    Box({size_m.x() - 2 * wall_m, wall_m, height_m}, 0, side * (size_m.y() - wall_m) / 2, z + bottom_m, material);
  }
  Surface("inside", {size_m.x() - 2 * wall_m, size_m.y() - 2 * wall_m, height_m}, 0, 0, z + bottom_m);
}

void CatalogueBuilder::Vessel(double inner_radius_m, double inner_height_m, double wall_m, double bottom_m,
                              double fill_m, const char* material) {
  Cylinder(2 * (inner_radius_m + wall_m), bottom_m, 0, 0, 0, material);
  Ring(inner_radius_m, wall_m, inner_height_m, bottom_m, material);
  const double side_m = std::numbers::sqrt2 * inner_radius_m;
  Surface("inside", {side_m, side_m, inner_height_m}, 0, 0, bottom_m);
  Extra("inner_radius_m", inner_radius_m);
  Extra("inner_height_m", inner_height_m);
  Extra("inner_bottom_m", bottom_m);
  Extra("fill_m", fill_m);
  liquid_kg_ = kWaterKgPerM3 * std::numbers::pi * inner_radius_m * inner_radius_m * fill_m;
}

void CatalogueBuilder::Legs(double size_x_m, double size_y_m, double height_m, double width_m, const char* material) {
  for (const int x : {-1, 1}) {
    for (const int y : {-1, 1}) {
      Box({width_m, width_m, height_m}, x * (size_x_m - width_m) / 2, y * (size_y_m - width_m) / 2, 0, material);
    }
  }
}

void CatalogueBuilder::Surface(const std::string& suffix, const Vec3& size_m, double x, double y, double z) {
  Node surface;
  surface.kind = NodeKind::kSurface;
  surface.id = node_.id + "." + suffix;
  surface.parent_from_node = Pose::Translation(x, y, z);
  surface.size_m = size_m;
  node_.children.push_back(std::move(surface));
}

void CatalogueBuilder::Clear(Side side, double depth_m, const char* what) {
  Clearance& clearance = node_.clearances.emplace_back();
  clearance.side = side;
  clearance.depth_m = depth_m;
  clearance.what = what;
}

void CatalogueBuilder::Extra(const char* key, double value) {
  node_.extra[key] = fmt::format("{}", Round(value, 1e6));
}

Node CatalogueBuilder::Finish(double density_kg_m3, double friction) {
  Vec3 low = Vec3::Constant(1e9), high = Vec3::Constant(-1e9);
  double volume_m3 = 0;
  for (const Part& part : node_.parts) {
    const Vec3 half = HalfBounds(part);
    low = low.cwiseMin(part.object_from_part.translation_m - half);
    high = high.cwiseMax(part.object_from_part.translation_m + half);
    volume_m3 += VolumeM3(part);
  }
  const Vec3 origin((low.x() + high.x()) / 2, (low.y() + high.y()) / 2, low.z());
  for (Part& part : node_.parts) part.object_from_part.translation_m -= origin;
  for (Node& surface : node_.children) surface.parent_from_node.translation_m -= origin;
  node_.size_m = high - low;
  node_.mass_kg = Round(volume_m3 * density_kg_m3 + liquid_kg_, 1e4);
  node_.friction = friction;
  // One box about the origin is what a node without parts is.
  if (node_.parts.size() == 1 && node_.parts[0].shape == ShapeKind::kBox && node_.parts[0].material.empty()) {
    node_.parts.clear();
  }
  return std::move(node_);
}

}  // namespace takt::scene
