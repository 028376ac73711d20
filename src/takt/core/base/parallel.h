// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace takt {

// Threads that parallel loops may use, for the whole process; 0 = one per core. Results never depend on it.
void SetThreadCount(int threads);
int ThreadCount();

// Calls body(begin, end) over disjoint ranges that cover [0, n), each at most `grain` long, cut at multiples of `grain`
// whatever the thread count: a body that writes only to its own range, or to a slot numbered begin / grain, gives the
// same result on any machine. An exception thrown by a body stops the loop and is rethrown here.
void ParallelFor(size_t n, size_t grain, const std::function<void(size_t begin, size_t end)>& body);

// Calls body() with every ParallelFor inside it on the calling thread alone: for callers that are themselves one of many
// threads. Results are the same. Cost: some microseconds.
void RunSerially(const std::function<void()>& body);

}  // namespace takt
