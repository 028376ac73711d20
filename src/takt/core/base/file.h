// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace takt {

// The whole file. Errors: not_found; io; bad_input when it is larger than `max_bytes`.
std::vector<uint8_t> ReadFile(const std::filesystem::path& path, uint64_t max_bytes = uint64_t{1} << 36);
std::string ReadTextFile(const std::filesystem::path& path, uint64_t max_bytes = uint64_t{1} << 30);

// All or nothing: writes a temporary beside `path`, fsyncs, renames. Errors: io (the target is left as it was).
void WriteFileAtomic(const std::filesystem::path& path, std::span<const uint8_t> bytes);
void WriteFileAtomic(const std::filesystem::path& path, std::string_view text);

}  // namespace takt
