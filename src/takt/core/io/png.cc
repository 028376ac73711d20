// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "takt/core/base/error.h"
#include "takt/core/io/image_codecs.h"

namespace takt::image_internal {
namespace {

static_assert(std::endian::native == std::endian::little, "16-bit samples are swapped from PNG's big-endian order");

// Deflate writes at most 258 bytes for two bits, so a file cannot hold more than this many bytes of rows per byte.
constexpr uint64_t kMaxDeflateRatio = 1032;
// Level 4 with the Sub and Up filters is within 6 % of the size of level 6 with every filter, in a quarter of the time.
constexpr int kZlibLevel = 4;

struct PngFailure {
  char message[160] = "";
  bool ended = false;
};

// libpng reports errors by longjmp. Every setjmp below sits in a function whose locals need no destructor.
void OnPngError(png_structp png, png_const_charp message) {
  auto* failure = static_cast<PngFailure*>(png_get_error_ptr(png));
  std::snprintf(failure->message, sizeof(failure->message), "%s", message);
  png_longjmp(png, 1);
}
void OnPngWarning(png_structp, png_const_charp) {}

class PngDecoder {
 public:
  explicit PngDecoder(std::span<const uint8_t> bytes) : at_(bytes.data()), left_(bytes.size()) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure_, OnPngError, OnPngWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png_, this, OnRead);
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  // Reads up to the first IDAT. False: see failure().
  bool ReadHeader() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    // Our own limit speaks first; text, profiles and other ancillary chunks are skipped, so none can be a bomb.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    width = png_get_image_width(png_, info_);
    height = png_get_image_height(png_, info_);
    stored_row_bytes = png_get_rowbytes(png_, info_);
    return true;
  }
  // Declares the conversions; libpng allocates rows here, so the size must have been checked.
  bool PrepareRows() {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_expand(png_);
    if (png_get_bit_depth(png_, info_) == 16) png_set_swap(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    channels = png_get_channels(png_, info_);
    bits = png_get_bit_depth(png_, info_);
    return true;
  }
  bool ReadRows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }
  const PngFailure& failure() const { return failure_; }

  uint64_t stored_row_bytes = 0;  // before palettes and small depths are expanded
  uint32_t width = 0, height = 0;
  int channels = 0, bits = 0;

 private:
  static void OnRead(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > self->left_) {
      self->failure_.ended = true;
      png_error(png, "ends too early");
    }
    std::memcpy(out, self->at_, count);
    self->at_ += count;
    self->left_ -= count;
  }

  const uint8_t* at_;
  size_t left_;
  PngFailure failure_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

Error Damaged(const PngFailure& failure, const std::string& subject) {
  if (failure.ended) return Error(ErrorCode::kBadInput, subject, "ends too early", "the PNG is truncated");
  return Error(ErrorCode::kBadInput, subject, std::string("is a damaged PNG: ") + failure.message);
}

// Everything before the pixels. False: the bytes end inside the header.
bool ReadHeader(PngDecoder& decoder, uint64_t file_bytes, const std::string& subject) {
  if (!decoder.ReadHeader()) {
    if (decoder.failure().ended) return false;
    throw Damaged(decoder.failure(), subject);
  }
  CheckDeclaredSize(decoder.width, decoder.height, (decoder.stored_row_bytes + 1) * decoder.height / kMaxDeflateRatio,
                    file_bytes, subject);
  if (!decoder.PrepareRows()) throw Damaged(decoder.failure(), subject);
  return true;
}

template <class T>
BasicImage<T> DecodeRows(PngDecoder& decoder, const std::string& subject) {
  BasicImage<T> image(static_cast<int>(decoder.width), static_cast<int>(decoder.height), decoder.channels);
  std::vector<png_bytep> rows(decoder.height);
  for (int y = 0; y < image.height_px; ++y) rows[y] = reinterpret_cast<png_bytep>(image.row(y));
  if (!decoder.ReadRows(rows.data())) throw Damaged(decoder.failure(), subject);
  return image;
}

struct EncodeJob {
  png_structp png;
  png_infop info;
  const uint8_t* pixels;
  size_t row_bytes;
  uint32_t width, height;
  int bits, color_type;
};

bool EncodeRows(const EncodeJob* job) {
  if (setjmp(png_jmpbuf(job->png)) != 0) return false;
  png_set_IHDR(job->png, job->info, job->width, job->height, job->bits, job->color_type, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(job->png, kZlibLevel);
  png_set_filter(job->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB | PNG_FILTER_UP);
  png_write_info(job->png, job->info);
  if (job->bits == 16) png_set_swap(job->png);
  for (uint32_t y = 0; y < job->height; ++y) png_write_row(job->png, job->pixels + y * job->row_bytes);
  png_write_end(job->png, nullptr);
  return true;
}

struct EncodeSink {
  std::vector<uint8_t> bytes;
  bool out_of_memory = false;
};

// No exception may cross libpng, so a failed allocation becomes a libpng error and is thrown outside.
bool AppendTo(EncodeSink* sink, const uint8_t* data, size_t count) noexcept {
  try {
    sink->bytes.insert(sink->bytes.end(), data, data + count);
    return true;
  } catch (const std::exception&) {
    sink->out_of_memory = true;
    return false;
  }
}
void OnWrite(png_structp png, png_bytep data, size_t count) {
  if (!AppendTo(static_cast<EncodeSink*>(png_get_io_ptr(png)), data, count)) png_error(png, "out of memory");
}
void OnFlush(png_structp) {}

template <class T>
std::vector<uint8_t> Encode(const BasicImage<T>& image) {
  CheckEncodable(image.width_px, image.height_px, image.channels, image.pixels.size());
  constexpr int kColorTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                 PNG_COLOR_TYPE_RGB_ALPHA};
  PngFailure failure;
  EncodeJob job = {};
  job.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, OnPngError, OnPngWarning);
  if (job.png != nullptr) job.info = png_create_info_struct(job.png);
  if (job.info == nullptr) {
    png_destroy_write_struct(&job.png, &job.info);
    throw std::bad_alloc();
  }
  job.pixels = reinterpret_cast<const uint8_t*>(image.pixels.data());
  job.row_bytes = static_cast<size_t>(image.width_px) * image.channels * sizeof(T);
  job.width = static_cast<uint32_t>(image.width_px);
  job.height = static_cast<uint32_t>(image.height_px);
  job.bits = 8 * sizeof(T);
  job.color_type = kColorTypes[image.channels];
  EncodeSink sink;
  png_set_write_fn(job.png, &sink, OnWrite, OnFlush);
  const bool done = EncodeRows(&job);
  png_destroy_write_struct(&job.png, &job.info);
  if (sink.out_of_memory) throw std::bad_alloc();
  if (!done) throw Error(ErrorCode::kBadInput, "picture", std::string("cannot be a PNG: ") + failure.message);
  return std::move(sink.bytes);
}

}  // namespace

bool LooksLikePng(std::span<const uint8_t> bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "\x89PNG", 4) == 0;
}

HeaderResult ReadPngHeader(std::span<const uint8_t> bytes, uint64_t file_bytes, const std::string& subject) {
  PngDecoder decoder(bytes);
  if (!ReadHeader(decoder, file_bytes, subject)) {
    if (bytes.size() < file_bytes) return {{}, false};
    throw Damaged(decoder.failure(), subject);
  }
  return {{static_cast<int>(decoder.width), static_cast<int>(decoder.height), decoder.channels, decoder.bits}, true};
}

std::variant<Image8, Image16> DecodePng(std::span<const uint8_t> bytes, const std::string& subject) {
  PngDecoder decoder(bytes);
  if (!ReadHeader(decoder, bytes.size(), subject)) throw Damaged(decoder.failure(), subject);
  if (decoder.bits == 16) return DecodeRows<uint16_t>(decoder, subject);
  return DecodeRows<uint8_t>(decoder, subject);
}

}  // namespace takt::image_internal

namespace takt {

std::vector<uint8_t> EncodePng(const Image8& image) { return image_internal::Encode(image); }
std::vector<uint8_t> EncodePng(const Image16& image) { return image_internal::Encode(image); }

}  // namespace takt
