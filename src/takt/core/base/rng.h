// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace takt {

// Counter-based random numbers: a value is a pure function of (seed, stream, counter), so that any thread can draw the
// number of any element without order or state. Philox4x32-10.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
class Rng {
 public:
  explicit constexpr Rng(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  // Four independent uniform 32-bit words for this counter.
  constexpr std::array<uint32_t, 4> Words(uint64_t counter) const {
    std::array<uint32_t, 4> c = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32),
                                 static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)};
    uint32_t k0 = static_cast<uint32_t>(seed_), k1 = static_cast<uint32_t>(seed_ >> 32);
    for (int round = 0; round < 10; ++round) {
      const uint64_t p0 = uint64_t{0xD2511F53u} * c[0];
      const uint64_t p1 = uint64_t{0xCD9E8D57u} * c[2];
      c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
           static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<uint32_t>(p0)};
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    return c;
  }

  // Uniform in [0, 1), 24 bits.
  float Uniform(uint64_t counter) const { return static_cast<float>(Words(counter)[0] >> 8) * 0x1p-24f; }
  // Uniform in [0, 1), 53 bits.
  double UniformDouble(uint64_t counter) const {
    const auto w = Words(counter);
    return static_cast<double>(((uint64_t{w[0]} << 32) | w[1]) >> 11) * 0x1p-53;
  }
  // Uniform integer in [0, n), n > 0; the bias is below n / 2^64.
  uint64_t Below(uint64_t counter, uint64_t n) const {
    const auto w = Words(counter);
    return static_cast<uint64_t>((static_cast<unsigned __int128>((uint64_t{w[0]} << 32) | w[1]) * n) >> 64);
  }
  // Four standard normal numbers (Box-Muller).
  std::array<float, 4> Normal4(uint64_t counter) const {
    const auto w = Words(counter);
    std::array<float, 4> n;
    for (int i = 0; i < 2; ++i) {
      const float u = (static_cast<float>(w[2 * i] >> 8) + 1.0f) * 0x1p-24f;  // (0, 1]: log stays finite
      const float a = static_cast<float>(w[2 * i + 1] >> 8) * 0x1p-24f * 6.28318530717958647692f;
      const float r = std::sqrt(-2.0f * std::log(u));
      n[2 * i] = r * std::cos(a);
      n[2 * i + 1] = r * std::sin(a);
    }
    return n;
  }

 private:
  uint64_t seed_, stream_;
};

}  // namespace takt
