// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "takt/core/base/error.h"
#include "takt/data/dataset/parquet/codec.h"
#include "takt/data/dataset/parquet/encoding.h"
#include "takt/data/dataset/parquet/footer.h"
#include "takt/data/dataset/parquet/levels.h"
#include "takt/data/dataset/parquet/parquet.h"
#include "takt/data/dataset/parquet/source.h"

namespace takt::dataset {
namespace {

// Decodes the pages of one column chunk.
class ChunkDecoder {
 public:
  ChunkDecoder(const Leaf& leaf, const ColumnChunk& chunk, uint64_t max_page_bytes, MemoryBudget& budget,
               const std::string& file)
      : leaf_(leaf),
        chunk_(chunk),
        max_page_bytes_(max_page_bytes),
        budget_(budget),
        subject_(fmt::format("{}: column {}", file, leaf.Name())) {
    out_.values = EmptyValues(leaf.type);
    dictionary_ = EmptyValues(leaf.type);
  }

  LeafValues Decode(std::span<const uint8_t> bytes) {
    const auto wanted = static_cast<uint64_t>(chunk_.num_values);
    while (out_.num_values < wanted) {
      size_t header_bytes = 0;
      const PageHeader header = ParsePageHeader(bytes, header_bytes, subject_);
      bytes = bytes.subspan(header_bytes);
      const auto size = static_cast<size_t>(header.compressed_bytes);
      if (size > bytes.size()) Fail("has a page that ends too early");
      if (static_cast<uint64_t>(header.uncompressed_bytes) > max_page_bytes_) {
        Fail("claims a page larger than the limit of this reader");
      }
      const auto page = bytes.first(size);
      bytes = bytes.subspan(size);
      if (header.crc && Crc32(page) != *header.crc) Fail("has a page that does not match its checksum");
      if (header.type == PageType::kIndex) continue;
      if (header.type == PageType::kDictionary) {
        Dictionary(header, page);
        continue;
      }
      if (static_cast<uint64_t>(header.num_values) > wanted - out_.num_values) Fail("has pages with too many values");
      if (header.type == PageType::kData) {
        DataPage(header, page);
      } else {
        DataPageV2(header, page);
      }
      out_.num_values += static_cast<size_t>(header.num_values);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void Fail(const char* message) const { throw Error(ErrorCode::kBadInput, subject_, message); }

  void Dictionary(const PageHeader& header, std::span<const uint8_t> page) {
    if (has_dictionary_ || out_.num_values > 0) Fail("has a dictionary where none belongs");
    if (header.encoding != Encoding::kPlain && header.encoding != Encoding::kPlainDictionary) {
      throw Error(ErrorCode::kUnsupported, subject_, "has a dictionary that is not plain");
    }
    has_dictionary_ = true;
    const std::vector<uint8_t> plain =
        Decompress(chunk_.codec, page, static_cast<uint64_t>(header.uncompressed_bytes), subject_);
    DecodeValues(Encoding::kPlain, leaf_.type, leaf_.type_length, plain, static_cast<size_t>(header.num_values),
                 dictionary_, budget_, subject_);
  }

  // Room for `count` levels and for what they may become when assembled; none where `max` is 0.
  std::vector<uint8_t>* Grow(std::vector<uint8_t>& levels, int max, size_t count) {
    if (max == 0) return nullptr;
    const bool repetition = &levels == &out_.repetition_levels;
    // A missing value has a slot; an entry may begin a list at every depth.
    const uint64_t slots = repetition ? static_cast<uint64_t>(max) : 1;
    budget_.Take(count, 1 + slots * sizeof(uint64_t));
    levels.resize(levels.size() + count);
    return &levels;
  }
  void CheckLevels(const std::vector<uint8_t>& levels, int max, size_t count) const {
    for (size_t i = levels.size() - count; i < levels.size(); ++i) {
      if (levels[i] > max) Fail("has levels deeper than its schema");
    }
  }

  // Levels at the front of a page of the first version; gives their bytes.
  size_t Levels(Encoding encoding, int max, size_t count, std::span<const uint8_t> bytes, std::vector<uint8_t>& all) {
    std::vector<uint8_t>* levels = Grow(all, max, count);
    if (levels == nullptr) return 0;
    uint8_t* out = levels->data() + levels->size() - count;
    const int width = BitWidth(static_cast<uint64_t>(max));
    size_t used = 0;
    if (encoding == Encoding::kBitPacked) {
      used = DecodeBitPackedLevels(bytes, width, count, out, subject_);
    } else if (encoding == Encoding::kRle) {
      uint32_t size = 0;
      if (bytes.size() < sizeof(size)) Fail("has a page that ends too early");
      std::memcpy(&size, bytes.data(), sizeof(size));
      if (size > bytes.size() - sizeof(size)) Fail("has a page that ends too early");
      RleDecoder(bytes.subspan(sizeof(size), size), width, subject_).Decode(count, out);
      used = sizeof(size) + size;
    } else {
      throw Error(ErrorCode::kUnsupported, subject_, "has levels in an encoding that is not RLE or BIT_PACKED");
    }
    CheckLevels(all, max, count);
    return used;
  }

  void DataPage(const PageHeader& header, std::span<const uint8_t> page) {
    const std::vector<uint8_t> plain =
        Decompress(chunk_.codec, page, static_cast<uint64_t>(header.uncompressed_bytes), subject_);
    const auto count = static_cast<size_t>(header.num_values);
    std::span<const uint8_t> rest = plain;
    rest = rest.subspan(Levels(header.repetition_encoding, leaf_.max_repetition, count, rest, out_.repetition_levels));
    rest = rest.subspan(Levels(header.definition_encoding, leaf_.max_definition, count, rest, out_.definition_levels));
    PageValues(header.encoding, count, rest);
  }

  void DataPageV2(const PageHeader& header, std::span<const uint8_t> page) {
    const auto count = static_cast<size_t>(header.num_values);
    const auto repetition = static_cast<size_t>(header.repetition_bytes);
    const auto definition = static_cast<size_t>(header.definition_bytes);
    if (repetition > page.size() || definition > page.size() - repetition ||
        repetition + definition > static_cast<size_t>(header.uncompressed_bytes)) {
      Fail("has a page that ends too early");
    }
    LevelsV2(page.first(repetition), leaf_.max_repetition, count, out_.repetition_levels);
    LevelsV2(page.subspan(repetition, definition), leaf_.max_definition, count, out_.definition_levels);
    const auto packed = page.subspan(repetition + definition);
    const uint64_t size = static_cast<uint64_t>(header.uncompressed_bytes) - repetition - definition;
    PageValues(header.encoding, count,
               Decompress(header.compressed ? chunk_.codec : Codec::kNone, packed, size, subject_));
  }

  void LevelsV2(std::span<const uint8_t> bytes, int max, size_t count, std::vector<uint8_t>& all) {
    std::vector<uint8_t>* levels = Grow(all, max, count);
    if (levels == nullptr) return;
    RleDecoder(bytes, BitWidth(static_cast<uint64_t>(max)), subject_)
        .Decode(count, levels->data() + levels->size() - count);
    CheckLevels(all, max, count);
  }

  void PageValues(Encoding encoding, size_t count, std::span<const uint8_t> bytes) {
    size_t present = count;
    if (leaf_.max_definition > 0) {
      const auto& levels = out_.definition_levels;
      present = static_cast<size_t>(std::count(levels.end() - static_cast<std::ptrdiff_t>(count), levels.end(),
                                               static_cast<uint8_t>(leaf_.max_definition)));
    }
    if (encoding == Encoding::kPlainDictionary || encoding == Encoding::kRleDictionary) {
      if (!has_dictionary_) Fail("has a page that needs a dictionary, and no dictionary");
      DecodeDictionary(bytes, present, dictionary_, out_.values, budget_, subject_);
    } else if (present > 0) {
      DecodeValues(encoding, leaf_.type, leaf_.type_length, bytes, present, out_.values, budget_, subject_);
    }
  }

  const Leaf& leaf_;
  const ColumnChunk& chunk_;
  const uint64_t max_page_bytes_;
  MemoryBudget& budget_;
  const std::string subject_;
  LeafValues out_;
  Values dictionary_;
  bool has_dictionary_ = false;
};

}  // namespace

struct ParquetReader::State {
  std::unique_ptr<ByteSource> source;
  std::string subject;
  ParquetLimits limits;
  Footer footer;

  void Open();
  const ColumnChunk& Chunk(size_t row_group, size_t leaf) const {
    return footer.row_groups.at(row_group).columns.at(leaf);
  }
  LeafValues ReadLeaf(size_t row_group, size_t leaf, MemoryBudget& budget) const {
    return ChunkDecoder(footer.schema.leaves()[leaf], Chunk(row_group, leaf), limits.max_page_bytes, budget, subject)
        .Decode(ReadChunk(row_group, leaf).bytes);
  }
  Array ReadField(size_t row_group, size_t field, MemoryBudget& budget) const {
    const auto [first, last] = footer.schema.LeavesOf(field);
    std::vector<LeafValues> leaves;
    for (size_t leaf = first; leaf < last; ++leaf) leaves.push_back(ReadLeaf(row_group, leaf, budget));
    const auto schemas = std::span(footer.schema.leaves()).subspan(first, last - first);
    return Assemble(footer.schema.fields().at(field), schemas, std::move(leaves),
                    static_cast<size_t>(footer.row_groups.at(row_group).num_rows), subject);
  }
  ByteSource::Piece ReadChunk(size_t row_group, size_t leaf) const {
    const ColumnChunk& chunk = Chunk(row_group, leaf);
    return source->Read(static_cast<uint64_t>(chunk.offset()), static_cast<uint64_t>(chunk.compressed_bytes));
  }
};

void ParquetReader::State::Open() {
  constexpr size_t kTail = 8;  // the length of the footer and the magic
  const uint64_t size = source->size();
  const auto fail = [&](const char* message, const char* hint = "") {
    throw Error(ErrorCode::kBadInput, subject, message, hint);
  };
  if (size < 4 + kTail) fail("is too short for a Parquet file");
  const auto tail = source->Read(size - kTail, kTail);
  const auto magic = source->Read(0, 4);
  if (std::memcmp(tail.bytes.data() + 4, "PARE", 4) == 0) {
    throw Error(ErrorCode::kUnsupported, subject, "is an encrypted Parquet file");
  }
  if (std::memcmp(magic.bytes.data(), "PAR1", 4) != 0) fail("is not a Parquet file");
  if (std::memcmp(tail.bytes.data() + 4, "PAR1", 4) != 0) {
    fail("has no footer: it was cut off, or its writer did not finish", "a file of Takt's can be recovered");
  }
  uint32_t length = 0;
  std::memcpy(&length, tail.bytes.data(), sizeof(length));
  if (length > size - kTail - 4) fail("has a footer longer than the file");
  if (length > limits.max_footer_bytes) fail("has a footer larger than the limit of this reader");
  const uint64_t content_end = size - kTail - length;
  footer = ParseFooter(source->Read(content_end, length).bytes, content_end, subject);
}

ParquetReader::ParquetReader(const std::filesystem::path& path, const ParquetLimits& limits)
    : state_(std::make_unique<State>()) {
  state_->source = ByteSource::OpenFile(path);
  state_->subject = path.string();
  state_->limits = limits;
  state_->Open();
}

ParquetReader::ParquetReader(std::span<const uint8_t> bytes, std::string subject, const ParquetLimits& limits)
    : state_(std::make_unique<State>()) {
  state_->source = ByteSource::Borrow(bytes, subject);
  state_->subject = std::move(subject);
  state_->limits = limits;
  state_->Open();
}

ParquetReader::ParquetReader(ParquetReader&&) noexcept = default;
ParquetReader& ParquetReader::operator=(ParquetReader&&) noexcept = default;
ParquetReader::~ParquetReader() = default;

const std::string& ParquetReader::subject() const { return state_->subject; }
const ParquetSchema& ParquetReader::schema() const { return state_->footer.schema; }
const std::vector<KeyValue>& ParquetReader::metadata() const { return state_->footer.metadata; }
const std::string& ParquetReader::created_by() const { return state_->footer.created_by; }
int64_t ParquetReader::num_rows() const { return state_->footer.num_rows; }
uint64_t ParquetReader::file_bytes() const { return state_->source->size(); }
const std::vector<RowGroup>& ParquetReader::row_groups() const { return state_->footer.row_groups; }

std::optional<std::string> ParquetReader::FindMetadata(std::string_view key) const {
  for (const KeyValue& pair : metadata()) {
    if (pair.key == key) return pair.value;
  }
  return std::nullopt;
}

LeafValues ParquetReader::ReadLeaf(size_t row_group, size_t leaf) const {
  MemoryBudget budget(state_->limits.max_column_bytes, subject());
  return state_->ReadLeaf(row_group, leaf, budget);
}

std::vector<uint8_t> ParquetReader::ReadChunkBytes(size_t row_group, size_t leaf) const {
  ByteSource::Piece piece = state_->ReadChunk(row_group, leaf);
  if (piece.owned.empty()) return {piece.bytes.begin(), piece.bytes.end()};
  return std::move(piece.owned);
}

Array ParquetReader::ReadField(size_t row_group, size_t field) const {
  MemoryBudget budget(state_->limits.max_column_bytes, subject());
  return state_->ReadField(row_group, field, budget);
}

Array ParquetReader::ReadField(size_t row_group, std::string_view name) const {
  return ReadField(row_group, schema().FieldIndex(name, subject()));
}

Array ParquetReader::ReadField(std::string_view name) const {
  const size_t field = schema().FieldIndex(name, subject());
  MemoryBudget budget(state_->limits.max_column_bytes, subject());
  Array all = EmptyArray(fields()[field]);
  for (size_t group = 0; group < row_groups().size(); ++group) {
    AppendArray(all, state_->ReadField(group, field, budget));
  }
  return all;
}

}  // namespace takt::dataset
