// SPDX-License-Identifier: Apache-2.0
#include "takt/data/dataset/parquet/page_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/codec.h"
#include "takt/data/dataset/parquet/dictionary.h"
#include "takt/data/dataset/parquet/encoding.h"
#include "takt/data/dataset/parquet/footer.h"

namespace takt::dataset {
namespace {

constexpr size_t kMaxBoundBytes = 256;  // longer strings get no bounds: pictures are no keys

// The present values of a column that has gaps.
Values Present(const ShreddedLeaf& leaf) {
  return std::visit(
      [&](const auto& from) -> Values {
        std::decay_t<decltype(from)> to;
        for (const uint64_t place : leaf.places) {
          if constexpr (std::is_same_v<std::decay_t<decltype(from)>, Blobs>) {
            to.Add(from[place]);
          } else {
            to.push_back(from[place]);
          }
        }
        return to;
      },
      leaf.array->values);
}

// The order in which a bound is compared is that of the physical type for signed numbers and for strings.
bool HasPlainOrder(const Leaf& leaf) {
  const int32_t converted_type = leaf.converted_type;
  switch (leaf.type) {
    case PhysicalType::kBoolean:
    case PhysicalType::kFloat:
    case PhysicalType::kDouble:
      return true;
    case PhysicalType::kInt32:
    case PhysicalType::kInt64:
      return converted_type < 11 || converted_type > 14;  // UINT_8 .. UINT_64
    default:
      return converted_type <= 0;  // any bytes, or UTF8
  }
}

template <class T>
std::string PlainBytes(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

ColumnStatistics Statistics(const Values& values, size_t begin, size_t end, int64_t null_count, bool bounds) {
  ColumnStatistics statistics;
  statistics.null_count = null_count;
  if (!bounds || begin == end) return statistics;
  std::visit(
      [&](const auto& from) {
        using Type = std::decay_t<decltype(from)>;
        if constexpr (std::is_same_v<Type, Blobs>) {
          std::string_view min = from[begin], max = from[begin];
          for (size_t i = begin; i < end; ++i) {
            if (from[i].size() > kMaxBoundBytes) return;
            min = std::min(min, from[i]);
            max = std::max(max, from[i]);
          }
          statistics.min = min;
          statistics.max = max;
        } else {
          using Number = typename Type::value_type;
          std::optional<Number> min, max;
          for (size_t i = begin; i < end; ++i) {
            const Number value = from[i];
            if constexpr (std::is_floating_point_v<Number>) {
              if (std::isnan(value)) continue;
            }
            if (!min || value < *min) min = value;
            if (!max || value > *max) max = value;
          }
          if (!min) return;
          if constexpr (std::is_floating_point_v<Number>) {
            // Zeros of both signs compare equal, so the bounds must hold both.
            if (*min == 0) min = -Number{0};
            if (*max == 0) max = Number{0};
          }
          statistics.min = PlainBytes(*min);
          statistics.max = PlainBytes(*max);
        }
      },
      values);
  return statistics;
}

// The first entry of the next page: where a row begins, once the values from `entry` on fill a page.
size_t PageEnd(const ShreddedLeaf& leaf, const Leaf& schema, const Values& values, size_t entry, size_t value,
               uint64_t page_bytes) {
  const Blobs* blobs = std::get_if<Blobs>(&values);
  const size_t width = std::visit([](const auto& v) { return sizeof(v[0]); }, values);
  uint64_t bytes = 0;
  for (size_t e = entry; e < leaf.num_values; ++e) {
    const bool row_begins = leaf.repetition_levels.empty() || leaf.repetition_levels[e] == 0;
    if (row_begins && e > entry && bytes >= page_bytes) return e;
    if (leaf.definition_levels.empty() || leaf.definition_levels[e] == schema.max_definition) {
      bytes += blobs != nullptr ? (*blobs)[value].size() + 4 : width;
      ++value;
    } else {
      ++bytes;  // levels alone fill pages too
    }
  }
  return leaf.num_values;
}

class ColumnEncoder {
 public:
  ColumnEncoder(const Leaf& schema, bool bounds, const ShreddedLeaf& leaf, const Values& values,
                const ParquetWriteOptions& options)
      : schema_(schema), bounds_(bounds), leaf_(leaf), values_(values), options_(options) {}

  EncodedColumn Encode(const Dictionary* dictionary) {
    column_ = {};
    ColumnChunk& chunk = column_.chunk;
    chunk.codec = options_.codec;
    chunk.num_values = static_cast<int64_t>(leaf_.num_values);
    chunk.encodings = {Encoding::kPlain, Encoding::kRle};
    if (dictionary != nullptr) {
      chunk.encodings.push_back(Encoding::kRleDictionary);
      chunk.dictionary_page_offset = 0;
      PageHeader header;
      header.type = PageType::kDictionary;
      header.num_values = static_cast<int32_t>(CountValues(dictionary->values));
      std::string plain;
      EncodePlain(dictionary->values, 0, CountValues(dictionary->values), IsFixed(), plain);
      AddPage(header, plain);
    }
    chunk.data_page_offset = static_cast<int64_t>(column_.bytes.size());
    size_t value = 0;
    // A column of no rows gets an empty page: some readers want one.
    for (size_t entry = 0, end = 0; entry < leaf_.num_values || entry == 0; entry = end) {
      end = PageEnd(leaf_, schema_, values_, entry, value, options_.page_bytes);
      value = DataPage(dictionary, entry, end, value);
      if (end == 0) break;
    }
    chunk.compressed_bytes = static_cast<int64_t>(column_.bytes.size());
    chunk.statistics = Statistics(values_, 0, value, chunk.num_values - static_cast<int64_t>(value), bounds_);
    return std::move(column_);
  }

 private:
  bool IsFixed() const { return schema_.type == PhysicalType::kFixedLenByteArray; }

  // Entries [entry, end), whose values begin at `value`; gives the first value after them.
  size_t DataPage(const Dictionary* dictionary, size_t entry, size_t end, size_t value) {
    PageHeader header;
    std::string plain;
    AddLevels(leaf_.repetition_levels, schema_.max_repetition, entry, end, plain);
    AddLevels(leaf_.definition_levels, schema_.max_definition, entry, end, plain);
    size_t last = value + (end - entry);
    if (!leaf_.definition_levels.empty()) {
      const auto first_level = leaf_.definition_levels.begin();
      last = value + static_cast<size_t>(std::count(first_level + static_cast<std::ptrdiff_t>(entry),
                                                    first_level + static_cast<std::ptrdiff_t>(end),
                                                    static_cast<uint8_t>(schema_.max_definition)));
    }
    if (dictionary != nullptr) {
      header.encoding = Encoding::kRleDictionary;
      const int width = std::max(1, BitWidth(CountValues(dictionary->values) - 1));  // width 0 confuses some readers
      plain.push_back(static_cast<char>(width));
      EncodeRle(std::span(dictionary->indices).subspan(value, last - value), width, plain);
    } else {
      EncodePlain(values_, value, last, IsFixed(), plain);
    }
    if (end - entry > static_cast<size_t>(std::numeric_limits<int32_t>::max())) TooLarge();
    header.num_values = static_cast<int32_t>(end - entry);
    header.statistics = Statistics(values_, value, last,
                                   static_cast<int64_t>(end - entry) - static_cast<int64_t>(last - value), bounds_);
    AddPage(header, plain);
    return last;
  }

  static void AddLevels(const std::vector<uint8_t>& levels, int max, size_t begin, size_t end, std::string& out) {
    if (max == 0) return;
    std::string runs;
    EncodeRle(std::span(levels).subspan(begin, end - begin), BitWidth(static_cast<uint64_t>(max)), runs);
    out += PlainBytes(static_cast<uint32_t>(runs.size()));
    out += runs;
  }

  void AddPage(PageHeader& header, const std::string& plain) {
    const std::string packed = Compress(options_.codec, options_.zstd_level, plain);
    constexpr auto kMax = static_cast<size_t>(std::numeric_limits<int32_t>::max());
    if (plain.size() > kMax || packed.size() > kMax) TooLarge();
    header.uncompressed_bytes = static_cast<int32_t>(plain.size());
    header.compressed_bytes = static_cast<int32_t>(packed.size());
    header.crc = Crc32({reinterpret_cast<const uint8_t*>(packed.data()), packed.size()});
    const std::string encoded = EncodePageHeader(header);
    column_.chunk.uncompressed_bytes += static_cast<int64_t>(encoded.size() + plain.size());
    column_.bytes += encoded;
    column_.bytes += packed;
  }

  [[noreturn]] void TooLarge() const {
    throw Error(ErrorCode::kBadInput, schema_.Name(), "has a row that does not fit into a page of 2 GiB");
  }

  const Leaf& schema_;
  const bool bounds_;
  const ShreddedLeaf& leaf_;
  const Values& values_;
  const ParquetWriteOptions& options_;
  EncodedColumn column_;
};

}  // namespace

EncodedColumn EncodeColumn(const Leaf& leaf, const ShreddedLeaf& values, const ParquetWriteOptions& options) {
  const Values gathered = values.all_present ? Values() : Present(values);
  const Values& present = values.all_present ? values.array->values : gathered;
  ColumnEncoder encoder(leaf, HasPlainOrder(leaf), values, present, options);
  EncodedColumn plain = encoder.Encode(nullptr);
  if (!options.dictionary) return plain;
  const std::optional<Dictionary> dictionary = BuildDictionary(present);
  if (!dictionary) return plain;
  EncodedColumn with_dictionary = encoder.Encode(&*dictionary);
  return with_dictionary.bytes.size() < plain.bytes.size() ? std::move(with_dictionary) : std::move(plain);
}

}  // namespace takt::dataset
