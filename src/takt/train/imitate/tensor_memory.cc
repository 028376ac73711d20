// SPDX-License-Identifier: Apache-2.0
#include "takt/train/imitate/tensor_memory.h"

#include <c10/core/CPUAllocator.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace takt::imitate {
namespace {

constexpr size_t kAlignment = 64;  // also the room before a block for its class
constexpr size_t kClasses = 8 * 64;

// Four classes to each doubling: less than a quarter is wasted.
size_t ClassOf(size_t bytes) {
  const size_t units = (bytes + kAlignment - 1) / kAlignment;
  if (units <= 8) return units;
  const auto bits = static_cast<size_t>(std::bit_width(units - 1));  // units <= 2^bits
  const size_t step = size_t{1} << (bits - 3);
  return bits * 8 + (units + step - 1) / step;
}

size_t BytesOf(size_t size_class) {
  if (size_class <= 8) return size_class * kAlignment;
  const size_t in_octave = size_class % 8 == 0 ? 8 : size_class % 8, bits = (size_class - in_octave) / 8;
  return (in_octave << (bits - 3)) * kAlignment;
}

class TensorMemory final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) const override {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, cpu};
    const size_t size_class = ClassOf(bytes);
    void* block = Take(size_class);
    if (!block) {
      block = std::aligned_alloc(kAlignment, kAlignment + BytesOf(size_class));
      if (!block) throw std::bad_alloc();
      *static_cast<size_t*>(block) = size_class;
    }
    void* data = static_cast<char*>(block) + kAlignment;
    return {data, data, &Leave, cpu};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Leave; }

 private:
  struct Shelves {
    std::mutex mutex;
    std::array<std::vector<void*>, kClasses> free;
  };
  // Never destroyed: tensors of static storage may outlive everything.
  static Shelves& All() {
    static auto* shelves = new Shelves;
    return *shelves;
  }
  static void* Take(size_t size_class) {
    Shelves& shelves = All();
    const std::lock_guard lock(shelves.mutex);
    std::vector<void*>& free = shelves.free[size_class];
    if (free.empty()) return nullptr;
    void* block = free.back();
    free.pop_back();
    return block;
  }
  static void Leave(void* data) {
    if (!data) return;
    void* block = static_cast<char*>(data) - kAlignment;
    Shelves& shelves = All();
    const std::lock_guard lock(shelves.mutex);
    shelves.free[*static_cast<size_t*>(block)].push_back(block);
  }
};

}  // namespace

void ReuseTensorMemory() {
  static auto* memory = new TensorMemory;
  c10::SetCPUAllocator(memory, 1);
}

}  // namespace takt::imitate
