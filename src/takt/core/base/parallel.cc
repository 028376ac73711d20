// SPDX-License-Identifier: Apache-2.0
#include "takt/core/base/parallel.h"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace takt {
namespace {

std::mutex control_mutex;
std::unique_ptr<tbb::global_control> control;
int thread_count = 0;

}  // namespace

void SetThreadCount(int threads) {
  const std::lock_guard lock(control_mutex);
  thread_count = std::max(0, threads);
  control.reset();
  if (thread_count > 0) {
    control = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, thread_count);
  }
}

int ThreadCount() {
  const std::lock_guard lock(control_mutex);
  return thread_count > 0 ? thread_count : tbb::info::default_concurrency();
}

void ParallelFor(size_t n, size_t grain, const std::function<void(size_t, size_t)>& body) {
  if (n == 0) return;
  grain = std::max<size_t>(grain, 1);
  const size_t chunks = (n + grain - 1) / grain;
  if (chunks == 1) return body(0, n);
  tbb::parallel_for(
      tbb::blocked_range<size_t>(0, chunks, 1),
      [&](const tbb::blocked_range<size_t>& range) {
        for (size_t chunk = range.begin(); chunk != range.end(); ++chunk) {
          body(chunk * grain, std::min(n, (chunk + 1) * grain));
        }
      },
      tbb::simple_partitioner());
}

void RunSerially(const std::function<void()>& body) {
  thread_local tbb::task_arena arena(1);  // one slot, for the thread that enters
  arena.execute(body);
}

}  // namespace takt
