// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "takt/core/nn/attention.h"
#include "takt/core/nn/linear.h"
#include "takt/core/nn/quant_rows.h"

// The truth beside the kernels: scalar, in double, written to be read. Arguments are those of the functions of the same name
// in activation.h, norm.h, attention.h, quant_rows.h and linear.h, with weights as checkpoints hold them.
namespace takt::nn::ref {

double Gelu(double x);
double Mish(double x);
double Silu(double x);
void Softmax(float* x, int64_t ldx, int rows, int cols);

// To bfloat16 and back: nearest, ties to even.
float RoundToBf16(float x);

void Quantise(const float* x, int64_t ldx, const QuantRows& out, const float* act_scale);
void LayerNorm(const float* x, int64_t ldx, int rows, int64_t cols, const float* gamma, const float* beta, float* y,
               int64_t ldy, float eps);
void Attention(const AttentionShape& shape, const float* q, int64_t ldq, const float* k, int64_t ldk, const float* v,
               int64_t ldv, const float* bias, int64_t ldb, float* y, int64_t ldy);

void LinearF32(const float* x, int64_t ldx, int m, const float* w, const float* bias, int n, int64_t k, float* y,
               int64_t ldy, Epilogue epilogue);
void LinearBf16(const float* x, int64_t ldx, int m, const float* w, const float* bias, int n, int64_t k, float* y,
                int64_t ldy, Epilogue epilogue);
void LinearW8(const QuantRows& xq, const int8_t* q, const float* scale, const float* bias, int n, float* y, int64_t ldy,
              Epilogue epilogue);
void LinearW4(const QuantRows& xq, const int8_t* q, const float* scale, int group, const float* bias, int n, float* y,
              int64_t ldy, Epilogue epilogue);

}  // namespace takt::nn::ref
