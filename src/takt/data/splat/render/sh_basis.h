// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace takt::splat {

// Real spherical harmonics up to degree 3 at the unit direction (x, y, z), in the order and with the signs of 3DGS files.
// `basis` receives (degree + 1)^2 values. Source: Kerbl et al. 2023; Sloan, "Efficient spherical harmonic evaluation".
template <class T>
inline void ShBasis(int degree, T x, T y, T z, T* basis) {
  basis[0] = T(0.28209479177387814);
  if (degree < 1) return;
  const T c1 = T(0.4886025119029199);
  basis[1] = -c1 * y;
  basis[2] = c1 * z;
  basis[3] = -c1 * x;
  if (degree < 2) return;
  const T xx = x * x, yy = y * y, zz = z * z;
  basis[4] = T(1.0925484305920792) * x * y;
  basis[5] = T(-1.0925484305920792) * y * z;
  basis[6] = T(0.31539156525252005) * (T(2) * zz - xx - yy);
  basis[7] = T(-1.0925484305920792) * x * z;
  basis[8] = T(0.5462742152960396) * (xx - yy);
  if (degree < 3) return;
  basis[9] = T(-0.5900435899266435) * y * (T(3) * xx - yy);
  basis[10] = T(2.890611442640554) * x * y * z;
  basis[11] = T(-0.4570457994644658) * y * (T(4) * zz - xx - yy);
  basis[12] = T(0.3731763325901154) * z * (T(2) * zz - T(3) * xx - T(3) * yy);
  basis[13] = T(-0.4570457994644658) * x * (T(4) * zz - xx - yy);
  basis[14] = T(1.445305721320277) * z * (xx - yy);
  basis[15] = T(-0.5900435899266435) * x * (xx - T(3) * yy);
}

// Derivatives of the polynomials above by x, y and z (before the direction is normalised).
template <class T>
inline void ShBasisGradient(int degree, T x, T y, T z, T* dx, T* dy, T* dz) {
  dx[0] = dy[0] = dz[0] = T(0);
  if (degree < 1) return;
  const T c1 = T(0.4886025119029199);
  dx[1] = T(0), dy[1] = -c1, dz[1] = T(0);
  dx[2] = T(0), dy[2] = T(0), dz[2] = c1;
  dx[3] = -c1, dy[3] = T(0), dz[3] = T(0);
  if (degree < 2) return;
  const T xx = x * x, yy = y * y, zz = z * z;
  const T a = T(1.0925484305920792), b = T(0.31539156525252005), c = T(0.5462742152960396);
  dx[4] = a * y, dy[4] = a * x, dz[4] = T(0);
  dx[5] = T(0), dy[5] = -a * z, dz[5] = -a * y;
  dx[6] = T(-2) * b * x, dy[6] = T(-2) * b * y, dz[6] = T(4) * b * z;
  dx[7] = -a * z, dy[7] = T(0), dz[7] = -a * x;
  dx[8] = T(2) * c * x, dy[8] = T(-2) * c * y, dz[8] = T(0);
  if (degree < 3) return;
  const T c9 = T(-0.5900435899266435), c10 = T(2.890611442640554), c11 = T(-0.4570457994644658),
          c12 = T(0.3731763325901154), c14 = T(1.445305721320277);
  dx[9] = c9 * T(6) * x * y, dy[9] = c9 * T(3) * (xx - yy), dz[9] = T(0);
  dx[10] = c10 * y * z, dy[10] = c10 * x * z, dz[10] = c10 * x * y;
  dx[11] = c11 * T(-2) * x * y, dy[11] = c11 * (T(4) * zz - xx - T(3) * yy), dz[11] = c11 * T(8) * y * z;
  dx[12] = c12 * T(-6) * x * z, dy[12] = c12 * T(-6) * y * z, dz[12] = c12 * (T(6) * zz - T(3) * xx - T(3) * yy);
  dx[13] = c11 * (T(4) * zz - T(3) * xx - yy), dy[13] = c11 * T(-2) * x * y, dz[13] = c11 * T(8) * x * z;
  dx[14] = c14 * T(2) * x * z, dy[14] = c14 * T(-2) * y * z, dz[14] = c14 * (xx - yy);
  dx[15] = c9 * T(3) * (xx - yy), dy[15] = c9 * T(-6) * x * y, dz[15] = T(0);
}

}  // namespace takt::splat
