// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "takt/core/base/diagnostic.h"

namespace takt::dataset {

// Collects faults; those of one code and headline become one diagnostic that counts them and names the first few.
class Findings {
 public:
  void Add(Severity severity, std::string code, std::string headline, std::string item, std::string file = {},
           std::string hint = {});
  // Errors first, otherwise in the order in which the first of each kind came.
  std::vector<Diagnostic> Take();

 private:
  struct Group {
    Diagnostic first;
    std::vector<std::string> items;  // the first few
    size_t count = 0;
  };
  std::vector<Group> groups_;
  std::map<std::pair<std::string, std::string>, size_t> at_;
};

}  // namespace takt::dataset
