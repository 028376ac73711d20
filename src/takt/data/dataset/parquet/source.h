// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace takt::dataset {

// Bytes that can be read at any offset: a file, or a buffer that somebody else owns.
class ByteSource {
 public:
  // A piece of the source: its own copy from a file, a view of a buffer.
  struct Piece {
    std::vector<uint8_t> owned;
    std::span<const uint8_t> bytes;
  };

  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Errors: io; bad_input for bytes that are not there.
  virtual Piece Read(uint64_t offset, uint64_t count) const = 0;

  // Errors: not_found; io; bad_input for what is not a regular file.
  static std::unique_ptr<ByteSource> OpenFile(const std::filesystem::path& path);
  static std::unique_ptr<ByteSource> Borrow(std::span<const uint8_t> bytes, std::string subject);
};

// Where a Parquet file goes: memory, or a file that is open for writing.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Errors: io; what was there before `offset` is untouched.
  virtual void Write(uint64_t offset, std::string_view bytes) = 0;
  virtual void Sync() = 0;
  virtual std::vector<uint8_t> TakeBytes() = 0;  // empty for a file

  // Truncates what is there, or leaves it. Errors: not_found; io.
  static std::unique_ptr<ByteSink> OpenFile(const std::filesystem::path& path, bool truncate);
  static std::unique_ptr<ByteSink> InMemory();
};

// Cuts a file to `size` bytes and syncs it. Errors: not_found; io.
void CutFile(const std::filesystem::path& path, uint64_t size);

}  // namespace takt::dataset
