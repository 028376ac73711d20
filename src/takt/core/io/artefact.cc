// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/artefact.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <limits>
#include <string_view>
#include <thread>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/sha256.h"

namespace takt {
namespace {

using Json = nlohmann::json;

constexpr const char* kFileName = "manifest.json";
constexpr const char* kTimeQuantity = "time";
constexpr uint64_t kMaxManifestBytes = uint64_t{1} << 28;

Json ToJson(const std::vector<ArtefactFile>& files) {
  Json list = Json::array();
  for (const ArtefactFile& file : files) {
    list.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return list;
}

Json ToJson(const std::vector<BudgetReport>& budgets, bool timed) {
  Json list = Json::array();  // a NaN is written as null
  for (const BudgetReport& budget : budgets) {
    if ((budget.quantity == kTimeQuantity) != timed) continue;
    list.push_back({{"quantity", budget.quantity},
                    {"unit", budget.unit},
                    {"asked", budget.asked},
                    {"used", budget.used},
                    {"proof", budget.proof},
                    {"left_because", budget.left_because}});
  }
  return list;
}

// The whole manifest but for the id.
Json ToJson(const Manifest& manifest) {
  Json json = {{"kind", manifest.kind},
               {"schema", {manifest.schema_major, manifest.schema_minor}},
               {"producer",
                {{"version", manifest.version},
                 {"verb", manifest.verb},
                 {"options", manifest.options},
                 {"seed", manifest.seed}}},
               {"inputs", ToJson(manifest.inputs)},
               {"payloads", ToJson(manifest.payloads)},
               {"budgets", ToJson(manifest.budgets, false)},
               {"unhashed", manifest.unhashed}};
  const Json timed = ToJson(manifest.budgets, true);
  if (!timed.empty()) json["unhashed"]["budgets"] = timed;
  for (const auto& [pointer, value] : manifest.unknown) {
    const Json::json_pointer at(pointer);
    // A field of a payload that was taken out since has no place any more.
    if (json.contains(at.parent_pointer())) json[at] = value;
  }
  return json;
}

std::string IdOf(Json json) {
  json.erase("id");
  json.erase("unhashed");
  try {
    return Sha256Hex(json.dump());
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kBadInput, kFileName, "has text that is not UTF-8");
  }
}

// Reads typed fields and remembers what nobody asked for.
class Fields {
 public:
  Fields(const Json& json, std::string pointer, const std::string& subject)
      : json_(json), pointer_(std::move(pointer)), subject_(subject) {
    if (!json.is_object()) throw Wrong("", "is not an object");
  }
  const Json& Get(const char* name, Json::value_t type) {
    known_.push_back(name);
    const auto found = json_.find(name);
    if (found == json_.end()) throw Wrong(name, "is missing");
    // A whole number may stand where a float is asked, and 3 is unsigned though a signed one could stand there too.
    const bool fits = type == Json::value_t::number_float ? found->is_number() : found->type() == type;
    if (!fits) throw Wrong(name, "has the wrong type");
    return *found;
  }
  std::string Text(const char* name) { return Get(name, Json::value_t::string).get<std::string>(); }
  uint64_t Count(const char* name) { return Get(name, Json::value_t::number_unsigned).get<uint64_t>(); }
  // JSON has no NaN: null stands for it.
  double NumberOrNull(const char* name) {
    known_.push_back(name);
    if (json_.contains(name) && json_.at(name).is_null()) return std::numeric_limits<double>::quiet_NaN();
    return Get(name, Json::value_t::number_float).get<double>();
  }
  void Know(const char* name) { known_.push_back(name); }
  void KeepUnknown(std::map<std::string, Json>& unknown) const {
    for (const auto& [name, value] : json_.items()) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      unknown[(Json::json_pointer(pointer_) / name).to_string()] = value;
    }
  }
  Error Wrong(const std::string& name, const std::string& what) const {
    return Error(ErrorCode::kBadInput, subject_, fmt::format("field '{}/{}' {}", pointer_, name, what),
                 "the manifest is damaged");
  }

 private:
  const Json& json_;
  std::string pointer_;
  const std::string& subject_;
  std::vector<std::string> known_;
};

bool StaysInside(const std::string& path) {
  const std::filesystem::path relative(path);
  if (path.empty() || relative.is_absolute()) return false;
  return std::none_of(relative.begin(), relative.end(), [](const std::filesystem::path& part) { return part == ".."; });
}

std::vector<ArtefactFile> ParseFiles(const Json& list, const std::string& pointer, const std::string& subject,
                                     std::map<std::string, Json>& unknown) {
  std::vector<ArtefactFile> files;
  for (const Json& entry : list) {
    Fields fields(entry, fmt::format("{}/{}", pointer, files.size()), subject);
    ArtefactFile file{fields.Text("path"), fields.Count("bytes"), fields.Text("sha256")};
    const bool hex = std::all_of(file.sha256.begin(), file.sha256.end(),
                                 [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (file.sha256.size() != 64 || !hex) throw fields.Wrong("sha256", "is not 64 hexadecimal digits");
    fields.KeepUnknown(unknown);
    files.push_back(std::move(file));
  }
  return files;
}

void ParseBudgets(const Json& list, const std::string& pointer, const std::string& subject, Manifest& manifest) {
  size_t index = 0;
  for (const Json& entry : list) {
    Fields fields(entry, fmt::format("{}/{}", pointer, index++), subject);
    BudgetReport budget;
    budget.quantity = fields.Text("quantity");
    budget.unit = fields.Text("unit");
    budget.asked = fields.NumberOrNull("asked");
    budget.used = fields.NumberOrNull("used");
    budget.proof = fields.Text("proof");
    budget.left_because = fields.Text("left_because");
    fields.KeepUnknown(manifest.unknown);
    manifest.budgets.push_back(std::move(budget));
  }
}

Manifest ParseKnown(const Json& json, const std::string& subject, const std::string& kind, int schema_major) {
  Fields top(json, "", subject);
  Manifest manifest;
  manifest.kind = top.Text("kind");
  if (manifest.kind != kind) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("is of the kind '{}', not '{}'", manifest.kind, kind));
  }
  const Json& schema = top.Get("schema", Json::value_t::array);
  const auto is_count = [](const Json& v) { return v.is_number_unsigned() && v.get<uint64_t>() < 1'000'000; };
  if (schema.size() != 2 || !is_count(schema[0]) || !is_count(schema[1])) {
    throw top.Wrong("schema", "is not [major, minor]");
  }
  manifest.schema_major = schema[0].get<int>();
  manifest.schema_minor = schema[1].get<int>();
  if (manifest.schema_major != schema_major) {
    throw Error(ErrorCode::kUnsupported, subject,
                fmt::format("has schema {}.{}; this reader knows {}.x", manifest.schema_major, manifest.schema_minor,
                            schema_major),
                manifest.schema_major > schema_major ? "use a newer Takt" : "make it again with this Takt");
  }
  Fields producer(top.Get("producer", Json::value_t::object), "/producer", subject);
  manifest.version = producer.Text("version");
  manifest.verb = producer.Text("verb");
  manifest.options = producer.Get("options", Json::value_t::object);
  manifest.seed = producer.Count("seed");
  producer.KeepUnknown(manifest.unknown);
  manifest.inputs = ParseFiles(top.Get("inputs", Json::value_t::array), "/inputs", subject, manifest.unknown);
  manifest.payloads = ParseFiles(top.Get("payloads", Json::value_t::array), "/payloads", subject, manifest.unknown);
  for (const ArtefactFile& payload : manifest.payloads) {
    if (!StaysInside(payload.path)) throw top.Wrong("payloads", fmt::format("names '{}' outside", payload.path));
  }
  ParseBudgets(top.Get("budgets", Json::value_t::array), "/budgets", subject, manifest);
  manifest.unhashed = top.Get("unhashed", Json::value_t::object);
  if (const auto timed = manifest.unhashed.find("budgets"); timed != manifest.unhashed.end()) {
    if (!timed->is_array()) throw top.Wrong("unhashed/budgets", "has the wrong type");
    const Json list = *timed;
    manifest.unhashed.erase("budgets");
    ParseBudgets(list, "/unhashed/budgets", subject, manifest);
  }
  top.Know("id");
  top.KeepUnknown(manifest.unknown);
  return manifest;
}

ArtefactFile Hash(const std::filesystem::path& path, const std::string& name) {
  const HashedFile hashed = HashFile(path);
  return {name, hashed.bytes, hashed.sha256};
}

std::string CpuName() {
  std::ifstream lines("/proc/cpuinfo");
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

std::string ArtefactId(const Manifest& manifest) { return IdOf(ToJson(manifest)); }

ArtefactFile HashPayload(const std::filesystem::path& folder, const std::string& path) {
  if (!StaysInside(path)) {
    throw Error(ErrorCode::kBadInput, path, "is not inside the run folder", "payloads have relative paths");
  }
  return Hash(folder / path, path);
}

ArtefactFile HashInput(const std::filesystem::path& path, const std::string& name) { return Hash(path, name); }

std::string WriteManifest(const std::filesystem::path& folder, const Manifest& manifest) {
  Json json = ToJson(manifest);
  const std::string id = IdOf(json);
  // People open this file: the id and the kind come first.
  nlohmann::ordered_json document = {{"id", id}};
  for (const char* name : {"kind", "schema", "producer", "inputs", "payloads", "budgets"}) document[name] = json[name];
  for (const auto& [name, value] : json.items()) document[name] = value;
  std::string text;
  try {
    text = document.dump(2) + "\n";
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kBadInput, (folder / kFileName).string(), "has text that is not UTF-8");
  }
  WriteFileAtomic(folder / kFileName, text);
  return id;
}

Manifest ParseManifest(const std::string& text, const std::string& subject, const std::string& kind, int schema_major) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("is not JSON: {}", error.what()));
  }
  Manifest manifest = ParseKnown(json, subject, kind, schema_major);
  const auto id = json.find("id");
  if (id == json.end() || !id->is_string() || id->get<std::string>() != IdOf(json)) {
    throw Error(ErrorCode::kBadInput, subject, "does not match its id", "it was changed after it was written");
  }
  return manifest;
}

Manifest ReadManifest(const std::filesystem::path& folder, const std::string& kind, int schema_major) {
  const std::filesystem::path path = folder / kFileName;
  return ParseManifest(ReadTextFile(path, kMaxManifestBytes), path.string(), kind, schema_major);
}

Manifest VerifyArtefact(const std::filesystem::path& folder, const std::string& kind, int schema_major) {
  Manifest manifest = ReadManifest(folder, kind, schema_major);
  for (const ArtefactFile& payload : manifest.payloads) {
    const std::filesystem::path path = folder / payload.path;
    const HashedFile found = HashFile(path);
    if (found.bytes != payload.bytes) {
      throw Error(ErrorCode::kBadInput, path.string(),
                  fmt::format("is {} bytes long; the manifest says {}", found.bytes, payload.bytes));
    }
    if (found.sha256 != payload.sha256) {
      throw Error(ErrorCode::kBadInput, path.string(), "differs from what the manifest says (SHA-256)");
    }
  }
  return manifest;
}

nlohmann::json HostFacts() {
  struct utsname system = {};
  ::uname(&system);
  const std::time_t now = std::time(nullptr);
  struct tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {{"cpu", CpuName()},
          {"cores", std::thread::hardware_concurrency()},
          {"memory_bytes",
           static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE))},
          {"system", fmt::format("{} {}", system.sysname, system.release)},
          {"utc", text}};
}

}  // namespace takt
