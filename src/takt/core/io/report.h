// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "takt/core/base/budget.h"
#include "takt/core/io/image.h"
#include "takt/core/io/plot.h"

namespace takt {

enum class TileState { kPlain, kOk, kWarn };

// A figure that the reader should see first.
struct ReportTile {
  std::string label;  // "PSNR, held-out views"
  std::string value;  // "33.4 dB"
  std::string note;   // "bar: 33 dB"; may be empty
  TileState state = TileState::kPlain;
};

struct ReportTable {
  struct Column {
    std::string name;
    bool number = false;  // aligned to the right, figures of equal width
  };
  std::string caption;
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // [rows, columns]; the first cell of a row names it
};

struct ReportPicture {
  Image8 image;
  std::string label;      // shown under it in a group: "view 8, original"
  std::string alt;        // what a reader who cannot see it should know; empty: the label
  bool lossless = false;  // PNG; otherwise JPEG where the channels allow it
};

// Builds a report: one HTML file that needs no network and no other file, for screens of any width, in light and dark,
// usable by keyboard, printable. Elements appear in the order of the calls. All text is escaped; nothing in it is
// markup. The file forbids itself any network access (Content-Security-Policy). Determinism: the same calls give the
// same bytes.
class Report {
 public:
  // `summary`: one sentence with the result.
  Report(std::string title, std::string summary);

  // A small line above the title, "takt splat train", and one at the end of the page.
  void SetKicker(std::string text);
  void SetFooter(std::string text);

  void Tiles(const std::vector<ReportTile>& tiles);
  void Section(const std::string& title);
  void Paragraph(const std::string& text);
  // A command or other text in fixed width, line breaks kept.
  void Code(const std::string& text);
  // Errors: bad_input for a row with another number of cells than columns.
  void Table(const ReportTable& table);
  // Pictures side by side, as many as fit; a click enlarges one. Errors: as EncodePng.
  void Pictures(const std::vector<ReportPicture>& pictures, const std::string& caption = {});
  // Two pictures of the same size, one over the other, with a slider between them.
  // Errors: as EncodePng; bad_input for different sizes.
  void Compare(const ReportPicture& left, const ReportPicture& right, const std::string& caption = {});
  void Plot(const LinePlot& plot);
  void Plot(const BarChart& chart);
  // Asked, used, left, how it was measured, and whether it was kept.
  void Budgets(const std::vector<BudgetReport>& budgets);
  // Text that opens on demand, such as the options as JSON.
  void Details(const std::string& summary, const std::string& text);

  std::string Html() const;
  // Atomic. Errors: io.
  void Write(const std::filesystem::path& path) const;

 private:
  std::string title_, summary_, kicker_, footer_;
  std::string body_;
  std::vector<std::string> section_titles_;
};

}  // namespace takt
