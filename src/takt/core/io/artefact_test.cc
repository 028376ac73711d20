// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/artefact.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <limits>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class ArtefactTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "takt_artefact_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    WriteFileAtomic(folder_ / "result.bin", std::string_view("the result"));
    fs::create_directory(folder_ / "views");
    WriteFileAtomic(folder_ / "views/0.txt", std::string_view("a view"));
  }
  void TearDown() override { fs::remove_all(folder_); }

  Manifest Make() const {
    Manifest manifest;
    manifest.kind = "test.kind";
    manifest.schema_minor = 2;
    manifest.version = "0.1.0";
    manifest.verb = "test run";
    manifest.options = {{"max_bytes", 1000}, {"quality", 0.5}};
    manifest.seed = ~uint64_t{0};
    manifest.inputs = {HashInput(folder_ / "result.bin", "capture/a.bin")};
    manifest.payloads = {HashPayload(folder_, "result.bin"), HashPayload(folder_, "views/0.txt")};
    manifest.budgets = {{"bytes", "B", 1000, 998, "size of the written file", "the next upgrade needs 3 B"},
                        {"time", "ms", std::numeric_limits<double>::quiet_NaN(), 12.5, "monotonic clock", ""}};
    manifest.unhashed = HostFacts();
    return manifest;
  }
  ErrorCode VerifyCode() const {
    try {
      VerifyArtefact(folder_, "test.kind", 1);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "was accepted";
    return ErrorCode::kInternal;
  }
  // The manifest on disk, changed, with an id that fits again.
  template <class Function>
  void Rewrite(Function&& change) const {
    Json json = Json::parse(ReadTextFile(folder_ / "manifest.json"));
    change(json);
    WriteFileAtomic(folder_ / "manifest.json", json.dump());
  }

  fs::path folder_;
};

TEST_F(ArtefactTest, RoundTrip) {
  const Manifest manifest = Make();
  const std::string id = WriteManifest(folder_, manifest);
  EXPECT_EQ(id.size(), 64u);
  EXPECT_EQ(id, ArtefactId(manifest));
  const Manifest again = VerifyArtefact(folder_, "test.kind", 1);
  EXPECT_EQ(ArtefactId(again), id);
  EXPECT_EQ(again.schema_minor, 2);
  EXPECT_EQ(again.verb, "test run");
  EXPECT_EQ(again.options, manifest.options);
  EXPECT_EQ(again.seed, ~uint64_t{0});
  EXPECT_EQ(again.inputs[0].path, "capture/a.bin");
  EXPECT_EQ(again.payloads[1].bytes, 6u);
  ASSERT_EQ(again.budgets.size(), 2u);
  EXPECT_EQ(again.budgets[0].used, 998);
  EXPECT_TRUE(std::isnan(again.budgets[1].asked));
  EXPECT_EQ(again.budgets[1].used, 12.5);
  EXPECT_EQ(again.unhashed, manifest.unhashed);
  EXPECT_TRUE(again.unknown.empty());
}

TEST_F(ArtefactTest, IdDependsOnContentAndNotOnTheDay) {
  Manifest a = Make(), b = Make();
  b.unhashed = {{"utc", "another day"}, {"cpu", "another machine"}};
  b.budgets[1].used = 99;
  EXPECT_EQ(ArtefactId(a), ArtefactId(b));
  b.budgets[0].used = 997;
  EXPECT_NE(ArtefactId(a), ArtefactId(b));
  b = Make();
  b.seed = 1;
  EXPECT_NE(ArtefactId(a), ArtefactId(b));
  b = Make();
  b.payloads[0].sha256[0] ^= 1;
  EXPECT_NE(ArtefactId(a), ArtefactId(b));
}

TEST_F(ArtefactTest, ChangedOrMissingPayloadsAreFound) {
  WriteManifest(folder_, Make());
  WriteFileAtomic(folder_ / "result.bin", std::string_view("the resulT"));
  EXPECT_EQ(VerifyCode(), ErrorCode::kBadInput);
  WriteFileAtomic(folder_ / "result.bin", std::string_view("the result, longer"));
  EXPECT_EQ(VerifyCode(), ErrorCode::kBadInput);
  fs::remove(folder_ / "result.bin");
  EXPECT_EQ(VerifyCode(), ErrorCode::kNotFound);
}

TEST_F(ArtefactTest, UnknownFieldsAreKeptAndListed) {
  Manifest newer = Make();
  newer.unknown = {{"/licence", "CC0"},
                   {"/producer/commit", "abc"},
                   {"/payloads/1/codec", Json{{"name", "rans"}}},
                   {"/budgets/0/margin", 2},
                   {"/a~1b", true}};
  const std::string id = WriteManifest(folder_, newer);
  EXPECT_NE(id, ArtefactId(Make()));
  Manifest again = VerifyArtefact(folder_, "test.kind", 1);
  EXPECT_EQ(again.unknown, newer.unknown);
  EXPECT_EQ(WriteManifest(folder_, again), id);
  again.payloads.pop_back();
  EXPECT_NO_THROW(ArtefactId(again));
}

TEST_F(ArtefactTest, OtherKindsMajorsAndTamperingAreRefused) {
  WriteManifest(folder_, Make());
  const auto code_of = [&](const std::string& kind, int major) {
    try {
      ReadManifest(folder_, kind, major);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of("other.kind", 1), ErrorCode::kBadInput);
  EXPECT_EQ(code_of("test.kind", 2), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of("test.kind", 0), ErrorCode::kUnsupported);
  Rewrite([](Json& json) { json["producer"]["seed"] = 3; });
  EXPECT_EQ(VerifyCode(), ErrorCode::kBadInput);
}

TEST_F(ArtefactTest, PathsOutsideTheFolderAreRefused) {
  EXPECT_THROW(HashPayload(folder_, "../x"), Error);
  EXPECT_THROW(HashPayload(folder_, "/etc/hostname"), Error);
  EXPECT_THROW(HashPayload(folder_, ""), Error);
  for (const char* path : {"../result.bin", "views/../../result.bin", "/etc/hostname", ""}) {
    Manifest manifest = Make();
    manifest.payloads[0].path = path;
    WriteManifest(folder_, manifest);
    EXPECT_EQ(VerifyCode(), ErrorCode::kBadInput) << path;
  }
}

TEST_F(ArtefactTest, EveryFieldMattersAndEveryTruncationIsBadInput) {
  WriteManifest(folder_, Make());
  const std::string text = ReadTextFile(folder_ / "manifest.json");
  const auto parse = [](const std::string& t) { ParseManifest(t, "manifest", "test.kind", 1); };
  ASSERT_NO_THROW(parse(text));
  for (size_t count = 0; count + 1 < text.size(); ++count) EXPECT_THROW(parse(text.substr(0, count)), Error) << count;
  const Json json = Json::parse(text);
  const Json flat = json.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    if (pointer.starts_with("/unhashed/") && !pointer.starts_with("/unhashed/budgets")) continue;
    for (const Json& lie : {Json(-1), Json("lie"), Json::array(), Json(1e300)}) {
      Json changed = json;
      changed[Json::json_pointer(pointer)] = lie;
      try {
        parse(changed.dump());
        EXPECT_TRUE(pointer.starts_with("/unhashed")) << pointer << " = " << lie;
      } catch (const Error&) {
      }
    }
  }
}

TEST_F(ArtefactTest, TextMustBeUtf8) {
  Manifest manifest = Make();
  manifest.verb = "\xFF";
  EXPECT_THROW(ArtefactId(manifest), Error);
  manifest = Make();
  manifest.unhashed["x"] = "\xFF";
  EXPECT_THROW(WriteManifest(folder_, manifest), Error);
}

}  // namespace
}  // namespace takt
