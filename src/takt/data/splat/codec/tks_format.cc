// SPDX-License-Identifier: Apache-2.0
#include "takt/data/splat/codec/tks_format.h"

#include <zlib.h>

#include <cmath>

#include "takt/data/splat/codec/octree.h"
#include "takt/data/splat/model/splats.h"

namespace takt::splat {
namespace {

constexpr uint32_t kMagic = 0x1A534B54;  // "TKS\x1a"
constexpr size_t kPrefixBytes = 12;    // magic, version, checksum
constexpr uint16_t kHeaderBytes = 74;  // what follows the length of the header, up to the lengths of the parts

uint32_t Checksum(std::span<const uint8_t> bytes) {
  uLong crc = crc32(0, nullptr, 0);
  for (size_t at = 0; at < bytes.size();) {
    const size_t chunk = std::min<size_t>(bytes.size() - at, size_t{1} << 30);
    crc = crc32(crc, bytes.data() + at, static_cast<uInt>(chunk));
    at += chunk;
  }
  return static_cast<uint32_t>(crc);
}

void WriteVarint(uint64_t value, ByteWriter* writer) {
  while (value >= 0x80) {
    writer->Write(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  writer->Write(static_cast<uint8_t>(value));
}

uint64_t ReadVarint(ByteReader* reader) {
  uint64_t value = 0;
  for (int shift = 0; shift < 42; shift += 7) {
    const auto byte = reader->Read<uint8_t>();
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  throw Error(ErrorCode::kBadInput, reader->subject(), "a length is impossible", "the file is damaged");
}

}  // namespace

bool IsTransformed(const TksHeader& header, int channel) {
  const uint8_t bit = channel < kOpacityChannel                     ? kScalesTransformed
                      : channel == kOpacityChannel                  ? kOpacityTransformed
                      : ShIndex(channel, header.sh_degree) == 0 ? kDcTransformed
                                                                    : kShTransformed;
  return (header.transforms & bit) != 0;
}

std::vector<uint8_t> WriteTks(const TksParts& parts) {
  const TksHeader& h = parts.header;
  ByteWriter body;
  body.Write(kHeaderBytes);
  body.Write(h.count);
  body.Write(h.sh_degree);
  body.Write(static_cast<uint8_t>(h.antialiased ? 1 : 0));
  body.Write(h.depth);
  body.Write(h.transforms);
  for (const float c : h.space.centre) body.Write(c);
  body.Write(h.space.radius);
  body.Write(h.space.extent);
  body.Write(h.blur);
  for (const float c : h.colour_rows) body.Write(c);
  body.Write(h.direction_base);
  body.Write(h.spin_base);
  body.Write(h.shift_base);
  WriteVarint(parts.octree.size(), &body);
  WriteVarint(parts.classes.size(), &body);
  WriteVarint(parts.tables.size(), &body);
  for (const auto& stream : parts.streams) WriteVarint(stream.size(), &body);
  body.Append(parts.octree);
  body.Append(parts.classes);
  body.Append(parts.tables);
  for (const auto& stream : parts.streams) body.Append(stream);
  ByteWriter file;
  file.Write(kMagic);
  file.Write(kTksMajor);
  file.Write(kTksMinor);
  file.Write(Checksum(body.bytes()));
  file.Append(body.bytes());
  return file.Release();
}

uint64_t TksOverhead(const TksParts& parts) {
  const auto varint = [](uint64_t value) {
    uint64_t n = 1;
    while (value >= 0x80) value >>= 7, ++n;
    return n;
  };
  uint64_t bytes = kPrefixBytes + sizeof(kHeaderBytes) + kHeaderBytes + varint(parts.octree.size()) + varint(parts.classes.size()) +
                   varint(parts.tables.size());
  for (const auto& stream : parts.streams) bytes += varint(stream.size());
  return bytes;
}

TksView ParseTks(std::span<const uint8_t> bytes, const std::string& subject) {
  const auto bad = [&](const char* what) { return Error(ErrorCode::kBadInput, subject, what, "the file is damaged"); };
  ByteReader reader(bytes, subject);
  if (bytes.size() < 4 || reader.Read<uint32_t>() != kMagic) {
    throw Error(ErrorCode::kBadInput, subject, "this is not a .tks file");
  }
  TksView view;
  view.major = reader.Read<uint16_t>();
  view.minor = reader.Read<uint16_t>();
  if (view.major != kTksMajor) {
    throw Error(ErrorCode::kUnsupported, subject, "the .tks version " + std::to_string(view.major) + " is not known",
                "this program reads version " + std::to_string(kTksMajor));
  }
  const auto checksum = reader.Read<uint32_t>();
  if (Checksum(bytes.subspan(kPrefixBytes)) != checksum) throw bad("the checksum does not match");
  const auto header_bytes = reader.Read<uint16_t>();
  if (header_bytes < kHeaderBytes) throw bad("the header is too short");
  TksHeader& h = view.header;
  h.count = reader.Read<uint32_t>();
  h.sh_degree = reader.Read<uint8_t>();
  h.antialiased = (reader.Read<uint8_t>() & 1) != 0;
  h.depth = reader.Read<uint8_t>();
  h.transforms = reader.Read<uint8_t>();
  for (float& c : h.space.centre) c = reader.Read<float>();
  h.space.radius = reader.Read<float>();
  h.space.extent = reader.Read<float>();
  h.blur = reader.Read<float>();
  for (float& c : h.colour_rows) c = reader.Read<float>();
  h.direction_base = reader.Read<int16_t>();
  h.spin_base = reader.Read<int16_t>();
  h.shift_base = reader.Read<int16_t>();
  // A later minor version may have appended fields.
  reader.Take(header_bytes - kHeaderBytes);
  // Every splat takes more than a byte, so that no small file can ask for much memory.
  if (h.count == 0 || h.count > bytes.size()) throw bad("the number of splats is impossible");
  if (h.sh_degree > kMaxShDegree) throw bad("the degree of the spherical harmonics is impossible");
  if (h.depth < 1 || h.depth > kMaxOctreeDepth) throw bad("the depth of the octree is impossible");
  bool fine = std::isfinite(h.blur) && h.blur >= 0 && h.blur < 1e15f && std::isfinite(h.space.radius) &&
              h.space.radius > 0 && h.space.extent >= 1 && h.space.extent < 80;
  for (const float c : h.space.centre) fine = fine && std::isfinite(c);
  for (const float c : h.colour_rows) fine = fine && std::abs(c) <= 2;
  if (!fine) throw bad("a number of the header is impossible");
  std::vector<uint64_t> sizes(3 + static_cast<size_t>(ChannelCount(h.sh_degree)));
  for (uint64_t& size : sizes) size = ReadVarint(&reader);
  view.octree = reader.Take(sizes[0]);
  view.classes = reader.Take(sizes[1]);
  view.tables = reader.Take(sizes[2]);
  for (size_t i = 3; i < sizes.size(); ++i) view.streams.push_back(reader.Take(sizes[i]));
  if (reader.remaining() != 0) throw bad("there are bytes behind the last part");
  return view;
}

}  // namespace takt::splat
