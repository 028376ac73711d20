// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "takt/data/scene/model/document.h"

namespace takt::scene {
namespace {

// A JSON value and where it stands.
struct Value {
  enum class Type { kNull, kFlag, kNumber, kString, kArray, kObject } type = Type::kNull;
  size_t begin = 0, end = 0;
  std::string string = {};        // kString
  std::vector<Value> items = {};  // of an array, or the members of an object
  std::string key = {};           // of a member
  size_t key_offset = 0;
};

// nlohmann's parser says what the tokens are but not where; a cursor that reads the same tokens in step with its events
// does.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(std::string_view text, Sink* sink) : text_(text), sink_(sink) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  bool null() override { return Scalar(Value::Type::kNull); }
  bool boolean(bool) override { return Scalar(Value::Type::kFlag); }
  bool number_integer(number_integer_t) override { return Scalar(Value::Type::kNumber); }
  bool number_unsigned(number_unsigned_t) override { return Scalar(Value::Type::kNumber); }
  bool number_float(number_float_t, const string_t&) override { return Scalar(Value::Type::kNumber); }
  bool string(string_t& value) override { return Scalar(Value::Type::kString, &value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(Value::Type::kObject); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Value::Type::kArray); }
  bool end_array() override { return Close(); }
  bool key(string_t& value) override {
    const size_t offset = Token();
    open_.back().key = value;
    open_.back().key_offset = offset;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string message =
        error.what();  // "[json.exception...] parse error at line 3, column 5: syntax error while ..."
    const size_t reason = message.find(": ");
    if (reason != std::string::npos) message.erase(0, reason + 2);
    sink_->Add(Code::kSyntax, position > 0 ? position - 1 : 0, "is not JSON from here on: " + message,
               "look for a missing comma, quote or bracket");
    return false;
  }

  // What was read, also where the text broke off.
  Value Take() {
    while (!open_.empty()) {
      at_ = text_.size();
      Close();
    }
    return std::move(root_);
  }

 private:
  struct OpenValue {
    Value value;
    std::string key = {};  // of the member that comes next
    size_t key_offset = 0;
  };

  // The place of the next token; at_ moves behind it.
  size_t Token() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n,:", at_), text_.size());
    const size_t begin = at_;
    if (begin == text_.size()) return begin;
    if (text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      at_ = std::min(at_ + 1, text_.size());
    } else if (std::string_view("[]{}").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    } else {
      at_ = std::min(text_.find_first_of(" \t\r\n,:[]{}\"", at_), text_.size());
    }
    return begin;
  }

  bool Open(Value::Type type) {
    const size_t begin = Token();
    if (open_.size() >= 2 * kMaxSceneDepth) return TooLarge(begin, "values stand too deep");
    open_.push_back({.value = {.type = type, .begin = begin, .end = begin}});
    return true;
  }

  bool Close() {
    Token();
    Value value = std::move(open_.back().value);
    open_.pop_back();
    value.end = at_;
    return Attach(std::move(value));
  }

  bool Scalar(Value::Type type, std::string* string = nullptr) {
    const size_t begin = Token();
    Value value{.type = type, .begin = begin, .end = at_};
    if (string != nullptr) value.string = std::move(*string);
    return Attach(std::move(value));
  }

  bool Attach(Value value) {
    if (++values_ > 16 * kMaxSceneElements) return TooLarge(value.begin, "there are too many values");
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (OpenValue& parent = open_.back(); parent.value.type == Value::Type::kArray) {
      parent.value.items.push_back(std::move(value));
    } else {
      value.key = std::move(parent.key);
      value.key_offset = parent.key_offset;
      parent.value.items.push_back(std::move(value));
    }
    return true;
  }

  bool TooLarge(size_t offset, const char* message) {
    sink_->Add(Code::kTooLarge, offset, message, "what follows is not read");
    return false;
  }

  std::string_view text_;
  Sink* sink_;
  size_t at_ = 0, values_ = 0;
  std::vector<OpenValue> open_;
  Value root_;
};

class JsonReader {
 public:
  JsonReader(std::string_view text, Sink* sink) : text_(text), sink_(sink) {}

  Element Read(const Value& object, std::string_view name, int depth) {
    Element element{.name = std::string(name), .offset = object.begin, .begin = object.begin, .end = object.end};
    if (++elements_ > kMaxSceneElements || depth > kMaxSceneDepth) {
      if (!stopped_) {
        sink_->Add(Code::kTooLarge, object.begin,
                   depth > kMaxSceneDepth ? "elements stand more than " + std::to_string(kMaxSceneDepth) + " deep"
                                          : "there are more than " + std::to_string(kMaxSceneElements) + " elements",
                   "what follows is not read");
      }
      stopped_ = true;
    }
    for (const Value& member : object.items) {
      if (stopped_) break;
      const bool is_list = member.type == Value::Type::kArray, is_object = member.type == Value::Type::kObject;
      const auto list = std::find_if(std::begin(kLists), std::end(kLists), [&](const JsonList& l) {
        return l.key == member.key && (l.one ? is_object : is_list);
      });
      if (list == std::end(kLists)) {
        element.attributes.push_back(ReadAttribute(member));
      } else if (list->one) {
        ReadChild(member, *list, depth, &element);
      } else {
        for (const Value& item : member.items) ReadChild(item, *list, depth, &element);
      }
    }
    return element;
  }

 private:
  void ReadChild(const Value& value, const JsonList& list, int depth, Element* parent) {
    if (stopped_) return;
    if (value.type != Value::Type::kObject) {
      sink_->Add(Code::kWrongType, value.begin, "'" + std::string(list.key) + "' holds something that is no object",
                 "its items are written {...}");
      return;
    }
    std::string name(list.element);
    if (name.empty()) {
      const auto kind = std::find_if(value.items.begin(), value.items.end(),
                                     [&](const Value& member) { return member.key == list.named_by; });
      if (kind != value.items.end() && kind->type == Value::Type::kString) name = kind->string;
      if (kind == value.items.end() || name.empty()) {
        name = list.named_by == "kind" ? "object" : "";
        sink_->Add(Code::kMissingKey, value.begin,
                   "an item of '" + std::string(list.key) + "' does not say its '" + std::string(list.named_by) + "'",
                   list.named_by == "kind" ? "add \"kind\": \"object\" (or \"region\", \"surface\")"
                                           : "add \"op\": \"set\" (or \"add\", \"move\", \"remove\", \"replace\")");
      }
    }
    Element child = Read(value, name, depth + 1);
    if (list.element.empty()) {
      std::erase_if(child.attributes, [&](const Attribute& a) { return a.key == list.named_by; });
    }
    parent->children.push_back(std::move(child));
  }

  Attribute ReadAttribute(const Value& value) const {
    Attribute attribute{.key = value.key, .offset = value.key_offset};
    const std::string_view raw = text_.substr(value.begin, value.end - value.begin);
    switch (value.type) {
      case Value::Type::kString:
        attribute.text = value.string;
        if (std::string extra = ExtraFromJsonString(value.string); extra != value.string)
          attribute.json = std::move(extra);
        return attribute;
      case Value::Type::kFlag:
        attribute.form = ValueForm::kFlag;
        break;
      case Value::Type::kNumber:
        attribute.form = ValueForm::kNumbers;
        break;
      case Value::Type::kArray:
        attribute.form = AppendNumbers(value, 0, &attribute.text) ? ValueForm::kNumbers : ValueForm::kOther;
        break;
      default:
        attribute.form = ValueForm::kOther;
    }
    attribute.json = Compact(raw);
    if (value.type != Value::Type::kArray) attribute.text = attribute.json;
    if (attribute.form == ValueForm::kOther) attribute.text = attribute.json;
    return attribute;
  }

  // The numbers of a list, or of a list of lists.
  bool AppendNumbers(const Value& value, int depth, std::string* text) const {
    return std::all_of(value.items.begin(), value.items.end(), [&](const Value& item) {
      if (item.type == Value::Type::kArray && depth == 0) return AppendNumbers(item, 1, text);
      if (item.type != Value::Type::kNumber) return false;
      if (!text->empty()) *text += ' ';
      *text += text_.substr(item.begin, item.end - item.begin);
      return true;
    });
  }

  static std::string Compact(std::string_view raw) {
    std::string compact;
    bool in_string = false;
    for (size_t i = 0; i < raw.size(); ++i) {
      const char c = raw[i];
      if (!in_string && std::string_view(" \t\r\n").find(c) != std::string_view::npos) continue;
      compact += c;
      if (in_string && c == '\\' && i + 1 < raw.size())
        compact += raw[++i];
      else if (c == '"')
        in_string = !in_string;
    }
    return compact;
  }

  std::string_view text_;
  Sink* sink_;
  size_t elements_ = 0;
  bool stopped_ = false;
};

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// "0 0 1 0" as [0, 0, 1, 0], [[0, 0], [1, 0]] or a bare number.
std::string Spelled(const Attribute& attribute) {
  if (!attribute.json.empty()) return attribute.json;
  if (attribute.form == ValueForm::kText) return Quoted(attribute.text);
  if (attribute.form != ValueForm::kNumbers || attribute.columns == 0) return attribute.text;
  std::string text = "[";
  size_t column = 0;
  for (size_t begin = 0; begin < attribute.text.size();) {
    const size_t end = std::min(attribute.text.find(' ', begin), attribute.text.size());
    const bool opens = attribute.columns == 2 && column % 2 == 0, closes = attribute.columns == 2 && column % 2 == 1;
    text += (column > 0 ? ", " : "") + std::string(opens ? "[" : "") + attribute.text.substr(begin, end - begin) +
            (closes ? "]" : "");
    ++column;
    begin = end + 1;
  }
  return text + "]";
}

// The list of `parent` that holds `child`. Operations of a patch hold one node, relation or material.
const JsonList& ListOf(const Element& child, const Element& parent) {
  const bool one = child.name == "room" || parent.name == "add" || parent.name == "replace" || parent.name == "remove";
  const std::string_view named_by = parent.name == "patch" ? "op" : "kind";
  const JsonList* sorts = nullptr;
  for (const JsonList& list : kLists) {
    if (list.one != one) continue;
    if (list.element == child.name) return list;
    if (list.named_by == named_by) sorts = &list;
  }
  return *sorts;
}

void Append(std::string* out, const Element& element, const JsonList* named, size_t indent) {
  *out += '{';
  bool first = true;
  const auto key = [&](std::string_view name) {
    *out += std::string(first ? "" : ", ") + "\"" + std::string(name) + "\": ";
    first = false;
  };
  if (named != nullptr && named->element.empty()) {
    key(named->named_by);
    *out += Quoted(element.name);
  }
  for (const Attribute& attribute : element.attributes) {
    key(attribute.key);
    *out += Spelled(attribute);
  }
  for (size_t i = 0; i < element.children.size();) {
    const JsonList& list = ListOf(element.children[i], element);
    *out += first ? "\n" : ",\n";
    out->append(indent + 1, ' ');
    *out += "\"" + std::string(list.key) + "\": ";
    first = false;
    if (list.one) {
      Append(out, element.children[i++], &list, indent + 1);
      continue;
    }
    *out += "[";
    for (bool first_item = true; i < element.children.size() && &ListOf(element.children[i], element) == &list; ++i) {
      *out += first_item ? "\n" : ",\n";
      first_item = false;
      out->append(indent + 2, ' ');
      Append(out, element.children[i], &list, indent + 2);
    }
    *out += "]";
  }
  *out += '}';
}

}  // namespace

Element ReadJsonDocument(std::string_view text, std::string_view root, Sink* sink) {
  Handler handler(text, sink);
  const bool is_json = nlohmann::json::sax_parse(text, &handler);
  const Value value = handler.Take();
  if (value.type != Value::Type::kObject) {
    if (is_json) sink->Add(Code::kWrongType, value.begin, "is no object", "the file is one object: {...}");
    return {.name = std::string(root)};
  }
  return JsonReader(text, sink).Read(value, root, 1);
}

std::string WriteJsonDocument(const Element& root) {
  std::string text;
  Append(&text, root, nullptr, 0);
  return text + "\n";
}

}  // namespace takt::scene
