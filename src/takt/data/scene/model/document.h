// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takt/core/base/diagnostic.h"
#include "takt/data/scene/model/codes.h"
#include "takt/data/scene/model/scene_io.h"

namespace takt::scene {

// What XML and JSON have in common: elements with attributes and elements inside them. The two spellings are read to
// and written from this; everything that knows what a scene is (fields.h) stands above it.
//
//   XML   <object id="cup" size_m="0.08 0.08 0.1"> <part shape="box"/> </object>
//   JSON  {"kind": "object", "id": "cup", "size_m": [0.08, 0.08, 0.1], "parts": [{"shape": "box"}]}
//
// An element of a JSON list is named by the list ("parts" holds part), or by a member where a list holds several sorts
// ("children" by "kind"); kLists has them all.

// How JSON spells a value. XML knows only text.
enum class ValueForm {
  kText,     // "text"
  kNumbers,  // 1, [1, 2, 3] or [[0, 0], [1, 0]]; as text: 0 0 1 0
  kFlag,     // true, false
  kOther,    // null, or what no key of a scene holds; the text is JSON
};

struct Attribute {
  std::string key;
  std::string text = {};
  ValueForm form = ValueForm::kText;
  int columns = 0;        // when written as JSON: 0 a number, 1 a list, 2 a list of pairs
  std::string json = {};  // as Node::extra keeps it, where that is not `text`; written to JSON as it stands
  size_t offset = static_cast<size_t>(-1);  // of the key in the text, in bytes; the largest number: from no text

  bool operator==(const Attribute& other) const { return key == other.key && text == other.text; }
};

struct Element {
  std::string name;
  std::vector<Attribute> attributes = {};
  std::vector<Element> children = {};
  size_t offset = static_cast<size_t>(-1);  // of its name (XML) or of its brace (JSON) in the text
  size_t begin = 0, end = 0;                // the bytes that it takes in the text; empty where it came from none
  size_t open_end = 0;                      // XML: behind its start tag

  const Attribute* Find(std::string_view key) const;
  // The same tree; places do not count.
  bool operator==(const Element& other) const {
    return name == other.name && attributes == other.attributes && children == other.children;
  }
};

// A member of a JSON object that holds elements.
struct JsonList {
  std::string_view key;
  std::string_view element;  // what its items are; empty: the item's member `named_by` says it
  std::string_view named_by;
  bool one;  // a single object instead of a list
};
inline constexpr JsonList kLists[] = {
    {"materials", "material", "", false},
    {"room", "room", "", true},
    {"openings", "opening", "", false},
    {"parts", "part", "", false},
    {"clearances", "clearance", "", false},
    {"children", "", "kind", false},
    {"relations", "relation", "", false},
    {"ops", "", "op", false},
    {"node", "", "kind", true},
    {"relation", "relation", "", true},
    {"material", "material", "", true},
};

// Collects diagnostics and finds their lines and columns.
class Sink {
 public:
  // At most kMaxDiagnostics are kept; the last says that there were more.
  static constexpr size_t kMaxDiagnostics = 1000;
  static constexpr size_t kNowhere = static_cast<size_t>(-1);

  Sink(std::string_view text, std::string file);
  void Add(Code code, size_t offset, std::string message, std::string hint = {});
  size_t Errors() const { return errors_; }
  // In the order of the text; what has no place comes last.
  std::vector<Diagnostic> Take();

 private:
  std::string file_;
  std::vector<size_t> line_begins_;
  size_t size_ = 0, errors_ = 0;
  bool has_broken_off_ = false;
  std::vector<std::pair<size_t, Diagnostic>> found_;
};

// Read the root element. Text that breaks off gives what came before. The root must be `root`, or the answer is an
// empty element of that name and a diagnostic.
Element ReadDocument(std::string_view text, Format format, std::string_view root, Sink* sink);
Element ReadXmlDocument(std::string_view text, std::string_view root, Sink* sink);
Element ReadJsonDocument(std::string_view text, std::string_view root, Sink* sink);

// The inverse. In JSON the root's name is not written.
std::string WriteDocument(const Element& root, Format format);
std::string WriteXmlDocument(const Element& root);
std::string WriteXmlElement(const Element& element, size_t indent);  // its lines, the last without its end
std::string WriteJsonDocument(const Element& root);

// Whether every byte belongs to a character and none is NUL; otherwise the first that does not.
bool IsUtf8(std::string_view text, size_t* bad_offset);

// Whether XML can spell it as the name of an attribute (letters, digits, _ . - and : inside; ASCII only, as in Takt).
bool IsName(std::string_view key);

// The value of an attribute that is not known, as Node::extra keeps it, and back. Text stands as it is, unless it could
// be taken for JSON; then, as all that JSON does not spell as a string, it stands as JSON.
std::string ExtraFromAttribute(const Attribute& attribute);
std::string ExtraFromJsonString(const std::string& text);
Attribute AttributeFromExtra(const std::string& key, const std::string& text);

}  // namespace takt::scene
