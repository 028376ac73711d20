// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/fused_ops.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

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

}  // namespace

at::Tensor FusedSelfAttention(const at::Tensor& qkv, const AttentionShape& shape) {
  return SelfAttentionFunction::apply(qkv, shape);
}

at::Tensor FusedCrossAttention(const at::Tensor& q, const at::Tensor& kv, const AttentionShape& shape) {
  return CrossAttentionFunction::apply(q, kv, shape);
}

}  // namespace takt::imitate
