// SPDX-License-Identifier: Apache-2.0
#pragma once

// Private to takt_imitate: the only header of it that knows libtorch.
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "takt/train/imitate/attention.h"
#include "takt/train/imitate/batches.h"

namespace takt::imitate {

// A tensor of the model, inside of the one buffer that holds them all.
struct Parameter {
  std::string name;  // as docs/formats/policy.md says; "auxiliary.*" for the head that is not exported
  std::vector<int64_t> shape;
  size_t offset = 0, count = 0;  // numbers
  bool decay = false;            // whether AdamW shrinks it: matrices of linear maps
  float mean = 0, std = 0;       // how it starts: normal numbers of these
};

// The network with its gradients: TransformerForDiffusion of real-stanford/diffusion_policy (time and observation as
// condition), the encoders of docs/formats/policy.md, and a linear head for the auxiliary task.
// Precision: f32. Determinism: same inputs, same thread count, same machine: same bytes.
class Network {
 public:
  // All weights of linear maps, embeddings and positions from N(0, 0.02), as the original; a pure function of the seed.
  Network(const TrainingConfig& config, int auxiliary_dim, uint64_t seed);

  const std::vector<Parameter>& parameters() const { return parameters_; }  // those that decay first
  size_t decayed() const { return decayed_; }  // numbers that decay: [0, decayed)
  float* values() { return values_; }          // [size]
  float* gradients() { return gradients_; }    // [size]
  size_t size() const { return size_; }
  const at::Tensor& Get(const std::string& name) const { return tensors_.at(name); }

  // Dropout of training step `step`, or none.
  void SetDropout(bool on, int64_t step);

  // [B, To, cond_dim] of a batch.
  at::Tensor Condition(const Batch& batch);
  // [N, T, action_dim] from noisy actions [N, T, action_dim], embedded times [N, n_emb] and conditions [N, To, cond_dim].
  at::Tensor Denoise(const at::Tensor& noisy, const at::Tensor& time, const at::Tensor& condition);

  struct Losses {
    double denoise = 0, auxiliary = 0;  // mean squares, normalised units; auxiliary: NaN where there is none
  };
  // Forward and backward through a batch; gradients() then holds the gradient of denoise + weight * auxiliary.
  Losses Step(const Batch& batch);
  // Forward alone, without dropout.
  Losses Evaluate(const Batch& batch);
  // Actions [B, T, action_dim] for the observations of a batch by `steps` steps of DDIM (eta 0) or Euler, from noise of
  // the seed; normalised units.
  std::vector<float> Sample(const Batch& batch, int steps, uint64_t seed);

 private:
  void Add(const std::string& name, std::vector<int64_t> shape, bool decay, float mean, float std);
  void AddLinear(const std::string& name, int64_t out, int64_t in, double gain = 1);
  void AddNorm(const std::string& name, int64_t dim);
  void AddBlock(const std::string& name, int64_t dim, bool decoder);
  void Allocate(uint64_t seed);
  void PlacePatches(size_t picture);

  at::Tensor Linear(const std::string& name, const at::Tensor& x) const;
  at::Tensor Product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) const;
  at::Tensor Norm(const std::string& name, const at::Tensor& x) const;
  at::Tensor Drop(const at::Tensor& x, double p);
  AttentionShape Shape(const at::Tensor& q, const at::Tensor& k, int heads, size_t ahead, double p_drop);
  at::Tensor SelfAttention(const std::string& name, const at::Tensor& x, int heads, size_t ahead, double p_drop);
  at::Tensor CrossAttention(const std::string& name, const at::Tensor& x, const at::Tensor& memory, int heads, size_t ahead,
                            double p_drop);
  at::Tensor FeedForward(const std::string& name, const at::Tensor& x, double p_drop);
  at::Tensor EncoderBlock(const std::string& name, const at::Tensor& x, int heads, double p_drop);
  at::Tensor Picture(size_t i, const at::Tensor& patches);
  at::Tensor Instruction(const Batch& batch);
  at::Tensor Loss(const Batch& batch, Losses* losses);

  const TrainingConfig& config_;
  int auxiliary_dim_;
  uint64_t seed_;
  bool bf16_;
  std::vector<Parameter> parameters_;
  std::map<std::string, at::Tensor> tensors_;
  at::Tensor value_buffer_, gradient_buffer_;
  float* values_ = nullptr;
  float* gradients_ = nullptr;
  size_t size_ = 0, decayed_ = 0;
  bool dropout_ = false;
  uint64_t dropout_counter_ = 0;
};

// Whether products are made in bf16: where it is asked for and the processor has instructions for it.
bool UsesBf16(const TrainingBlock& block);

// Threads of libtorch and of the BLAS behind it, for the whole process: results depend on them in their last bits.
// Returns the name of the BLAS, empty where it is not OpenBLAS, and products are then many times slower.
std::string SetTorchThreads(int threads);

}  // namespace takt::imitate
