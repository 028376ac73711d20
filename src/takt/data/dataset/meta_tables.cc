// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/dataset/meta.h"

// The tables under meta/ that are Parquet in v3.0: episodes and tasks.
namespace takt::dataset {
namespace {

constexpr std::string_view kStatNames[] = {"min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99"};

template <class Stats>  // FeatureStats, const or not
auto StatList(Stats& stats, std::string_view name) -> decltype(&stats.min) {
  if (name == "min") return &stats.min;
  if (name == "max") return &stats.max;
  if (name == "mean") return &stats.mean;
  if (name == "std") return &stats.std;
  for (size_t q = 0; q < kQuantileNames.size(); ++q) {
    if (name == kQuantileNames[q]) return &stats.quantiles[q];
  }
  return nullptr;
}

bool IsIntegral(const Feature& feature) {
  return !feature.IsPicture() && feature.dtype != "float32" && feature.dtype != "float64";
}

bool HasStats(const Feature& feature) { return feature.dtype != "string"; }

// list<... item> `depth` deep around the items, which belong to rows one after another.
Array Nested(Array items, const std::vector<int64_t>& shape) {
  for (size_t d = shape.size(); d-- > 0;) items = MakeLists(std::move(items), static_cast<size_t>(shape[d]));
  return items;
}

std::vector<int64_t> StatShape(const Feature& feature) {
  return feature.IsPicture() ? std::vector<int64_t>{3, 1, 1} : feature.shape;
}

// The numbers of row `row` of a column of nested lists.
void Collect(const Array& array, size_t row, std::vector<double>* values, const std::string& subject) {
  if (!array.IsValid(row)) {
    values->push_back(std::numeric_limits<double>::quiet_NaN());
    return;
  }
  switch (array.kind) {
    case ValueKind::kList:
      for (uint64_t i = array.offsets[row]; i < array.offsets[row + 1]; ++i) {
        Collect(array.children[0], i, values, subject);
      }
      return;
    case ValueKind::kBool: values->push_back(array.Bools()[row]); return;
    case ValueKind::kInt32: values->push_back(array.Int32s()[row]); return;
    case ValueKind::kInt64: values->push_back(static_cast<double>(array.Int64s()[row])); return;
    case ValueKind::kFloat: values->push_back(static_cast<double>(array.Floats()[row])); return;
    case ValueKind::kDouble: values->push_back(array.Doubles()[row]); return;
    default: throw Error(ErrorCode::kBadInput, subject, "is no column of numbers");
  }
}

int64_t ToCount(double value, const std::string& subject) {
  if (!(value >= 0) || value > 1e15 || value != std::floor(value)) {
    throw Error(ErrorCode::kBadInput, subject, fmt::format("holds {}, which is no count", value));
  }
  return static_cast<int64_t>(value);
}

// The lists nest as those of a feature do: taken from the first row.
std::vector<int64_t> ShapeOf(const Array& array) {
  std::vector<int64_t> shape;
  const Array* level = &array;
  while (level->kind == ValueKind::kList && level->length > 0) {
    shape.push_back(static_cast<int64_t>(level->ListLength(0)));
    level = &level->children[0];
  }
  return shape;
}

class RowReader {
 public:
  RowReader(const ParquetReader& reader, std::vector<EpisodeMeta>* rows) : reader_(reader), rows_(*rows) {}

  std::string Subject(std::string_view column) const {
    return fmt::format("{}: column '{}'", reader_.subject(), column);
  }
  // visit(row, number) for every row. False: there is no such column.
  bool Numbers(std::string_view column, const std::function<void(EpisodeMeta&, double)>& visit) {
    if (!reader_.schema().FindField(column)) return false;
    const Array array = reader_.ReadField(column);
    for (size_t i = 0; i < rows_.size(); ++i) {
      std::vector<double> values;
      Collect(array, i, &values, Subject(column));
      if (values.size() != 1 || std::isnan(values[0])) {
        throw Error(ErrorCode::kBadInput, Subject(column), fmt::format("has no value in row {}", i));
      }
      visit(rows_[i], values[0]);
    }
    return true;
  }
  void Counts(std::string_view column, const std::function<void(EpisodeMeta&, int64_t)>& visit) {
    if (!Numbers(column, [&](EpisodeMeta& row, double v) { visit(row, ToCount(v, Subject(column))); })) {
      throw Error(ErrorCode::kBadInput, reader_.subject(), fmt::format("has no column '{}'", column));
    }
  }
  void Tasks() {
    if (!reader_.schema().FindField("tasks")) return;
    const Array array = reader_.ReadField("tasks");
    if (array.kind != ValueKind::kList || array.children[0].kind != ValueKind::kString) {
      throw Error(ErrorCode::kBadInput, Subject("tasks"), "is no column of lists of text");
    }
    for (size_t i = 0; i < rows_.size(); ++i) {
      for (uint64_t k = array.offsets[i]; k < array.offsets[i + 1]; ++k) {
        rows_[i].tasks.emplace_back(array.children[0].Strings()[k]);
      }
    }
  }
  void Stats(const Feature& feature) {
    const std::string prefix = fmt::format("stats/{}/", feature.name);
    if (!reader_.schema().FindField(prefix + "min") || !reader_.schema().FindField(prefix + "count")) return;
    for (EpisodeMeta& row : rows_) row.stats[feature.name].integral = IsIntegral(feature);
    for (const std::string_view name : kStatNames) {
      const std::string column = prefix + std::string(name);
      if (!reader_.schema().FindField(column)) continue;
      const Array array = reader_.ReadField(column);
      const std::vector<int64_t> shape = ShapeOf(array);
      for (size_t i = 0; i < rows_.size(); ++i) {
        std::vector<double> values;
        Collect(array, i, &values, Subject(column));
        FeatureStats& stats = rows_[i].stats[feature.name];
        if (name == "count") {
          if (values.size() != 1) throw Error(ErrorCode::kBadInput, Subject(column), "is no list of one count");
          stats.count = ToCount(values[0], Subject(column));
        } else {
          if (name == "min") stats.shape = shape;
          *StatList(stats, name) = std::move(values);
        }
      }
    }
    for (EpisodeMeta& row : rows_) {
      FeatureStats& stats = row.stats[feature.name];
      const size_t width = stats.min.size();
      bool same = width > 0 && stats.max.size() == width && stats.mean.size() == width && stats.std.size() == width;
      for (const auto& list : stats.quantiles) same = same && (list.empty() || list.size() == width);
      for (const auto& list : stats.quantiles) same = same && list.empty() == stats.quantiles[0].empty();
      if (!same) {
        throw Error(ErrorCode::kBadInput, Subject(prefix + "*"),
                    fmt::format("has lists of different lengths for episode {}", row.index));
      }
      int64_t product = 1;
      for (const int64_t side : stats.shape) product *= side;
      if (product != static_cast<int64_t>(width)) stats.shape = {static_cast<int64_t>(width)};
    }
  }

 private:
  const ParquetReader& reader_;
  std::vector<EpisodeMeta>& rows_;
};

}  // namespace

std::vector<Field> EpisodeFields(const DatasetInfo& info) {
  std::vector<Field> fields;
  const auto number = [&](std::string name, ValueKind kind = ValueKind::kInt64) {
    fields.push_back(ScalarField(std::move(name), kind));
  };
  number("episode_index");
  fields.push_back(ListField("tasks", ValueKind::kString));
  number("length");
  number("data/chunk_index");
  number("data/file_index");
  number("dataset_from_index");
  number("dataset_to_index");
  for (const Feature& feature : info.features) {
    if (!feature.IsVideo()) continue;
    number(fmt::format("videos/{}/chunk_index", feature.name));
    number(fmt::format("videos/{}/file_index", feature.name));
    number(fmt::format("videos/{}/from_timestamp", feature.name), ValueKind::kDouble);
    number(fmt::format("videos/{}/to_timestamp", feature.name), ValueKind::kDouble);
  }
  for (const Feature& feature : info.features) {
    if (!HasStats(feature)) continue;
    for (const std::string_view name : kStatNames) {
      const bool whole = name == "count" || (IsIntegral(feature) && (name == "min" || name == "max"));
      const int depth = name == "count" ? 1 : static_cast<int>(StatShape(feature).size());
      fields.push_back(ListField(fmt::format("stats/{}/{}", feature.name, name),
                                 whole ? ValueKind::kInt64 : ValueKind::kDouble, depth));
    }
  }
  number("meta/episodes/chunk_index");
  number("meta/episodes/file_index");
  return fields;
}

std::vector<Array> EpisodeColumns(const DatasetInfo& info, const std::vector<EpisodeMeta>& rows, FilePlace meta_file) {
  std::vector<Array> columns;
  const auto counts = [&](const std::function<int64_t(const EpisodeMeta&)>& get) {
    std::vector<int64_t> values;
    for (const EpisodeMeta& row : rows) values.push_back(get(row));
    columns.push_back(MakeInt64s(std::move(values)));
  };
  counts([](const EpisodeMeta& r) { return r.index; });
  std::vector<std::string> tasks;
  std::vector<uint64_t> offsets = {0};
  for (const EpisodeMeta& row : rows) {
    tasks.insert(tasks.end(), row.tasks.begin(), row.tasks.end());
    offsets.push_back(tasks.size());
  }
  columns.push_back(MakeLists(MakeStrings(tasks), std::move(offsets)));
  counts([](const EpisodeMeta& r) { return r.length; });
  counts([](const EpisodeMeta& r) { return r.data.chunk; });
  counts([](const EpisodeMeta& r) { return r.data.file; });
  counts([](const EpisodeMeta& r) { return r.from; });
  counts([](const EpisodeMeta& r) { return r.to; });
  for (const Feature& feature : info.features) {
    if (!feature.IsVideo()) continue;
    counts([&](const EpisodeMeta& r) { return r.videos.at(feature.name).place.chunk; });
    counts([&](const EpisodeMeta& r) { return r.videos.at(feature.name).place.file; });
    for (const bool from : {true, false}) {
      std::vector<double> times;
      for (const EpisodeMeta& row : rows) {
        const VideoPlace& place = row.videos.at(feature.name);
        times.push_back(from ? place.from_s : place.to_s);
      }
      columns.push_back(MakeDoubles(std::move(times)));
    }
  }
  for (const Feature& feature : info.features) {
    if (!HasStats(feature)) continue;
    const std::vector<int64_t> shape = StatShape(feature);
    for (const std::string_view name : kStatNames) {
      if (name == "count") {
        std::vector<int64_t> values;
        for (const EpisodeMeta& row : rows) values.push_back(row.stats.at(feature.name).count);
        columns.push_back(MakeLists(MakeInt64s(std::move(values)), 1));
        continue;
      }
      std::vector<double> values;
      for (const EpisodeMeta& row : rows) {
        const std::vector<double>& list = *StatList(row.stats.at(feature.name), name);
        values.insert(values.end(), list.begin(), list.end());
      }
      if (IsIntegral(feature) && (name == "min" || name == "max")) {
        columns.push_back(Nested(MakeInt64s(std::vector<int64_t>(values.begin(), values.end())), shape));
      } else {
        columns.push_back(Nested(MakeDoubles(std::move(values)), shape));
      }
    }
  }
  counts([&](const EpisodeMeta&) { return meta_file.chunk; });
  counts([&](const EpisodeMeta&) { return meta_file.file; });
  return columns;
}

std::vector<EpisodeMeta> ReadEpisodeRows(const ParquetReader& reader, const DatasetInfo& info, bool with_stats,
                                         std::vector<std::string>* notes) {
  // As many as can be read, not as many as the footer claims.
  std::vector<EpisodeMeta> rows(reader.ReadField("episode_index").length);
  RowReader read(reader, &rows);
  read.Counts("episode_index", [](EpisodeMeta& r, int64_t v) { r.index = v; });
  read.Tasks();
  read.Counts("length", [](EpisodeMeta& r, int64_t v) { r.length = v; });
  read.Counts("data/chunk_index", [](EpisodeMeta& r, int64_t v) { r.data.chunk = v; });
  read.Counts("data/file_index", [](EpisodeMeta& r, int64_t v) { r.data.file = v; });
  read.Counts("dataset_from_index", [](EpisodeMeta& r, int64_t v) { r.from = v; });
  read.Counts("dataset_to_index", [](EpisodeMeta& r, int64_t v) { r.to = v; });
  for (const Feature& feature : info.features) {
    if (feature.IsVideo() && reader.schema().FindField(fmt::format("videos/{}/chunk_index", feature.name))) {
      const std::string prefix = fmt::format("videos/{}/", feature.name);
      read.Counts(prefix + "chunk_index",
                  [&](EpisodeMeta& r, int64_t v) { r.videos[feature.name].place.chunk = v; });
      read.Counts(prefix + "file_index", [&](EpisodeMeta& r, int64_t v) { r.videos[feature.name].place.file = v; });
      for (const char* column : {"from_timestamp", "to_timestamp"}) {
        const bool from = std::string_view(column) == "from_timestamp";
        if (!read.Numbers(prefix + column, [&](EpisodeMeta& r, double v) {
              (from ? r.videos[feature.name].from_s : r.videos[feature.name].to_s) = v;
            })) {
          throw Error(ErrorCode::kBadInput, reader.subject(), fmt::format("has no column '{}{}'", prefix, column));
        }
      }
    }
    if (with_stats && HasStats(feature)) read.Stats(feature);
  }
  if (notes != nullptr) {
    std::vector<std::string> known;
    for (const Field& field : EpisodeFields(info)) known.push_back(field.name);
    for (const Field& field : reader.fields()) {
      if (std::find(known.begin(), known.end(), field.name) == known.end()) {
        notes->push_back(fmt::format("{}: column '{}' is not known here", reader.subject(), field.name));
      }
    }
  }
  return rows;
}

std::vector<uint8_t> FormatTasksParquet(const std::vector<std::string>& tasks) {
  using Json = nlohmann::ordered_json;
  const auto column = [](const char* name, const char* pandas, const char* numpy) {
    return Json{{"name", name}, {"field_name", name}, {"pandas_type", pandas}, {"numpy_type", numpy}, {"metadata", Json()}};
  };
  const Json pandas = {
      {"index_columns", {"task"}},
      {"column_indexes",
       Json::array({Json{{"name", Json()},
                         {"field_name", Json()},
                         {"pandas_type", "unicode"},
                         {"numpy_type", "object"},
                         {"metadata", {{"encoding", "UTF-8"}}}}})},
      {"columns", Json::array({column("task_index", "int64", "int64"), column("task", "unicode", "object")})},
      {"attributes", Json::object()},
      {"creator", {{"library", "takt"}, {"version", "1"}}},
      {"pandas_version", "2.2.0"}};
  ParquetWriter writer(ParquetSchema::FromFields({ScalarField("task_index", ValueKind::kInt64),
                                                  ScalarField("task", ValueKind::kString)}),
                       {{"pandas", pandas.dump(-1, ' ', false, Json::error_handler_t::replace)}});
  std::vector<int64_t> indices(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) indices[i] = static_cast<int64_t>(i);
  if (!tasks.empty()) writer.WriteRowGroup({MakeInt64s(std::move(indices)), MakeStrings(tasks)});
  return writer.Finish();
}

std::vector<std::string> ReadTasksParquet(const ParquetReader& reader) {
  std::string name;
  for (const char* known : {"task", "__index_level_0__"}) {
    if (name.empty() && reader.schema().FindField(known)) name = known;
  }
  if (name.empty()) throw Error(ErrorCode::kBadInput, reader.subject(), "has no column 'task'");
  const Array texts = reader.ReadField(name);
  const Array indices = reader.ReadField("task_index");
  if (texts.kind != ValueKind::kString || indices.kind != ValueKind::kInt64) {
    throw Error(ErrorCode::kBadInput, reader.subject(), "has columns of other kinds than text and int64");
  }
  std::vector<std::string> tasks(texts.length);
  std::vector<bool> seen(texts.length);
  for (size_t i = 0; i < texts.length; ++i) {
    const int64_t index = indices.Int64s()[i];
    if (index < 0 || index >= static_cast<int64_t>(tasks.size()) || seen[static_cast<size_t>(index)]) {
      throw Error(ErrorCode::kBadInput, reader.subject(), fmt::format("has the task_index {} out of place", index));
    }
    seen[static_cast<size_t>(index)] = true;
    tasks[static_cast<size_t>(index)] = std::string(texts.Strings()[i]);
  }
  return tasks;
}

}  // namespace takt::dataset
