// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/io/image_codecs.h"

namespace takt {
namespace image_internal {

constexpr uint64_t kMaxPixels = uint64_t{1} << 28;

void CheckDeclaredSize(uint64_t width_px, uint64_t height_px, uint64_t least_bytes, uint64_t file_bytes,
                       const std::string& subject) {
  if (width_px == 0 || height_px == 0) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("has no pixels ({} x {})", width_px, height_px));
  }
  if (width_px > kMaxPixels / height_px) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("declares {} x {} pixels; at most {} are read", width_px, height_px, kMaxPixels),
                "scale the picture down, or repair its header");
  }
  if (least_bytes > file_bytes) {
    throw Error(ErrorCode::kBadInput, subject,
                fmt::format("declares {} x {} pixels, which {} bytes cannot hold", width_px, height_px, file_bytes),
                "the file is truncated, or its header lies");
  }
}

void CheckEncodable(int width_px, int height_px, int channels, size_t samples) {
  if (width_px <= 0 || height_px <= 0 || channels < 1 || channels > 4) {
    throw Error(ErrorCode::kBadInput, "picture",
                fmt::format("{} x {} pixels with {} channels cannot be written", width_px, height_px, channels),
                "pictures have at least one pixel and 1-4 channels");
  }
  if (samples != static_cast<uint64_t>(width_px) * static_cast<uint64_t>(height_px) * static_cast<uint64_t>(channels)) {
    throw Error(ErrorCode::kBadInput, "picture",
                fmt::format("holds {} samples, not {} x {} x {}", samples, width_px, height_px, channels));
  }
}

}  // namespace image_internal

namespace {

// Enough for the header of nearly every file; JPEGs with large previews or profiles need a second look.
constexpr size_t kHeaderPrefixBytes = 64 * 1024;

Error UnknownFormat(const std::string& subject) {
  return Error(ErrorCode::kUnsupported, subject, "is neither a PNG nor a JPEG picture", "convert it to PNG or JPEG");
}

std::string LowerSuffix(const std::filesystem::path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
  return suffix;
}

// The first bytes of a file. Errors as ReadFile.
std::vector<uint8_t> ReadPrefix(const std::filesystem::path& path, size_t count) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (file == nullptr) {
    throw Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, path.string(),
                fmt::format("cannot open: {}", std::strerror(errno)));
  }
  std::vector<uint8_t> bytes(count);
  bytes.resize(std::fread(bytes.data(), 1, count, file.get()));
  if (std::ferror(file.get())) throw Error(ErrorCode::kIo, path.string(), "cannot read");
  return bytes;
}

image_internal::HeaderResult ReadHeader(std::span<const uint8_t> bytes, uint64_t file_bytes,
                                        const std::string& subject) {
  if (image_internal::LooksLikePng(bytes)) return image_internal::ReadPngHeader(bytes, file_bytes, subject);
  if (image_internal::LooksLikeJpeg(bytes)) return image_internal::ReadJpegHeader(bytes, file_bytes, subject);
  throw UnknownFormat(subject);
}

uint8_t To8(uint16_t value) { return static_cast<uint8_t>((uint32_t{value} * 255 + 32767) / 65535); }

}  // namespace

ImageInfo ReadImageInfo(const std::filesystem::path& path) {
  const std::string subject = path.string();
  const std::vector<uint8_t> prefix = ReadPrefix(path, kHeaderPrefixBytes);
  std::error_code ignored;
  const uint64_t file_bytes =
      prefix.size() < kHeaderPrefixBytes ? prefix.size() : std::filesystem::file_size(path, ignored);
  const image_internal::HeaderResult first = ReadHeader(prefix, file_bytes, subject);
  if (first.complete) return first.info;
  const std::vector<uint8_t> whole = ReadFile(path);
  return ReadHeader(whole, whole.size(), subject).info;
}

ImageInfo ReadImageInfo(std::span<const uint8_t> bytes, const std::string& subject) {
  return ReadHeader(bytes, bytes.size(), subject).info;
}

std::variant<Image8, Image16> DecodeImage(std::span<const uint8_t> bytes, const std::string& subject) {
  if (bytes.empty()) throw Error(ErrorCode::kBadInput, subject, "is empty");
  if (image_internal::LooksLikePng(bytes)) return image_internal::DecodePng(bytes, subject);
  if (image_internal::LooksLikeJpeg(bytes)) return image_internal::DecodeJpeg(bytes, subject);
  throw UnknownFormat(subject);
}

std::variant<Image8, Image16> ReadImage(const std::filesystem::path& path) {
  return DecodeImage(ReadFile(path), path.string());
}

Image8 ReadImage8(const std::filesystem::path& path) {
  std::variant<Image8, Image16> image = ReadImage(path);
  if (auto* narrow = std::get_if<Image8>(&image)) return std::move(*narrow);
  const Image16& wide = std::get<Image16>(image);
  Image8 result(wide.width_px, wide.height_px, wide.channels);
  std::transform(wide.pixels.begin(), wide.pixels.end(), result.pixels.begin(), To8);
  return result;
}

void WriteImage(const std::filesystem::path& path, const Image8& image, int jpeg_quality) {
  const std::string suffix = LowerSuffix(path);
  if (suffix == ".png") return WriteFileAtomic(path, EncodePng(image));
  if (suffix == ".jpg" || suffix == ".jpeg") return WriteFileAtomic(path, EncodeJpeg(image, jpeg_quality));
  throw Error(ErrorCode::kBadInput, path.string(), fmt::format("'{}' is not a picture suffix", suffix),
              "name the file .png, .jpg or .jpeg");
}

void WriteImage(const std::filesystem::path& path, const Image16& image) {
  if (LowerSuffix(path) != ".png") {
    throw Error(ErrorCode::kBadInput, path.string(), "16-bit pictures are written as PNG only", "name the file .png");
  }
  WriteFileAtomic(path, EncodePng(image));
}

Image8 ToImage8(const ImageF& image) {
  Image8 result(image.width_px, image.height_px, image.channels);
  std::transform(image.pixels.begin(), image.pixels.end(), result.pixels.begin(), [](float value) {
    // Written so that NaN takes the first branch.
    if (!(value > 0.0f)) return uint8_t{0};
    return static_cast<uint8_t>(std::min(value, 1.0f) * 255.0f + 0.5f);
  });
  return result;
}

ImageF ToImageF(const Image8& image) {
  ImageF result(image.width_px, image.height_px, image.channels);
  std::transform(image.pixels.begin(), image.pixels.end(), result.pixels.begin(),
                 [](uint8_t value) { return static_cast<float>(value) / 255.0f; });
  return result;
}

ImageF Downscale(const ImageF& image, int factor) {
  if (factor < 1 || factor > image.width_px || factor > image.height_px) {
    throw Error(ErrorCode::kBadInput, "picture",
                fmt::format("{} x {} pixels cannot be scaled down by {}", image.width_px, image.height_px, factor),
                "the factor is at least 1 and at most the shorter side");
  }
  ImageF result(image.width_px / factor, image.height_px / factor, image.channels);
  const int channels = image.channels;
  const float weight = 1.0f / (static_cast<float>(factor) * static_cast<float>(factor));
  for (int y = 0; y < result.height_px; ++y) {
    float* out = result.row(y);
    for (int dy = 0; dy < factor; ++dy) {
      const float* in = image.row(y * factor + dy);
      for (int x = 0; x < result.width_px; ++x) {
        for (int dx = 0; dx < factor; ++dx, in += channels) {
          for (int c = 0; c < channels; ++c) out[x * channels + c] += in[c];
        }
      }
    }
    for (int i = 0; i < result.width_px * channels; ++i) out[i] *= weight;
  }
  return result;
}

}  // namespace takt
