// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/base/budget.h"

namespace takt {

// A file that a run read or wrote, by content.
struct ArtefactFile {
  std::string path;    // payloads: relative to the run folder; inputs: a name that does not depend on the machine
  uint64_t bytes = 0;  // size [B]
  std::string sha256;  // 64 lower-case hexadecimal digits
};

// What stands in the manifest.json of a run folder. Everything but `unhashed` and the budgets that a clock measured is
// hashed into the id, so that equal inputs, options and results give an equal id on any machine and day.
struct Manifest {
  std::string kind;                                   // "splat.train"
  int schema_major = 1;                               // a reader accepts its own major
  int schema_minor = 0;                               // fields are only ever appended
  std::string version;                                // of Takt, "0.1.0"
  std::string verb;                                   // "splat train"
  nlohmann::json options = nlohmann::json::object();  // every option that can change the result
  uint64_t seed = 0;
  std::vector<ArtefactFile> inputs;
  std::vector<ArtefactFile> payloads;
  std::vector<BudgetReport> budgets;                   // those with the quantity "time" are stored unhashed
  nlohmann::json unhashed = nlohmann::json::object();  // wall clock, host: see HostFacts()
  // Fields of a newer minor schema that this reader does not know, by JSON pointer ("/payloads/0/codec"). They are kept
  // and written back, and hashed unless they stand under "/unhashed".
  std::map<std::string, nlohmann::json> unknown;
};

// The id: SHA-256 over the hashed part as JSON with sorted keys and no spaces.
std::string ArtefactId(const Manifest& manifest);

// Size and hash of `folder / path`, for Manifest::payloads. Errors: not_found; io; bad_input for a path that leaves
// the folder.
ArtefactFile HashPayload(const std::filesystem::path& folder, const std::string& path);
// Size and hash of an input, under the name that it is to have in the manifest. Errors: not_found; io.
ArtefactFile HashInput(const std::filesystem::path& path, const std::string& name);

// Writes `folder`/manifest.json (atomically, payloads first: the manifest is the proof that the run ended).
// Returns the id. Errors: io; bad_input for text that is not UTF-8.
std::string WriteManifest(const std::filesystem::path& folder, const Manifest& manifest);

// Errors: not_found; io; bad_input (damaged, another kind, an id that does not match); unsupported (another major).
Manifest ReadManifest(const std::filesystem::path& folder, const std::string& kind, int schema_major);
Manifest ParseManifest(const std::string& text, const std::string& subject, const std::string& kind, int schema_major);

// Reads the manifest and compares the size and hash of every payload with it.
// Errors: as ReadManifest; not_found or bad_input naming the first payload that is absent or differs.
// Cost: one pass over the payloads.
Manifest VerifyArtefact(const std::filesystem::path& folder, const std::string& kind, int schema_major);

// The machine and the moment, for Manifest::unhashed: {"cpu", "cores", "memory_bytes", "system", "utc"}.
nlohmann::json HostFacts();

}  // namespace takt
