// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/quant/file/quant_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/rng.h"
#include "takt/core/io/safetensors.h"

namespace takt::quant {
namespace {

policy::PolicyConfig SmallConfig(int n_emb = 8) {
  policy::PolicyConfig config;
  config.n_emb = n_emb, config.n_head = 1, config.n_layer = 2;
  return config;
}

QuantFile SmallFile(const policy::PolicyConfig& config, int bits, int64_t group, int steps, bool attention = true) {
  QuantFile file;
  file.weight_bits = bits, file.steps = steps, file.model_sha256 = "abc", file.made_by = "rtn";
  file.layers.resize(static_cast<size_t>(config.n_layer));
  const Rng rng(7);
  uint64_t counter = 0;
  for (auto& layer : file.layers) {
    for (int product = attention ? 0 : 2; product < kProducts; ++product) {
      QuantLinear& linear = layer[static_cast<size_t>(product)];
      const ProductShape shape = ShapeOf(config, product);
      linear.n = shape.n, linear.k = shape.k, linear.group = bits == 8 ? shape.k : group;
      for (int64_t i = 0; i < linear.n * linear.k; ++i) {
        const int range = bits == 8 ? 255 : 16;
        linear.codes.push_back(static_cast<int8_t>(static_cast<int>(rng.Below(counter++, range)) - range / 2));
      }
      for (int64_t i = 0; i < linear.n * linear.groups(); ++i) linear.scales.push_back(0.1f + rng.Uniform(counter++));
      for (int i = 0; i < steps; ++i) linear.act_scales.push_back(0.1f + rng.Uniform(counter++));
    }
  }
  file.replaced[ReplaceableNames(1)[2]] = std::vector<float>(static_cast<size_t>(config.n_emb), 0.5f);
  file.replaced[ReplaceableNames(0)[4]] = std::vector<float>(static_cast<size_t>(3 * config.n_emb), -1.0f);
  return file;
}

void ExpectBad(const QuantFile& file, const policy::PolicyConfig& config, const std::string& part) {
  try {
    Validate(file, config, "abc", "q");
    FAIL() << "accepted: " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBadInput) << error.what();
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(QuantFile, RoundTripInEveryShape) {
  for (const int n_emb : {8, 5}) {  // an odd width leaves half a byte over
    const policy::PolicyConfig config = SmallConfig(n_emb);
    for (const int bits : {8, 4}) {
      for (const int steps : {0, 3}) {
        for (const bool attention : {true, false}) {
          const QuantFile file = SmallFile(config, bits, 8, steps, attention);
          std::vector<std::string> notes;
          const std::vector<uint8_t> bytes = EncodeQuantFile(file);
          const QuantFile again = ParseQuantFile(bytes, config, "abc", "q", &notes);
          EXPECT_EQ(again, file);
          EXPECT_TRUE(notes.empty());
          EXPECT_EQ(EncodeQuantFile(again), bytes);
        }
      }
    }
  }
}

TEST(QuantFile, FourBitsTakeHalfAByte) {
  const policy::PolicyConfig config = SmallConfig(64);
  const size_t bytes8 = EncodeQuantFile(SmallFile(config, 8, 0, 0)).size();
  const size_t bytes4 = EncodeQuantFile(SmallFile(config, 4, 64, 0)).size();
  EXPECT_LT(bytes4, 0.6 * bytes8);
}

TEST(QuantFile, OnDisk) {
  const policy::PolicyConfig config = SmallConfig();
  const auto path = std::filesystem::path(::testing::TempDir()) / "takt_quant_file_test.safetensors";
  const QuantFile file = SmallFile(config, 4, 8, 2);
  WriteQuantFile(file, path);
  EXPECT_EQ(ReadQuantFile(path, config, "abc"), file);
  std::filesystem::remove(path);
  EXPECT_THROW(ReadQuantFile(path, config, "abc"), Error);
}

TEST(QuantFile, ValidateNamesTheFault) {
  const policy::PolicyConfig config = SmallConfig();
  const QuantFile good = SmallFile(config, 8, 0, 3);
  Validate(good, config, "abc", "q");
  Validate(good, config, "", "q");
  const auto broken = [&](const std::function<void(QuantFile&)>& change) {
    QuantFile file = good;
    change(file);
    return file;
  };
  ExpectBad(broken([](QuantFile& f) { f.layers[1][2].scales[3] = std::nanf(""); }), config, "layer 1 ffn1");
  ExpectBad(broken([](QuantFile& f) { f.layers[1][2].scales[3] = 0; }), config, "positive");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][0].act_scales[2] = -1; }), config, "activations");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][0].act_scales.pop_back(); }), config, "activations");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][3].codes[0] = -128; }), config, "-128");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][3].codes.pop_back(); }), config, "one code");
  ExpectBad(broken([](QuantFile& f) { f.layers[1][0] = {}; }), config, "some layers only");
  ExpectBad(broken([](QuantFile& f) { f.layers.pop_back(); }), config, "layers");
  ExpectBad(broken([](QuantFile& f) { f.weight_bits = 5; }), config, "bits");
  ExpectBad(broken([](QuantFile& f) { f.model_sha256 = "abd"; }), config, "model");
  ExpectBad(broken([](QuantFile& f) { f.replaced["model.head.weight"] = {1}; }), config, "model.head.weight");
  ExpectBad(broken([](QuantFile& f) { f.replaced.begin()->second[0] = std::numeric_limits<float>::infinity(); }),
            config, "not finite");
  ExpectBad(broken([](QuantFile& f) { f.replaced.begin()->second.pop_back(); }), config, "numbers");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][0].n = 7; }), config, "shape");
  ExpectBad(broken([](QuantFile& f) { f.layers[0][0].group = 4; }), config, "groups");
  QuantFile four = SmallFile(config, 4, 8, 0);
  four.layers[0][1].codes[0] = 8;
  ExpectBad(four, config, "code 8");
}

TEST(QuantFile, AgreesWithItsPlan) {
  const policy::PolicyConfig config = SmallConfig();
  const QuantFile all = SmallFile(config, 8, 0, 3), ffn = SmallFile(config, 4, 8, 0, false);
  CheckUse(all, 8, false, 3, "q");
  CheckUse(ffn, 4, true, 100, "q");
  EXPECT_THROW(CheckUse(all, 0, false, 3, "q"), Error);
  EXPECT_THROW(CheckUse(all, 4, false, 3, "q"), Error);
  EXPECT_THROW(CheckUse(all, 8, true, 3, "q"), Error);
  EXPECT_THROW(CheckUse(all, 8, false, 4, "q"), Error);
  EXPECT_THROW(CheckUse(ffn, 4, false, 100, "q"), Error);
}

TEST(QuantFile, TruncatedAtEveryByte) {
  const policy::PolicyConfig config = SmallConfig();
  const std::vector<uint8_t> bytes = EncodeQuantFile(SmallFile(config, 4, 8, 1));
  for (size_t length = 0; length < bytes.size(); ++length) {
    try {
      ParseQuantFile({bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length)}, config, "abc", "q");
      FAIL() << "accepted " << length << " of " << bytes.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
    }
  }
}

// Whatever bit is wrong: the file is refused, or it is a valid one.
TEST(QuantFile, EveryBitOfTheHeaderTurned) {
  const policy::PolicyConfig config = SmallConfig();
  const std::vector<uint8_t> bytes = EncodeQuantFile(SmallFile(config, 8, 0, 1));
  const size_t header = 8 + static_cast<size_t>(bytes[0]) + 256 * static_cast<size_t>(bytes[1]);
  for (size_t at = 0; at < header; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<uint8_t> wrong = bytes;
      wrong[at] = static_cast<uint8_t>(wrong[at] ^ (1 << bit));
      try {
        Validate(ParseQuantFile(wrong, config, "abc", "q"), config, "abc", "q");
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kBadInput || error.code() == ErrorCode::kUnsupported) << error.what();
      }
    }
  }
}

TEST(QuantFile, RefusesWhatIsMissingAndNotesWhatIsUnknown) {
  const policy::PolicyConfig config = SmallConfig();
  const QuantFile file = SmallFile(config, 4, 8, 1);
  const SafeTensors whole = ParseSafeTensors(EncodeQuantFile(file), "q");
  const auto without = [&](const std::string& gone, const std::string& key, const std::string& value) {
    SafeTensorsWriter writer;
    for (const auto& [name, view] : whole.tensors()) {
      if (name != gone) writer.Add(name, view.dtype, view.shape, view.bytes);
    }
    for (const auto& [name, text] : whole.metadata()) writer.SetMetadata(name, name == key ? value : text);
    if (gone == "extra") {
      static const std::vector<float> one = {1};
      writer.Add("extra", {1}, one);
    }
    return writer.Encode();
  };
  for (const auto& [name, view] : whole.tensors()) {
    if (!name.starts_with("quant.")) continue;
    try {
      ParseQuantFile(without(name, "", ""), config, "abc", "q");
      FAIL() << "accepted without " << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadInput);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
  std::vector<std::string> notes;
  EXPECT_EQ(ParseQuantFile(without("extra", "", ""), config, "abc", "q", &notes), file);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("extra"), std::string::npos);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{{"weight_bits", "8"},
                                                                                   {"weight_bits", "6"},
                                                                                   {"weight_bits", "4x"},
                                                                                   {"group", "16"},
                                                                                   {"group", "-8"},
                                                                                   {"group", "99999999999"},
                                                                                   {"steps", "0"},
                                                                                   {"steps", "2"},
                                                                                   {"steps", "-1"},
                                                                                   {"products", "ffn1 ffn3"},
                                                                                   {"format", "other"},
                                                                                   {"schema", "2.0"},
                                                                                   {"model_sha256", "other"}}) {
    // Groups that hold the whole row have the same number of scales for 8 and for 16 inputs where K is 8; ffn2 has
    // more. Without steps the scales of activations are tensors that nothing asks for.
    if (key == "steps" && value == "0") {
      EXPECT_EQ(ParseQuantFile(without("", key, value), config, "abc", "q").steps, 0);
      continue;
    }
    EXPECT_THROW(ParseQuantFile(without("", key, value), config, "abc", "q"), Error) << key << " = " << value;
  }
}

}  // namespace
}  // namespace takt::quant
