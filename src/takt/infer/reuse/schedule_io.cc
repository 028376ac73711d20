// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/reuse/schedule_io.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt::reuse {
namespace {

constexpr std::string_view kFileKind = "takt.reuse-schedule";
constexpr int kMajor = 1;
constexpr size_t kMaxDepth = 8;
constexpr size_t kMaxValues = 16 * kMaxBlocks;
constexpr uint64_t kMaxFileBytes = uint64_t{64} << 20;
constexpr size_t kMaxDiagnostics = 100;

// The letter of each cell in the file.
constexpr struct {
  char letter;
  Cell cell;
} kLetters[] = {{'#', {Source::kCompute, 0}},
                {'-', {Source::kOwn, 0}},
                {'/', {Source::kOwn, 1}},
                {'k', {Source::kKind, 0}},
                {'t', {Source::kTick, 0}}};

// Counts what nlohmann's parser has read, which it does not tell its events.
class CountingIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  CountingIterator(const char* at, const char** furthest) : at_(at), furthest_(furthest) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *furthest_ = std::max(*furthest_, ++at_);
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** furthest_;
};

// A JSON value and where it stands.
struct Value {
  enum class Type { kOther, kNumber, kString, kArray, kObject } type = Type::kOther;
  size_t offset = 0;  // of the first byte inside the quotes of a string; of the last byte of a number; of the bracket
  double number = 0;
  std::string string = {};
  std::vector<Value> items = {};  // of an array, or the members of an object
  std::string key = {};           // of a member
  size_t key_offset = 0;
};

class Sink {
 public:
  Sink(std::string_view text, const std::string& file, std::vector<Diagnostic>* out)
      : text_(text), file_(file), out_(out) {}
  void Add(Severity severity, std::string code, size_t offset, std::string message, std::string hint = {}) {
    if (out_->size() >= kMaxDiagnostics) return;
    offset = std::min(offset, text_.size());
    const std::string_view before = text_.substr(0, offset);
    const size_t newline = before.rfind('\n');
    out_->push_back({.severity = severity,
                     .code = "reuse/" + std::move(code),
                     .file = file_,
                     .line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n')),
                     .column = static_cast<int>(newline == std::string_view::npos ? offset + 1 : offset - newline),
                     .message = std::move(message),
                     .hint = std::move(hint)});
  }
  void Error(std::string code, size_t offset, std::string message, std::string hint = {}) {
    Add(Severity::kError, std::move(code), offset, std::move(message), std::move(hint));
  }

 private:
  std::string_view text_;
  const std::string& file_;
  std::vector<Diagnostic>* out_;
};

class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(const char* begin, const char* const* at, Sink* sink) : begin_(begin), at_(at), sink_(sink) {}
  bool null() override { return Attach({.offset = Last()}); }
  bool boolean(bool) override { return Attach({.offset = Last()}); }
  bool number_integer(number_integer_t n) override { return Number(static_cast<double>(n)); }
  bool number_unsigned(number_unsigned_t n) override { return Number(static_cast<double>(n)); }
  bool number_float(number_float_t n, const string_t&) override { return Number(n); }
  bool string(string_t& s) override {
    const size_t offset = Inside(s);
    return Attach({.type = Value::Type::kString, .offset = offset, .string = std::move(s)});
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(Value::Type::kObject); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Value::Type::kArray); }
  bool end_array() override { return Close(); }
  bool key(string_t& s) override {
    key_offset_ = Inside(s);
    key_ = std::move(s);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string message = error.what();
    const size_t reason = message.find(": ");  // behind "[json.exception...] parse error at line 3, column 5"
    if (reason != std::string::npos) message.erase(0, reason + 2);
    sink_->Error("syntax", position > 0 ? position - 1 : 0, "is no JSON from here on: " + message,
                 "look for a missing comma, quote or bracket");
    return false;
  }
  Value Take() { return std::move(root_); }

 private:
  size_t Last() const { return static_cast<size_t>(*at_ - begin_) - 1; }
  // Escapes make a string longer in the file than it is; then the place is a little late.
  size_t Inside(const std::string& s) const { return Last() - std::min(Last(), s.size()); }
  bool Number(double n) { return Attach({.type = Value::Type::kNumber, .offset = Last(), .number = n}); }
  bool Open(Value::Type type) {
    if (open_.size() >= kMaxDepth) {
      sink_->Error("syntax", Last(), "nests values too deep");
      return false;
    }
    open_.push_back({.type = type, .offset = Last(), .key = std::move(key_), .key_offset = key_offset_});
    key_.clear();
    return true;
  }
  bool Close() {
    Value value = std::move(open_.back());
    open_.pop_back();
    key_ = std::move(value.key);
    key_offset_ = value.key_offset;
    return Attach(std::move(value));
  }
  bool Attach(Value value) {
    if (++values_ > kMaxValues) {
      sink_->Error("syntax", value.offset, "holds too many values");
      return false;
    }
    value.key = std::move(key_);
    value.key_offset = key_offset_;
    key_.clear();
    (open_.empty() ? root_ : open_.back().items.emplace_back()) = std::move(value);
    return true;
  }

  const char* begin_;
  const char* const* at_;
  Sink* sink_;
  Value root_;
  std::vector<Value> open_;
  std::string key_;
  size_t key_offset_ = 0;
  size_t values_ = 0;
};

// The members of an object that are known by name; says which are twice, unknown or missing.
std::vector<const Value*> Members(const Value& object, const std::vector<std::string_view>& names, size_t required,
                                  Sink* sink) {
  std::vector<const Value*> found(names.size(), nullptr);
  for (const Value& member : object.items) {
    const auto at = std::find(names.begin(), names.end(), member.key);
    if (at == names.end()) {
      sink->Add(Severity::kNote, "unknown-key", member.key_offset, fmt::format("\"{}\" is not known here", member.key));
      continue;
    }
    const Value*& slot = found[static_cast<size_t>(at - names.begin())];
    if (slot != nullptr)
      sink->Error("duplicate-key", member.key_offset, fmt::format("\"{}\" is there twice", member.key));
    slot = &member;
  }
  for (size_t i = 0; i < required; ++i) {
    if (found[i] == nullptr) sink->Error("missing-key", object.offset, fmt::format("\"{}\" is missing", names[i]));
  }
  return found;
}

bool ReadWhole(const Value& value, int low, int high, std::string_view what, Sink* sink, int* out) {
  if (value.type == Value::Type::kNumber && value.number >= low && value.number <= high &&
      value.number == std::floor(value.number)) {
    *out = static_cast<int>(value.number);
    return true;
  }
  sink->Error("value", value.offset, fmt::format("\"{}\" must be a whole number from {} to {}", what, low, high));
  return false;
}

class Reader {
 public:
  Reader(Sink* sink, Schedule* schedule) : sink_(sink), schedule_(schedule) {}

  void Read(const Value& root) {
    if (root.type != Value::Type::kObject) {
      sink_->Error("syntax", root.offset, "is no object", "the file is one object: {...}");
      return;
    }
    const auto m = Members(root, {"kind", "schema", "steps", "blocks", "tick_refresh", "made_by"}, 4, sink_);
    if (m[0] != nullptr && (m[0]->type != Value::Type::kString || m[0]->string != kFileKind)) {
      sink_->Error("schema", m[0]->offset, fmt::format("\"kind\" must be \"{}\"", kFileKind));
    }
    if (m[1] != nullptr) ReadSchema(*m[1]);
    if (m[4] != nullptr) ReadWhole(*m[4], 2, kMaxTickRefresh, "tick_refresh", sink_, &schedule_->tick_refresh);
    if (m[5] != nullptr) {
      if (m[5]->type == Value::Type::kString) {
        schedule_->made_by = m[5]->string;
      } else {
        sink_->Error("value", m[5]->offset, "\"made_by\" must be a text");
      }
    }
    const bool has_steps = m[2] != nullptr && ReadWhole(*m[2], 1, kMaxSteps, "steps", sink_, &schedule_->steps);
    if (m[3] != nullptr) ReadBlocks(*m[3], has_steps);
    if (has_steps && m[3] != nullptr && !failed_) AddFaults(*m[3]);
  }

 private:
  void ReadSchema(const Value& schema) {
    if (schema.type != Value::Type::kArray || schema.items.size() != 2 ||
        schema.items[0].type != Value::Type::kNumber || schema.items[1].type != Value::Type::kNumber) {
      sink_->Error("schema", schema.offset, "\"schema\" must be [major, minor]");
    } else if (schema.items[0].number != kMajor) {
      sink_->Error("schema", schema.offset,
                   fmt::format("has schema {}; {} is read here", schema.items[0].number, kMajor),
                   "use the version of takt that wrote it");
    }
  }

  void ReadBlocks(const Value& list, bool has_steps) {
    if (list.type != Value::Type::kArray || list.items.empty() || list.items.size() > kMaxBlocks) {
      sink_->Error("value", list.offset, fmt::format("\"blocks\" must be a list of 1 to {} blocks", kMaxBlocks));
      failed_ = true;
      return;
    }
    std::vector<std::string_view> rows;
    for (const Value& item : list.items) {
      const size_t before = rows.size();
      ReadBlock(item, has_steps, &rows);
      failed_ |= rows.size() == before;
    }
    if (failed_ || !has_steps) return;
    // Every row has as many letters as there are steps, so that the text bounds the memory.
    schedule_->cells.resize(static_cast<size_t>(schedule_->steps) * rows.size());
    for (size_t b = 0; b < rows.size(); ++b) {
      for (int k = 0; k < schedule_->steps; ++k) {
        const auto* letter = std::find_if(std::begin(kLetters), std::end(kLetters),
                                          [&](const auto& l) { return l.letter == rows[b][k]; });
        schedule_->at(k, static_cast<int>(b)) = letter->cell;
      }
    }
  }

  void ReadBlock(const Value& item, bool has_steps, std::vector<std::string_view>* rows) {
    if (item.type != Value::Type::kObject) {
      sink_->Error("value", item.offset, "a block must be an object", "{\"name\": \"l0.sa\", \"cells\": \"#---\"}");
      return;
    }
    const auto m = Members(item, {"name", "cells"}, 2, sink_);
    if (m[0] == nullptr || m[1] == nullptr) return;
    Block block;
    if (m[0]->type != Value::Type::kString || !ParseBlockName(m[0]->string, &block)) {
      sink_->Error("block", m[0]->offset, "is no name of a block", "l0.sa, l0.ca, l0.ffn, l1.sa ...");
      return;
    }
    if (m[1]->type != Value::Type::kString) {
      sink_->Error("cells", m[1]->offset, "\"cells\" must be a text with a letter for each step");
      return;
    }
    const std::string& row = m[1]->string;
    const size_t stray = row.find_first_not_of("#-/kt");
    if (stray != std::string::npos) {
      sink_->Error("cells", m[1]->offset + stray,
                   fmt::format("{} has a letter that is none of # - / k t", m[0]->string),
                   "# compute, - hold, / extrapolate, k same kind, t previous tick");
      return;
    }
    if (has_steps && row.size() != static_cast<size_t>(schedule_->steps)) {
      sink_->Error("cells", m[1]->offset,
                   fmt::format("{} has {} cells; there are {} steps", m[0]->string, row.size(), schedule_->steps));
      return;
    }
    schedule_->blocks.push_back(block);
    rows->push_back(row);
    places_.push_back({m[0]->offset, m[1]->offset});
  }

  void AddFaults(const Value& list) {
    for (const Fault& fault : FindFaults(*schedule_)) {
      if (fault.block < 0) {
        sink_->Error("tick-refresh", list.offset, fault.message, "\"tick_refresh\": 4");
      } else if (fault.step < 0) {
        sink_->Error("block", places_[fault.block].name, fault.message);
      } else {
        sink_->Error("source", places_[fault.block].cells + fault.step,
                     fmt::format("{} (step {})", fault.message, fault.step));
      }
    }
  }

  struct Places {
    size_t name, cells;
  };
  Sink* sink_;
  Schedule* schedule_;
  std::vector<Places> places_;
  bool failed_ = false;
};

}  // namespace

std::string WriteScheduleText(const Schedule& s) {
  Validate(s, "schedule");
  std::string text = fmt::format("{{\n  \"kind\": \"{}\",\n  \"schema\": [{}, 0],\n", kFileKind, kMajor);
  if (!s.made_by.empty()) {
    const auto replace = nlohmann::json::error_handler_t::replace;  // of bytes that are no UTF-8
    text += fmt::format("  \"made_by\": {},\n", nlohmann::json(s.made_by).dump(-1, ' ', false, replace));
  }
  text += fmt::format("  \"steps\": {},\n", s.steps);
  if (s.tick_refresh != 0) text += fmt::format("  \"tick_refresh\": {},\n", s.tick_refresh);
  text += "  \"blocks\": [\n";
  size_t width = 0;
  for (const Block& block : s.blocks) width = std::max(width, BlockName(block).size());
  for (int b = 0; b < s.block_count(); ++b) {
    std::string row;
    for (int k = 0; k < s.steps; ++k) {
      row += std::find_if(std::begin(kLetters), std::end(kLetters), [&](const auto& l) {
               return l.cell == s.at(k, b);
             })->letter;
    }
    const std::string name = BlockName(s.blocks[b]);
    text += fmt::format("    {{\"name\": \"{}\", {:{}}\"cells\": \"{}\"}}{}\n", name, "", width - name.size(), row,
                        b + 1 < s.block_count() ? "," : "");
  }
  return text + "  ]\n}\n";
}

ScheduleResult ParseScheduleText(std::string_view text, const std::string& file) {
  ScheduleResult result;
  Sink sink(text, file, &result.diagnostics);
  const char* const end = text.data() + text.size();
  const char* furthest = text.data();
  Handler handler(text.data(), &furthest, &sink);
  const bool is_json =
      nlohmann::json::sax_parse(CountingIterator(text.data(), &furthest), CountingIterator(end, &furthest), &handler);
  if (is_json) Reader(&sink, &result.schedule).Read(handler.Take());
  return result;
}

Schedule ReadSchedule(const std::filesystem::path& path) {
  ScheduleResult result = ParseScheduleText(ReadTextFile(path, kMaxFileBytes), path.string());
  for (const Diagnostic& d : result.diagnostics) {
    if (d.severity != Severity::kError) continue;
    throw Error(ErrorCode::kBadInput, path.string(), fmt::format("{}:{}: {} [{}]", d.line, d.column, d.message, d.code),
                d.hint);
  }
  return std::move(result.schedule);
}

void WriteSchedule(const std::filesystem::path& path, const Schedule& schedule) {
  WriteFileAtomic(path, WriteScheduleText(schedule));
}

}  // namespace takt::reuse
