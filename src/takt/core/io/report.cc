// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/sha256.h"
#include "takt/core/io/html.h"
#include "takt/core/io/report_page.h"

namespace takt {
namespace {

constexpr int kJpegQuality = 90;
constexpr size_t kMinContentsEntries = 3;

std::string ImageTag(const ReportPicture& picture, const char* css_class = "") {
  const bool png = picture.lossless || picture.image.channels == 2 || picture.image.channels == 4;
  const std::vector<uint8_t> bytes = png ? EncodePng(picture.image) : EncodeJpeg(picture.image, kJpegQuality);
  const std::string attribute = *css_class == '\0' ? "" : fmt::format(" class=\"{}\"", css_class);
  return fmt::format("<img{} width=\"{}\" height=\"{}\" alt=\"{}\" src=\"data:image/{};base64,{}\">", attribute,
                     picture.image.width_px, picture.image.height_px,
                     EscapeHtml(picture.alt.empty() ? picture.label : picture.alt), png ? "png" : "jpeg",
                     Base64(bytes));
}

std::string Caption(const std::string& text) {
  return text.empty() ? "" : fmt::format("<figcaption>{}</figcaption>", EscapeHtml(text));
}

std::string Thousands(double value) {
  std::string text = fmt::format("{:.0f}", value);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

// The figure people compare, and the exact one beside it where the first is rounded.
std::string Quantity(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "unknown";
  if (unit == "B" && value >= 0 && value < 1e15) {
    const std::string exact = Thousands(value) + " B";
    const std::string text = FormatBytes(static_cast<uint64_t>(value));
    return text == exact ? exact : fmt::format("{} <small>{}</small>", text, exact);
  }
  if (unit == "ms" && value >= 60e3) {
    const double s = std::round(std::min(value / 1e3, 1e9));
    return fmt::format("{:.0f} min {:.0f} s", std::floor(s / 60), std::fmod(s, 60));
  }
  if (unit == "ms" && value >= 1e3) return fmt::format("{:.3g} s", value / 1e3);
  return fmt::format("{:.4g} {}", value, EscapeHtml(unit));
}

// The share of the budget that was used, as a bar 100 units wide.
std::string UsageBar(const BudgetReport& budget) {
  if (!(budget.asked > 0 && std::isfinite(budget.used))) return "";
  const double percent = 100 * budget.used / budget.asked;
  const double shown = std::clamp(percent, 0.0, 100.0);
  // Rounding up must not make a budget look used up, nor a broken one kept.
  const double floored = std::floor(percent * 100) / 100;
  return fmt::format(
      "<svg class=\"usage {}\" viewBox=\"0 0 100 6\" width=\"100\" height=\"6\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\"><rect class=\"track\" width=\"100\" height=\"6\"/><rect width=\"{:.2f}\" "
      "height=\"6\"/></svg>"
      "<small>{:.4g} %</small>",
      budget.kept() ? "kept" : "broken", shown, floored);
}

std::string BudgetRow(const BudgetReport& budget) {
  const bool limited = !std::isnan(budget.asked);
  const char* verdict = !limited ? "measured" : budget.kept() ? "kept" : "broken";
  std::string left;
  if (limited && budget.kept()) left = Quantity(budget.asked - budget.used, budget.unit);
  if (limited && budget.used > budget.asked) left = "over by " + Quantity(budget.used - budget.asked, budget.unit);
  if (!budget.left_because.empty())
    left += fmt::format("<small class=\"reason\">{}</small>", EscapeHtml(budget.left_because));
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td><span class=\"verdict {}\">{}</span></td><td class=\"number\">{}</td>"
      "<td class=\"number\">{}{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
      EscapeHtml(budget.quantity), verdict, verdict, limited ? Quantity(budget.asked, budget.unit) : "no limit",
      Quantity(budget.used, budget.unit), UsageBar(budget), left, EscapeHtml(budget.proof));
}

// 'sha256-...' as a Content-Security-Policy names the one script or style sheet that may run.
std::string PolicyHash(std::string_view text) {
  Sha256 hash;
  hash.Update(text);
  return "'sha256-" + Base64(hash.Finish()) + "'";
}

}  // namespace

Report::Report(std::string title, std::string summary) : title_(std::move(title)), summary_(std::move(summary)) {}

void Report::SetKicker(std::string text) { kicker_ = std::move(text); }
void Report::SetFooter(std::string text) { footer_ = std::move(text); }

void Report::Tiles(const std::vector<ReportTile>& tiles) {
  body_ += "<dl class=\"tiles\">";
  for (const ReportTile& tile : tiles) {
    constexpr const char* kClasses[] = {"tile", "tile ok", "tile warn"};
    constexpr const char* kMarks[] = {"", "<span class=\"mark\" role=\"img\" aria-label=\"met\">✓</span>",
                                      "<span class=\"mark\" role=\"img\" aria-label=\"not met\">!</span>"};
    const size_t state = static_cast<size_t>(tile.state);
    body_ += fmt::format("<div class=\"{}\"><dt>{}{}</dt><dd class=\"value\">{}</dd>", kClasses[state],
                         EscapeHtml(tile.label), kMarks[state], EscapeHtml(tile.value));
    if (!tile.note.empty()) body_ += fmt::format("<dd class=\"note\">{}</dd>", EscapeHtml(tile.note));
    body_ += "</div>";
  }
  body_ += "</dl>\n";
}

void Report::Section(const std::string& title) {
  if (!section_titles_.empty()) body_ += "</section>\n";
  section_titles_.push_back(title);
  const size_t number = section_titles_.size();
  body_ += fmt::format("<section aria-labelledby=\"s{}\"><h2 id=\"s{}\">{}</h2>\n", number, number, EscapeHtml(title));
}

void Report::Paragraph(const std::string& text) { body_ += fmt::format("<p>{}</p>\n", EscapeHtml(text)); }

void Report::Code(const std::string& text) {
  body_ += fmt::format("<pre tabindex=\"0\"><code>{}</code></pre>\n", EscapeHtml(text));
}

void Report::Table(const ReportTable& table) {
  std::string html = fmt::format("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table>",
                                 table.caption.empty() ? "Table" : EscapeHtml(table.caption));
  if (!table.caption.empty()) html += fmt::format("<caption><span>{}</span></caption>", EscapeHtml(table.caption));
  html += "<thead><tr>";
  const auto number = [&](size_t column) { return table.columns[column].number ? " class=\"number\"" : ""; };
  for (size_t c = 0; c < table.columns.size(); ++c) {
    html += fmt::format("<th scope=\"col\"{}>{}</th>", number(c), EscapeHtml(table.columns[c].name));
  }
  html += "</tr></thead><tbody>";
  for (const std::vector<std::string>& row : table.rows) {
    if (row.size() != table.columns.size()) {
      throw Error(ErrorCode::kBadInput, "report",
                  fmt::format("a row of {} cells in a table of {} columns", row.size(), table.columns.size()));
    }
    html += "<tr>";
    for (size_t c = 0; c < row.size(); ++c) {
      html += c == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", number(c), EscapeHtml(row[c]))
                     : fmt::format("<td{}>{}</td>", number(c), EscapeHtml(row[c]));
    }
    html += "</tr>";
  }
  body_ += html + "</tbody></table></div>\n";
}

void Report::Pictures(const std::vector<ReportPicture>& pictures, const std::string& caption) {
  // Few pictures are shown large; a crowd is shown small.
  const size_t count = pictures.size();
  const char* size = count == 1 ? "one" : count == 2 ? "two" : count == 4 ? "four" : "many";
  std::string html = fmt::format("<figure class=\"pictures\"><div class=\"grid {}\">", size);
  for (const ReportPicture& picture : pictures) {
    html += fmt::format("<div class=\"picture\"><button class=\"zoom\" type=\"button\">{}</button>", ImageTag(picture));
    if (!picture.label.empty()) html += fmt::format("<span class=\"tag\">{}</span>", EscapeHtml(picture.label));
    html += "</div>";
  }
  body_ += html + "</div>" + Caption(caption) + "</figure>\n";
}

void Report::Compare(const ReportPicture& left, const ReportPicture& right, const std::string& caption) {
  if (left.image.width_px != right.image.width_px || left.image.height_px != right.image.height_px) {
    throw Error(ErrorCode::kBadInput, "report",
                fmt::format("cannot compare pictures of {} x {} and {} x {} pixels", left.image.width_px,
                            left.image.height_px, right.image.width_px, right.image.height_px));
  }
  body_ += fmt::format(
      "<figure class=\"pictures\"><div class=\"compare{}\">{}{}<span class=\"tag left\">{}</span><span class=\"tag "
      "right\">{}"
      "</span><input type=\"range\" min=\"0\" max=\"100\" value=\"50\" aria-label=\"{}\"><span class=\"handle\" "
      "aria-hidden=\"true\"></span></div>{}</figure>\n",
      left.image.height_px > left.image.width_px ? " tall" : "", ImageTag(right), ImageTag(left, "over"),
      EscapeHtml(left.label), EscapeHtml(right.label),
      EscapeHtml(fmt::format("Share of {} shown before {}", left.label, right.label)), Caption(caption));
}

void Report::Plot(const LinePlot& plot) { body_ += LinePlotHtml(plot); }
void Report::Plot(const BarChart& chart) { body_ += BarChartHtml(chart); }

void Report::Budgets(const std::vector<BudgetReport>& budgets) {
  body_ +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Budgets\"><table class=\"budgets\"><thead><tr>"
      "<th scope=\"col\">Budget</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"number\">Asked</th>"
      "<th scope=\"col\" class=\"number\">Used</th><th scope=\"col\" class=\"number\">Left</th>"
      "<th scope=\"col\">Proof</th></tr>"
      "</thead><tbody>";
  for (const BudgetReport& budget : budgets) body_ += BudgetRow(budget);
  body_ += "</tbody></table></div>\n";
}

void Report::Details(const std::string& summary, const std::string& text) {
  body_ +=
      fmt::format("<details class=\"more\"><summary>{}</summary><pre tabindex=\"0\"><code>{}</code></pre></details>\n",
                  EscapeHtml(summary), EscapeHtml(text));
}

std::string Report::Html() const {
  const std::string style = ReportStyle();
  const std::string_view script = ReportScript();
  std::string html = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<meta name=\"color-scheme\" content=\"light dark\">\n";
  html += fmt::format(
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src {}; "
      "script-src {}\">\n",
      PolicyHash(style), PolicyHash(script));
  html += fmt::format("<title>{}</title>\n<style>{}</style>\n<script>{}</script>\n</head>\n<body>\n",
                      EscapeHtml(title_), style, script);
  html += "<header><div class=\"top\">";
  html += fmt::format("<p class=\"kicker\">{}</p>", EscapeHtml(kicker_));
  html +=
      "<button id=\"theme\" type=\"button\" hidden aria-label=\"Switch between light and dark\">"
      "<svg viewBox=\"0 0 20 20\" width=\"20\" height=\"20\" aria-hidden=\"true\"><circle cx=\"10\" cy=\"10\" r=\"7\"/>"
      "<path d=\"M10 3a7 7 0 0 1 0 14z\"/></svg></button></div>";
  html += fmt::format("<h1>{}</h1><p class=\"summary\">{}</p>", EscapeHtml(title_), EscapeHtml(summary_));
  if (section_titles_.size() >= kMinContentsEntries) {
    html += "<nav aria-label=\"Contents\"><ul>";
    for (size_t i = 0; i < section_titles_.size(); ++i) {
      html += fmt::format("<li><a href=\"#s{}\">{}</a></li>", i + 1, EscapeHtml(section_titles_[i]));
    }
    html += "</ul></nav>";
  }
  html += "</header>\n<main>\n" + body_;
  if (!section_titles_.empty()) html += "</section>\n";
  html += "</main>\n";
  if (!footer_.empty()) html += fmt::format("<footer><p>{}</p></footer>\n", EscapeHtml(footer_));
  html +=
      "<dialog id=\"zoom\" aria-label=\"Enlarged picture\"><button type=\"button\" aria-label=\"Close\"><img alt=\"\">"
      "</button></dialog>\n</body>\n</html>\n";
  return html;
}

void Report::Write(const std::filesystem::path& path) const { WriteFileAtomic(path, Html()); }

}  // namespace takt
