// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/fused_ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include "takt/train/imitate/bf16_rows.h"

namespace takt::imitate {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

AttentionMatrix<const float> View(const at::Tensor& x, size_t offset) {
  return {x.data_ptr<float>() + offset, static_cast<size_t>(x.size(2))};
}
AttentionMatrix<float> Out(const at::Tensor& x, size_t offset) {
  return {x.data_ptr<float>() + offset, static_cast<size_t>(x.size(2))};
}

void Remember(AutogradContext* context, const AttentionShape& s) {
  context->saved_data["batch"] = static_cast<int64_t>(s.batch);
  context->saved_data["heads"] = static_cast<int64_t>(s.heads);
  context->saved_data["rows"] = static_cast<int64_t>(s.rows);
  context->saved_data["columns"] = static_cast<int64_t>(s.columns);
  context->saved_data["width"] = static_cast<int64_t>(s.width);
  context->saved_data["p_drop"] = s.p_drop;
}

AttentionShape Recall(AutogradContext* context) {
  const auto count = [&](const char* name) { return static_cast<size_t>(context->saved_data[name].toInt()); };
  AttentionShape s;
  s.batch = count("batch");
  s.heads = count("heads");
  s.rows = count("rows");
  s.columns = count("columns");
  s.width = count("width");
  s.p_drop = context->saved_data["p_drop"].toDouble();
  return s;
}

at::Tensor Weights(const AttentionShape& s) {
  return at::empty({static_cast<int64_t>(s.batch * s.heads), static_cast<int64_t>(s.rows), static_cast<int64_t>(s.columns)});
}

struct SelfAttentionFunction : torch::autograd::Function<SelfAttentionFunction> {
  static Variable forward(AutogradContext* context, const Variable& qkv, const AttentionShape& s) {
    const size_t dim = s.heads * s.width;
    const at::Tensor weights = Weights(s);
    const at::Tensor out = at::empty({qkv.size(0), qkv.size(1), static_cast<int64_t>(dim)});
    AttentionForward(s, View(qkv, 0), View(qkv, dim), View(qkv, 2 * dim), weights.data_ptr<float>(), Out(out, 0));
    context->save_for_backward({qkv, weights});
    Remember(context, s);
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const AttentionShape s = Recall(context);
    const size_t dim = s.heads * s.width;
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& qkv = saved[0];
    const at::Tensor gradient = gradients[0].contiguous(), result = at::empty_like(qkv);
    AttentionBackward(s, View(qkv, 0), View(qkv, dim), View(qkv, 2 * dim), saved[1].data_ptr<float>(), View(gradient, 0),
                      Out(result, 0), Out(result, dim), Out(result, 2 * dim));
    return {result, Variable()};
  }
};

struct CrossAttentionFunction : torch::autograd::Function<CrossAttentionFunction> {
  static Variable forward(AutogradContext* context, const Variable& q, const Variable& kv, const AttentionShape& s) {
    const at::Tensor weights = Weights(s), out = at::empty_like(q);
    AttentionForward(s, View(q, 0), View(kv, 0), View(kv, s.heads * s.width), weights.data_ptr<float>(), Out(out, 0));
    context->save_for_backward({q, kv, weights});
    Remember(context, s);
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const AttentionShape s = Recall(context);
    const size_t dim = s.heads * s.width;
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous();
    const at::Tensor q_result = at::empty_like(saved[0]), kv_result = at::empty_like(saved[1]);
    AttentionBackward(s, View(saved[0], 0), View(saved[1], 0), View(saved[1], dim), saved[2].data_ptr<float>(),
                      View(gradient, 0), Out(q_result, 0), Out(kv_result, 0), Out(kv_result, dim));
    return {q_result, kv_result, Variable()};
  }
};

RowShape RowsOf(const at::Tensor& x) {
  const auto columns = static_cast<size_t>(x.size(-1));
  return {static_cast<size_t>(x.numel()) / columns, columns};
}

uint16_t* Halves(const at::Tensor& x) { return reinterpret_cast<uint16_t*>(x.data_ptr<at::BFloat16>()); }

at::Tensor EmptyHalves(const at::Tensor& like) {
  const RowShape shape = RowsOf(like);
  return at::empty({static_cast<int64_t>(shape.rows), static_cast<int64_t>(shape.columns)}, at::kBFloat16);
}

at::Tensor Narrowed(const at::Tensor& x) {  // [rows, columns]
  const at::Tensor dense = x.contiguous(), out = EmptyHalves(x);
  ToBf16(RowsOf(dense), dense.data_ptr<float>(), Halves(out));
  return out;
}

// A product that came out in bfloat16, as f32 of another shape with as many numbers.
at::Tensor Widened(const at::Tensor& x, const at::Tensor* bias, at::IntArrayRef shape) {
  const at::Tensor dense = x.contiguous(), out = at::empty(shape);
  FromBf16(RowsOf(dense), Halves(dense), bias ? bias->data_ptr<float>() : nullptr, out.data_ptr<float>());
  return out;
}

at::Tensor NarrowedWithSums(const at::Tensor& gradient, at::Tensor* sums) {
  const at::Tensor dense = gradient.contiguous(), out = EmptyHalves(gradient);
  *sums = at::empty({gradient.size(-1)});
  ToBf16WithSums(RowsOf(dense), dense.data_ptr<float>(), Halves(out), sums->data_ptr<float>());
  return out;
}

at::Tensor WeightGradient(const at::Tensor& out_gradient, const at::Tensor& x) {
  return Widened(at::mm(out_gradient.t(), x), nullptr, {out_gradient.size(1), x.size(1)});
}

std::vector<int64_t> WithColumns(const at::Tensor& x, int64_t columns) {
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = columns;
  return shape;
}

struct Bf16LinearFunction : torch::autograd::Function<Bf16LinearFunction> {
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& weight, const Variable& bias) {
    const at::Tensor x16 = Narrowed(x), weight16 = Narrowed(weight);
    context->save_for_backward({x16, weight16});
    context->saved_data["shape"] = x.sizes();
    context->saved_data["wanted"] = x.requires_grad();
    return Widened(at::mm(x16, weight16.t()), &bias, WithColumns(x, weight.size(0)));
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    at::Tensor bias_gradient, x_gradient;
    const at::Tensor g16 = NarrowedWithSums(gradients[0], &bias_gradient);
    if (context->saved_data["wanted"].toBool()) {
      x_gradient = Widened(at::mm(g16, saved[1]), nullptr, context->saved_data["shape"].toIntVector());
    }
    return {x_gradient, WeightGradient(g16, saved[0]), bias_gradient};
  }
};

struct Bf16FeedForwardFunction : torch::autograd::Function<Bf16FeedForwardFunction> {
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& weight1, const Variable& bias1,
                          const Variable& weight2, const Variable& bias2) {
    const at::Tensor x16 = Narrowed(x), first16 = Narrowed(weight1), second16 = Narrowed(weight2);
    const at::Tensor before = at::mm(x16, first16.t()).contiguous(), after = EmptyHalves(before);
    GeluForward(RowsOf(before), Halves(before), bias1.data_ptr<float>(), Halves(after));
    context->save_for_backward({x16, first16, second16, before, after, bias1});
    context->saved_data["shape"] = x.sizes();
    return Widened(at::mm(after, second16.t()), &bias2, x.sizes());
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x16 = saved[0], &first16 = saved[1], &second16 = saved[2], &before = saved[3], &after = saved[4];
    at::Tensor bias2_gradient;
    const at::Tensor g16 = NarrowedWithSums(gradients[0], &bias2_gradient);
    const at::Tensor inner = at::mm(g16, second16).contiguous(), bias1_gradient = at::empty({inner.size(1)});
    GeluBackward(RowsOf(inner), Halves(before), saved[5].data_ptr<float>(), Halves(inner), Halves(inner),
                 bias1_gradient.data_ptr<float>());
    return {Widened(at::mm(inner, first16), nullptr, context->saved_data["shape"].toIntVector()),
            WeightGradient(inner, x16), bias1_gradient, WeightGradient(g16, after), bias2_gradient};
  }
};

}  // namespace

at::Tensor FusedSelfAttention(const at::Tensor& qkv, const AttentionShape& shape) {
  return SelfAttentionFunction::apply(qkv, shape);
}

at::Tensor FusedCrossAttention(const at::Tensor& q, const at::Tensor& kv, const AttentionShape& shape) {
  return CrossAttentionFunction::apply(q, kv, shape);
}

at::Tensor Bf16Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return Bf16LinearFunction::apply(x, weight, bias);
}

at::Tensor Bf16FeedForward(const at::Tensor& x, const at::Tensor& weight1, const at::Tensor& bias1, const at::Tensor& weight2,
                           const at::Tensor& bias2) {
  return Bf16FeedForwardFunction::apply(x, weight1, bias1, weight2, bias2);
}

}  // namespace takt::imitate
