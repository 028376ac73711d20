// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "takt/core/base/error.h"
#include "takt/data/dataset/dataset.h"
#include "takt/data/dataset/findings.h"
#include "takt/data/dataset/validate.h"

// What the parts of Validate share; no public header includes it.
namespace takt::dataset {

struct Validation {
  const ValidateOptions& options;
  const ProgressSink& progress;
  ValidateReport* report;
  Dataset set;
  Findings findings;
  std::map<int64_t, StatsMap> computed;  // of each episode whose data could be read
  bool data_whole;                       // every data file was there and could be read

  void Fail(const char* code, std::string headline, std::string item, std::string file = {}, std::string hint = {});
  void Warn(const char* code, std::string headline, std::string item, std::string file = {}, std::string hint = {});
  void Note(const char* code, std::string headline, std::string item, std::string file = {});
  // An exception as a finding; cancelled goes on up.
  void Caught(const Error& error, const char* code);
};

// Gives the data files that episodes name, relative to the folder.
std::set<std::string> ValidateData(Validation& v);
void ValidateFilms(Validation& v);
void ValidateStats(Validation& v);
void ValidatePictures(Validation& v);

}  // namespace takt::dataset
