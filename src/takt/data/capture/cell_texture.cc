// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/cell_texture.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace takt::capture::cell {
namespace {

constexpr float kAdvance = 0.82f;  // from letter to letter
constexpr float kHalfStroke = 0.085f;

struct Glyph {
  char letter;
  // Strokes on a grid of 4 x 6, "xy" a point, a space lifts the pen.
  std::string_view strokes;
};
constexpr Glyph kGlyphs[] = {{'A', "002640 1232"},
                             {'B', "00063645443303 3342413000"},
                             {'C', "4536160501103041"},
                             {'D', "00062645412000"},
                             {'E', "46060040 0333"},
                             {'F', "460600 0333"},
                             {'G', "45361605011030414323"},
                             {'H', "0006 4046 0343"},
                             {'I', "2026"},
                             {'J', "4641301001"},
                             {'K', "0006 460340"},
                             {'L', "060040"},
                             {'M', "0006234640"},
                             {'N', "00064046"},
                             {'O', "103041453616050110"},
                             {'P', "00063645443303"},
                             {'Q', "103041453616050110 2240"},
                             {'R', "00063645443303 2340"},
                             {'S', "453616050413334241301001"},
                             {'T', "0646 2620"},
                             {'U', "060110304146"},
                             {'V', "062046"},
                             {'W', "0610233046"},
                             {'X', "0046 0640"},
                             {'Y', "062346 2320"},
                             {'Z', "06460040"},
                             {'0', "103041453616050110"},
                             {'1', "152620 1030"},
                             {'2', "05163645440040"},
                             {'3', "05163645443323 334241301001"},
                             {'4', "30360242"},
                             {'5', "460603334241301001"},
                             {'6', "36160501103041423303"},
                             {'7', "064610"},
                             {'8', "13040516364544331302011030414233"},
                             {'9', "10304145361605041343"},
                             {'-', "1333"},
                             {'.', "2020"},
                             {'/', "0046"}};

float DistanceToSegment(float x, float y, float ax, float ay, float bx, float by) {
  const float dx = bx - ax, dy = by - ay;
  const float squared = dx * dx + dy * dy;
  const float t = squared > 0 ? raycast::Clamp01(((x - ax) * dx + (y - ay) * dy) / squared) : 0.0f;
  return std::hypot(x - ax - t * dx, y - ay - t * dy);
}

float DistanceToGlyph(std::string_view strokes, float x, float y) {
  float nearest = 10;
  for (size_t i = 0; i + 1 < strokes.size();) {
    const size_t space = std::min(strokes.find(' ', i), strokes.size());
    float px = 0, py = 0;
    for (size_t k = i; k + 1 < space; k += 2) {
      const float qx = static_cast<float>(strokes[k] - '0') * 0.14f, qy = static_cast<float>(strokes[k + 1] - '0') / 6;
      nearest =
          std::min(nearest, k == i ? DistanceToSegment(x, y, qx, qy, qx, qy) : DistanceToSegment(x, y, px, py, qx, qy));
      px = qx, py = qy;
    }
    i = space + 1;
  }
  return nearest;
}

}  // namespace

float LatticeNoise(int32_t x, int32_t y, int32_t z) {
  uint32_t h = static_cast<uint32_t>(x) * 0x8DA6B343u ^ static_cast<uint32_t>(y) * 0xD8163841u ^
               static_cast<uint32_t>(z) * 0xCB1AB31Fu;
  h ^= h >> 16, h *= 0x7FEB352Du, h ^= h >> 15, h *= 0x846CA68Bu, h ^= h >> 16;
  return static_cast<float>(h >> 8) * 0x1p-24f;
}

float Noise(raycast::Vec3 p, int octaves) {
  float sum = 0, weight = 1, total = 0;
  for (int octave = 0; octave < octaves; ++octave) {
    const float fx = std::floor(p.x), fy = std::floor(p.y), fz = std::floor(p.z);
    const int32_t ix = static_cast<int32_t>(fx), iy = static_cast<int32_t>(fy), iz = static_cast<int32_t>(fz);
    const float u = raycast::SmoothStep(0, 1, p.x - fx), v = raycast::SmoothStep(0, 1, p.y - fy),
                w = raycast::SmoothStep(0, 1, p.z - fz);
    float value = 0;
    for (int corner = 0; corner < 8; ++corner) {
      const int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
      value += LatticeNoise(ix + dx, iy + dy, iz + dz) * (dx ? u : 1 - u) * (dy ? v : 1 - v) * (dz ? w : 1 - w);
    }
    sum += value * weight;
    total += weight;
    weight *= 0.5f;
    p = p * 2.03f + raycast::Vec3{17.3f, 5.1f, 9.7f};
  }
  return sum / total;
}

float TextCoverage(const std::string& line, float x, float y, float blur) {
  if (y < -0.2f || y > 1.2f || x < -0.2f || x > TextWidth(line) + 0.2f) return 0;
  float nearest = 10;
  const int at = static_cast<int>(std::floor(x / kAdvance));
  for (int i = std::max(0, at - 1); i <= std::min(static_cast<int>(line.size()) - 1, at + 1); ++i) {
    for (const Glyph& glyph : kGlyphs) {
      if (glyph.letter != line[static_cast<size_t>(i)]) continue;
      nearest = std::min(nearest, DistanceToGlyph(glyph.strokes, x - static_cast<float>(i) * kAdvance, y));
    }
  }
  return 1 - raycast::SmoothStep(kHalfStroke - blur, kHalfStroke + blur, nearest);
}

float TextWidth(const std::string& line) {
  return line.empty() ? 0.0f : static_cast<float>(line.size()) * kAdvance - (kAdvance - 0.56f);
}

}  // namespace takt::capture::cell
