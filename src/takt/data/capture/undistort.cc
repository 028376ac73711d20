// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/undistort.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"

namespace takt::capture {
namespace {

constexpr double kMaxScale = 2;     // of the undistorted picture against the distorted one
constexpr double kMinScale = 0.2;   // below this the parameters are taken for damaged
constexpr int kMaxSide_px = 65535;  // keeps 1/256 px positions within 32 bits
constexpr int kRaysPerSide = 256;   // rays from the principal point to each side of the largest rectangle
constexpr int kStepsPerRay = 32;
constexpr size_t kRowGrain = 16;

// Offsets from the principal point to the outermost pixel centres [px], all > 0.
struct Reach {
  double left, right, top, bottom;
};

class LensField {
 public:
  explicit LensField(const Lens& lens) : lens_(lens), pinhole_(PinholeParamsOf(lens)) {}

  // The distorted position of undistorted pixel offset (dx, dy) from the principal point.
  std::array<double, 2> At(double dx, double dy) const {
    return DistortedPixel(lens_, dx / pinhole_.fx, dy / pinhole_.fy);
  }
  // True where bilinear sampling needs no pixel from outside. The slack absorbs rounding, far below 1/256 px.
  bool Inside(const std::array<double, 2>& p) const {
    constexpr double kSlack_px = 1e-6;
    return p[0] >= 0.5 - kSlack_px && p[0] <= lens_.width_px - 0.5 + kSlack_px && p[1] >= 0.5 - kSlack_px &&
           p[1] <= lens_.height_px - 0.5 + kSlack_px;
  }
  // The largest share s in [0, 1] of the ray to (dx, dy) that stays inside without turning back (a lens polynomial
  // beyond its range folds the picture over itself).
  double ValidShare(double dx, double dy) const {
    std::array<double, 2> last = At(0, 0);
    double good = 0;
    if (!Inside(last)) return 0;
    for (int step = 1; step <= kStepsPerRay; ++step) {
      const double s = static_cast<double>(step) / kStepsPerRay;
      if (!Advances(last, s, dx, dy)) {
        double bad = s;
        for (int i = 0; i < 24; ++i) {
          const double middle = 0.5 * (good + bad);
          (Advances(last, middle, dx, dy) ? good : bad) = middle;
        }
        return good;
      }
      last = At(s * dx, s * dy);
      good = s;
    }
    return 1;
  }

 private:
  bool Advances(const std::array<double, 2>& from, double s, double dx, double dy) const {
    const auto p = At(s * dx, s * dy);
    return Inside(p) && (p[0] - from[0]) * dx + (p[1] - from[1]) * dy > 0;
  }

  Lens lens_;
  PinholeParams pinhole_;
};

// The scales (sx, sy) of largest area such that no limit point lies strictly inside [-sx, sx] x [-sy, sy].
// `limits` are the ends of the valid rays, in units of the reach on their side.
std::array<double, 2> LargestScales(std::vector<std::array<double, 2>> limits) {
  std::sort(limits.begin(), limits.end());
  limits.push_back({kMaxScale, kMaxScale});
  std::array<double, 2> best = {0, 0};
  double sy = kMaxScale;
  for (const auto& [a, b] : limits) {
    if (a * sy > best[0] * best[1]) best = {a, sy};
    sy = std::min(sy, b);
  }
  return best;
}

struct PixelRect {
  int64_t x0, y0, x1, y1;  // half open, on the distorted picture's pixel grid
};

// Pulls in the sides that still show pixels from outside: the rays sample the outline, the border is exact. One pixel
// at a time at first; the steps grow so that damaged parameters end soon.
void TrimBorder(const LensField& field, const PinholeParams& pinhole, PixelRect& rect) {
  const auto good = [&](int64_t x, int64_t y) {
    return field.Inside(field.At(static_cast<double>(x) + 0.5 - pinhole.cx, static_cast<double>(y) + 0.5 - pinhole.cy));
  };
  for (int64_t pass = 0; rect.x0 < rect.x1 && rect.y0 < rect.y1; ++pass) {
    std::array<int64_t, 4> blanks{};
    for (int64_t x = rect.x0; x < rect.x1; ++x) {
      blanks[0] += !good(x, rect.y0);
      blanks[1] += !good(x, rect.y1 - 1);
    }
    for (int64_t y = rect.y0; y < rect.y1; ++y) {
      blanks[2] += !good(rect.x0, y);
      blanks[3] += !good(rect.x1 - 1, y);
    }
    const auto worst = std::max_element(blanks.begin(), blanks.end());
    if (*worst == 0) return;
    const int64_t step = 1 + pass / 16;
    switch (worst - blanks.begin()) {
      case 0:
        rect.y0 += step;
        break;
      case 1:
        rect.y1 -= step;
        break;
      case 2:
        rect.x0 += step;
        break;
      default:
        rect.x1 -= step;
        break;
    }
  }
}

Camera PinholeCamera(const Lens& lens, const PixelRect& rect) {
  const PinholeParams pinhole = PinholeParamsOf(lens);
  Camera camera;
  camera.width_px = static_cast<int>(rect.x1 - rect.x0);
  camera.height_px = static_cast<int>(rect.y1 - rect.y0);
  camera.fx = pinhole.fx;
  camera.fy = pinhole.fy;
  camera.cx = pinhole.cx - static_cast<double>(rect.x0);
  camera.cy = pinhole.cy - static_cast<double>(rect.y0);
  return camera;
}

}  // namespace

Camera UndistortedCamera(const Lens& lens, const std::string& subject) {
  CheckLens(lens, subject);
  if (SimplifyLens(lens).model == LensModel::kPinhole)
    return PinholeCamera(lens, {0, 0, lens.width_px, lens.height_px});

  if (lens.width_px > kMaxSide_px || lens.height_px > kMaxSide_px) {
    throw Error(ErrorCode::kUnsupported, subject,
                fmt::format("a distorted picture of {} x {} pixels; at most {} a side can be undistorted",
                            lens.width_px, lens.height_px, kMaxSide_px));
  }
  const PinholeParams pinhole = PinholeParamsOf(lens);
  const Reach reach = {pinhole.cx - 0.5, lens.width_px - 0.5 - pinhole.cx, pinhole.cy - 0.5,
                       lens.height_px - 0.5 - pinhole.cy};
  if (!(reach.left > 0 && reach.right > 0 && reach.top > 0 && reach.bottom > 0)) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("the principal point ({}, {}) of camera model {} is not inside its {} x {} picture",
                            pinhole.cx, pinhole.cy, LensModelName(lens.model), lens.width_px, lens.height_px),
                "undistort the pictures first, for instance with colmap image_undistorter");
  }

  const LensField field(lens);
  std::vector<std::array<double, 2>> limits;
  limits.reserve(4 * kRaysPerSide);
  const auto shoot = [&](double a, double b) {  // towards the point (a, b) in units of reach, signed
    const double share =
        field.ValidShare(a * (a < 0 ? reach.left : reach.right), b * (b < 0 ? reach.top : reach.bottom));
    if (share < 1) limits.push_back({std::abs(a) * share, std::abs(b) * share});
  };
  for (int i = 0; i < kRaysPerSide; ++i) {
    const double along = kMaxScale * (2.0 * i / kRaysPerSide - 1);
    shoot(along, -kMaxScale);
    shoot(kMaxScale, along);
    shoot(-along, kMaxScale);
    shoot(-kMaxScale, -along);
  }
  const auto [sx, sy] = LargestScales(std::move(limits));

  constexpr double kSlack_px = 1e-3;  // keeps a pixel whose centre lies on the outline up to rounding; trimmed if not
  PixelRect rect;
  rect.x0 = std::llround(std::ceil(pinhole.cx - sx * reach.left - 0.5 - kSlack_px));
  rect.x1 = std::llround(std::floor(pinhole.cx + sx * reach.right - 0.5 + kSlack_px)) + 1;
  rect.y0 = std::llround(std::ceil(pinhole.cy - sy * reach.top - 0.5 - kSlack_px));
  rect.y1 = std::llround(std::floor(pinhole.cy + sy * reach.bottom - 0.5 + kSlack_px)) + 1;
  TrimBorder(field, pinhole, rect);
  if (static_cast<double>(rect.x1 - rect.x0) < kMinScale * lens.width_px ||
      static_cast<double>(rect.y1 - rect.y0) < kMinScale * lens.height_px || rect.x0 >= rect.x1 || rect.y0 >= rect.y1) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("the distortion of camera model {} leaves no usable undistorted picture",
                            LensModelName(lens.model)),
                "check the lens parameters");
  }
  return PinholeCamera(lens, rect);
}

UndistortMap::UndistortMap(const Lens& lens, const Camera& camera)
    : width_px_(camera.width_px),
      height_px_(camera.height_px),
      samples_(static_cast<size_t>(camera.width_px) * static_cast<size_t>(camera.height_px)) {
  // Clamping also sends NaN to zero, so that no parameter can make Apply read outside the picture.
  const auto fixed = [](double position_px, int size_px) {
    const double p = (position_px - 0.5) * 256;
    const double last = (size_px - 1) * 256.0;
    return static_cast<uint32_t>(p > 0 ? std::min(p, last) + 0.5 : 0);
  };
  ParallelFor(static_cast<size_t>(height_px_), kRowGrain, [&](size_t begin, size_t end) {
    for (size_t y = begin; y < end; ++y) {
      for (int x = 0; x < width_px_; ++x) {
        const auto p = DistortedPixel(lens, (x + 0.5 - camera.cx) / camera.fx,
                                      (static_cast<double>(y) + 0.5 - camera.cy) / camera.fy);
        samples_[y * static_cast<size_t>(width_px_) + static_cast<size_t>(x)] = {fixed(p[0], lens.width_px),
                                                                                 fixed(p[1], lens.height_px)};
      }
    }
  });
}

namespace {

// One row of output for `kChannels` interleaved channels.
template <int kChannels, class Sample>
void ResampleRow(const Image8& picture, const Sample* samples, int width_px, uint8_t* out) {
  constexpr bool kAlpha = kChannels == 2 || kChannels == 4;
  const size_t stride = static_cast<size_t>(picture.width_px) * kChannels;
  for (int x = 0; x < width_px; ++x, out += kChannels) {
    const uint32_t xi = samples[x].x_256th_px >> 8, yi = samples[x].y_256th_px >> 8;
    const uint32_t wx = samples[x].x_256th_px & 255, wy = samples[x].y_256th_px & 255;
    // The last column and row have weight zero beyond them; stay inside the buffer.
    const size_t right = xi + 1 < static_cast<uint32_t>(picture.width_px) ? kChannels : 0;
    const size_t down = yi + 1 < static_cast<uint32_t>(picture.height_px) ? stride : 0;
    const uint8_t* p = picture.pixels.data() + yi * stride + static_cast<size_t>(xi) * kChannels;
    const std::array<const uint8_t*, 4> neighbours = {p, p + right, p + down, p + down + right};
    std::array<uint32_t, 4> weights = {(256 - wx) * (256 - wy), wx * (256 - wy), (256 - wx) * wy, wx * wy};
    uint32_t total = 65536;
    if constexpr (kAlpha) {
      total = 0;
      for (int i = 0; i < 4; ++i) {
        weights[i] *= neighbours[i][kChannels - 1];
        total += weights[i];
      }
      out[kChannels - 1] = static_cast<uint8_t>((total + 32768) >> 16);
    }
    for (int c = 0; c < kChannels - (kAlpha ? 1 : 0); ++c) {
      uint64_t sum = total / 2;
      for (int i = 0; i < 4; ++i) sum += uint64_t{weights[i]} * neighbours[i][c];
      if constexpr (kAlpha) {
        out[c] = total == 0 ? 0 : static_cast<uint8_t>(sum / total);
      } else {
        out[c] = static_cast<uint8_t>(sum >> 16);
      }
    }
  }
}

template <int kChannels>
void BoxRow(const Image8& picture, int factor, size_t y, Image8& out) {
  constexpr bool kAlpha = kChannels == 2 || kChannels == 4;
  for (int x = 0; x < out.width_px; ++x) {
    std::array<uint64_t, kChannels> sums{};
    for (int j = 0; j < factor; ++j) {
      const uint8_t* p = picture.row(static_cast<int>(y) * factor + j) + static_cast<size_t>(x) * factor * kChannels;
      for (int i = 0; i < factor; ++i, p += kChannels) {
        const uint64_t weight = kAlpha ? p[kChannels - 1] : 1;
        for (int c = 0; c < kChannels; ++c) sums[c] += c + 1 == kChannels && kAlpha ? weight : weight * p[c];
      }
    }
    const uint64_t area = static_cast<uint64_t>(factor) * static_cast<uint64_t>(factor);
    const uint64_t total = kAlpha ? sums[kChannels - 1] : area;
    uint8_t* q = out.row(static_cast<int>(y)) + static_cast<size_t>(x) * kChannels;
    for (int c = 0; c < kChannels; ++c) {
      const uint64_t divisor = c + 1 == kChannels ? area : total;
      q[c] = divisor == 0 ? 0 : static_cast<uint8_t>((sums[c] + divisor / 2) / divisor);
    }
  }
}

// Calls body.operator()<channels>() for 1 to 4 channels.
template <class Body>
void ForChannels(int channels, const Body& body) {
  switch (channels) {
    case 1:
      return body.template operator()<1>();
    case 2:
      return body.template operator()<2>();
    case 3:
      return body.template operator()<3>();
    default:
      return body.template operator()<4>();
  }
}

}  // namespace

Image8 UndistortMap::Apply(const Image8& picture) const {
  Image8 out(width_px_, height_px_, picture.channels);
  ForChannels(picture.channels, [&]<int kChannels>() {
    ParallelFor(static_cast<size_t>(height_px_), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t y = begin; y < end; ++y) {
        ResampleRow<kChannels>(picture, samples_.data() + y * static_cast<size_t>(width_px_), width_px_,
                               out.row(static_cast<int>(y)));
      }
    });
  });
  return out;
}

Image8 BoxDownscale(Image8 picture, int factor) {
  if (factor == 1) return picture;
  Image8 out(picture.width_px / factor, picture.height_px / factor, picture.channels);
  ForChannels(picture.channels, [&]<int kChannels>() {
    ParallelFor(static_cast<size_t>(out.height_px), kRowGrain, [&](size_t begin, size_t end) {
      for (size_t y = begin; y < end; ++y) BoxRow<kChannels>(picture, factor, y, out);
    });
  });
  return out;
}

}  // namespace takt::capture
