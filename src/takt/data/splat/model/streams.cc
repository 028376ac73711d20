// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/model/streams.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <utility>

#include "takt/core/base/error.h"

namespace takt::splat {
namespace {

constexpr size_t kFirstBuffer = size_t{1} << 16;
constexpr uInt kMaxZlibPiece = uInt{1} << 30;  // zlib counts in 32 bits
constexpr int kMinWindowLog = 23;              // what zstd's levels below "ultra" use: 8 MiB
constexpr int kMaxWindowLog = 27;

Error Damaged(const std::string& subject, std::string_view what) {
  return Error(ErrorCode::kBadInput, subject, std::string(what), "the file is damaged or truncated");
}

// Room for more of `count` bytes: twice what has really arrived.
void Grow(std::vector<uint8_t>& buffer, uint64_t count) {
  buffer.resize(std::min<uint64_t>(count, std::max<uint64_t>(kFirstBuffer, 2 * uint64_t{buffer.size()})));
}

}  // namespace

struct GzipReader::State {
  z_stream stream{};
  std::span<const uint8_t> input;
  std::string subject;
  bool ended = false;

  // Fills out[0..size) as far as the stream goes.
  size_t Fill(uint8_t* out, size_t size) {
    size_t done = 0;
    while (done < size && !ended) {
      if (stream.avail_in == 0) {
        const size_t piece = std::min<size_t>(input.size(), kMaxZlibPiece);
        if (piece == 0) throw Damaged(subject, "the gzip stream ends too early");
        stream.next_in = const_cast<Bytef*>(input.data());
        stream.avail_in = static_cast<uInt>(piece);
        input = input.subspan(piece);
      }
      const uInt room = static_cast<uInt>(std::min<size_t>(size - done, kMaxZlibPiece));
      stream.next_out = out + done;
      stream.avail_out = room;
      const int result = inflate(&stream, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        throw Damaged(subject, "the gzip stream is damaged");
      }
      done += room - stream.avail_out;
      ended = result == Z_STREAM_END;
    }
    return done;
  }
};

GzipReader::GzipReader(std::span<const uint8_t> bytes, std::string subject) {
  auto state = std::make_unique<State>();
  state->input = bytes;
  state->subject = std::move(subject);
  if (inflateInit2(&state->stream, MAX_WBITS + 16) != Z_OK) {
    throw Error(ErrorCode::kInternal, state->subject, "zlib does not start");
  }
  state_ = state.release();
}

GzipReader::~GzipReader() {
  inflateEnd(&state_->stream);
  delete state_;
}

std::vector<uint8_t> GzipReader::Read(uint64_t count) {
  std::vector<uint8_t> buffer;
  size_t done = 0;
  while (done < count) {
    Grow(buffer, count);
    const size_t got = state_->Fill(buffer.data() + done, buffer.size() - done);
    done += got;
    if (done < buffer.size()) {
      throw Damaged(state_->subject,
                    fmt::format("the gzip stream ends too early: {} bytes more are needed", count - done));
    }
  }
  return buffer;
}

uint64_t GzipReader::SkipToEnd(uint64_t limit) {
  std::vector<uint8_t> scratch(kFirstBuffer);
  uint64_t skipped = 0;
  while (true) {
    const size_t got = state_->Fill(scratch.data(), scratch.size());
    skipped += got;
    if (skipped > limit) throw Damaged(state_->subject, fmt::format("more than {} bytes follow the splats", limit));
    if (got < scratch.size()) return skipped;
  }
}

std::vector<uint8_t> Gzip(std::span<const uint8_t> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw Error(ErrorCode::kInternal, "gzip", "zlib does not start");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, [](z_stream* s) { return deflateEnd(s); });
  std::vector<uint8_t> packed;
  size_t done = 0;
  while (true) {
    if (stream.avail_in == 0 && !bytes.empty()) {
      const size_t piece = std::min<size_t>(bytes.size(), kMaxZlibPiece);
      stream.next_in = const_cast<Bytef*>(bytes.data());
      stream.avail_in = static_cast<uInt>(piece);
      bytes = bytes.subspan(piece);
    }
    if (done == packed.size()) packed.resize(std::max(kFirstBuffer, packed.size() * 2));
    const uInt room = static_cast<uInt>(std::min<size_t>(packed.size() - done, kMaxZlibPiece));
    stream.next_out = packed.data() + done;
    stream.avail_out = room;
    const int result = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      throw Error(ErrorCode::kInternal, "gzip", fmt::format("zlib fails with {}", result));
    }
    done += room - stream.avail_out;
    if (result == Z_STREAM_END) break;
  }
  packed.resize(done);
  return packed;
}

std::vector<uint8_t> UnpackZstd(std::span<const uint8_t> bytes, uint64_t count, const std::string& subject) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) throw Error(ErrorCode::kInternal, subject, "zstd does not start");
  // A frame may ask for a window of 128 MiB before it gives a byte. It gets one only where its size could justify it.
  const int window_log = std::clamp<int>(std::bit_width(uint64_t{bytes.size()} * 256), kMinWindowLog, kMaxWindowLog);
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, window_log);

  std::vector<uint8_t> buffer;
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  size_t done = 0, pending = 1;
  while (true) {
    if (done == buffer.size() && done < count) Grow(buffer, count);
    ZSTD_outBuffer out = {buffer.data(), buffer.size(), done};
    const size_t before_in = in.pos;
    pending = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(pending)) {
      throw Damaged(subject, fmt::format("a zstd stream is damaged: {}", ZSTD_getErrorName(pending)));
    }
    const bool moved = out.pos != done || in.pos != before_in;
    done = out.pos;
    if (pending == 0 && in.pos == in.size) break;
    if (!moved) throw Damaged(subject, "a zstd stream does not end where its size says");
  }
  if (done != count) throw Damaged(subject, fmt::format("a zstd stream gives {} bytes, not {}", done, count));
  return buffer;
}

std::vector<uint8_t> Zstd(std::span<const uint8_t> bytes, int level) {
  std::vector<uint8_t> packed(ZSTD_compressBound(bytes.size()));
  const size_t size = ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size)) throw Error(ErrorCode::kInternal, "zstd", ZSTD_getErrorName(size));
  packed.resize(size);
  return packed;
}

}  // namespace takt::splat
