// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/file/quant_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/safetensors.h"

namespace takt::quant {
namespace {

constexpr std::string_view kFormat = "takt-quant";
constexpr std::string_view kSchema = "1.0";
constexpr int kMaxSteps = 4096;
constexpr std::string_view kAgainHint = "write it again with `takt policy quantize`";

Error Bad(const std::string& subject, const std::string& message) {
  return Error(ErrorCode::kBadInput, subject, message, std::string(kAgainHint));
}

std::string ProductPrefix(int layer, int product) {
  return fmt::format("quant.layers.{}.{}.", layer, kProductNames[static_cast<size_t>(product)]);
}

bool AllPositive(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return v > 0 && std::isfinite(v); });
}

void CheckLinear(const QuantFile& file, const QuantLinear& linear, ProductShape shape, const std::string& name,
                 const std::string& subject) {
  const auto fail = [&](const std::string& what) { return Bad(subject, fmt::format("'{}' {}", name, what)); };
  if (linear.n != shape.n || linear.k != shape.k) {
    throw fail(fmt::format("has the shape [{}, {}], not [{}, {}]", linear.n, linear.k, shape.n, shape.k));
  }
  const bool group_ok = file.weight_bits == 8 ? linear.group == linear.k
                                              : linear.group >= 8 && linear.group % 8 == 0 && linear.group <= 1 << 20;
  if (!group_ok) throw fail(fmt::format("has groups of {} inputs", linear.group));
  const uint64_t n = static_cast<uint64_t>(linear.n);
  if (linear.codes.size() != n * static_cast<uint64_t>(linear.k) ||
      linear.scales.size() != n * static_cast<uint64_t>(linear.groups())) {
    throw fail("has not one code for each weight and one scale for each group");
  }
  const int low = file.weight_bits == 8 ? -127 : -8, high = file.weight_bits == 8 ? 127 : 7;
  for (const int8_t code : linear.codes) {
    if (code < low || code > high) throw fail(fmt::format("has the code {}, outside of {} to {}", code, low, high));
  }
  if (!AllPositive(linear.scales)) throw fail("has a scale that is not finite and positive");
  if (linear.act_scales.size() != static_cast<size_t>(file.steps)) {
    throw fail(fmt::format("has {} scales of activations, not {}", linear.act_scales.size(), file.steps));
  }
  if (!AllPositive(linear.act_scales)) throw fail("has a scale of activations that is not finite and positive");
}

// Two codes in a byte, the first in the low half, each + 8; a half that is left over holds 8.
std::vector<uint8_t> PackNibbles(const QuantLinear& linear) {
  const int64_t row_bytes = (linear.k + 1) / 2;
  std::vector<uint8_t> packed(static_cast<size_t>(linear.n * row_bytes));
  for (int64_t n = 0; n < linear.n; ++n) {
    const int8_t* codes = linear.codes.data() + n * linear.k;
    for (int64_t i = 0; i < row_bytes; ++i) {
      const int low = codes[2 * i] + 8, high = 2 * i + 1 < linear.k ? codes[2 * i + 1] + 8 : 8;
      packed[static_cast<size_t>(n * row_bytes + i)] = static_cast<uint8_t>(low | high << 4);
    }
  }
  return packed;
}

std::vector<int8_t> UnpackNibbles(const std::vector<uint8_t>& packed, int n, int64_t k, const std::string& subject,
                                  const std::string& name) {
  const int64_t row_bytes = (k + 1) / 2;
  std::vector<int8_t> codes(static_cast<size_t>(n * k));
  for (int64_t row = 0; row < n; ++row) {
    const uint8_t* bytes = packed.data() + row * row_bytes;
    for (int64_t i = 0; i < k; ++i) {
      const int half = i % 2 == 0 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4;
      codes[static_cast<size_t>(row * k + i)] = static_cast<int8_t>(half - 8);
    }
    if (k % 2 == 1 && bytes[row_bytes - 1] >> 4 != 8) {
      throw Bad(subject, fmt::format("tensor '{}' has a code behind the end of a row", name));
    }
  }
  return codes;
}

int CountField(const SafeTensors& tensors, const std::string& key, int low, int high, const std::string& subject) {
  const auto found = tensors.metadata().find(key);
  if (found == tensors.metadata().end()) throw Bad(subject, fmt::format("does not say its '{}'", key));
  const std::string& text = found->second;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
    throw Bad(subject, fmt::format("has the {} '{}'; {} to {} are possible", key, text.substr(0, 40), low, high));
  }
  return value;
}

std::string TextField(const SafeTensors& tensors, const std::string& key) {
  const auto found = tensors.metadata().find(key);
  return found == tensors.metadata().end() ? std::string() : found->second;
}

std::array<bool, kProducts> ParseProducts(const std::string& text, const std::string& subject) {
  std::array<bool, kProducts> present{};
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word(text.data() + begin, end - begin);
    const auto found = std::find(kProductNames.begin(), kProductNames.end(), word);
    if (found == kProductNames.end()) throw Bad(subject, fmt::format("quantises '{}', which is no product", word));
    present[static_cast<size_t>(found - kProductNames.begin())] = true;
    begin = end + 1;
  }
  return present;
}

QuantLinear ParseLinear(const SafeTensors& tensors, int weight_bits, int steps, ProductShape shape,
                        const std::string& prefix, const std::string& subject) {
  QuantLinear linear;
  linear.n = shape.n, linear.k = shape.k;
  const TensorView& scales = tensors.Get(prefix + "scales", std::vector<int64_t>{shape.n, -1});
  const int64_t groups = scales.shape[1];
  linear.group = shape.k;
  if (weight_bits == 4) linear.group = CountField(tensors, "group", 8, 1 << 20, subject);
  if (groups != linear.groups()) {
    throw Bad(subject,
              fmt::format("tensor '{}scales' has {} scales for an output, not {}", prefix, groups, linear.groups()));
  }
  linear.scales = tensors.GetValues<float>(prefix + "scales", {shape.n, groups});
  const std::string codes = prefix + "codes";
  if (weight_bits == 8) {
    linear.codes = tensors.GetValues<int8_t>(codes, {shape.n, shape.k});
  } else {
    linear.codes = UnpackNibbles(tensors.GetValues<uint8_t>(codes, {shape.n, (shape.k + 1) / 2}), shape.n, shape.k,
                                 subject, codes);
  }
  if (steps > 0) linear.act_scales = tensors.GetValues<float>(prefix + "act_scales", {steps});
  return linear;
}

}  // namespace

ProductShape ShapeOf(const policy::PolicyConfig& config, int product) {
  const int d = config.n_emb;
  switch (product) {
    case 0:
      return {3 * d, d};
    case 1:
      return {d, d};
    case 2:
      return {4 * d, d};
    default:
      return {d, 4 * d};
  }
}

std::array<std::string, 5> ReplaceableNames(int layer) {
  const std::string prefix = fmt::format("model.decoder.layers.{}.", layer);
  return {prefix + "norm1.weight", prefix + "norm1.bias", prefix + "norm3.weight", prefix + "norm3.bias",
          prefix + "self_attn.in_proj_bias"};
}

void Validate(const QuantFile& file, const policy::PolicyConfig& config, const std::string& model_sha256,
              const std::string& subject) {
  if (file.weight_bits != 8 && file.weight_bits != 4) {
    throw Bad(subject, fmt::format("has weights of {} bits; 8 and 4 are possible", file.weight_bits));
  }
  if (file.steps < 0 || file.steps > kMaxSteps) throw Bad(subject, fmt::format("has scales for {} steps", file.steps));
  if (!file.model_sha256.empty() && !model_sha256.empty() && file.model_sha256 != model_sha256) {
    throw Bad(subject, fmt::format("belongs to the model {:.12}, not to {:.12}", file.model_sha256, model_sha256));
  }
  if (file.layers.size() != static_cast<size_t>(config.n_layer)) {
    throw Bad(subject, fmt::format("has {} layers; the model has {}", file.layers.size(), config.n_layer));
  }
  std::set<std::string> replaceable;
  for (int layer = 0; layer < config.n_layer; ++layer) {
    for (int product = 0; product < kProducts; ++product) {
      const QuantLinear& linear = file.layers[static_cast<size_t>(layer)][static_cast<size_t>(product)];
      const std::string name = fmt::format("layer {} {}", layer, kProductNames[static_cast<size_t>(product)]);
      if (linear.empty() != file.layers[0][static_cast<size_t>(product)].empty()) {
        throw Bad(subject, fmt::format("'{}' is quantised in some layers only", name));
      }
      if (!linear.empty()) CheckLinear(file, linear, ShapeOf(config, product), name, subject);
    }
    for (const std::string& name : ReplaceableNames(layer)) replaceable.insert(name);
  }
  for (const auto& [name, values] : file.replaced) {
    if (!replaceable.contains(name)) throw Bad(subject, fmt::format("replaces the tensor '{}'", name));
    const size_t length = static_cast<size_t>(config.n_emb) * (name.ends_with("in_proj_bias") ? 3 : 1);
    if (values.size() != length) throw Bad(subject, fmt::format("replaces '{}' by {} numbers", name, values.size()));
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      throw Bad(subject, fmt::format("replaces '{}' by a number that is not finite", name));
    }
  }
}

void CheckUse(const QuantFile& file, int weight_bits, bool float_attention, int steps, const std::string& subject) {
  if (weight_bits != file.weight_bits) {
    throw Bad(subject, weight_bits == 0
                           ? "cannot be used by a plan that computes in floats"
                           : fmt::format("has weights of {} bits; the plan wants {}", file.weight_bits, weight_bits));
  }
  for (size_t product = 0; product < kProducts; ++product) {
    if (file.layers.empty() || file.layers[0][product].empty() == (float_attention && product < 2)) continue;
    throw Bad(subject,
              fmt::format("{} '{}', against the plan", file.layers[0][product].empty() ? "leaves out" : "quantises",
                          kProductNames[product]));
  }
  if (file.steps != 0 && file.steps != steps) {
    throw Bad(subject,
              fmt::format("has scales of activations for {} denoising steps; the plan takes {}", file.steps, steps));
  }
}

std::vector<uint8_t> EncodeQuantFile(const QuantFile& file) {
  SafeTensorsWriter writer;
  std::vector<std::vector<uint8_t>> nibbles;  // what the writer borrows
  nibbles.reserve(file.layers.size() * kProducts);
  std::string products;
  int64_t group = 0;
  for (size_t layer = 0; layer < file.layers.size(); ++layer) {
    for (int product = 0; product < kProducts; ++product) {
      const QuantLinear& linear = file.layers[layer][static_cast<size_t>(product)];
      if (linear.empty()) continue;
      if (layer == 0)
        products += (products.empty() ? "" : " ") + std::string(kProductNames[static_cast<size_t>(product)]);
      const std::string prefix = ProductPrefix(static_cast<int>(layer), product);
      if (file.weight_bits == 8) {
        writer.Add(prefix + "codes", {linear.n, linear.k}, linear.codes);
      } else {
        group = linear.group;
        writer.Add(prefix + "codes", {linear.n, (linear.k + 1) / 2}, nibbles.emplace_back(PackNibbles(linear)));
      }
      writer.Add(prefix + "scales", {linear.n, linear.groups()}, linear.scales);
      if (file.steps > 0) writer.Add(prefix + "act_scales", {file.steps}, linear.act_scales);
    }
  }
  for (const auto& [name, values] : file.replaced) {
    writer.Add(name, {static_cast<int64_t>(values.size())}, values);
  }
  writer.SetMetadata("format", std::string(kFormat));
  writer.SetMetadata("schema", std::string(kSchema));
  writer.SetMetadata("weight_bits", std::to_string(file.weight_bits));
  if (file.weight_bits == 4) writer.SetMetadata("group", std::to_string(group));
  writer.SetMetadata("steps", std::to_string(file.steps));
  writer.SetMetadata("products", products);
  writer.SetMetadata("model_sha256", file.model_sha256);
  writer.SetMetadata("made_by", file.made_by);
  return writer.Encode();
}

void WriteQuantFile(const QuantFile& file, const std::filesystem::path& path) {
  WriteFileAtomic(path, EncodeQuantFile(file));
}

QuantFile ParseQuantFile(std::vector<uint8_t> bytes, const policy::PolicyConfig& config,
                         const std::string& model_sha256, const std::string& subject, std::vector<std::string>* notes) {
  const SafeTensors tensors = ParseSafeTensors(std::move(bytes), subject);
  if (TextField(tensors, "format") != kFormat) {
    throw Bad(subject, "is no file of quantised weights");
  }
  if (const std::string schema = TextField(tensors, "schema"); !schema.starts_with("1.")) {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("has the schema '{:.20}'; 1.x is read here", schema),
                std::string(kAgainHint));
  }
  QuantFile file;
  file.weight_bits = CountField(tensors, "weight_bits", 4, 8, subject);
  file.steps = CountField(tensors, "steps", 0, kMaxSteps, subject);
  file.model_sha256 = TextField(tensors, "model_sha256");
  file.made_by = TextField(tensors, "made_by");
  if (file.weight_bits != 4 && file.weight_bits != 8) {
    throw Bad(subject, fmt::format("has weights of {} bits; 8 and 4 are possible", file.weight_bits));
  }
  const std::array<bool, kProducts> present = ParseProducts(TextField(tensors, "products"), subject);

  std::set<std::string> known;
  file.layers.resize(static_cast<size_t>(config.n_layer));
  try {
    for (int layer = 0; layer < config.n_layer; ++layer) {
      for (int product = 0; product < kProducts; ++product) {
        if (!present[static_cast<size_t>(product)]) continue;
        const std::string prefix = ProductPrefix(layer, product);
        file.layers[static_cast<size_t>(layer)][static_cast<size_t>(product)] =
            ParseLinear(tensors, file.weight_bits, file.steps, ShapeOf(config, product), prefix, subject);
        for (const char* part : {"codes", "scales", "act_scales"}) known.insert(prefix + part);
      }
      for (const std::string& name : ReplaceableNames(layer)) {
        if (!tensors.Has(name)) continue;
        file.replaced[name] = tensors.GetValues<float>(name, {-1});
        known.insert(name);
      }
    }
  } catch (const Error& error) {
    // A tensor that is not there is a fault of the file, not a file that is not there.
    if (error.code() == ErrorCode::kNotFound) throw Bad(error.subject(), error.message());
    throw;
  }
  if (notes) {
    for (const auto& [name, tensor] : tensors.tensors()) {
      if (!known.contains(name)) notes->push_back(fmt::format("tensor '{}' is not used", name));
    }
  }
  Validate(file, config, model_sha256, subject);
  return file;
}

QuantFile ReadQuantFile(const std::filesystem::path& path, const policy::PolicyConfig& config,
                        const std::string& model_sha256, std::vector<std::string>* notes) {
  return ParseQuantFile(ReadFile(path), config, model_sha256, path.string(), notes);
}

}  // namespace takt::quant
