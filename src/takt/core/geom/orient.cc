// SPDX-License-Identifier: Apache-2.0
#include "takt/core/geom/orient.h"

#include <array>
#include <cmath>
#include <limits>

namespace takt {
namespace {

// A number as an exact sum of doubles that do not overlap, smallest first. N bounds how many there can be.
template <int N>
struct Sum {
  std::array<double, N> terms;
  int count = 0;

  double Approximate() const {
    double total = 0;
    for (int i = 0; i < count; ++i) total += terms[i];
    return total;
  }
};

// sum + term, exactly: the carry runs through the terms from the smallest, and each step leaves its rounding error.
template <int N>
void Add(Sum<N>* sum, double term) {
  double carry = term;
  int kept = 0;
  for (int i = 0; i < sum->count; ++i) {
    const double total = carry + sum->terms[i];
    const double part = total - carry;
    const double error = (carry - (total - part)) + (sum->terms[i] - part);
    if (error != 0) sum->terms[kept++] = error;
    carry = total;
  }
  if (carry != 0) sum->terms[kept++] = carry;
  sum->count = kept;
}

template <int N, int M, int P>
void AddProduct(Sum<P>* out, const Sum<N>& a, const Sum<M>& b, double sign) {
  for (int i = 0; i < a.count; ++i) {
    for (int j = 0; j < b.count; ++j) {
      const double product = a.terms[i] * b.terms[j];
      Add(out, sign * std::fma(a.terms[i], b.terms[j], -product));
      Add(out, sign * product);
    }
  }
}

Sum<2> Difference(double a, double b) {
  Sum<2> out;
  Add(&out, a);
  Add(&out, -b);
  return out;
}

double ExactOrient3d(const Vec3& a, const Vec3& b, const Vec3& c, const Vec3& d) {
  const Vec3* points[3] = {&a, &b, &c};
  Sum<2> m[3][3];
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 3; ++k) m[i][k] = Difference((*points[i])[k], d[k]);
  }
  Sum<192> total;
  for (int i = 0; i < 3; ++i) {
    const auto &p = m[(i + 1) % 3], &q = m[(i + 2) % 3];
    Sum<16> minor;  // of x and y
    AddProduct(&minor, p[0], q[1], 1);
    AddProduct(&minor, p[1], q[0], -1);
    AddProduct(&total, minor, m[i][2], 1);
  }
  return total.Approximate();
}

}  // namespace

double Orient3d(const Vec3& a, const Vec3& b, const Vec3& c, const Vec3& d) {
  const Vec3 p = a - d, q = b - d, r = c - d;
  const double qr = q[0] * r[1], rq = q[1] * r[0], rp = r[0] * p[1], pr = r[1] * p[0], pq = p[0] * q[1], qp = p[1] * q[0];
  const double det = p[2] * (qr - rq) + q[2] * (rp - pr) + r[2] * (pq - qp);
  const double size = std::abs(p[2]) * (std::abs(qr) + std::abs(rq)) + std::abs(q[2]) * (std::abs(rp) + std::abs(pr)) +
                      std::abs(r[2]) * (std::abs(pq) + std::abs(qp));
  constexpr double kUnit = std::numeric_limits<double>::epsilon() / 2;
  if (std::abs(det) > (7 + 56 * kUnit) * kUnit * size) return det;
  return ExactOrient3d(a, b, c, d);
}

}  // namespace takt
