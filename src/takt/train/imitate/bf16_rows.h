// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace takt::imitate {

// What happens to the rows of a matrix between two products in bfloat16: roundings, biases, the activation, and sums of
// columns, in one pass each. All matrices are dense, [rows, columns]; roundings are to nearest, ties to even.
// Sums are formed over blocks of rows whose number does not depend on the thread count: same bytes for any.
// Cost: bound by memory; a pass reads and writes every number once.
struct RowShape {
  size_t rows = 0, columns = 0;
};

void ToBf16(RowShape shape, const float* x, uint16_t* out);
// out = x + bias [columns]; no bias: nullptr.
void FromBf16(RowShape shape, const uint16_t* x, const float* bias, float* out);
// As ToBf16, and the sums of the columns of x [columns].
void ToBf16WithSums(RowShape shape, const float* x, uint16_t* out, float* sums);
// out = gelu(x + bias), erf form, to 1e-5 before it is rounded.
void GeluForward(RowShape shape, const uint16_t* x, const float* bias, uint16_t* out);
// x_gradient = gelu'(x + bias) out_gradient, which may be the same memory, and the sums of its columns: those of the bias.
void GeluBackward(RowShape shape, const uint16_t* x, const float* bias, const uint16_t* out_gradient, uint16_t* x_gradient,
                  float* sums);

}  // namespace takt::imitate
