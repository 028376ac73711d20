// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace takt {

// A picture, rows from the top, channels interleaved: pixels[(y * width_px + x) * channels + c].
template <class T>
struct BasicImage {
  int width_px = 0;
  int height_px = 0;
  int channels = 0;       // 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (straight, not premultiplied)
  std::vector<T> pixels;  // [height_px, width_px, channels]

  BasicImage() = default;
  BasicImage(int width, int height, int channel_count)
      : width_px(width),
        height_px(height),
        channels(channel_count),
        pixels(static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channel_count)) {}
  T* row(int y) { return pixels.data() + static_cast<size_t>(y) * width_px * channels; }
  const T* row(int y) const { return pixels.data() + static_cast<size_t>(y) * width_px * channels; }
};

using Image8 = BasicImage<uint8_t>;
using Image16 = BasicImage<uint16_t>;
using ImageF = BasicImage<float>;  // display-referred, nominally in [0, 1]

// Width, height, channels and bits as ReadImage would return them, from the header alone. Errors: as ReadImage.
struct ImageInfo {
  int width_px = 0;
  int height_px = 0;
  int channels = 0;
  int bits = 0;  // 8 or 16
};
ImageInfo ReadImageInfo(const std::filesystem::path& path);
ImageInfo ReadImageInfo(std::span<const uint8_t> bytes, const std::string& subject);

// Decodes PNG (1-16 bit; palettes, small depths and tRNS expanded) or JPEG (8 bit, grey or RGB), told apart by content,
// not by name. Samples come as they are stored: no gamma, no colour profile, no EXIF rotation (camera poses refer to
// the pixels as stored). Damage that a viewer would paint over in grey is an error here. Errors: not_found; io;
// bad_input (damaged, truncated, zero-sized, over 2^28 pixels, more pixels declared than the bytes can hold: refused
// before the pixels are allocated); unsupported (another format, CMYK, arithmetic coding).
std::variant<Image8, Image16> ReadImage(const std::filesystem::path& path);
std::variant<Image8, Image16> DecodeImage(std::span<const uint8_t> bytes, const std::string& subject);
// As ReadImage, 16-bit samples rounded to 8.
Image8 ReadImage8(const std::filesystem::path& path);

// PNG is lossless; JPEG takes 1 or 3 channels and a quality of 1-100 (colour at full resolution from 90). The suffix
// (.png .jpg .jpeg) chooses. Writing is atomic.
// Errors: io; bad_input for a suffix, size or channel count that cannot be written.
// Determinism: equal pixels give equal bytes.
void WriteImage(const std::filesystem::path& path, const Image8& image, int jpeg_quality = 92);
void WriteImage(const std::filesystem::path& path, const Image16& image);
std::vector<uint8_t> EncodePng(const Image8& image);
std::vector<uint8_t> EncodePng(const Image16& image);
std::vector<uint8_t> EncodeJpeg(const Image8& image, int quality);

// Clamps to [0, 1] and rounds to nearest; NaN becomes 0.
Image8 ToImage8(const ImageF& image);
ImageF ToImageF(const Image8& image);
// Box filter over factor x factor pixels; a remainder at the right and bottom is cropped.
// Errors: bad_input unless 1 <= factor <= min(width, height).
ImageF Downscale(const ImageF& image, int factor);

}  // namespace takt
