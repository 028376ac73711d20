// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "takt/core/io/image.h"

// Shared by image.cc, png.cc and jpeg.cc; nothing else includes it.
namespace takt::image_internal {

bool LooksLikePng(std::span<const uint8_t> bytes);
bool LooksLikeJpeg(std::span<const uint8_t> bytes);

// `bytes` may be a prefix of a file of `file_bytes` bytes. Returns false in `complete` when the prefix ends inside the
// header and more of the file could help.
struct HeaderResult {
  ImageInfo info;
  bool complete = true;
};
HeaderResult ReadPngHeader(std::span<const uint8_t> bytes, uint64_t file_bytes, const std::string& subject);
HeaderResult ReadJpegHeader(std::span<const uint8_t> bytes, uint64_t file_bytes, const std::string& subject);

std::variant<Image8, Image16> DecodePng(std::span<const uint8_t> bytes, const std::string& subject);
Image8 DecodeJpeg(std::span<const uint8_t> bytes, const std::string& subject);

// The picture limit and the plausibility of what a header declares: `least_bytes` is the smallest file that could hold
// this many pixels in this format. Errors: bad_input.
void CheckDeclaredSize(uint64_t width_px, uint64_t height_px, uint64_t least_bytes, uint64_t file_bytes,
                       const std::string& subject);
// Errors: bad_input for a zero-sized picture, a wrong channel count or a pixel buffer of another size.
void CheckEncodable(int width_px, int height_px, int channels, size_t samples);

}  // namespace takt::image_internal
