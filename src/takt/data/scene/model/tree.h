// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "takt/data/scene/model/document.h"
#include "takt/data/scene/model/scene.h"

namespace takt::scene {

// Where the things of a scene came from: the element of each node, part, opening, relation ... by its address. Valid
// while both trees stay where they are.
class Places {
 public:
  void Add(const void* thing, const Element* element) { elements_[thing] = element; }
  // The attribute `key` of the thing, or the thing; Sink::kNowhere where it came from no text.
  size_t Of(const void* thing, std::string_view key = {}) const;

 private:
  std::unordered_map<const void*, const Element*> elements_;
};

// Reads elements through fields.h. Faults of single elements are said; the scene as a whole is for CheckScene.
void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Scene* scene);
void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Node* node);
void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Relation* relation);
void ReadTree(const Element& element, Format format, Sink* sink, Places* places, Material* material);

// Gives ids to nodes that have none and renames the second of two with the same id to id_2. Says both when asked to.
void MakeIdsUnique(Scene* scene, const Places& places, Sink* sink);

// The inverse of ReadTree. A node without its children is what `takt scene edit` sets.
enum class Depth { kAlone, kWithChildren };
Element ElementFrom(const Scene& scene);
Element ElementFrom(const Node& node, Depth depth = Depth::kWithChildren);
Element ElementFrom(const Relation& relation);
Element ElementFrom(const Material& material);

// Applies one operation of a patch (patch.h) in the forms of JSON; false, and the scene half changed, where it cannot
// be.
bool ApplyOne(Scene* scene, const Element& op);

// What is wrong with a scene as a whole.
void CheckScene(const Scene& scene, const Places& places, Sink* sink);
void CheckBodies(const Scene& scene, const Places& places, Sink* sink);     // boxes, parts, surfaces, units
void CheckRoom(const Scene& scene, const Places& places, Sink* sink);       // floor, walls, openings
void CheckRelations(const Scene& scene, const Places& places, Sink* sink);  // what they name, and cycles

// Makes a scene with errors usable: turns a clockwise floor (and its openings) round, gives sizes to what has none,
// drops relations that CheckRelations refuses, and openings that have no wall.
void MendScene(Scene* scene);

}  // namespace takt::scene
