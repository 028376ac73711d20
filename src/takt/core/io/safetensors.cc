// SPDX-License-Identifier: Apache-2.0
#include "takt/core/io/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "takt/core/base/bytes.h"
#include "takt/core/base/file.h"

namespace takt {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "tensors are copied as they lie in memory");

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the reference implementation
constexpr size_t kAlignmentBytes = 8;

struct DTypeFact {
  DType dtype;
  std::string_view name;
  int bytes;
};
constexpr std::array<DTypeFact, 13> kDTypes = {{{DType::kF64, "F64", 8},
                                                {DType::kF32, "F32", 4},
                                                {DType::kF16, "F16", 2},
                                                {DType::kBF16, "BF16", 2},
                                                {DType::kI64, "I64", 8},
                                                {DType::kI32, "I32", 4},
                                                {DType::kI16, "I16", 2},
                                                {DType::kI8, "I8", 1},
                                                {DType::kU64, "U64", 8},
                                                {DType::kU32, "U32", 4},
                                                {DType::kU16, "U16", 2},
                                                {DType::kU8, "U8", 1},
                                                {DType::kBool, "BOOL", 1}}};

const DTypeFact& FactOf(DType dtype) {
  return *std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFact& fact) { return fact.dtype == dtype; });
}

// Bytes of a tensor; nothing when the product leaves 63 bits.
std::optional<uint64_t> TensorBytes(DType dtype, std::span<const int64_t> shape) {
  uint64_t product = static_cast<uint64_t>(DTypeBytes(dtype));
  // A zero anywhere makes the tensor empty, whatever the other lengths say.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  for (const int64_t length : shape) {
    if (length < 0) return std::nullopt;
    const uint64_t factor = static_cast<uint64_t>(length);
    if (product > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / factor) return std::nullopt;
    product *= factor;
  }
  return product;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::vector<std::string> words;
  for (const int64_t length : shape) words.push_back(length < 0 ? "any" : std::to_string(length));
  return fmt::format("[{}]", fmt::join(words, ", "));
}

float FromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu, mantissa = half & 0x3FFu;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (mantissa << 13));
}

template <class T, class Function>
std::vector<float> Convert(const TensorView& tensor, Function&& function) {
  std::vector<float> values(tensor.count());
  for (size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = function(element);
  }
  return values;
}

Error Malformed(const std::string& subject, const std::string& what) {
  return Error(ErrorCode::kBadInput, subject, what, "the safetensors file is damaged");
}

Json ParseHeader(std::span<const uint8_t> text, const std::string& subject) {
  // nlohmann keeps the last of two equal keys without a word, so they are counted as they come.
  std::vector<std::set<std::string>> keys;
  const auto on_event = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw Malformed(subject, fmt::format("names '{}' twice", parsed.get<std::string>()));
    }
    return true;
  };
  try {
    Json header = Json::parse(text.begin(), text.end(), on_event);
    if (header.is_object()) return header;
  } catch (const Json::exception& error) {
    throw Malformed(subject, fmt::format("has a header that is not JSON: {}", error.what()));
  }
  throw Malformed(subject, "has a header that is not a JSON object");
}

uint64_t UnsignedField(const Json& value, const std::string& subject, const std::string& name) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    throw Malformed(subject, fmt::format("tensor '{}' has a size or offset that is not a count below 2^63", name));
  return value.get<uint64_t>();
}

struct Placed {
  uint64_t begin = 0, end = 0;
  const std::string* name = nullptr;
};

TensorView ParseTensor(const std::string& name, const Json& entry, std::span<const uint8_t> data,
                       const std::string& subject, Placed& placed) {
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (!entry.is_object() || dtype == entry.end() || shape == entry.end() || offsets == entry.end() ||
      !dtype->is_string() || !shape->is_array() || !offsets->is_array() || offsets->size() != 2) {
    throw Malformed(subject, fmt::format("tensor '{}' lacks a proper dtype, shape or data_offsets", name));
  }
  TensorView view;
  const std::string type_name = dtype->get<std::string>();
  const auto* fact =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeFact& known) { return known.name == type_name; });
  if (fact == kDTypes.end()) {
    throw Error(ErrorCode::kUnsupported, subject, fmt::format("tensor '{}' has the dtype '{}'", name, type_name),
                "convert it to one of F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL");
  }
  view.dtype = fact->dtype;
  for (const Json& length : *shape) {
    view.shape.push_back(static_cast<int64_t>(UnsignedField(length, subject, name)));
  }
  placed = {UnsignedField((*offsets)[0], subject, name), UnsignedField((*offsets)[1], subject, name), &name};
  if (placed.begin > placed.end || placed.end > data.size()) {
    throw Malformed(
        subject, fmt::format("tensor '{}' lies at bytes {} to {} of {}", name, placed.begin, placed.end, data.size()));
  }
  const std::optional<uint64_t> bytes = TensorBytes(view.dtype, view.shape);
  if (bytes != placed.end - placed.begin) {
    throw Malformed(subject, fmt::format("tensor '{}' of shape {} {} does not fill its {} bytes", name, type_name,
                                         ShapeText(view.shape), placed.end - placed.begin));
  }
  view.bytes = data.subspan(placed.begin, placed.end - placed.begin);
  return view;
}

}  // namespace

uint16_t ToHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds to 2^16 or more
  // Numbers below 2^-14 have a fixed last place, 2^-24: adding 1/2, whose last place that is, lets the sum round.
  if (magnitude < 0x38800000) {
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - (112u << 23)) >> 13));
}

std::string_view DTypeName(DType dtype) { return FactOf(dtype).name; }
int DTypeBytes(DType dtype) { return FactOf(dtype).bytes; }

const TensorView& SafeTensors::Get(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    throw Error(ErrorCode::kNotFound, subject_, fmt::format("has no tensor '{}'", name));
  }
  return found->second;
}

const TensorView& SafeTensors::Get(const std::string& name, std::span<const int64_t> expected_shape) const {
  const TensorView& tensor = Get(name);
  const bool same = std::equal(tensor.shape.begin(), tensor.shape.end(), expected_shape.begin(), expected_shape.end(),
                               [](int64_t have, int64_t want) { return want < 0 || have == want; });
  if (!same) {
    throw Error(
        ErrorCode::kBadInput, subject_,
        fmt::format("tensor '{}' has the shape {}, not {}", name, ShapeText(tensor.shape), ShapeText(expected_shape)));
  }
  return tensor;
}

std::vector<float> SafeTensors::GetFloats(const std::string& name, const std::vector<int64_t>& expected_shape) const {
  const TensorView& tensor = Get(name, expected_shape);
  switch (tensor.dtype) {
    case DType::kF32:
      return Convert<float>(tensor, [](float v) { return v; });
    case DType::kF64:
      return Convert<double>(tensor, [](double v) { return static_cast<float>(v); });
    case DType::kF16:
      return Convert<uint16_t>(tensor, FromHalf);
    case DType::kBF16:
      return Convert<uint16_t>(tensor, [](uint16_t v) { return std::bit_cast<float>(static_cast<uint32_t>(v) << 16); });
    default:
      break;
  }
  throw Error(ErrorCode::kBadInput, subject_,
              fmt::format("tensor '{}' holds {}, not floating-point numbers", name, DTypeName(tensor.dtype)));
}

void SafeTensors::CheckDType(const std::string& name, const TensorView& tensor, DType expected) const {
  if (tensor.dtype == expected) return;
  throw Error(ErrorCode::kBadInput, subject_,
              fmt::format("tensor '{}' holds {}, not {}", name, DTypeName(tensor.dtype), DTypeName(expected)));
}

SafeTensors ReadSafeTensors(const std::filesystem::path& path) {
  return ParseSafeTensors(ReadFile(path), path.string());
}

SafeTensors ParseSafeTensors(std::vector<uint8_t> bytes, const std::string& subject) {
  SafeTensors result;
  result.subject_ = subject;
  result.buffer_ = std::move(bytes);
  ByteReader reader(result.buffer_, subject);
  const uint64_t header_bytes = reader.Read<uint64_t>();
  if (header_bytes > kMaxHeaderBytes) {
    throw Malformed(subject,
                    fmt::format("declares a header of {} bytes; at most {} are read", header_bytes, kMaxHeaderBytes));
  }
  const Json header = ParseHeader(reader.Take(header_bytes), subject);
  const std::span<const uint8_t> data = reader.Take(reader.remaining());

  std::vector<Placed> places;
  for (const auto& [name, entry] : header.items()) {
    if (name == kMetadataKey) {
      if (!entry.is_object()) throw Malformed(subject, "has a __metadata__ that is not a map of strings");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) throw Malformed(subject, fmt::format("has a __metadata__ '{}' that is no string", key));
        result.metadata_[key] = value.get<std::string>();
      }
      continue;
    }
    const auto slot = result.tensors_.try_emplace(name).first;
    slot->second = ParseTensor(slot->first, entry, data, subject, places.emplace_back());
  }
  std::sort(places.begin(), places.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.begin, a.end, *a.name) < std::tie(b.begin, b.end, *b.name);
  });
  uint64_t covered = 0;
  for (const Placed& placed : places) {
    if (placed.begin != covered) {
      throw Malformed(subject, fmt::format("tensor '{}' {} the one before it", *placed.name,
                                           placed.begin < covered ? "overlaps" : "leaves a hole after"));
    }
    covered = placed.end;
  }
  if (covered != data.size()) {
    throw Malformed(subject, fmt::format("has {} bytes that belong to no tensor", data.size() - covered));
  }
  return result;
}

void SafeTensorsWriter::Add(const std::string& name, DType dtype, std::vector<int64_t> shape,
                            std::span<const uint8_t> bytes) {
  if (name.empty() || name == kMetadataKey) {
    throw Error(ErrorCode::kBadInput, "tensor", fmt::format("'{}' cannot be the name of a tensor", name));
  }
  if (TensorBytes(dtype, shape) != bytes.size()) {
    throw Error(
        ErrorCode::kBadInput, "tensor",
        fmt::format("'{}' of shape {} {} is given {} bytes", name, DTypeName(dtype), ShapeText(shape), bytes.size()));
  }
  if (!tensors_.try_emplace(name, TensorView{dtype, std::move(shape), bytes}).second) {
    throw Error(ErrorCode::kBadInput, "tensor", fmt::format("'{}' is added twice", name));
  }
}

void SafeTensorsWriter::SetMetadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

std::vector<uint8_t> SafeTensorsWriter::Encode() const {
  std::vector<const std::pair<const std::string, TensorView>*> order;
  for (const auto& tensor : tensors_) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return DTypeBytes(a->second.dtype) > DTypeBytes(b->second.dtype);
  });
  Json header = Json::object();
  if (!metadata_.empty()) header[std::string(kMetadataKey)] = metadata_;
  uint64_t data_bytes = 0;
  for (const auto* tensor : order) {
    const TensorView& view = tensor->second;
    header[tensor->first] = {{"dtype", DTypeName(view.dtype)},
                             {"shape", view.shape},
                             {"data_offsets", {data_bytes, data_bytes + view.bytes.size()}}};
    data_bytes += view.bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kBadInput, "tensor", "has a name or a note that is not UTF-8");
  }
  text.resize((text.size() + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes, ' ');

  std::vector<uint8_t> out(sizeof(uint64_t) + text.size() + data_bytes);
  uint8_t* at = out.data();
  const auto append = [&](const void* from, size_t count) {
    if (count > 0) std::memcpy(at, from, count);
    at += count;
  };
  const uint64_t header_bytes = text.size();
  append(&header_bytes, sizeof(header_bytes));
  append(text.data(), text.size());
  for (const auto* tensor : order) append(tensor->second.bytes.data(), tensor->second.bytes.size());
  return out;
}

void SafeTensorsWriter::Write(const std::filesystem::path& path) const { WriteFileAtomic(path, Encode()); }

}  // namespace takt
