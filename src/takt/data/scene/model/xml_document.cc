// SPDX-License-Identifier: Apache-2.0
#include <pugixml.hpp>
#include <string>
#include <string_view>

#include "takt/data/scene/model/document.h"

namespace takt::scene {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Walks the tree of pugixml beside the text: pugixml knows where elements begin, the text where attributes do and where
// elements end.
class XmlReader {
 public:
  XmlReader(std::string_view text, Sink* sink) : text_(text), sink_(sink) {}

  // `*at` is a place before the element, and after it the place behind.
  Element Read(const pugi::xml_node& node, int depth, size_t* at) {
    Element element{.name = node.name()};
    const ptrdiff_t offset = node.offset_debug();
    element.offset = offset >= 0 ? static_cast<size_t>(offset) : *at;
    element.begin = element.offset > 0 ? element.offset - 1 : 0;
    *at = element.offset + element.name.size();
    for (const pugi::xml_attribute& xml : node.attributes()) {
      element.attributes.push_back({.key = xml.name(), .text = xml.value(), .offset = NextAttribute(at)});
    }
    *at = text_.find('>', *at);
    const bool is_whole = *at != std::string_view::npos && *at > 0 && text_[*at - 1] == '/';
    *at = *at == std::string_view::npos ? text_.size() : *at + 1;
    element.open_end = *at;
    if (++elements_ > kMaxSceneElements || depth > kMaxSceneDepth) {
      if (!stopped_) {
        sink_->Add(Code::kTooLarge, element.offset,
                   depth > kMaxSceneDepth ? "elements stand more than " + std::to_string(kMaxSceneDepth) + " deep"
                                          : "there are more than " + std::to_string(kMaxSceneElements) + " elements",
                   "what follows is not read");
      }
      stopped_ = true;
    }
    for (const pugi::xml_node& child : node.children()) {
      if (stopped_) break;
      if (child.type() == pugi::node_element) {
        element.children.push_back(Read(child, depth + 1, at));
      } else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        const size_t place = text_.find_first_not_of(kSpace, *at);
        sink_->Add(Code::kStrayText, std::min(place, text_.size()), "text stands inside <" + element.name + ">",
                   "a scene is made of elements and attributes; write comments as <!-- ... -->");
      }
    }
    if (!is_whole) SkipEndTag(at);
    element.end = *at;
    return element;
  }

 private:
  // The place of the next `key=` behind `*at`, which moves behind its value.
  size_t NextAttribute(size_t* at) const {
    const size_t key = text_.find_first_not_of(kSpace, *at);
    const size_t quote = text_.find_first_of("\"'", key);
    if (quote == std::string_view::npos) return std::min(key, text_.size());
    const size_t end = text_.find(text_[quote], quote + 1);
    *at = end == std::string_view::npos ? text_.size() : end + 1;
    return key;
  }

  void SkipEndTag(size_t* at) const {
    const auto skip_to = [&](std::string_view mark) {
      const size_t found = text_.find(mark, *at);
      *at = found == std::string_view::npos ? text_.size() : found + mark.size();
    };
    while (*at < text_.size()) {
      *at = std::min(text_.find('<', *at), text_.size());
      const std::string_view rest = text_.substr(*at);
      if (rest.starts_with("<!--"))
        skip_to("-->");
      else if (rest.starts_with("<![CDATA["))
        skip_to("]]>");
      else if (rest.starts_with("<?"))
        skip_to("?>");
      else
        return skip_to(">");
    }
  }

  std::string_view text_;
  Sink* sink_;
  size_t elements_ = 0;
  bool stopped_ = false;
};

void AppendEscaped(std::string* out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        *out += "&amp;";
        break;
      case '<':
        *out += "&lt;";
        break;
      case '>':
        *out += "&gt;";
        break;
      case '"':
        *out += "&quot;";
        break;
      case '\t':
        *out += "&#9;";
        break;
      case '\n':
        *out += "&#10;";
        break;
      case '\r':
        *out += "&#13;";
        break;
      default:
        *out += c;
    }
  }
}

void Append(std::string* out, const Element& element, size_t indent) {
  out->append(indent, ' ');
  *out += '<' + element.name;
  for (const Attribute& attribute : element.attributes) {
    *out += ' ' + attribute.key + "=\"";
    AppendEscaped(out, attribute.text);
    *out += '"';
  }
  if (element.children.empty()) {
    *out += "/>\n";
    return;
  }
  *out += ">\n";
  for (const Element& child : element.children) Append(out, child, indent + 2);
  out->append(indent, ' ');
  *out += "</" + element.name + ">\n";
}

}  // namespace

Element ReadXmlDocument(std::string_view text, std::string_view root, Sink* sink) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!result) {
    const bool is_empty = result.status == pugi::status_no_document_element;
    sink->Add(Code::kSyntax, static_cast<size_t>(result.offset),
              is_empty ? "holds no element" : std::string("is not XML from here on: ") + result.description(),
              is_empty ? "the first element is <" + std::string(root) + ">"
                       : "look for a tag that is not closed, a missing quote, or & that is not written &amp;");
  }
  const pugi::xml_node node = document.document_element();
  if (!node) return {.name = std::string(root)};
  XmlReader reader(text, sink);
  size_t at = 0;
  Element element = reader.Read(node, 1, &at);
  if (element.name != root) {
    sink->Add(Code::kUnknownElement, element.offset, "the first element is <" + element.name + ">",
              "it must be <" + std::string(root) + ">");
    return {.name = std::string(root)};
  }
  return element;
}

std::string WriteXmlElement(const Element& element, size_t indent) {
  std::string text;
  Append(&text, element, indent);
  text.pop_back();
  return text;
}

std::string WriteXmlDocument(const Element& root) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  Append(&text, root, 0);
  return text;
}

}  // namespace takt::scene
