// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/mjcf_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <sstream>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::sim::mjcf {

using pugi::xml_attribute;
using pugi::xml_node;

namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxBytes = uint64_t{64} << 20;
constexpr int kMaxDepth = 200;
constexpr size_t kMaxFiles = 1000;
constexpr const char* kRotations[] = {"quat", "axisangle", "euler", "xyaxes", "zaxis"};

[[noreturn]] void Bad(const std::string& subject, const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorCode::kBadInput, subject, message, hint);
}

class Reader {
 public:
  Reader(const LowerOptions& options, Source* source) : source_(source) {
    if (!options.asset_folder.empty()) root_ = Canonical(options.asset_folder);
    for (const fs::path& folder : options.more_folders) more_.push_back(Canonical(folder));
  }

  static fs::path Canonical(const fs::path& folder) {
    std::error_code code;
    const fs::path canonical = fs::weakly_canonical(fs::absolute(folder), code);
    if (code) throw Error(ErrorCode::kIo, folder.string(), "cannot be opened: " + code.message());
    return canonical;
  }

  static bool IsInside(const fs::path& file, const fs::path& folder) {
    const fs::path relative = file.lexically_relative(folder);
    return !folder.empty() && !relative.empty() && *relative.begin() != "..";
  }

  // Parses one file into `document` and marks the places of its elements.
  void Parse(std::string_view text, const std::string& subject, pugi::xml_document* document) {
    bytes_ += text.size();
    if (bytes_ > kMaxBytes) Bad(subject, fmt::format("is larger than {} MB with its includes", kMaxBytes >> 20));
    if (source_->files.size() >= kMaxFiles) Bad(subject, fmt::format("includes more than {} files", kMaxFiles));
    const pugi::xml_parse_result result =
        document->load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!result) {
      const auto offset = std::min<size_t>(static_cast<size_t>(std::max<ptrdiff_t>(result.offset, 0)), text.size());
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(offset), '\n');
      Bad(subject, fmt::format("line {}: is not XML: {}", line, result.description()));
    }
    const pugi::xml_node root = document->document_element();
    if (!root) Bad(subject, "holds no element");
    source_->files.push_back(subject);
    const size_t file_idx = source_->files.size() - 1;
    // The offsets of elements ascend in the order of the text, so that one pass counts the lines.
    size_t at = 0, line = 1;
    for (pugi::xml_node element : Elements(root)) {
      if (element.attribute(kPlace)) Bad(subject, fmt::format("line {}: uses the reserved attribute {}", line, kPlace));
      const auto offset = std::min(static_cast<size_t>(std::max<ptrdiff_t>(element.offset_debug(), 0)), text.size());
      for (; at < offset; ++at) line += text[at] == '\n';
      element.prepend_attribute(kPlace) = fmt::format("{}:{}", file_idx, line).c_str();
    }
  }

  void CheckDepth(const pugi::xml_node& root, const std::string& subject) {
    struct Walker : pugi::xml_tree_walker {
      bool for_each(pugi::xml_node&) override { return deepest = std::max(deepest, depth()), deepest <= kMaxDepth; }
      int deepest = 0;
    } walker;
    pugi::xml_node start = root;
    start.traverse(walker);
    if (walker.deepest > kMaxDepth) Bad(subject, fmt::format("is nested deeper than {} elements", kMaxDepth));
  }

  // The file in the asset folder. Errors: bad_input where it leaves the folder or there is none; not_found.
  fs::path Resolve(const std::string& name, const fs::path& below, const std::string& subject, int line) {
    const std::string where = fmt::format("line {}: '{}' ", line, name);
    if (name.empty() || name.find('\0') != std::string::npos) Bad(subject, where + "names no file");
    const bool absolute = fs::path(name).is_absolute();
    if (root_.empty() && !(absolute && !more_.empty()))
      Bad(subject, where + "is a file, and no asset folder was given");
    std::error_code code;
    const fs::path real = fs::weakly_canonical(absolute ? fs::path(name) : root_ / below / name, code);
    const bool inside = !code && (IsInside(real, root_) ||
                                  (absolute && std::any_of(more_.begin(), more_.end(), [&](const fs::path& folder) {
                                     return IsInside(real, folder);
                                   })));
    if (!inside) Bad(subject, where + "lies outside the folder of the model", "put it beside the model, or below");
    if (!fs::is_regular_file(real, code)) throw Error(ErrorCode::kNotFound, subject, where + "does not exist");
    return real;
  }

  void MergeIncludes(const pugi::xml_node& root, std::vector<fs::path>* open) {
    for (pugi::xml_node element : Elements(root)) {
      if (std::strcmp(element.name(), "include") != 0) continue;
      const auto [subject, line] = Place(*source_, element);
      if (element.first_child()) Bad(subject, fmt::format("line {}: an include holds elements of its own", line));
      const fs::path path = Resolve(element.attribute("file").value(), {}, subject, line);
      if (std::find(open->begin(), open->end(), path) != open->end())
        Bad(subject, fmt::format("line {}: includes itself through '{}'", line, element.attribute("file").value()));
      open->push_back(path);
      const auto included = std::make_unique<pugi::xml_document>();
      Parse(ReadTextFile(path, kMaxBytes), path.lexically_relative(root_).string(), included.get());
      CheckDepth(*included, source_->files.back());
      MergeIncludes(included->document_element(), open);
      open->pop_back();
      pugi::xml_node parent = element.parent();
      for (const pugi::xml_node& child : included->document_element().children())
        parent.insert_copy_before(child, element);
      parent.remove_child(element);
    }
  }

  void ResolveAssets(const pugi::xml_node& root) {
    std::string mesh_folder;
    bool strip = false;
    for (pugi::xml_node compiler : root.children("compiler")) {
      if (const auto a = compiler.attribute("assetdir")) mesh_folder = a.value();
      if (const auto a = compiler.attribute("meshdir")) mesh_folder = a.value();
      if (const auto a = compiler.attribute("strippath")) strip = std::string_view(a.value()) == "true";
      for (const char* name : {"assetdir", "meshdir", "texturedir", "strippath"}) compiler.remove_attribute(name);
    }
    for (const pugi::xml_node& asset : root.children("asset")) {
      for (pugi::xml_node element : asset.children()) {
        // Textures and skins are dropped before compiling, attached models refused.
        if (std::strcmp(element.name(), "mesh") != 0 && std::strcmp(element.name(), "hfield") != 0) continue;
        for (pugi::xml_attribute a : element.attributes()) {
          const std::string_view name = a.name();
          if (!name.starts_with("file")) continue;
          const auto [subject, line] = Place(*source_, element);
          std::string file = a.value();
          if (strip) file = fs::path(file).filename().string();
          const fs::path path = Resolve(file, mesh_folder, subject, line);
          if (!element.attribute("name")) element.prepend_attribute("name") = path.stem().c_str();
          a = path.c_str();
        }
      }
    }
  }

 private:
  fs::path root_;
  std::vector<fs::path> more_;
  Source* source_;
  uint64_t bytes_ = 0;
};

Quat Normalised(const Quat& q) {
  const double norm = q.norm();
  return norm > 1e-12 && std::isfinite(norm) ? Quat(q.coeffs() / norm) : Quat::Identity();
}

}  // namespace

void Read(std::string_view text, const LowerOptions& options, Source* source) {
  const std::string& subject = options.subject;
  Reader reader(options, source);
  reader.Parse(text, subject, &source->document);
  reader.CheckDepth(source->document, subject);
  const pugi::xml_node root = source->document.document_element();
  if (std::strcmp(root.name(), "mujoco") != 0)
    Bad(subject, fmt::format("starts with <{}>, not with <mujoco>", root.name()), "URDF is not read here");
  std::vector<fs::path> open;
  reader.MergeIncludes(root, &open);
  reader.CheckDepth(source->document, subject);
  reader.ResolveAssets(root);
}

std::pair<std::string, int> Place(const Source& source, const pugi::xml_node& element) {
  const std::string place = element.attribute(kPlace).value();
  const size_t colon = place.find(':');
  if (colon == std::string::npos) return {source.files.empty() ? "" : source.files[0], 0};
  const auto file_idx = static_cast<size_t>(std::atoi(place.c_str()));
  return {source.files[std::min(file_idx, source.files.size() - 1)], std::atoi(place.c_str() + colon + 1)};
}

std::string Text(Source* source) {
  for (pugi::xml_node element : Elements(source->document.document_element())) element.remove_attribute(kPlace);
  std::ostringstream out;
  source->document.save(out, "  ", pugi::format_indent | pugi::format_no_declaration);
  return out.str();
}

std::vector<pugi::xml_node> Elements(const pugi::xml_node& root) {
  std::vector<pugi::xml_node> elements;
  pugi::xml_node at = root;
  while (at) {  // without recursion: the depth is not yet known to be sane
    if (at.type() == pugi::node_element) elements.push_back(at);
    if (at.first_child()) {
      at = at.first_child();
      continue;
    }
    while (at && at != root && !at.next_sibling()) at = at.parent();
    if (!at || at == root) break;
    at = at.next_sibling();
  }
  return elements;
}

namespace {

// The default class of this name below the <default> sections of the model, or null.
pugi::xml_node FindClass(const pugi::xml_node& root, std::string_view name) {
  for (const pugi::xml_node& top : root.children("default")) {
    for (const pugi::xml_node& element : Elements(top)) {
      if (std::strcmp(element.name(), "default") != 0) continue;
      const std::string_view its =
          element.parent() == root && !element.attribute("class") ? "main" : element.attribute("class").value();
      if (its == name) return element;
    }
  }
  return {};
}

}  // namespace

std::string Effective(const pugi::xml_node& root, const pugi::xml_node& element, const char* element_class,
                      const char* attribute) {
  if (const auto own = element.attribute(attribute)) return own.value();
  std::string name = element.attribute("class").value();
  for (pugi::xml_node up = element.parent(); name.empty() && up && up != root; up = up.parent())
    name = up.attribute("childclass").value();
  pugi::xml_node at;
  if (!name.empty()) at = FindClass(root, name);
  if (!at) at = root.child("default");
  for (; at && std::strcmp(at.name(), "default") == 0; at = at.parent()) {
    for (const pugi::xml_node& candidate : at.children(element_class))
      if (const auto value = candidate.attribute(attribute)) return value.value();
  }
  // A model may hold several unnamed top-level sections.
  for (const pugi::xml_node& top : root.children("default")) {
    if (top.attribute("class") && std::strcmp(top.attribute("class").value(), "main") != 0) continue;
    for (const pugi::xml_node& candidate : top.children(element_class))
      if (const auto value = candidate.attribute(attribute)) return value.value();
  }
  return {};
}

std::vector<double> Numbers(const char* text) {
  std::vector<double> numbers;
  const char* at = text;
  while (*at != 0) {
    char* end = nullptr;
    const double value = std::strtod(at, &end);
    if (end == at) break;
    numbers.push_back(value);
    at = end;
  }
  return numbers;
}

std::string Join(const std::vector<double>& numbers) {
  std::string text;
  for (const double number : numbers) text += fmt::format("{}{}", text.empty() ? "" : " ", number);
  return text;
}

Angles ReadAngles(const pugi::xml_node& root) {
  Angles angles;
  for (const pugi::xml_node& compiler : root.children("compiler")) {
    if (const auto a = compiler.attribute("angle")) angles.degrees = std::strcmp(a.value(), "radian") != 0;
    if (const auto a = compiler.attribute("eulerseq")) angles.sequence = a.value();
  }
  return angles;
}

void ToRadians(xml_node root) {
  const Angles angles = ReadAngles(root);
  const bool plain = !angles.degrees && angles.sequence == "xyz";
  for (xml_node element : Elements(root)) {
    if (element.attribute("axisangle") || element.attribute("euler")) {
      const Quat q = ReadPose(element, angles).rotation;
      for (const char* name : kRotations) element.remove_attribute(name);
      element.append_attribute("quat") = Join({q.w(), q.x(), q.y(), q.z()}).c_str();
    }
    if (!angles.degrees || std::strcmp(element.name(), "joint") != 0) continue;
    std::string type = element.attribute("type").value();
    if (type.empty() && std::strcmp(element.parent().name(), "default") == 0) {
      for (xml_node up = element.parent(); type.empty() && std::strcmp(up.name(), "default") == 0; up = up.parent())
        type = up.child("joint").attribute("type").value();
    } else if (type.empty()) {
      type = Effective(root, element, "joint", "type");
    }
    if (type == "slide" || type == "free") continue;
    for (const char* name : {"range", "ref", "springref"}) {
      xml_attribute a = element.attribute(name);
      if (!a) continue;
      std::vector<double> values = Numbers(a.value());
      for (double& value : values) value *= M_PI / 180;
      a = Join(values).c_str();
    }
  }
  if (plain) return;
  for (xml_node compiler : root.children("compiler"))
    for (const char* name : {"angle", "eulerseq"}) compiler.remove_attribute(name);
  xml_node compiler = root.child("compiler");
  if (!compiler) compiler = root.prepend_child("compiler");
  compiler.append_attribute("angle") = "radian";
}

bool HasRotation(const pugi::xml_node& element) {
  return std::any_of(std::begin(kRotations), std::end(kRotations),
                     [&](const char* name) { return element.attribute(name); });
}

Pose ReadPose(const pugi::xml_node& element, const Angles& angles) {
  const double unit = angles.degrees ? M_PI / 180 : 1;
  Pose pose;
  const auto numbers = [&](const char* name, size_t wanted) {
    std::vector<double> values = Numbers(element.attribute(name).value());
    return values.size() == wanted ? values : std::vector<double>();
  };
  if (const auto p = numbers("pos", 3); !p.empty()) pose.translation_m = {p[0], p[1], p[2]};
  if (const auto q = numbers("quat", 4); !q.empty()) {
    pose.rotation = Normalised(Quat(q[0], q[1], q[2], q[3]));
  } else if (const auto a = numbers("axisangle", 4); !a.empty()) {
    const Vec3 axis(a[0], a[1], a[2]);
    if (axis.norm() > 0) pose.rotation = Quat(Eigen::AngleAxisd(a[3] * unit, axis.normalized()));
  } else if (const auto e = numbers("euler", 3); !e.empty()) {
    // Lower case: about axes that move along; upper case: about fixed axes.
    for (size_t i = 0; i < 3 && i < angles.sequence.size(); ++i) {
      const char letter = angles.sequence[i];
      const int axis = (letter | 0x20) - 'x';
      if (axis < 0 || axis > 2) continue;
      const Quat turn(Eigen::AngleAxisd(e[i] * unit, Vec3::Unit(axis)));
      pose.rotation = letter >= 'a' ? pose.rotation * turn : turn * pose.rotation;
    }
  } else if (const auto xy = numbers("xyaxes", 6); !xy.empty()) {
    const Vec3 x = Vec3(xy[0], xy[1], xy[2]).normalized();
    const Vec3 raw(xy[3], xy[4], xy[5]);
    Eigen::Matrix3d matrix;
    matrix.col(0) = x;
    matrix.col(1) = (raw - x * x.dot(raw)).normalized();
    matrix.col(2) = matrix.col(0).cross(matrix.col(1));
    pose.rotation = Normalised(Quat(matrix));
  } else if (const auto z = numbers("zaxis", 3); !z.empty()) {
    pose.rotation = Normalised(Quat::FromTwoVectors(Vec3::UnitZ(), Vec3(z[0], z[1], z[2])));
  }
  return pose;
}

void WritePose(pugi::xml_node element, const Pose& pose) {
  for (const char* name : kRotations) element.remove_attribute(name);
  const auto set = [&](const char* name, const std::string& value) {
    pugi::xml_attribute a = element.attribute(name);
    if (!a) a = element.append_attribute(name);
    a = value.c_str();
  };
  const Quat& q = pose.rotation;
  set("pos", Join({pose.translation_m.x(), pose.translation_m.y(), pose.translation_m.z()}));
  set("quat", Join({q.w(), q.x(), q.y(), q.z()}));
}

}  // namespace takt::sim::mjcf
