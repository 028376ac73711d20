// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takt/data/scene/model/fields.h"
#include "takt/data/scene/model/scene_io.h"
#include "takt/data/scene/model/tree.h"
#include "takt/data/scene/model/walk.h"

namespace takt::scene {
namespace {

// Writes a tree with the pieces of a text that spelled one much like it. A piece is an element with what stands before
// it since the element before: white space and comments go with what they stand above.
class Rewriter {
 public:
  Rewriter(const Scene& before, std::string_view text, const Element& document) : text_(text) {
    Walk(before, [&](const Node& node, const Node*, const Pose&) { nodes_.emplace(node.id, &node); });
    Index(document);
  }

  std::string Write(const Element& document, const Scene& before, const Scene& after) {
    out_ = text_.substr(0, document.begin);
    Element old_own = ElementFrom(before), own = ElementFrom(after);
    old_own.children.clear();
    own.children.clear();
    Open(own, old_own == own ? &document : nullptr, true);
    WriteList(document, "material", after.materials);
    Lead(after.room.id, document, 2);
    WriteNode(after.room, 2);
    WriteList(document, "relation", after.relations);
    Close("scene", &document, 0);
    return out_ + std::string(text_.substr(document.end));
  }

 private:
  struct Source {
    const Element* element = nullptr;
    const Element* parent = nullptr;
    size_t lead = 0;  // where the piece begins
  };

  static bool IsNode(const Element& element) {
    return std::any_of(std::begin(kNodeKinds), std::end(kNodeKinds),
                       [&](const auto& row) { return row.word == element.name; });
  }

  void Index(const Element& parent) {
    size_t lead = parent.open_end;
    for (const Element& child : parent.children) {
      const Source source{&child, &parent, lead};
      lead = child.end;
      if (!IsNode(child)) {
        others_[&parent].push_back(source);
      } else if (const Attribute* id = child.Find("id")) {
        sources_.emplace(id->text, source);
        Index(child);
      }
    }
  }

  void Copy(size_t begin, size_t end) { out_ += text_.substr(begin, end - begin); }

  // A start tag: the old one, or a new one. An element that was written <x/> may get children now.
  void Open(const Element& own, const Element* source, bool has_children) {
    if (source != nullptr) {
      Copy(source->begin, source->open_end);
      if (has_children && out_.ends_with("/>")) out_.replace(out_.size() - 2, 2, ">");
      return;
    }
    Element alone = own;
    alone.children.clear();
    std::string tag = WriteXmlElement(alone, 0);
    if (has_children) tag.replace(tag.size() - 2, 2, ">");
    out_ += tag;
  }

  void Close(std::string_view name, const Element* source, size_t indent) {
    const std::string_view whole = source != nullptr ? text_.substr(source->begin, source->end - source->begin) : "";
    const size_t tag = whole.rfind("</");
    if (tag == std::string_view::npos || whole.ends_with("/>")) {
      out_ += "\n" + std::string(indent, ' ') + "</" + std::string(name) + ">";
      return;
    }
    const size_t last = source->children.empty() ? source->open_end : source->children.back().end;
    Copy(last, source->end);
  }

  // What stands before the node in the text, or a line of its own.
  void Lead(const std::string& id, const Element& parent, size_t indent) {
    const auto source = sources_.find(id);
    if (source != sources_.end() && source->second.parent == &parent)
      Copy(source->second.lead, source->second.element->begin);
    else
      out_ += "\n" + std::string(indent, ' ');
  }

  bool IsSame(const Node& node) const {
    const auto old = nodes_.find(node.id);
    return old != nodes_.end() && SameNode(*old->second, node);
  }

  void WriteNode(const Node& node, size_t indent) {
    const auto found = sources_.find(node.id);
    if (found == sources_.end()) {
      // New, but what was moved into it keeps its text.
      const Element own = ElementFrom(node, Depth::kAlone);
      const bool has_inside = !own.children.empty() || !node.children.empty();
      Open(own, nullptr, has_inside);
      for (const Element& child : own.children) out_ += "\n" + WriteXmlElement(child, indent + 2);
      for (const Node& child : node.children) {
        out_ += "\n" + std::string(indent + 2, ' ');
        WriteNode(child, indent + 2);
      }
      if (has_inside) Close(own.name, nullptr, indent);
      return;
    }
    const Element& source = *found->second.element;
    if (IsSame(node)) return Copy(source.begin, source.end);
    const Element own = ElementFrom(node, Depth::kAlone);
    const bool is_own_same = ElementFrom(*nodes_.at(node.id), Depth::kAlone) == own;
    const bool has_inside = !own.children.empty() || !node.children.empty();
    Open(own, is_own_same ? &source : nullptr, has_inside);
    if (is_own_same) {
      for (const Source& other : others_[&source]) Copy(other.lead, other.element->end);
    } else {
      for (const Element& child : own.children) out_ += "\n" + WriteXmlElement(child, indent + 2);
    }
    for (const Node& child : node.children) {
      Lead(child.id, source, indent + 2);
      WriteNode(child, indent + 2);
    }
    if (has_inside)
      Close(own.name, &source, indent);
    else if (!out_.ends_with("/>"))
      out_.replace(out_.size() - 1, 1, "/>");
  }

  // Materials and relations: each piece is used once, for a thing that it spells.
  template <class T>
  void WriteList(const Element& document, std::string_view name, const std::vector<T>& things) {
    std::vector<std::pair<Element, Source>> pieces;
    for (const Source& other : others_[&document]) {
      if (other.element->name != name) continue;
      T thing;
      Places places;
      Sink unsaid("", "");
      ReadTree(*other.element, Format::kXml, &unsaid, &places, &thing);
      pieces.emplace_back(ElementFrom(thing), other);
    }
    for (const T& thing : things) {
      const Element element = ElementFrom(thing);
      const auto piece = std::find_if(pieces.begin(), pieces.end(), [&](const auto& p) { return p.first == element; });
      if (piece == pieces.end()) {
        out_ += "\n" + WriteXmlElement(element, 2);
      } else {
        Copy(piece->second.lead, piece->second.element->end);
        pieces.erase(piece);
      }
    }
  }

  std::string_view text_;
  std::map<std::string, const Node*> nodes_;              // of the scene before
  std::map<std::string, Source> sources_;                 // nodes in the text, by id
  std::map<const Element*, std::vector<Source>> others_;  // what is no node in an element
  std::string out_;
};

}  // namespace

std::string RewriteScene(const Scene& before, std::string_view text, Format format, const Scene& after) {
  if (format == Format::kXml) {
    Sink sink(text, "");
    const Element document = ReadXmlDocument(text, "scene", &sink);
    if (sink.Errors() == 0) {
      std::string rewritten = Rewriter(before, text, document).Write(document, before, after);
      // The text is the user's; whatever is odd about it, the tree must be right.
      const ReadResult read = ParseScene(rewritten, format, "");
      if (SameScene(read.scene, after)) return rewritten;
    }
  }
  return FormatScene(after, format);
}

}  // namespace takt::scene
