// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/policy/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/core/base/sha256.h"
#include "takt/core/io/safetensors.h"

namespace takt::policy {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

constexpr uint64_t kMaxModelBytes = uint64_t{1} << 34;

// A pre-norm transformer layer: attention to itself, optionally to a memory, and a feed-forward part of 4 n.
void AddLayer(const std::string& prefix, int64_t n, bool cross, Shapes* shapes) {
  const auto attention = [&](const std::string& name) {
    (*shapes)[prefix + name + ".in_proj_weight"] = {3 * n, n};
    (*shapes)[prefix + name + ".in_proj_bias"] = {3 * n};
    (*shapes)[prefix + name + ".out_proj.weight"] = {n, n};
    (*shapes)[prefix + name + ".out_proj.bias"] = {n};
  };
  attention("self_attn");
  if (cross) attention("multihead_attn");
  (*shapes)[prefix + "linear1.weight"] = {4 * n, n};
  (*shapes)[prefix + "linear1.bias"] = {4 * n};
  (*shapes)[prefix + "linear2.weight"] = {n, 4 * n};
  (*shapes)[prefix + "linear2.bias"] = {n};
  for (int i = 1; i <= (cross ? 3 : 2); ++i) {
    (*shapes)[fmt::format("{}norm{}.weight", prefix, i)] = {n};
    (*shapes)[fmt::format("{}norm{}.bias", prefix, i)] = {n};
  }
}

void AddLinear(const std::string& prefix, int64_t out, int64_t in, Shapes* shapes) {
  (*shapes)[prefix + ".weight"] = {out, in};
  (*shapes)[prefix + ".bias"] = {out};
}

}  // namespace

const std::vector<float>& Model::Get(const std::string& name) const { return tensors.at(name); }

Shapes ExpectedTensors(const PolicyConfig& c) {
  Shapes shapes;
  const int64_t n = c.n_emb;
  shapes["model.pos_emb"] = {1, c.horizon, n};
  shapes["model.cond_pos_emb"] = {1, 1 + c.n_obs_steps, n};
  AddLinear("model.input_emb", n, c.action_dim, &shapes);
  AddLinear("model.cond_obs_emb", n, c.cond_dim(), &shapes);
  if (c.n_cond_layers == 0) {
    AddLinear("model.encoder.0", 4 * n, n, &shapes);
    AddLinear("model.encoder.2", n, 4 * n, &shapes);
  }
  for (int l = 0; l < c.n_cond_layers; ++l) AddLayer(fmt::format("model.encoder.layers.{}.", l), n, false, &shapes);
  for (int l = 0; l < c.n_layer; ++l) AddLayer(fmt::format("model.decoder.layers.{}.", l), n, true, &shapes);
  shapes["model.ln_f.weight"] = shapes["model.ln_f.bias"] = {n};
  AddLinear("model.head", c.action_dim, n, &shapes);
  shapes["normalizer.action.scale"] = shapes["normalizer.action.offset"] = {c.action_dim};
  if (c.state_dim() > 0) shapes["normalizer.state.scale"] = shapes["normalizer.state.offset"] = {c.state_dim()};
  for (size_t i = 0; i < c.pictures.size(); ++i) {
    const PictureInput& p = c.pictures[i];
    const std::string prefix = fmt::format("vision.{}.", i);
    AddLinear(prefix + "patch", p.n_emb, 3 * p.patch_px * p.patch_px, &shapes);
    shapes[prefix + "pos_emb"] = {int64_t{p.width_px / p.patch_px} * (p.height_px / p.patch_px), p.n_emb};
    for (int l = 0; l < p.n_layer; ++l) AddLayer(fmt::format("{}layers.{}.", prefix, l), p.n_emb, false, &shapes);
    shapes[prefix + "norm.weight"] = shapes[prefix + "norm.bias"] = {p.n_emb};
    if (p.n_query > 0) shapes[prefix + "queries"] = {p.n_query, p.n_emb};
    AddLinear(prefix + "proj", p.out_dim, int64_t{std::max(p.n_query, 1)} * p.n_emb, &shapes);
  }
  if (c.instruction_bytes > 0) {
    shapes["instruction.bytes"] = {256, c.instruction_dim};
    shapes["instruction.pos_emb"] = {c.instruction_bytes, c.instruction_dim};
    AddLinear("instruction.proj", c.instruction_dim, c.instruction_dim, &shapes);
  }
  return shapes;
}

Model ParseModel(const PolicyConfig& config, std::vector<uint8_t> safetensors, const std::string& subject,
                 std::vector<std::string>* notes) {
  Model model;
  model.config = config;
  model.sha256 = Sha256Hex(safetensors);
  const SafeTensors file = ParseSafeTensors(std::move(safetensors), subject);
  const Shapes expected = ExpectedTensors(config);
  for (const auto& [name, shape] : expected) {
    if (!file.Has(name)) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("lacks the tensor {}", name),
                  name.starts_with("normalizer.") ? "the statistics of the training data must lie beside the weights"
                                                  : "is this the model of that config.json?");
    }
    std::vector<float> values = file.GetFloats(name, shape);
    const auto bad = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    if (bad != values.end()) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has a number that is not finite in {}", name));
    }
    if (name.ends_with(".scale") && std::find(values.begin(), values.end(), 0.0f) != values.end()) {
      throw Error(ErrorCode::kBadInput, subject, fmt::format("has a zero in {}", name));
    }
    model.tensors.emplace(name, std::move(values));
  }
  if (notes) {
    for (const auto& [name, tensor] : file.tensors()) {
      if (!expected.contains(name)) notes->push_back(fmt::format("{}: {} is not used", subject, name));
    }
  }
  return model;
}

Model LoadModel(const std::filesystem::path& folder, std::vector<std::string>* notes) {
  // Most keys of a config change what the network computes: one that is not known cannot be left out.
  std::vector<std::string> unknown;
  const PolicyConfig config = LoadPolicyConfig(folder, &unknown);
  if (!unknown.empty()) {
    throw Error(ErrorCode::kUnsupported, (folder / "config.json").string(), "holds what this version does not know: " + unknown[0],
                "use the version that made it, or take the key out if it only says something to people");
  }
  const std::filesystem::path path = folder / "model.safetensors";
  return ParseModel(config, ReadFile(path, kMaxModelBytes), path.string(), notes);
}

Model RandomModel(const PolicyConfig& config, uint64_t seed) {
  Model model;
  model.config = config;
  uint64_t stream = 0;
  for (const auto& [name, shape] : ExpectedTensors(config)) {
    size_t count = 1;
    for (int64_t dim : shape) count *= static_cast<size_t>(dim);
    std::vector<float> values(count, 0.0f);
    const bool one = name.ends_with(".scale") || (shape.size() == 1 && name.ends_with(".weight"));
    const bool zero = shape.size() == 1 && !one;
    if (one) std::fill(values.begin(), values.end(), 1.0f);
    if (!one && !zero) {
      const Rng rng(seed, stream);
      for (size_t i = 0; i < count; ++i) values[i] = 0.02f * rng.Normal4(i / 4)[i % 4];
    }
    ++stream;
    model.tensors.emplace(name, std::move(values));
  }
  return model;
}

void SaveModel(const Model& model, const std::filesystem::path& folder, bool half) {
  SafeTensorsWriter writer;
  std::map<std::string, std::vector<uint16_t>> halves;  // the writer borrows them
  for (const auto& [name, shape] : ExpectedTensors(model.config)) {
    const std::vector<float>& values = model.Get(name);
    if (!half || name.starts_with("normalizer.")) {
      writer.Add(name, shape, values);
      continue;
    }
    std::vector<uint16_t>& rounded = halves[name];
    for (const float value : values) {
      rounded.push_back(ToHalf(value));
      if ((rounded.back() & 0x7c00) == 0x7c00) {
        throw Error(ErrorCode::kBadInput, name, fmt::format("holds {}, which F16 cannot", value), "keep --weights f32");
      }
    }
    writer.Add(name, DType::kF16, shape,
               {reinterpret_cast<const uint8_t*>(rounded.data()), rounded.size() * sizeof(uint16_t)});
  }
  std::filesystem::create_directories(folder);
  writer.Write(folder / "model.safetensors");
  WriteFileAtomic(folder / "config.json", PolicyConfigText(model.config));
}

}  // namespace takt::policy
