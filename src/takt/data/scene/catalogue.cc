// SPDX-License-Identifier: Apache-2.0
#include "takt/data/scene/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "takt/core/base/error.h"
#include "takt/data/scene/catalogue_builder.h"

namespace takt::scene {
namespace {

const std::vector<CatalogueKind>& Kinds() {
  static const std::vector<CatalogueKind> kinds = [] {
    std::vector<CatalogueKind> all;
    for (auto family : {WorkpieceKinds, VesselKinds, FurnitureKinds, FactoryKinds}) {
      for (CatalogueKind& kind : family()) all.push_back(std::move(kind));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.category < b.category; });
    return all;
  }();
  return kinds;
}

const CatalogueKind* FindKind(std::string_view category) {
  const auto& kinds = Kinds();
  const auto it = std::lower_bound(kinds.begin(), kinds.end(), category,
                                   [](const CatalogueKind& kind, std::string_view c) { return kind.category < c; });
  return it != kinds.end() && it->category == category ? &*it : nullptr;
}

const std::vector<Material>& PaletteList() {
  static const std::vector<Material> palette = [] {
    struct Color {
      const char* id;
      std::array<double, 4> rgba;
    };
    constexpr Color kColors[] = {
        {"red", {0.80, 0.13, 0.12, 1}},    {"green", {0.16, 0.58, 0.24, 1}},     {"blue", {0.14, 0.32, 0.76, 1}},
        {"yellow", {0.93, 0.77, 0.13, 1}}, {"orange", {0.93, 0.48, 0.12, 1}},    {"purple", {0.47, 0.23, 0.62, 1}},
        {"pink", {0.92, 0.55, 0.68, 1}},   {"cyan", {0.20, 0.70, 0.78, 1}},      {"brown", {0.43, 0.28, 0.17, 1}},
        {"white", {0.92, 0.92, 0.90, 1}},  {"gray", {0.55, 0.56, 0.58, 1}},      {"black", {0.09, 0.09, 0.10, 1}},
        {"wood", {0.72, 0.54, 0.35, 1}},   {"cardboard", {0.70, 0.56, 0.38, 1}}, {"steel", {0.68, 0.70, 0.73, 1}},
        {"brass", {0.78, 0.62, 0.28, 1}},  {"rubber", {0.16, 0.16, 0.17, 1}},    {"glass", {0.75, 0.86, 0.88, 0.4}},
    };
    std::vector<Material> all;
    for (const Color& color : kColors) {
      all.emplace_back().id = color.id;
      all.back().rgba = color.rgba;
    }
    return all;
  }();
  return palette;
}

// "red cube"; kinds with a better name give it themselves.
std::string NameOf(const CatalogueKind& kind, const std::string& color) {
  std::string noun(kind.category);
  std::replace(noun.begin(), noun.end(), '_', ' ');
  return color + " " + noun;
}

void CollectMaterials(const Node& node, std::set<std::string>* used) {
  if (!node.material.empty()) used->insert(node.material);
  for (const Part& part : node.parts) {
    if (!part.material.empty()) used->insert(part.material);
  }
  for (const Node& child : node.children) CollectMaterials(child, used);
}

}  // namespace

std::span<const CatalogueEntry> Catalogue() {
  static const std::vector<CatalogueEntry> entries = [] {
    std::vector<CatalogueEntry> all;
    for (const CatalogueKind& kind : Kinds()) {
      all.push_back({kind.category, kind.what, kind.params, kind.colors, kind.surfaces});
    }
    return all;
  }();
  return entries;
}

const CatalogueEntry* FindCatalogueEntry(std::string_view category) {
  const CatalogueKind* kind = FindKind(category);
  return kind ? &Catalogue()[static_cast<size_t>(kind - Kinds().data())] : nullptr;
}

std::span<const Material> Palette() { return PaletteList(); }

Node MakeObject(std::string_view category, const std::string& id, const std::map<std::string, double>& params,
                const std::string& color) {
  const CatalogueKind* kind = FindKind(category);
  if (!kind) {
    throw Error(ErrorCode::kNotFound, std::string(category), "is no category of the catalogue",
                "takt scene recipes --catalogue lists them");
  }
  std::map<std::string, double> values;
  for (const CatalogueParam& param : kind->params) values[std::string(param.name)] = param.standard;
  for (const auto& [name, value] : params) {
    const auto param = std::find_if(kind->params.begin(), kind->params.end(),
                                    [&name = name](const CatalogueParam& p) { return p.name == name; });
    if (param == kind->params.end()) {
      throw Error(ErrorCode::kBadInput, fmt::format("{} of {}", name, category), "is no parameter of this category",
                  "takt scene recipes --catalogue lists them");
    }
    if (!(value >= param->low && value <= param->high)) {
      throw Error(ErrorCode::kBadInput, fmt::format("{} of {}", name, category),
                  fmt::format("is {}; it must lie in [{}, {}]", value, param->low, param->high));
    }
    values[name] = value;
  }
  const std::string chosen = color.empty() ? std::string(kind->colors.front()) : color;
  if (std::none_of(PaletteList().begin(), PaletteList().end(), [&](const Material& m) { return m.id == chosen; })) {
    throw Error(ErrorCode::kBadInput, chosen, "is no colour of the palette",
                "takt scene recipes --catalogue lists them");
  }
  CatalogueBuilder builder(id, std::move(values), chosen);
  builder.Name(NameOf(*kind, chosen));
  builder.node().category = std::string(category);
  return kind->build(builder);
}

void AddPaletteMaterials(Scene* scene) {
  std::set<std::string> used, present;
  CollectMaterials(scene->room, &used);
  for (const Material& material : scene->materials) present.insert(material.id);
  for (const Material& material : PaletteList()) {
    if (used.count(material.id) && !present.count(material.id)) scene->materials.push_back(material);
  }
}

double ExtraNumber(const Node& node, const std::string& key, double otherwise) {
  const auto it = node.extra.find(key);
  if (it == node.extra.end() || it->second.empty()) return otherwise;
  char* end = nullptr;
  const double value = std::strtod(it->second.c_str(), &end);
  return *end == '\0' ? value : otherwise;
}

}  // namespace takt::scene
