// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/core/base/sha256.h"
#include "takt/core/io/html.h"
#include "takt/core/io/report_page.h"

namespace takt {
namespace {

namespace fs = std::filesystem;

const fs::path kData = TAKT_SHARED_DATA;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A photograph from the shared data, or a drawn one where they are absent.
Image8 DemoPhoto() {
  const fs::path path = kData / "splat/fox/images/0001.jpg";
  if (fs::exists(path)) return ToImage8(Downscale(ToImageF(ReadImage8(path)), 2));
  Image8 image(540, 960, 3);
  for (int y = 0; y < image.height_px; ++y) {
    for (int x = 0; x < image.width_px; ++x) {
      const double wave = 0.5 + 0.5 * std::sin(0.02 * x) * std::cos(0.015 * y);
      image.row(y)[3 * x] = static_cast<uint8_t>(40 + 150 * wave);
      image.row(y)[3 * x + 1] = static_cast<uint8_t>(90 + 80 * wave);
      image.row(y)[3 * x + 2] = static_cast<uint8_t>(180 - 90 * wave);
    }
  }
  return image;
}

Image8 Crop(const Image8& image, int y0, int height) {
  Image8 result(image.width_px, height, image.channels);
  std::copy(image.row(y0), image.row(y0) + result.pixels.size(), result.pixels.begin());
  return result;
}

// What a coarse model of the photo could look like.
Image8 Coarse(const Image8& image, int step) {
  Image8 result = image;
  for (uint8_t& value : result.pixels) value = static_cast<uint8_t>(value / step * step + step / 2);
  return result;
}

Image8 ErrorMap(const Image8& a, const Image8& b) {
  Image8 result(a.width_px, a.height_px, 1);
  for (size_t i = 0; i < result.pixels.size(); ++i) {
    int sum = 0;
    for (size_t c = 0; c < 3; ++c) sum += std::abs(a.pixels[3 * i + c] - b.pixels[3 * i + c]);
    result.pixels[i] = static_cast<uint8_t>(std::min(255, 3 * sum));
  }
  return result;
}

LinePlot RateDistortion() {
  LinePlot plot;
  plot.title = "More bytes buy less and less";
  plot.x_label = "file size [MB]";
  plot.y_label = "PSNR on 25 held-out views [dB]";
  plot.log_x = true;
  plot.series = {{"Takt", {0.5, 1.15, 2, 4.3, 8, 16}, {28.1, 31.2, 32.4, 33.1, 33.35, 33.4}, true, true},
                 {"spz v4", {2.1, 3.9, 8.3}, {27.9, 30.6, 32.2}, true, true},
                 {"compressed.ply", {3.1, 6.4, 12.2}, {27.1, 29.8, 31.9}, true, true}};
  plot.references = {{33, "bar: 33 dB", false}, {4.3, "budget: 4.3 MB", true}};
  return plot;
}

LinePlot LossCurve() {
  LinePlot plot;
  plot.title = "Training";
  plot.x_label = "iteration";
  plot.y_label = "loss";
  plot.log_y = true;
  const Rng rng(7);
  PlotSeries loss{"loss", {}, {}}, held{"held-out loss", {}, {}};
  for (uint64_t i = 1; i <= 30000; i += 10) {
    const double x = static_cast<double>(i);
    const double y = 0.008 + 0.25 * std::exp(-x / 1500) + 0.03 * std::exp(-x / 12000);
    loss.x.push_back(x);
    loss.y.push_back(y * (1 + 0.25 * (rng.UniformDouble(i) - 0.5)));
    if (i % 1000 != 1) continue;
    held.x.push_back(x);
    held.y.push_back(y * 1.25);
  }
  plot.series = {loss, held};
  return plot;
}

Report Demo() {
  Report report(
      "4.3 MB, not one byte more",
      "The capture of 50 photographs became a 3-D file of 4,299,871 bytes that shows held-out views at 33.1 dB, "
      "0.3 dB below the file eighteen times its size.");
  report.SetKicker("takt splat train");
  report.SetFooter("takt 0.1.0 · artefact 5f2d0c1e9a77b3c4 · 30,000 iterations · seed 0");
  report.Tiles({{"File size", "4.30 MB", "asked: 4.30 MB", TileState::kOk},
                {"Held-out PSNR", "33.1 dB", "bar: 33 dB", TileState::kOk},
                {"Training time", "31.4 min", "bar: 30 min", TileState::kWarn},
                {"Splats kept", "148,210", "of 300,000", TileState::kPlain}});
  const Image8 photo = Crop(DemoPhoto(), 180, 600);
  const Image8 coarse = Coarse(photo, 24), rough = Coarse(photo, 64);
  report.Section("What it looks like");
  report.Paragraph(
      "Every eighth photograph was held out of training. Drag the handle, or focus it and use the arrow keys, to see "
      "what "
      "the budget costs.");
  report.Compare({photo, "Photograph", "A photograph"}, {coarse, "4.3 MB", "The same view from the file"},
                 "View 8, 540 × 600 pixels. Left of the handle the photograph, right of it the rendering.");
  report.Pictures({{photo, "Photograph", ""},
                   {coarse, "4.3 MB, 33.1 dB", ""},
                   {rough, "1.15 MB, 31.2 dB", ""},
                   {ErrorMap(photo, coarse), "Error at 4.3 MB, three times enlarged", ""}},
                  "Click a picture to enlarge it.");
  report.Section("Quality for bytes");
  report.Plot(RateDistortion());
  BarChart bytes;
  bytes.title = "Where the bytes went";
  bytes.unit = "B";
  bytes.parts = {"positions", "scales", "rotations", "opacity", "colour", "harmonics"};
  bytes.rows = {{"4.3 MB", {920000, 610000, 702000, 190000, 655000, 1222871}},
                {"1.15 MB", {402000, 171000, 162000, 61000, 214000, 139000}},
                {"spz v4 of the same quality", {2100000, 800000, 820000, 300000, 910000, 2140000}}};
  bytes.references = {{4.3e6, "budget", true}};
  report.Plot(bytes);
  report.Section("Budgets");
  report.Budgets({{"bytes", "B", 4300000, 4299871, "size of the written file", "the next upgrade needs 214 B"},
                  {"time", "ms", 1800000, 1884000, "monotonic clock around training", ""},
                  {"memory", "B", kNan, 2211000320, "largest resident set", ""}});
  report.Section("Views");
  report.Table({"PSNR and SSIM of every held-out view, against the photograph.",
                {{"View"}, {"PSNR [dB]", true}, {"SSIM", true}, {"Splats drawn", true}},
                {{"0008.jpg", "33.41", "0.9712", "91,204"},
                 {"0016.jpg", "32.87", "0.9688", "88,113"},
                 {"0024.jpg", "33.02", "0.9701", "102,870"},
                 {"mean", "33.10", "0.9700", "94,062"}}});
  report.Section("How it was made");
  report.Plot(LossCurve());
  report.Paragraph("The same command on the same input gives the same file, byte for byte, on any number of threads:");
  report.Code("takt splat train ../shared/data/splat/fox --out fox.tks \\\n    --max-bytes 4.3MB --seed 0");
  report.Details("Options",
                 "{\n  \"max_bytes\": 4300000,\n  \"iterations\": 30000,\n  \"note\": \"<b>not bold</b>\"\n}");
  return report;
}

// The page without the bytes of its pictures.
std::string WithoutPictures(const std::string& html) {
  std::string out;
  for (size_t at = 0; at < html.size();) {
    const size_t data = std::min(html.find("base64,", at), html.size());
    out += html.substr(at, data - at);
    at = data < html.size() ? html.find('"', data) : data;
  }
  return out;
}

TEST(Html, EscapesTextAndMendsUtf8) {
  EXPECT_EQ(EscapeHtml("a<b>&\"'c"), "a&lt;b&gt;&amp;&quot;&#39;c");
  EXPECT_EQ(EscapeHtml(std::string_view("a\0b\x1b\n\t\x7f", 7)), "ab\n\t");
  EXPECT_EQ(EscapeHtml("größer 𝄞 ✓"), "größer 𝄞 ✓");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(EscapeHtml("\xFF"), bad);
  EXPECT_EQ(EscapeHtml("\xC0\xAF"), bad + bad);                      // overlong '/'
  EXPECT_EQ(EscapeHtml("\xED\xA0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(EscapeHtml("\xF4\x90\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
  EXPECT_EQ(EscapeHtml("\xE2\x82<"), bad + bad + "&lt;");            // a torn sequence swallows no markup
}

TEST(Html, Base64KnownAnswers) {
  const auto encode = [](std::string_view text) {
    return Base64(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  };
  // RFC 4648, section 10.
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode("\xFF\xEF\xBF"), "/++/");
}

TEST(Report, DemoIsSelfContainedAndWellFormed) {
  const std::string html = Demo().Html();
  // Left behind on purpose: open it to see what a report looks like.
  WriteFileAtomic(fs::path(testing::TempDir()) / "takt_report_demo.html", html);
  EXPECT_EQ(html, Demo().Html());
  EXPECT_EQ(html.find("http://"), html.npos);
  EXPECT_EQ(html.find("https://"), html.npos);
  EXPECT_EQ(html.find("<b>not"), html.npos);

  // Every element closes in order. Void elements and self-closed SVG shapes have no end tag.
  const std::string text = WithoutPictures(html.substr(html.find("<body>")));
  EXPECT_EQ(text.find("NaN"), text.npos);
  std::vector<std::string> open;
  for (size_t at = text.find('<'); at != text.npos; at = text.find('<', at + 1)) {
    const std::string tag = text.substr(at + 1, text.find('>', at) - at - 1);
    const bool closes = tag[0] == '/';
    const std::string name = tag.substr(closes, tag.find_first_of(" >", closes) - closes);
    if (name == "img" || name == "input" || name == "html" || tag.back() == '/') continue;
    if (!closes) {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << name;
      ASSERT_EQ(open.back(), name);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(Report, PolicyNamesExactlyThisStyleAndScript) {
  const std::string html = Report("title", "summary").Html();
  for (const std::string& part : {ReportStyle(), std::string(ReportScript())}) {
    Sha256 hash;
    hash.Update(part);
    EXPECT_NE(html.find("'sha256-" + Base64(hash.Finish()) + "'"), html.npos);
    EXPECT_NE(html.find(">" + part + "</"), html.npos);
  }
  EXPECT_NE(html.find("default-src 'none'"), html.npos);
  // An attribute would need 'unsafe-inline'.
  EXPECT_EQ(Demo().Html().find(" style=\""), html.npos);
  EXPECT_EQ(Demo().Html().find(" onclick="), html.npos);
}

TEST(Report, AllTextIsEscaped) {
  const std::string evil = "<img src=x onerror=alert(1)>\"'&";
  Report report(evil, evil);
  report.SetKicker(evil);
  report.SetFooter(evil);
  report.Tiles({{evil, evil, evil, TileState::kWarn}});
  for (int i = 0; i < 3; ++i) report.Section(evil);
  report.Paragraph(evil);
  report.Code(evil);
  report.Table({evil, {{evil}}, {{evil}}});
  const ReportPicture picture{Image8(2, 2, 3), evil, evil};
  report.Pictures({picture}, evil);
  report.Compare(picture, picture, evil);
  report.Budgets({{evil, evil, 1, 2, evil, evil}});
  report.Details(evil, evil);
  EXPECT_EQ(report.Html().find("<img src=x"), std::string::npos);
}

TEST(Report, PicturesChooseTheirFormat) {
  const auto html_of = [](int channels, bool lossless) {
    Report report("t", "s");
    report.Pictures({{Image8(4, 4, channels), "p", "", lossless}});
    return report.Html();
  };
  EXPECT_NE(html_of(3, false).find("data:image/jpeg"), std::string::npos);
  EXPECT_NE(html_of(1, false).find("data:image/jpeg"), std::string::npos);
  EXPECT_NE(html_of(3, true).find("data:image/png"), std::string::npos);
  EXPECT_NE(html_of(4, false).find("data:image/png"), std::string::npos);
  EXPECT_NE(html_of(2, false).find("data:image/png"), std::string::npos);
}

TEST(Report, BudgetsSayWhetherTheyWereKept) {
  Report report("t", "s");
  report.Budgets({{"bytes", "B", 4300000, 4299999, "p", ""}});
  EXPECT_NE(report.Html().find("verdict kept"), std::string::npos);
  EXPECT_EQ(report.Html().find("verdict broken"), std::string::npos);
  EXPECT_NE(report.Html().find("99.99 %"), std::string::npos);  // not rounded up to 100
  report.Budgets({{"bytes", "B", 10, 11, "p", ""}});
  EXPECT_NE(report.Html().find("verdict broken"), std::string::npos);
  Report unmeasured("t", "s");
  unmeasured.Budgets({{"bytes", "B", 10, kNan, "p", ""}});
  EXPECT_NE(unmeasured.Html().find("verdict broken"), std::string::npos);
  EXPECT_EQ(unmeasured.Html().find("nan"), std::string::npos);
  Report unlimited("t", "s");
  unlimited.Budgets({{"time", "ms", kNan, 65000, "p", ""}});
  EXPECT_NE(unlimited.Html().find("verdict measured"), std::string::npos);
  EXPECT_NE(unlimited.Html().find("1 min 5 s"), std::string::npos);
}

TEST(Report, NonsenseIsRefused) {
  Report report("t", "s");
  EXPECT_THROW(report.Table({"", {{"a"}, {"b"}}, {{"only one"}}}), Error);
  EXPECT_THROW(report.Compare({Image8(2, 2, 3), "", ""}, {Image8(3, 2, 3), "", ""}), Error);
  EXPECT_THROW(report.Pictures({{Image8(), "", ""}}), Error);
  EXPECT_EQ(report.Html(), Report("t", "s").Html());  // nothing half-added
  EXPECT_THROW(report.Write("/nonexistent/folder/report.html"), Error);
}

}  // namespace
}  // namespace takt
