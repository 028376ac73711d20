// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace takt::policy {

// How the denoiser is trained and sampled.
enum class Head {
  kDdpm,  // predicts the noise or the actions; sampled by DDPM or DDIM
  kFlow,  // predicts the velocity from noise to action; sampled by Euler steps
};

// What a diffusion head answers: both name the same denoised actions, but a network that has seen little errs less when it
// names them directly.
enum class Prediction {
  kEpsilon,  // the noise, as the original
  kSample,   // the actions
};

// A picture of the observation, and the vision transformer that reads it: patches of patch_px x patch_px x 3, learned
// positions, pre-norm blocks as in the decoder (no mask), a last LayerNorm, one vector of all patches for each query - or
// their mean -, and a projection.
struct PictureInput {
  std::string key;               // "observation.images.front"
  int width_px = 0, height_px = 0;  // what the network sees; captures of another size are resized (area average)
  int patch_px = 16;             // divides both
  int n_emb = 128, n_head = 4, n_layer = 4;
  int out_dim = 64;              // numbers that it adds to an observation step
  int n_query = 0;               // learned queries that each gather the patches by attention; 0: their mean
};

// What a policy is, apart from its weights: `config.json` beside `model.safetensors`. docs/formats/policy.md names the
// tensors. An observation step is the concatenation [state keys..., pictures..., instruction]; n_obs_steps of them are
// the condition. The network is TransformerForDiffusion of Chi et al., Diffusion Policy (RSS 2023), with time and
// observation as condition.
struct PolicyConfig {
  // Inputs and outputs.
  std::vector<std::string> state_keys;  // columns, in this order
  std::vector<int> state_dims;          // of each
  std::vector<PictureInput> pictures;
  int instruction_bytes = 0;            // the first so many bytes of the instruction are read; 0: none
  int instruction_dim = 0;              // numbers that it adds: mean of byte embeddings with positions, then a projection
  std::string action_key = "action";
  int action_dim = 0;
  // So many leading numbers of an action are what is to be added to the same numbers of the newest state (joints that are
  // commanded and measured): what the network names is then small, and a small error of it is a small error of the arm.
  int relative_action_dims = 0;
  double fps = 0;                       // control steps a second

  int horizon = 16;        // T: actions that are denoised together; step n_obs_steps - 1 of them is now
  int n_obs_steps = 2;     // To
  int n_action_steps = 8;  // Ta: that are executed, from index n_obs_steps - 1

  // TransformerForDiffusion.
  int n_emb = 256, n_head = 4, n_layer = 8, n_cond_layers = 0;
  bool causal_attn = true;

  Head head = Head::kDdpm;
  Prediction prediction = Prediction::kEpsilon;       // of a diffusion head: "prediction_type", "epsilon" or "sample"
  int train_steps = 100;                              // K of DDPM
  std::string beta_schedule = "squaredcos_cap_v2";
  bool clip_sample = true;                            // predicted actions to [-1, 1] in each step

  nlohmann::ordered_json training;  // how the weights were made; kept as it is

  int state_dim() const;  // sum of state_dims
  int cond_dim() const;   // of one observation step
};

// Errors: not_found, io; bad_input naming the field: wrong types, sizes outside of what can be run (all counts >= 1,
// n_emb <= 4096 and a multiple of n_head, n_layer <= 64, horizon <= 512, pictures up to 1024 px), an unknown head.
// Keys that are not known are kept out and listed in `notes`.
PolicyConfig ParsePolicyConfig(const std::string& text, const std::string& subject, std::vector<std::string>* notes = nullptr);
PolicyConfig LoadPolicyConfig(const std::filesystem::path& folder, std::vector<std::string>* notes = nullptr);
std::string PolicyConfigText(const PolicyConfig& config);

// Cumulative products alpha_bar_k of a noise schedule, k = 0 ... steps - 1, in double.
// squaredcos_cap_v2: beta_k = min(1 - f((k+1)/K) / f(k/K), 0.999), f(t) = cos^2((t + 0.008) / 1.008 * pi / 2) (Nichol &
// Dhariwal 2021); "linear": beta from 1e-4 to 0.02. Errors: bad_input for another name.
std::vector<double> AlphaBars(const std::string& schedule, int steps);

// Sinusoidal embedding of a time: [sin(t f_i)..., cos(t f_i)...], f_i = 10000^(-i / (dim / 2 - 1)); as the original.
std::vector<float> TimeEmbedding(double t, int dim);

// The time that the network is told for a flow time tau in [0, 1]: train_steps * tau, so both heads see one range.
inline double FlowTime(const PolicyConfig& config, double tau) { return config.train_steps * tau; }

}  // namespace takt::policy
