// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace takt {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kRedrawPeriod_s = 0.1;
constexpr double kPlainPeriod_s = 10;
constexpr double kJsonPeriod_s = 1;
constexpr double kSmoothing_s = 10;
constexpr size_t kMinBarColumns = 8;
constexpr size_t kMaxBarColumns = 30;
constexpr size_t kDefaultColumns = 80;
constexpr size_t kPlainColumns = 120;

std::string Thousands(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string Duration(double seconds) {
  const uint64_t s = static_cast<uint64_t>(std::min(std::ceil(seconds), 1e9));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string Rate(double per_s) {
  if (per_s >= 100) return fmt::format("{}/s", Thousands(static_cast<uint64_t>(std::min(per_s, 1e15))));
  if (per_s >= 1) return fmt::format("{:.3g}/s", per_s);
  return fmt::format("{:.3g} s each", 1 / per_s);
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// One column a code point: good enough for the words that a task, a unit and a note hold.
size_t Columns(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string Printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return text;
}

std::string Cut(std::string text, size_t width) {
  size_t columns = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsContinuation(text[i]) && ++columns > width) return text.substr(0, i);
  }
  return text;
}

std::string Bar(double fraction, size_t columns, bool unicode) {
  const size_t full = static_cast<size_t>(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(columns));
  std::string bar;
  for (size_t i = 0; i < columns; ++i) bar += i < full ? (unicode ? "━" : "#") : (unicode ? "╌" : "-");
  return bar;
}

bool LocaleIsUtf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos || text.find("utf-8") != text.npos;
  }
  return false;
}

ProgressStyle Resolve(ProgressStyle style, std::FILE* out) {
  if (style != ProgressStyle::kAuto) return style;
  const char* term = std::getenv("TERM");
  const bool can_redraw = ::isatty(::fileno(out)) == 1 && term != nullptr && std::string_view(term) != "dumb";
  return can_redraw ? ProgressStyle::kLine : ProgressStyle::kPlain;
}

size_t TerminalColumns(std::FILE* out) {
  struct winsize size = {};
  if (::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kDefaultColumns;
}

double MonotonicSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string FormatProgressLine(const ProgressState& state, size_t width, bool unicode) {
  const ProgressUpdate& update = state.update;
  std::string tail;
  const std::string unit = update.unit.empty() ? "" : " " + update.unit;
  if (update.total > 0) {
    const double fraction = static_cast<double>(update.done) / static_cast<double>(update.total);
    tail += fmt::format("  {:3.0f} %  {}/{}{}", std::floor(100 * std::min(fraction, 1.0)), Thousands(update.done),
                        Thousands(update.total), unit);
  } else {
    tail += fmt::format("  {}{}", Thousands(update.done), unit);
  }
  if (state.rate_per_s > 0) tail += "  " + Rate(state.rate_per_s);
  const bool ended = update.total > 0 && update.done >= update.total;
  if (ended) {
    tail += fmt::format("  in {}", Duration(state.elapsed_s));
  } else if (state.left_s >= 0) {
    tail += fmt::format("  {} left", Duration(state.left_s));
  }
  if (!update.note.empty()) tail += "  " + update.note;
  const std::string head = Printable(update.task);
  tail = Printable(tail);
  const size_t taken = Columns(head) + Columns(tail) + 2;
  if (update.total == 0 || taken + kMinBarColumns > width) return Cut(head + tail, width);
  const size_t bar_columns = std::min(kMaxBarColumns, width - taken);
  return head + "  " + Bar(static_cast<double>(update.done) / static_cast<double>(update.total), bar_columns, unicode) +
         tail;
}

std::string FormatProgressJson(const ProgressState& state) {
  const ProgressUpdate& update = state.update;
  nlohmann::ordered_json json;
  // Figures that are not known are NaN, which JSON writes as null.
  json["progress"] = {{"task", update.task},
                      {"done", update.done},
                      {"total", update.total},
                      {"unit", update.unit},
                      {"note", update.note},
                      {"elapsed_s", state.elapsed_s},
                      {"rate_per_s", state.rate_per_s},
                      {"left_s", state.left_s}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

struct ProgressLine::Impl {
  std::FILE* out;
  ProgressStyle style;
  Clock clock;
  bool unicode = LocaleIsUtf8();

  std::mutex mutex;
  std::optional<ProgressState> state;
  uint64_t first_done = 0, sampled_done = 0;
  double started_s = 0, sampled_s = 0, drawn_s = 0;
  double recent_done = 0, recent_s = 0;  // sums that forget with kSmoothing_s; their quotient is the rate
  bool pending = false;                  // the last update was not drawn
  bool line_open = false;                // the cursor stands behind a drawn line

  double period_s() const {
    if (style == ProgressStyle::kLine) return kRedrawPeriod_s;
    return style == ProgressStyle::kJson ? kJsonPeriod_s : kPlainPeriod_s;
  }

  void Begin(const ProgressUpdate& update, double now_s) {
    first_done = sampled_done = update.done;  // not 0 where a run is resumed
    started_s = sampled_s = now_s;
    recent_done = recent_s = 0;
    state = ProgressState{update, 0, kUnknown, kUnknown};
  }

  void Continue(const ProgressUpdate& update, double now_s) {
    const double step_s = now_s - sampled_s;
    if (step_s >= kRedrawPeriod_s) {
      const double keep = std::exp(-step_s / kSmoothing_s);
      recent_done = keep * recent_done + static_cast<double>(update.done - sampled_done);
      recent_s = keep * recent_s + step_s;
      sampled_done = update.done;
      sampled_s = now_s;
    }
    const bool ended = update.total > 0 && update.done >= update.total;
    state->update = update;
    state->elapsed_s = now_s - started_s;
    state->left_s = kUnknown;
    if (ended && state->elapsed_s > 0) {
      state->rate_per_s = static_cast<double>(update.done - first_done) / state->elapsed_s;
    } else if (recent_s > 0) {
      state->rate_per_s = recent_done / recent_s;
    }
    if (update.total >= update.done && state->rate_per_s > 0) {
      state->left_s = static_cast<double>(update.total - update.done) / state->rate_per_s;
    }
  }

  void Put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
  }

  void Draw(double now_s) {
    drawn_s = now_s;
    pending = false;
    if (style == ProgressStyle::kLine) {
      // The last column stays free: a full line would wrap and could not be redrawn.
      const std::string line = FormatProgressLine(*state, std::max<size_t>(TerminalColumns(out), 2) - 1, unicode);
      Put("\r" + line + "\x1b[K");
      line_open = true;
    } else if (style == ProgressStyle::kPlain) {
      Put(FormatProgressLine(*state, kPlainColumns, false) + "\n");
    } else {
      Put(FormatProgressJson(*state) + "\n");
    }
  }

  void EndLine() {
    if (!line_open) return;
    Put("\n");
    line_open = false;
  }
};

ProgressLine::ProgressLine(std::FILE* out, ProgressStyle style, Clock clock) : impl_(std::make_unique<Impl>()) {
  impl_->out = out;
  impl_->style = Resolve(style, out);
  impl_->clock = clock ? std::move(clock) : Clock(MonotonicSeconds);
}

ProgressLine::~ProgressLine() { Finish(); }

void ProgressLine::Update(const ProgressUpdate& update) {
  Impl& self = *impl_;
  if (self.style == ProgressStyle::kQuiet) return;
  const std::lock_guard lock(self.mutex);
  const double now_s = self.clock();
  const ProgressUpdate* last = self.state ? &self.state->update : nullptr;
  const bool falls = last != nullptr && update.done < last->done;
  const bool begins = last == nullptr || last->task != update.task || last->total != update.total ||
                      (falls && (update.done == 0 || last->done == last->total));
  if (falls && !begins) return;  // a thread that reports late
  if (begins) {
    if (self.pending) self.Draw(now_s);
    self.EndLine();
    self.Begin(update, now_s);
  } else {
    self.Continue(update, now_s);
  }
  self.pending = true;
  const bool ends = update.total > 0 && update.done >= update.total;
  if (begins || ends || now_s - self.drawn_s >= self.period_s()) self.Draw(now_s);
}

void ProgressLine::Finish() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->pending) impl_->Draw(impl_->clock());
  impl_->EndLine();
}

ProgressSink ProgressLine::Sink() {
  return [this](const ProgressUpdate& update) { Update(update); };
}

}  // namespace takt
