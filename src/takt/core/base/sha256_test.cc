// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/sha256.h"

#include <gtest/gtest.h>

#include <string>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"

namespace takt {
namespace {

// NIST CSRC example values and the FIPS 180-2 appendix.
TEST(Sha256, NistVectors) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                      "mnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(Sha256Hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// NIST CAVP, SHA256ShortMsg: lengths of one byte and of one block.
TEST(Sha256, NistShortMessages) {
  EXPECT_EQ(Sha256Hex("\xd3"), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
  EXPECT_EQ(Sha256Hex("\x11\xaf"), "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98");
}

TEST(Sha256, PiecesGiveTheSameDigestAsTheWhole) {
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 7));
  for (size_t length = 0; length <= 200; ++length) {
    const std::string whole = text.substr(0, length);
    for (const size_t step : {size_t{1}, size_t{3}, size_t{55}, size_t{64}, size_t{65}}) {
      Sha256 hash;
      for (size_t at = 0; at < length; at += step) hash.Update(std::string_view(whole).substr(at, step));
      ASSERT_EQ(ToHex(hash.Finish()), Sha256Hex(whole)) << length << " in steps of " << step;
    }
  }
}

TEST(Sha256, HashesFiles) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "takt_sha256";
  const std::string text(3 << 20, 'x');
  WriteFileAtomic(path, text);
  const HashedFile hashed = HashFile(path);
  EXPECT_EQ(hashed.bytes, text.size());
  EXPECT_EQ(hashed.sha256, Sha256Hex(text));
  std::filesystem::remove(path);
  EXPECT_THROW(HashFile(path), Error);
  EXPECT_THROW(HashFile(testing::TempDir()), Error);
}

}  // namespace
}  // namespace takt
