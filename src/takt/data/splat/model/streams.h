// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace takt::splat {

// Takes a gzip stream apart piece by piece, so that the reader decides how much it wants before memory is spent.
// The buffer grows as bytes arrive: a claimed size costs nothing.
class GzipReader {
 public:
  // Errors: bad_input naming `subject`, from every call, for a damaged or truncated stream.
  GzipReader(std::span<const uint8_t> bytes, std::string subject);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  std::vector<uint8_t> Read(uint64_t count);  // exactly `count` bytes
  // Reads to the end, so that the check sum is verified, and returns how many bytes that was.
  // Errors: bad_input also when there are more than `limit`.
  uint64_t SkipToEnd(uint64_t limit);

 private:
  struct State;
  State* state_;
};

std::vector<uint8_t> Gzip(std::span<const uint8_t> bytes);

// The zstd frames in `bytes`, which must give exactly `count` bytes. Errors: bad_input.
std::vector<uint8_t> UnpackZstd(std::span<const uint8_t> bytes, uint64_t count, const std::string& subject);
std::vector<uint8_t> Zstd(std::span<const uint8_t> bytes, int level);

}  // namespace takt::splat
