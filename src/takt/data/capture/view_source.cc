// SPDX-License-Identifier: Apache-2.0
#include "takt/data/capture/view_source.h"

#include <fmt/format.h>

#include <list>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/capture/undistort.h"

namespace takt::capture {
namespace {

// The most recently used values whose sizes add up to at most `max_bytes`. Not thread-safe.
template <class Value>
class LruCache {
 public:
  explicit LruCache(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  std::shared_ptr<const Value> Find(size_t key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return order_.front().value;
  }
  void Insert(size_t key, std::shared_ptr<const Value> value, uint64_t bytes) {
    if (bytes > max_bytes_ || entries_.contains(key)) return;
    Shrink(max_bytes_ - bytes);
    order_.push_front({key, std::move(value), bytes});
    entries_[key] = order_.begin();
    bytes_ += bytes;
  }
  void SetMaxBytes(uint64_t max_bytes) {
    max_bytes_ = max_bytes;
    Shrink(max_bytes);
  }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    size_t key;
    std::shared_ptr<const Value> value;
    uint64_t bytes;
  };

  void Shrink(uint64_t max_bytes) {
    while (bytes_ > max_bytes) {
      bytes_ -= order_.back().bytes;
      entries_.erase(order_.back().key);
      order_.pop_back();
    }
  }

  uint64_t max_bytes_;
  uint64_t bytes_ = 0;
  std::list<Entry> order_;  // most recent first
  std::unordered_map<size_t, typename std::list<Entry>::iterator> entries_;
};

Error WrongSize(const std::filesystem::path& path, const Image8& picture, const View& view, int width_px,
                int height_px) {
  return Error(ErrorCode::kBadInput, path.string(),
               fmt::format("is {} x {} pixels; the capture says {} x {} for {}", picture.width_px, picture.height_px,
                           width_px, height_px, view.name));
}

// RGB, or RGBA where `alpha`; a missing alpha is opaque, a superfluous one is dropped.
Image8 WithChannels(Image8 picture, bool alpha) {
  const int channels = alpha ? 4 : 3;
  if (picture.channels == channels) return picture;
  Image8 out(picture.width_px, picture.height_px, channels);
  const bool grey = picture.channels <= 2, has_alpha = picture.channels % 2 == 0;
  const uint8_t* p = picture.pixels.data();
  for (uint8_t* q = out.pixels.data(); q != out.pixels.data() + out.pixels.size(); q += channels) {
    for (int c = 0; c < 3; ++c) q[c] = p[grey ? 0 : c];
    if (alpha) q[3] = has_alpha ? p[picture.channels - 1] : 255;
    p += picture.channels;
  }
  return out;
}

void ApplyMask(const Image8& mask, Image8& picture) {
  const uint8_t* m = mask.pixels.data();
  for (size_t i = 3; i < picture.pixels.size(); i += 4, m += mask.channels) {
    picture.pixels[i] = static_cast<uint8_t>((picture.pixels[i] * m[0] + 127) / 255);
  }
}

}  // namespace

class ViewSource::Impl {
 public:
  Impl(const Capture& capture, uint64_t max_ram_bytes)
      : views_(capture.views),
        alpha_(capture.has_alpha),
        max_ram_bytes_(max_ram_bytes),
        pictures_(max_ram_bytes),
        maps_(max_ram_bytes / 4) {
    const auto key = [](const Lens& l) { return std::tuple(l.model, l.width_px, l.height_px, l.params); };
    std::map<decltype(key(Lens{})), size_t> known;
    for (const View& view : views_) {
      lens_idx_.push_back(known.emplace(key(view.lens), known.size()).first->second);
    }
  }

  // Nothing is computed under the lock and no caller waits for another: a loop body that runs inside a parallel loop
  // could otherwise wait for a picture that its own thread is busy with further up its stack. Two threads may therefore
  // decode the same picture; both get the same bytes.
  std::shared_ptr<const Image8> Get(size_t view_idx) {
    if (view_idx >= views_.size()) {
      throw Error(ErrorCode::kNotFound, fmt::format("view {}", view_idx),
                  fmt::format("the capture has {} views", views_.size()));
    }
    {
      const std::lock_guard lock(mutex_);
      if (auto kept = pictures_.Find(view_idx)) return kept;
    }
    auto picture = std::make_shared<const Image8>(Load(view_idx));
    const std::lock_guard lock(mutex_);
    pictures_.Insert(view_idx, picture, picture->pixels.size());
    return picture;
  }

  uint64_t resident_bytes() const {
    const std::lock_guard lock(mutex_);
    return pictures_.bytes() + maps_.bytes();
  }

 private:
  std::shared_ptr<const UndistortMap> MapOf(size_t view_idx) {
    const View& view = views_[view_idx];
    const size_t lens_idx = lens_idx_[view_idx];
    {
      const std::lock_guard lock(mutex_);
      if (auto kept = maps_.Find(lens_idx)) return kept;
    }
    auto map = std::make_shared<const UndistortMap>(view.lens, UndistortedCamera(view.lens, view.image_path.string()));
    const std::lock_guard lock(mutex_);
    maps_.Insert(lens_idx, map, map->size_bytes());
    pictures_.SetMaxBytes(max_ram_bytes_ - maps_.bytes());
    return map;
  }

  Image8 Load(size_t view_idx) {
    const View& view = views_[view_idx];
    const bool distorted = view.lens.model != LensModel::kPinhole;
    Image8 picture = ReadImage8(view.image_path);
    if (distorted && (picture.width_px != view.lens.width_px || picture.height_px != view.lens.height_px)) {
      throw WrongSize(view.image_path, picture, view, view.lens.width_px, view.lens.height_px);
    }
    const int width_px = picture.width_px, height_px = picture.height_px;
    picture = WithChannels(std::move(picture), alpha_);
    if (alpha_ && !view.mask_path.empty()) {
      const Image8 mask = ReadImage8(view.mask_path);
      if (mask.width_px != width_px || mask.height_px != height_px) {
        throw WrongSize(view.mask_path, mask, view, width_px, height_px);
      }
      ApplyMask(mask, picture);
    }
    if (distorted) picture = MapOf(view_idx)->Apply(picture);
    if (picture.width_px / view.downscale != view.camera.width_px ||
        picture.height_px / view.downscale != view.camera.height_px) {
      throw WrongSize(view.image_path, picture, view, view.camera.width_px * view.downscale,
                      view.camera.height_px * view.downscale);
    }
    return BoxDownscale(std::move(picture), view.downscale);
  }

  const std::vector<View> views_;
  const bool alpha_;
  const uint64_t max_ram_bytes_;
  std::vector<size_t> lens_idx_;  // of each view

  mutable std::mutex mutex_;
  LruCache<Image8> pictures_;    // by view
  LruCache<UndistortMap> maps_;  // by lens
};

ViewSource::ViewSource(const Capture& capture, uint64_t max_ram_bytes)
    : impl_(std::make_unique<Impl>(capture, max_ram_bytes)) {}
ViewSource::~ViewSource() = default;
std::shared_ptr<const Image8> ViewSource::Get(size_t view_idx) { return impl_->Get(view_idx); }
uint64_t ViewSource::resident_bytes() const { return impl_->resident_bytes(); }

}  // namespace takt::capture
