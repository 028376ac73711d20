// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/footer.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/parquet/source.h"

namespace takt::dataset {
namespace {

constexpr uint64_t kBlock = 1 << 20;

// Whether a whole footer ends at `end`, with its magic.
bool EndsInFooter(const ByteSource& source, uint64_t end, const std::string& subject) {
  if (end < 12) return false;
  const auto tail = source.Read(end - 8, 8);
  uint32_t length = 0;
  std::memcpy(&length, tail.bytes.data(), sizeof(length));
  if (length > end - 12 || length > ParquetLimits().max_footer_bytes) return false;
  const uint64_t content_end = end - 8 - length;
  try {
    ParseFooter(source.Read(content_end, length).bytes, content_end, subject);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kIo) throw;
    return false;
  }
  return true;
}

}  // namespace

std::optional<uint64_t> FindLastFooter(const std::filesystem::path& path) {
  const auto source = ByteSource::OpenFile(path);
  // From the back, in blocks that overlap by the three bytes that a magic may reach over.
  for (uint64_t end = source->size(); end >= 12;) {
    const uint64_t begin = end > kBlock ? end - kBlock : 0;
    const uint64_t size = std::min(source->size(), end + 3) - begin;
    const auto block = source->Read(begin, size);
    for (uint64_t at = std::min(size, end - begin + 3); at >= 4; --at) {
      if (std::memcmp(block.bytes.data() + at - 4, "PAR1", 4) != 0) continue;
      if (EndsInFooter(*source, begin + at, path.string())) return begin + at;
    }
    end = begin;
  }
  return std::nullopt;
}

uint64_t RecoverParquet(const std::filesystem::path& path) {
  const std::optional<uint64_t> end = FindLastFooter(path);
  if (!end) throw Error(ErrorCode::kBadInput, path.string(), "holds no whole footer: nothing can be recovered");
  const uint64_t cut = std::filesystem::file_size(path) - *end;
  if (cut > 0) CutFile(path, *end);
  return cut;
}

}  // namespace takt::dataset
