// SPDX-License-Identifier: Apache-2.0
// What Takt finds in Parquet files; the same JSON as tests/duckdb_parquet.mjs prints.
//
//   parquet_dump dump FILE...               one line of JSON for each file: rows, columns, their checksums
//   parquet_dump samples DIRECTORY          files of our own making: every type, nesting, codec, many row groups
//   parquet_dump rewrite FILE OUT           reads a file and writes it again
#include <fmt/format.h>

#include <bit>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "takt/core/base/error.h"
#include "takt/core/base/file.h"
#include "takt/core/base/sha256.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/parquet/test_arrays.h"

namespace {

using namespace takt::dataset;

// A value as bytes: a letter for its kind, then little-endian 64-bit numbers or counted bytes.
class Canon {
 public:
  void Value(const Array& array, size_t i) {
    if (!array.IsValid(i)) return Letter('N');
    switch (array.kind) {
      case ValueKind::kBool:
        return Integer('B', array.Bools()[i]);
      case ValueKind::kInt32:
        return Integer('I', array.Int32s()[i]);
      case ValueKind::kInt64:
        return Integer('I', array.Int64s()[i]);
      case ValueKind::kFloat:
        return Integer('F', std::bit_cast<int64_t>(static_cast<double>(array.Floats()[i])));
      case ValueKind::kDouble:
        return Integer('F', std::bit_cast<int64_t>(array.Doubles()[i]));
      case ValueKind::kList:
        Integer('L', static_cast<int64_t>(array.ListLength(i)));
        for (uint64_t item = array.offsets[i]; item < array.offsets[i + 1]; ++item) Value(array.children[0], item);
        return;
      case ValueKind::kStruct:
        Letter('R');
        for (const Array& field : array.children) Value(field, i);
        return;
      default:
        Integer('S', static_cast<int64_t>(array.Strings()[i].size()));
        hash_.Update(array.Strings()[i]);
    }
  }
  std::string Hex() { return takt::ToHex(hash_.Finish()); }

 private:
  void Letter(char letter) { hash_.Update(std::string_view(&letter, 1)); }
  void Integer(char letter, int64_t value) {
    Letter(letter);
    hash_.Update(std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)));
  }

  takt::Sha256 hash_;
};

void Dump(const std::filesystem::path& path) {
  const ParquetReader reader(path);
  nlohmann::ordered_json out = {{"file", path.filename().string()}, {"rows", reader.num_rows()}};
  out["columns"] = nlohmann::ordered_json::array();
  for (const Field& field : reader.fields()) {
    const Array column = reader.ReadField(field.name);
    Canon canon;
    for (size_t i = 0; i < column.length; ++i) canon.Value(column, i);
    out["columns"].push_back({{"name", field.name}, {"sha256", canon.Hex()}});
  }
  fmt::print("{}\n", out.dump());
}

std::vector<Array> ReadRowGroup(const ParquetReader& reader, size_t group) {
  std::vector<Array> columns;
  for (size_t f = 0; f < reader.fields().size(); ++f) columns.push_back(reader.ReadField(group, f));
  return columns;
}

void Rewrite(const std::filesystem::path& from, const std::filesystem::path& to) {
  const ParquetReader reader(from);
  ParquetWriter writer(reader.schema(), reader.metadata());
  for (size_t g = 0; g < reader.row_groups().size(); ++g) writer.WriteRowGroup(ReadRowGroup(reader, g));
  takt::WriteFileAtomic(to, writer.Finish());
}

void Samples(const std::filesystem::path& directory) {
  for (const auto& [name, codec] :
       {std::pair{"none", Codec::kNone}, {"snappy", Codec::kSnappy}, {"zstd", Codec::kZstd}}) {
    for (const bool small_pages : {false, true}) {
      ParquetWriteOptions options;
      options.codec = codec;
      options.dictionary = codec != Codec::kNone;
      options.page_bytes = small_pages ? 500 : options.page_bytes;
      const std::filesystem::path path =
          directory / fmt::format("takt_{}_{}.parquet", name, small_pages ? "pages" : "page");
      ParquetWriter writer(path, ParquetSchema::FromFields(SampleFields()), {{"k", "v"}}, options);
      RandomArrays random(7);
      for (const size_t rows : {1000, 1, 0, 3000}) {
        writer.WriteRowGroup(random.Make(writer.schema().fields(), rows));
        writer.Checkpoint();  // dead footers between row groups must not disturb anybody
      }
      writer.Finish();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.size() >= 2 && args[0] == "dump") {
      for (size_t i = 1; i < args.size(); ++i) Dump(args[i]);
    } else if (args.size() == 2 && args[0] == "samples") {
      Samples(args[1]);
    } else if (args.size() == 3 && args[0] == "rewrite") {
      Rewrite(args[1], args[2]);
    } else {
      fmt::print(stderr, "usage: parquet_dump dump FILE... | samples DIRECTORY | rewrite FILE OUT\n");
      return 2;
    }
  } catch (const takt::Error& error) {
    fmt::print(stderr, "parquet_dump: {}\n", error.what());
    return 1;
  }
  return 0;
}
