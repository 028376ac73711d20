// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/policy/policy_config.h"

namespace takt::quant {

// The products of a decoder layer that may run in integers, in the order of policy::LinearKind.
inline constexpr int kProducts = 4;
inline constexpr std::array<std::string_view, kProducts> kProductNames = {"sa_qkv", "sa_out", "ffn1", "ffn2"};

// Outputs N and inputs K of a product: [3D, D], [D, D], [4D, D], [D, 4D].
struct ProductShape {
  int n = 0;
  int64_t k = 0;
};
ProductShape ShapeOf(const policy::PolicyConfig& config, int product);

// Quantised weights of one product: w[n, k] ~ codes[n, k] * scales[n, k / group]. Empty: the product stays in float.
struct QuantLinear {
  int n = 0;                      // N
  int64_t k = 0;                  // K
  int64_t group = 0;              // inputs that share a scale: K (8 bits), or a multiple of 8 (4 bits)
  std::vector<int8_t> codes;      // [N, K], one a byte: -127..127 (8 bits) or -8..7 (4 bits)
  std::vector<float> scales;      // [N, ceil(K / group)] > 0
  std::vector<float> act_scales;  // [steps] > 0, for all activations of a denoising step; empty: one measured per row

  bool empty() const { return codes.empty(); }
  int64_t groups() const { return group > 0 ? (k + group - 1) / group : 0; }
  friend bool operator==(const QuantLinear&, const QuantLinear&) = default;
};

// `quant.safetensors`, what post-training quantisation adds to a model: docs/formats/policy-quant.md.
//
// A runtime takes every tensor named in `replaced` from here instead of from the model, and packs the quantised
// products from their codes. Smoothing is folded into both already: nothing is left to do when activations come.
struct QuantFile {
  int weight_bits = 8;       // 8 or 4
  int steps = 0;             // denoising steps that act_scales were measured for; 0: there are none
  std::string model_sha256;  // of the model.safetensors that this belongs to; may be empty (a model in memory)
  std::string made_by;       // method and options, for people
  std::vector<std::array<QuantLinear, kProducts>> layers;  // [n_layer]; every layer quantises the same products
  std::map<std::string, std::vector<float>> replaced;      // by the model's names: norm1, norm3, in_proj_bias

  friend bool operator==(const QuantFile&, const QuantFile&) = default;
};

// Names of the tensors of decoder layer I that smoothing may replace, all of them [D] but the last one [3D]:
// model.decoder.layers.I.{norm1.weight, norm1.bias, norm3.weight, norm3.bias, self_attn.in_proj_bias}.
std::array<std::string, 5> ReplaceableNames(int layer);

// Errors: bad_input naming the product or tensor: shapes other than the config's, codes out of range, scales that are
// not finite and positive, a replacement of another tensor; a file of another model (where both hashes are known).
void Validate(const QuantFile& file, const policy::PolicyConfig& config, const std::string& model_sha256,
              const std::string& subject);

// What a plan must agree on with the file that it names: smoothed norms and float weights of another network do not
// mix. weight_bits: of the plan's precision, 0 for floats; steps: denoising steps that it takes. Errors: bad_input
// naming what differs.
void CheckUse(const QuantFile& file, int weight_bits, bool float_attention, int steps, const std::string& subject);

// The bytes of quant.safetensors. `file` must be valid. Determinism: equal files give equal bytes.
std::vector<uint8_t> EncodeQuantFile(const QuantFile& file);
// Atomic. Errors: io.
void WriteQuantFile(const QuantFile& file, const std::filesystem::path& path);

// The file is as Validate wants it. Tensors and notes that are not known are listed in `notes`.
// Errors: not_found; io; bad_input (damaged, or as Validate); unsupported (another major version).
// Cost: memory in proportion to the bytes, whatever they state.
QuantFile ParseQuantFile(std::vector<uint8_t> bytes, const policy::PolicyConfig& config,
                         const std::string& model_sha256, const std::string& subject,
                         std::vector<std::string>* notes = nullptr);
QuantFile ReadQuantFile(const std::filesystem::path& path, const policy::PolicyConfig& config,
                        const std::string& model_sha256, std::vector<std::string>* notes = nullptr);

}  // namespace takt::quant
