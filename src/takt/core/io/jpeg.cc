// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdio>
// jpeglib.h needs size_t and FILE first.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <memory>
#include <new>

#include "takt/core/base/error.h"
#include "takt/core/io/image_codecs.h"

namespace takt::image_internal {
namespace {

// A Huffman-coded JPEG spends at least one bit on every 8x8 block of its finest component.
constexpr uint64_t kMaxPixelsPerByte = 512;
// Encoders write about ten scans; a file of thousands would cost minutes for a few kilobytes.
constexpr int kMaxScans = 200;
// Below this quality colour is stored at half resolution, as encoders usually do.
constexpr int kFullColourQuality = 90;

// libjpeg reports errors by calling error_exit, which must not return: it jumps. Every setjmp below sits in a function
// whose locals need no destructor.
struct JpegErrors {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  int code;
  bool ended;
};

void OnJpegError(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  errors->code = info->err->msg_code;
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

// libjpeg repairs damage with grey blocks and a warning. A grey block is not what the camera saw: it is an error here.
void OnJpegMessage(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_TOO_MUCH_DATA) return;
  OnJpegError(info);
}
void OnJpegOutput(j_common_ptr) {}

jpeg_error_mgr* InitErrors(JpegErrors* errors) {
  jpeg_std_error(&errors->manager);
  errors->manager.error_exit = OnJpegError;
  errors->manager.emit_message = OnJpegMessage;
  errors->manager.output_message = OnJpegOutput;
  errors->message[0] = '\0';
  errors->code = 0;
  errors->ended = false;
  return &errors->manager;
}

void InitSource(j_decompress_ptr) {}
void TermSource(j_decompress_ptr) {}
boolean FillInput(j_decompress_ptr info) {
  reinterpret_cast<JpegErrors*>(info->err)->ended = true;
  ERREXIT(info, JERR_INPUT_EOF);
  return FALSE;
}
void SkipInput(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > info->src->bytes_in_buffer) FillInput(info);
  info->src->next_input_byte += count;
  info->src->bytes_in_buffer -= static_cast<size_t>(count);
}

void LimitScans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) ERREXIT(info, JERR_BAD_PROGRESSION);
}

class JpegDecoder {
 public:
  explicit JpegDecoder(std::span<const uint8_t> bytes) {
    source_ = {};
    source_.next_input_byte = bytes.data();
    source_.bytes_in_buffer = bytes.size();
    source_.init_source = InitSource;
    source_.fill_input_buffer = FillInput;
    source_.skip_input_data = SkipInput;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = TermSource;
    progress_ = {};
    progress_.progress_monitor = LimitScans;
    info_.err = InitErrors(&errors_);
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&info_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  bool ReadHeader() {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.src = &source_;
    info_.progress = &progress_;
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  bool ReadRows(uint8_t* pixels, size_t row_bytes) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }
  // Errors: bad_input, unsupported.
  ImageInfo CheckHeader(uint64_t file_bytes, const std::string& subject) const {
    const uint64_t pixels = uint64_t{info_.image_width} * info_.image_height;
    CheckDeclaredSize(info_.image_width, info_.image_height, pixels / kMaxPixelsPerByte, file_bytes, subject);
    const J_COLOR_SPACE space = info_.jpeg_color_space;
    const bool grey = space == JCS_GRAYSCALE;
    if (!grey && space != JCS_YCbCr && space != JCS_RGB) {
      throw Error(ErrorCode::kUnsupported, subject, "is a JPEG that is neither grey nor RGB",
                  "save it as an RGB picture (CMYK needs a colour profile)");
    }
    if (info_.arith_code) {
      throw Error(ErrorCode::kUnsupported, subject, "is an arithmetic-coded JPEG", "save it with Huffman coding");
    }
    return {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height), grey ? 1 : 3, 8};
  }
  bool ended() const { return errors_.ended; }
  Error Failure(const std::string& subject) const {
    if (errors_.ended) return Error(ErrorCode::kBadInput, subject, "ends too early", "the JPEG is truncated");
    if (errors_.code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
    if (errors_.code == JERR_BAD_PRECISION || errors_.code == JERR_SOF_UNSUPPORTED ||
        errors_.code == JERR_ARITH_NOTIMPL || errors_.code == JERR_CONVERSION_NOTIMPL) {
      return Error(ErrorCode::kUnsupported, subject, std::string("is a JPEG of a rare kind: ") + errors_.message,
                   "save it as an 8-bit baseline or progressive JPEG, or as PNG");
    }
    return Error(ErrorCode::kBadInput, subject, std::string("is a damaged JPEG: ") + errors_.message);
  }

 private:
  jpeg_decompress_struct info_ = {};
  jpeg_source_mgr source_;
  jpeg_progress_mgr progress_;
  JpegErrors errors_;
};

struct EncodeJob {
  jpeg_compress_struct info;
  JpegErrors errors;
  const uint8_t* pixels;
  size_t row_bytes;
  int width, height, channels, quality;
  unsigned char* out;  // malloc'ed by libjpeg
  unsigned long out_bytes;
};

bool EncodeRows(EncodeJob* job) {
  jpeg_compress_struct* info = &job->info;
  info->err = InitErrors(&job->errors);
  if (setjmp(job->errors.jump) != 0) return false;
  jpeg_create_compress(info);
  jpeg_mem_dest(info, &job->out, &job->out_bytes);
  info->image_width = static_cast<JDIMENSION>(job->width);
  info->image_height = static_cast<JDIMENSION>(job->height);
  info->input_components = job->channels;
  info->in_color_space = job->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, job->quality, TRUE);
  info->optimize_coding = TRUE;
  if (job->quality >= kFullColourQuality) {
    info->comp_info[0].h_samp_factor = 1;
    info->comp_info[0].v_samp_factor = 1;
  }
  jpeg_start_compress(info, TRUE);
  while (info->next_scanline < info->image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(job->pixels + info->next_scanline * job->row_bytes);
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
  return true;
}

}  // namespace

bool LooksLikeJpeg(std::span<const uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

HeaderResult ReadJpegHeader(std::span<const uint8_t> bytes, uint64_t file_bytes, const std::string& subject) {
  JpegDecoder decoder(bytes);
  if (!decoder.ReadHeader()) {
    if (decoder.ended() && bytes.size() < file_bytes) return {{}, false};
    throw decoder.Failure(subject);
  }
  return {decoder.CheckHeader(file_bytes, subject), true};
}

Image8 DecodeJpeg(std::span<const uint8_t> bytes, const std::string& subject) {
  JpegDecoder decoder(bytes);
  if (!decoder.ReadHeader()) throw decoder.Failure(subject);
  const ImageInfo header = decoder.CheckHeader(bytes.size(), subject);
  Image8 image(header.width_px, header.height_px, header.channels);
  const size_t row_bytes = static_cast<size_t>(header.width_px) * header.channels;
  if (!decoder.ReadRows(image.pixels.data(), row_bytes)) throw decoder.Failure(subject);
  return image;
}

}  // namespace takt::image_internal

namespace takt {

std::vector<uint8_t> EncodeJpeg(const Image8& image, int quality) {
  using image_internal::EncodeJob;
  image_internal::CheckEncodable(image.width_px, image.height_px, image.channels, image.pixels.size());
  if (image.channels != 1 && image.channels != 3) {
    throw Error(ErrorCode::kBadInput, "picture", "has an alpha channel, which JPEG cannot hold", "write a .png");
  }
  if (std::max(image.width_px, image.height_px) > JPEG_MAX_DIMENSION) {
    throw Error(ErrorCode::kBadInput, "picture", "is wider or higher than the 65500 pixels of a JPEG", "write a .png");
  }
  EncodeJob job = {};
  job.pixels = image.pixels.data();
  job.row_bytes = static_cast<size_t>(image.width_px) * image.channels;
  job.width = image.width_px;
  job.height = image.height_px;
  job.channels = image.channels;
  job.quality = std::clamp(quality, 1, 100);
  const bool done = image_internal::EncodeRows(&job);
  jpeg_destroy_compress(&job.info);
  const std::unique_ptr<unsigned char, decltype(&std::free)> owner(job.out, std::free);
  if (!done) throw Error(ErrorCode::kBadInput, "picture", std::string("cannot be a JPEG: ") + job.errors.message);
  return std::vector<uint8_t>(job.out, job.out + job.out_bytes);
}

}  // namespace takt
