// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace takt {

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 of bytes that come in pieces.
// Source: NIST FIPS 180-4, section 6.2.
class Sha256 {
 public:
  void Update(std::span<const uint8_t> bytes);
  void Update(std::string_view text);
  // The digest of everything so far; call once, last.
  Sha256Digest Finish();

 private:
  void Compress(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_ = {};
  uint64_t length_bytes_ = 0;
};

// 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256Digest& digest);
std::string Sha256Hex(std::span<const uint8_t> bytes);
std::string Sha256Hex(std::string_view text);

// Hashes a file piece by piece. Errors: not_found; io. Cost: one pass, 1 MiB of memory.
struct HashedFile {
  std::string sha256;
  uint64_t bytes = 0;
};
HashedFile HashFile(const std::filesystem::path& path);

}  // namespace takt
