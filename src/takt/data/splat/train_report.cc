// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/train_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "takt/core/base/parallel.h"
#include "takt/core/io/plot.h"
#include "takt/core/io/report.h"
#include "takt/data/splat/render/metrics.h"
#include "takt/data/splat/train/trainer.h"

namespace takt::splat {
namespace {

constexpr int kPictureWidth = 420;  // at most [px]; a phone shows it whole, and ten of them stay below 1 MB
constexpr double kErrorGain = 5;

std::string Count(size_t n) {
  std::string digits = std::to_string(n);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

std::string Duration(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string CaptureName(const TrainOptions& options) {
  std::filesystem::path path = std::filesystem::weakly_canonical(options.capture.path);
  if (std::filesystem::is_regular_file(path)) path = path.parent_path();
  std::string name = path.filename().string();
  if (name == "capture") name = path.parent_path().filename().string();  // a run folder names it better
  return name.empty() ? "the capture" : name;
}

// A view as the page shows it: which, and how well the file shows it.
struct Shown {
  std::string title;
  ViewScore score;
  double trained_psnr_db = 0;
};

// The middle, the best and the worst of the held-out views, by what the file gives; without any, views that were
// trained on.
std::vector<Shown> ChooseViews(const TrainOptions& options, const TrainReport& report, const capture::Capture& capture,
                               capture::ViewSource& source, const Splats& trained, const Splats& written) {
  Scores before = report.trained, after = report.written;
  const bool held_out = !after.views.empty();
  if (!held_out) {
    const std::vector<size_t> training = TrainingViews(capture), views = Spread(training, 3);
    before = ScoreViews(trained, capture, source, views, options.capture.background);
    after = ScoreViews(written, capture, source, views, options.capture.background);
  }
  std::vector<size_t> order(after.views.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return after.views[a].psnr_db > after.views[b].psnr_db; });
  std::vector<std::pair<std::string, size_t>> wanted;
  if (order.size() > 2) wanted.push_back({"Median", order[order.size() / 2]});
  wanted.push_back({order.size() > 1 ? "Best" : "Only", order.front()});
  if (order.size() > 1) wanted.push_back({"Worst", order.back()});
  std::vector<Shown> shown;
  for (const auto& [word, i] : wanted) {
    shown.push_back({fmt::format("{} {} view, {}", word, held_out ? "held-out" : "training", after.views[i].name),
                     after.views[i], before.views[i].psnr_db});
  }
  return shown;
}

void AddPictures(const TrainOptions& options, const std::vector<Shown>& shown, const capture::Capture& capture,
                 capture::ViewSource& source, const Splats& trained, const Splats& written, Report* page) {
  Renderer renderer;
  Picture before, after;
  bool first = true;
  for (const Shown& view : shown) {
    const capture::Camera& camera = capture.views[view.score.view_idx].camera;
    const RenderOptions render = {.background = options.capture.background};
    renderer.Forward(trained, camera, render, &before);
    renderer.Forward(written, camera, render, &after);
    const Picture truth = ToPicture(*source.Get(view.score.view_idx), options.capture.background);
    // Errors are measured on the full picture and then made small, so that nothing is averaged away before.
    const int factor = std::max(1, (camera.width_px + kPictureWidth - 1) / kPictureWidth);
    const auto small = [&](const Picture& picture) { return ToImage8(Downscale(ToImage(picture), factor)); };
    const auto small_error = [&](const Picture& picture) {
      return ToImage8(Downscale(ToImageF(ErrorMap(picture, truth, kErrorGain)), factor));
    };
    if (first) {
      page->Compare(
          {small(truth), "photograph", "photograph"}, {small(after), "the file", "rendered from the file"},
          fmt::format("Move the handle: the photograph on the left, the same view rendered from the file on the "
                      "right. Training {} this photograph.",
                      view.score.held_out ? "never saw" : "has seen"));
      page->Paragraph(
          fmt::format("Each row below shows a photograph, the same view rendered from the splats before and after they "
                      "were fitted to "
                      "the budget, and how far the file is off: black is no error, white an error of {:.0f} % of full "
                      "brightness or "
                      "more.",
                      100 / kErrorGain));
      first = false;
    }
    page->Pictures({{small(truth), "photograph", ""},
                    {small(before), fmt::format("before the budget, {:.2f} dB", view.trained_psnr_db), ""},
                    {small(after), fmt::format("the file, {:.2f} dB", view.score.psnr_db), ""},
                    {small_error(after), fmt::format("error of the file, {:.0f} times", kErrorGain), ""}},
                   fmt::format("{}: PSNR {:.2f} dB, SSIM {:.3f}", view.title, view.score.psnr_db, view.score.ssim));
  }
}

void AddTiles(const TrainReport& report, Report* page) {
  std::vector<ReportTile> tiles;
  const BudgetReport& budget = report.fit.budget;
  const bool limited = !std::isnan(budget.asked);
  tiles.push_back({"File size", FormatBytes(report.out_bytes),
                   limited ? fmt::format("{:.2f} % of the {} asked for", 100 * budget.used / budget.asked,
                                         FormatBytes(static_cast<uint64_t>(budget.asked)))
                           : "no limit was set",
                   !limited        ? TileState::kPlain
                   : budget.kept() ? TileState::kOk
                                   : TileState::kWarn});
  if (!report.written.views.empty()) {
    const double loss_db = report.trained.psnr_db - report.written.psnr_db;
    tiles.push_back({"PSNR, held-out views", fmt::format("{:.2f} dB", report.written.psnr_db),
                     fmt::format("{:.2f} dB before; the budget cost {:.2f} dB", report.trained.psnr_db,
                                 loss_db > 0.005 ? loss_db : 0.0),
                     TileState::kPlain});
    tiles.push_back({"SSIM, held-out views", fmt::format("{:.3f}", report.written.ssim),
                     fmt::format("{:.3f} before the budget", report.trained.ssim), TileState::kPlain});
  }
  tiles.push_back(
      {"Splats in the file", Count(report.fit.kept),
       report.fit.kept < report.fit.total ? fmt::format("chosen from {}", Count(report.fit.total)) : "all of them",
       TileState::kPlain});
  tiles.push_back({"Training", Duration(report.train_s), fmt::format("{} iterations", Count(report.iterations)),
                   TileState::kPlain});
  page->Tiles(tiles);
}

void AddRates(const TrainReport& report, Report* page) {
  if (report.rates.size() < 2) return;
  page->Section("What other budgets would give");
  PlotSeries curve;
  curve.name = "this scene";
  curve.markers = true;
  for (const RatePoint& point : report.rates) {
    curve.x.push_back(static_cast<double>(point.bytes) / 1e6);
    curve.y.push_back(point.psnr_db);
  }
  LinePlot plot;
  plot.title = "Picture quality by file size";
  plot.x_label = "file size [MB]";
  plot.y_label = "PSNR [dB]";
  plot.log_x = true;
  plot.series = {curve};
  if (!std::isnan(report.fit.budget.asked)) {
    plot.references = {{report.fit.budget.asked / 1e6, "budget", true}};
  }
  page->Plot(plot);
  std::string names;
  for (const std::string& name : report.rate_views) names += (names.empty() ? "" : ", ") + name;
  page->Paragraph(
      fmt::format("Every point is a real file, encoded from the scores of this run and decoded again; PSNR is the mean "
                  "over {} held-out "
                  "view{}: {}. takt splat retarget writes any of them in a second.",
                  report.rate_views.size(), report.rate_views.size() == 1 ? "" : "s", names));
}

void AddBytes(const TrainReport& report, Report* page) {
  if (!report.fit.encode) return;
  const TksBytes& b = report.fit.encode->bytes;
  page->Section("Where the bytes went");
  const std::pair<const char*, uint64_t> parts[] = {{"positions", b.positions + b.refinement},
                                                    {"sizes", b.scales},
                                                    {"rotations", b.rotation},
                                                    {"opacities", b.opacity},
                                                    {"base colours", b.dc},
                                                    {"colours by viewing angle", b.sh},
                                                    {"importance of each splat", b.classes},
                                                    {"statistics of the coder", b.tables},
                                                    {"header", b.header}};
  BarChart chart;
  chart.title = "Bytes of the file by what they describe";
  chart.unit = "B";
  chart.parts = {"bytes"};
  for (const auto& [name, bytes] : parts) {
    if (bytes > 0) chart.rows.push_back({name, {static_cast<double>(bytes)}});
  }
  page->Plot(chart);
  const EncodeReport& encode = *report.fit.encode;
  page->Paragraph(fmt::format(
      "{} splats take {:.1f} bytes each. Which splats stay, and how finely each of their properties is written, was "
      "chosen "
      "together for the least error in the training pictures. The bits of the last step are within {:.4f} % of a bound "
      "that no choice of them can beat.",
      Count(encode.kept), static_cast<double>(report.out_bytes) / static_cast<double>(std::max<size_t>(1, encode.kept)),
      100 * encode.lp_gap));
}

void AddCurve(const TrainReport& report, Report* page) {
  if (report.curve.size() < 2) return;
  page->Section("How training went");
  PlotSeries loss, psnr, splats;
  loss.name = "loss", psnr.name = "PSNR", splats.name = "splats";
  psnr.markers = true;
  for (const CurvePoint& point : report.curve) {
    const double x = static_cast<double>(point.iteration);
    loss.x.push_back(x), loss.y.push_back(point.loss);
    splats.x.push_back(x), splats.y.push_back(static_cast<double>(point.splats) / 1e3);
    if (!std::isnan(point.psnr_db)) psnr.x.push_back(x), psnr.y.push_back(point.psnr_db);
  }
  const auto plot = [&](const char* title, const char* label, const PlotSeries& series) {
    LinePlot p;
    p.title = title;
    p.x_label = "iteration";
    p.y_label = label;
    p.series = {series};
    page->Plot(p);
  };
  if (psnr.x.size() > 1) {
    plot("Quality on held-out views", "PSNR [dB]", psnr);
    page->Paragraph(
        fmt::format("Measured on {} held-out views while training ran.", std::min<size_t>(3, report.held_out_views)));
  }
  plot("Loss", "loss, smoothed", loss);
  plot("Splats", "splats [thousands]", splats);
  if (report.resumed_at > 0) {
    page->Paragraph(fmt::format("The training was interrupted and went on at iteration {}; the curves begin there.",
                                Count(static_cast<size_t>(report.resumed_at))));
  }
}

void AddViews(const TrainReport& report, Report* page) {
  if (report.written.views.empty()) return;
  page->Section("Every held-out view");
  ReportTable table;
  table.columns = {
      {"view", false}, {"PSNR before [dB]", true}, {"PSNR of the file [dB]", true}, {"SSIM of the file", true}};
  for (size_t i = 0; i < report.written.views.size(); ++i) {
    const ViewScore& v = report.written.views[i];
    table.rows.push_back({v.name, fmt::format("{:.2f}", report.trained.views[i].psnr_db),
                          fmt::format("{:.2f}", v.psnr_db), fmt::format("{:.4f}", v.ssim)});
  }
  table.rows.push_back({"mean", fmt::format("{:.2f}", report.trained.psnr_db),
                        fmt::format("{:.2f}", report.written.psnr_db), fmt::format("{:.4f}", report.written.ssim)});
  page->Table(table);
}

void AddMaking(const TrainOptions& options, const TrainReport& report, const capture::Capture& capture, Report* page) {
  page->Section("How it was made");
  const capture::Camera& camera = capture.views.front().camera;
  ReportTable facts;
  facts.columns = {{"step", false}, {"what happened", false}, {"took", true}};
  facts.rows = {{"capture",
                 fmt::format("{} photographs, the first of them {} x {} px: {} to train on, {} held out to measure",
                             capture.views.size(), camera.width_px, camera.height_px, report.training_views,
                             report.held_out_views),
                 "-"},
                {"train",
                 fmt::format("{} iterations, at most {} splats, final loss {:.4f}", Count(report.iterations),
                             Count(report.max_splats), report.final_loss),
                 Duration(report.train_s)},
                {"score",
                 fmt::format("what the pictures lose by an error in each number of each splat, over {} views",
                             report.training_views),
                 Duration(report.score_s)},
                {"encode", fmt::format("{} bytes, {} splats", Count(report.out_bytes), Count(report.fit.kept)),
                 Duration(report.encode_s)},
                {"evaluate", fmt::format("{} held-out views, before and after", report.held_out_views),
                 Duration(report.evaluate_s)}};
  page->Table(facts);
  for (const std::string& warning : report.warnings) page->Paragraph("About the capture: " + warning);
  for (const std::string& lost : report.fit.lost) page->Paragraph("Not in the file: " + lost);
  const std::string file = options.out.filename().string();
  std::string next = fmt::format("takt splat info {0}\ntakt splat render {0} --out pictures --orbit 36\n", file);
  if (!report.scores.empty()) {
    next += fmt::format("takt splat retarget {0} --max-bytes {1}B --out smaller.tks\n", file, report.out_bytes / 2);
  }
  next += fmt::format("takt splat convert {} scene.ply", file);
  page->Paragraph("What can be done with the file:");
  page->Code(next);

  nlohmann::ordered_json values = {
      {"capture", CaptureName(options)},
      {"out", file},
      {"max_bytes", options.max_bytes ? nlohmann::ordered_json(*options.max_bytes) : nullptr},
      {"max_splats", report.max_splats},
      {"iterations", options.iterations},
      {"minutes", options.minutes},
      {"sh_degree", options.sh_degree},
      {"seed", options.seed},
      {"downscale", options.capture.downscale},
      {"held_out_every", options.capture.held_out_every},
      {"max_ram_bytes", options.capture.max_ram_bytes},
      {"background", options.capture.background}};
  page->Details("Options", values.dump(2));
  if (const auto& e = report.fit.encode) {
    page->Details(
        "Figures of the encoder",
        fmt::format("octree depth          {}\npredicted bytes       {}\ncoding error (mse)    {:.3e}\n"
                    "removal error (mse)   {:.3e}\nlambda (mse/bit)      {:.3e}\ngap to the LP bound   {:.2e}\n"
                    "search                {:.2f} s\nallocation            {:.3f} s\nwriting               {:.2f} s",
                    e->octree_depth, e->predicted_bytes, e->coding_mse, e->removal_mse, e->lambda, e->lp_gap,
                    e->search_s, e->allocation_s, e->write_s));
  }
}

}  // namespace

Image8 ErrorMap(const Picture& a, const Picture& b, double gain) {
  // Brightness rises along the ramp, so that it also reads in grey.
  static constexpr std::array<std::array<double, 3>, 5> kRamp = {
      {{0, 0, 0}, {72, 18, 105}, {186, 54, 85}, {246, 148, 33}, {255, 255, 240}}};
  Image8 map(a.width_px, a.height_px, 3);
  ParallelFor(a.pixels(), size_t{1} << 14, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      double error = 0;
      for (int c = 0; c < 3; ++c) {
        error +=
            std::abs(std::clamp(double{a.plane(c)[i]}, 0.0, 1.0) - std::clamp(double{b.plane(c)[i]}, 0.0, 1.0)) / 3;
      }
      const double at = std::clamp(gain * error, 0.0, 1.0) * (kRamp.size() - 1);
      const size_t k = std::min(static_cast<size_t>(at), kRamp.size() - 2);
      const double t = at - static_cast<double>(k);
      for (size_t c = 0; c < 3; ++c) {
        map.pixels[3 * i + c] = static_cast<uint8_t>(std::lround((1 - t) * kRamp[k][c] + t * kRamp[k + 1][c]));
      }
    }
  });
  return map;
}

void WriteTrainReport(const TrainOptions& options, const TrainReport& report, const capture::Capture& capture,
                      capture::ViewSource& source, const Splats& trained, const Splats& written) {
  const std::string name = CaptureName(options);
  std::string summary = fmt::format("{} photographs became {} splats in a file of {} bytes", capture.views.size(),
                                    Count(report.fit.kept), Count(report.out_bytes));
  if (!std::isnan(report.fit.budget.asked)) {
    summary += fmt::format(" (budget: {})", Count(static_cast<size_t>(report.fit.budget.asked)));
  }
  summary += report.written.views.empty()
                 ? ". No view was held out, so its quality on new views was not measured."
                 : fmt::format(". On {} views that training never saw, its pictures reach {:.2f} dB.",
                               report.written.views.size(), report.written.psnr_db);
  Report page(fmt::format("{} in {}", name, FormatBytes(report.out_bytes)), summary);
  page.SetKicker("takt splat train");
  page.SetFooter(
      "Splats are small coloured ellipsoids; thousands of them, drawn one over the other, give the picture of the "
      "scene from any "
      "place. PSNR and SSIM say how near a picture comes to the photograph: higher is better; above 30 dB the eye must "
      "look for "
      "the difference.");
  AddTiles(report, &page);
  page.Section("The budget");
  page.Budgets({report.fit.budget});
  page.Section(report.written.views.empty() ? "Training views" : "Views that training never saw");
  const std::vector<Shown> shown = ChooseViews(options, report, capture, source, trained, written);
  AddPictures(options, shown, capture, source, trained, written, &page);
  AddRates(report, &page);
  AddBytes(report, &page);
  AddCurve(report, &page);
  AddViews(report, &page);
  AddMaking(options, report, capture, &page);
  page.Write(report.report);
}

}  // namespace takt::splat
