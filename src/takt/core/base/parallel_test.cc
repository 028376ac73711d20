// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "takt/core/base/error.h"

namespace takt {
namespace {

class ParallelTest : public testing::Test {
 protected:
  void TearDown() override { SetThreadCount(0); }
};

TEST_F(ParallelTest, EveryIndexIsVisitedOnceWhateverTheThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    SetThreadCount(threads);
    EXPECT_EQ(ThreadCount(), threads);
    for (const size_t n : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{10007}}) {
      for (const size_t grain : {size_t{0}, size_t{1}, size_t{64}, size_t{100000}}) {
        std::vector<std::atomic<int>> visits(n);
        ParallelFor(n, grain, [&](size_t begin, size_t end) {
          ASSERT_LT(begin, end);
          for (size_t i = begin; i < end; ++i) ++visits[i];
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1);
      }
    }
  }
}

TEST_F(ParallelTest, CutsAreTheSameForAnyThreadCount) {
  const auto cuts = [](int threads) {
    SetThreadCount(threads);
    std::set<std::pair<size_t, size_t>> ranges;
    std::mutex mutex;
    ParallelFor(1000, 64, [&](size_t begin, size_t end) {
      const std::lock_guard lock(mutex);
      ranges.emplace(begin, end);
    });
    return ranges;
  };
  const auto expected = cuts(1);
  EXPECT_EQ(expected.size(), 16u);
  EXPECT_EQ(*expected.rbegin(), (std::pair<size_t, size_t>{960, 1000}));
  for (const int threads : {2, 5, 16}) EXPECT_EQ(cuts(threads), expected);
}

TEST_F(ParallelTest, SumsOverSlotsAreBitIdentical) {
  const auto sum = [](int threads) {
    SetThreadCount(threads);
    constexpr size_t kCount = 100000, kGrain = 777;
    std::vector<float> partial(kCount / kGrain + 1);
    ParallelFor(kCount, kGrain, [&](size_t begin, size_t end) {
      float value = 0;
      for (size_t i = begin; i < end; ++i) value += std::sin(static_cast<float>(i));
      partial[begin / kGrain] = value;
    });
    float total = 0;
    for (const float value : partial) total += value;
    return total;
  };
  const float expected = sum(1);
  for (int repeat = 0; repeat < 5; ++repeat) {
    for (const int threads : {2, 4, 7}) EXPECT_EQ(sum(threads), expected);
  }
}

TEST_F(ParallelTest, ExceptionsReachTheCaller) {
  for (const int threads : {1, 4}) {
    SetThreadCount(threads);
    try {
      ParallelFor(10000, 1, [](size_t begin, size_t) {
        if (begin == 5000) throw Error(ErrorCode::kBadInput, "element 5000", "is bad");
      });
      ADD_FAILURE() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(error.subject(), "element 5000");
    }
  }
}

TEST_F(ParallelTest, LoopsNest) {
  std::vector<std::atomic<int>> visits(64);
  ParallelFor(8, 1, [&](size_t outer, size_t) {
    ParallelFor(8, 1, [&](size_t inner, size_t) { ++visits[8 * outer + inner]; });
  });
  for (const auto& visit : visits) EXPECT_EQ(visit, 1);
}

TEST_F(ParallelTest, RunSeriallyStaysOnTheCallersThread) {
  SetThreadCount(4);
  std::vector<std::thread::id> ids(1000);
  const auto outer = std::this_thread::get_id();
  for (int repeat = 0; repeat < 3; ++repeat) {
    RunSerially([&] {
      ParallelFor(ids.size(), 1, [&](size_t begin, size_t) { ids[begin] = std::this_thread::get_id(); });
    });
    for (const auto& id : ids) EXPECT_EQ(id, outer);
  }
  EXPECT_THROW(RunSerially([] { throw Error(ErrorCode::kBadInput, "body", "fails"); }), Error);
}

}  // namespace
}  // namespace takt
