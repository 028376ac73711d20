// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace takt::splat {

// Exponential and logarithm from IEEE additions, multiplications and divisions alone, each correctly rounded
// everywhere: a .tks file decodes to the same bits on any machine, which no libm promises. Relative error below 1e-14.

// 2^x for |x| < 1000.
inline double DetExp2(double x) {
  const double n = std::floor(x + 0.5);
  const double f = (x - n) * 0.693147180559945309417;  // |f| <= 0.35
  double p = 1.0;
  for (int k = 13; k >= 1; --k) p = 1.0 + p * f / k;
  return p * std::bit_cast<double>(static_cast<uint64_t>(static_cast<int64_t>(n) + 1023) << 52);
}

// log2(x) for a normal, positive x.
inline double DetLog2(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull);  // [1, 2)
  if (m > 1.41421356237309504880) {
    m *= 0.5;
    ++exponent;
  }
  const double z = (m - 1.0) / (m + 1.0), zz = z * z;
  double p = 0.0;
  for (int k = 21; k >= 1; k -= 2) p = p * zz + 1.0 / k;
  return static_cast<double>(exponent) + 2.88539008177792681472 * z * p;  // 2 / ln 2
}

inline double DetExp(double x) { return DetExp2(x * 1.44269504088896340736); }
inline double DetLog(double x) { return DetLog2(x) * 0.693147180559945309417; }

}  // namespace takt::splat
