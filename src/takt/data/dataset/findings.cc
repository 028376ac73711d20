// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/findings.h"

#include <fmt/format.h>

#include <algorithm>

namespace takt::dataset {
namespace {

constexpr size_t kNamed = 3;

}  // namespace

void Findings::Add(Severity severity, std::string code, std::string headline, std::string item, std::string file,
                   std::string hint) {
  const auto [it, fresh] = at_.emplace(std::pair(code, headline), groups_.size());
  if (fresh) {
    Group group;
    group.first.severity = severity;
    group.first.code = std::move(code);
    group.first.file = std::move(file);
    group.first.message = std::move(headline);
    group.first.hint = std::move(hint);
    groups_.push_back(std::move(group));
  }
  Group& group = groups_[it->second];
  ++group.count;
  if (group.items.size() < kNamed && !item.empty()) group.items.push_back(std::move(item));
}

std::vector<Diagnostic> Findings::Take() {
  std::vector<Diagnostic> diagnostics;
  for (Group& group : groups_) {
    Diagnostic d = std::move(group.first);
    std::string items;
    for (const std::string& item : group.items) items += (items.empty() ? "" : "; ") + item;
    if (group.count > 1) d.message += fmt::format(" ({} times)", group.count);
    if (!items.empty()) d.message += ": " + items;
    if (group.count > group.items.size() && !items.empty()) d.message += "; ...";
    diagnostics.push_back(std::move(d));
  }
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.severity > b.severity; });
  groups_.clear();
  at_.clear();
  return diagnostics;
}

}  // namespace takt::dataset
