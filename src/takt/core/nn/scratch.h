// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "takt/core/base/error.h"

namespace takt::nn {

// Every piece of work space starts at a multiple of this, and so does every packed panel.
inline constexpr size_t kAlignment_bytes = 64;

constexpr size_t AlignUp(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Work space that is allocated once and lent in pieces, so that inner loops allocate nothing. Not thread-safe: one for each
// thread. Contents are undefined.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : bytes_(AlignUp(bytes, kAlignment_bytes)) {
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment_bytes, bytes_ ? bytes_ : kAlignment_bytes)));
    if (!data_) throw std::bad_alloc();
  }

  // What Take() of so many elements uses up.
  template <typename T>
  static constexpr size_t BytesFor(size_t count) {
    return AlignUp(count * sizeof(T), kAlignment_bytes);
  }

  // Lends pieces until it goes out of scope; frames nest.
  class Frame {
   public:
    explicit Frame(Scratch& scratch) : scratch_(scratch), used_(scratch.used_) {}
    ~Frame() { scratch_.used_ = used_; }
    Frame(const Frame&) = delete;
    Frame& operator=(const Frame&) = delete;

    // Errors: internal where the scratch is too small: its owner sized it for other work.
    template <typename T>
    T* Take(size_t count) {
      const size_t bytes = BytesFor<T>(count);
      if (bytes > scratch_.bytes_ - scratch_.used_) {
        throw Error(ErrorCode::kInternal, "work space", "is too small", "size it by ScratchBytes of the largest call");
      }
      T* piece = reinterpret_cast<T*>(scratch_.data_.get() + scratch_.used_);
      scratch_.used_ += bytes;
      return piece;
    }

   private:
    Scratch& scratch_;
    size_t used_;
  };

  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  size_t bytes_, used_ = 0;
};

}  // namespace takt::nn
