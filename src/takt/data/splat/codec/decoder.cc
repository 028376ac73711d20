// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "takt/core/base/error.h"
#include "takt/core/base/parallel.h"
#include "takt/data/splat/codec/channels.h"
#include "takt/data/splat/codec/codec.h"
#include "takt/data/splat/codec/det_math.h"
#include "takt/data/splat/codec/quantiser.h"
#include "takt/data/splat/codec/tks_format.h"

namespace takt::splat {
namespace {

constexpr double kMinOpacity = 1e-6, kMaxOpacity = 0.9999;  // beyond, the logit would run away

// The coded groups of one channel.
struct ChannelTables {
  bool present = true;
  float root = 0;
  std::array<GroupCode, kGroups> groups;
};

class Decoder {
 public:
  Decoder(const TksView& view, const std::string& subject)
      : view_(view), header_(view.header), subject_(subject), tables_(view.tables, subject) {}

  Splats Run() {
    const std::vector<uint64_t> cells = DecodeOctree(view_.octree, header_.depth, header_.count, subject_);
    const AttributeBasis basis(cells, DecodeClasses(view_.classes, header_.count, subject_), header_.depth);

    std::array<std::vector<float>, 3> scales;
    for (int c = 0; c < 3; ++c) {
      scales[c] = Attribute(basis, kScaleChannel + c, ReadMagnitudeTables(basis, kScaleChannel + c));
    }
    std::vector<float> log_opacity = Attribute(basis, kOpacityChannel, ReadMagnitudeTables(basis, kOpacityChannel));

    const Shapes shapes = ComputeShapes(scales, header_.blur);
    const TurnLevels levels = ComputeTurnLevels(shapes, basis.weights());
    const Groups direction = MakeGroups(levels.direction, header_.direction_base);
    const Groups spin = MakeGroups(levels.spin, header_.spin_base);
    std::array<std::vector<float>, 3> turns;
    for (int c = 0; c < 3; ++c) turns[c] = Linear(c < 2 ? direction : spin, kRotationChannel + c);
    const std::vector<Axes> axes = DecodeAxes(shapes, direction, spin, turns);
    const ShiftLevels shifts =
        ComputeShiftLevels(shapes, axes, basis.weights(), cells, header_.depth, header_.space);
    Splats splats;
    splats.sh_degree = header_.sh_degree;
    splats.antialiased = header_.antialiased;
    splats.Resize(header_.count);
    const double side = static_cast<double>(uint64_t{1} << (32 - header_.depth));
    for (int a = 0; a < 3; ++a) {
      const Groups groups = MakeGroups(shifts[a], header_.shift_base);
      const std::vector<float> inside = Linear(groups, kShiftChannel + a);
      for (size_t j = 0; j < inside.size(); ++j) {
        const size_t i = groups.order[j];
        uint32_t cell[3];
        CellOf(cells[i], cell);
        splats.means[3 * i + a] = header_.space.FromFixed(a, (cell[a] + static_cast<double>(inside[j])) * side);
      }
    }
    ParallelFor(header_.count, 4096, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        for (int a = 0; a < 3; ++a) splats.log_scales[3 * i + a] = scales[a][i];
        QuaternionFromAxes(axes[i], &splats.quats[4 * i]);
        const double opacity = std::clamp(DetExp(std::clamp(log_opacity[i], -60.0f, 60.0f)) - kOpacityBias, kMinOpacity, kMaxOpacity);
        splats.logits[i] = static_cast<float>(DetLog(opacity / (1.0 - opacity)));
      }
    });
    Colours(basis, &splats);
    try {
      CheckSplats(splats, subject_.c_str());
    } catch (const Error&) {
      throw Error(ErrorCode::kBadInput, subject_, "a decoded value is not finite", "the file is damaged");
    }
    return splats;
  }

 private:
  Error Damaged() const { return Error(ErrorCode::kBadInput, subject_, "a stream does not decode", "the file is damaged"); }

  ChannelTables ReadMagnitudeTables(const AttributeBasis& basis, int channel) {
    ChannelTables t;
    t.present = tables_.Read(1) != 0;
    if (!t.present) return t;
    t.root = std::bit_cast<float>(tables_.Read(32));
    const Groups& groups = basis.groups(IsTransformed(header_, channel));
    for (int g = 0; g < kGroups; ++g) {
      if (groups.size(g) > 0) t.groups[g] = GroupCode::Read(CodeKind::kMagnitude, &tables_, subject_);
    }
    return t;
  }

  std::vector<float> Samples(CodeKind kind, const Groups& groups, const std::array<GroupCode, kGroups>& codes, int channel) const {
    std::vector<float> samples(groups.order.size());
    RansDecoder coder(view_.streams[channel]);
    for (int g = 0; g < kGroups; ++g) {
      GetValues(kind, codes[g], &coder, {samples.data() + groups.first[g], groups.size(g)});
    }
    if (!coder.Whole()) throw Damaged();
    return samples;
  }

  std::vector<float> Attribute(const AttributeBasis& basis, int channel, const ChannelTables& t) const {
    const bool transformed = IsTransformed(header_, channel);
    if (!t.present) return std::vector<float>(header_.count, 0.0f);
    std::vector<float> x;
    basis.Inverse(transformed, t.root, Samples(CodeKind::kMagnitude, basis.groups(transformed), t.groups, channel), &x);
    return x;
  }

  std::vector<float> Linear(const Groups& groups, int channel) {
    std::array<GroupCode, kGroups> codes;
    for (int g = 0; g < kGroups; ++g) {
      if (groups.size(g) > 0) codes[g] = GroupCode::Read(CodeKind::kLinear, &tables_, subject_);
    }
    return Samples(CodeKind::kLinear, groups, codes, channel);
  }

  void Colours(const AttributeBasis& basis, Splats* splats) {
    const int k = ShCoefficients(header_.sh_degree);
    std::vector<ChannelTables> tables(static_cast<size_t>(3 * k));
    for (int c = 0; c < 3 * k; ++c) tables[c] = ReadMagnitudeTables(basis, kColourChannel + c);
    // A coefficient at a time: three decorrelated channels become red, green and blue.
    ParallelFor(static_cast<size_t>(k), 1, [&](size_t begin, size_t end) {
      for (size_t j = begin; j < end; ++j) {
        std::array<std::vector<float>, 3> x;
        for (int c = 0; c < 3; ++c) {
          const int channel = c * k + static_cast<int>(j);
          x[c] = Attribute(basis, kColourChannel + channel, tables[channel]);
        }
        for (size_t i = 0; i < header_.count; ++i) {
          float* out = &splats->sh[i * static_cast<size_t>(3 * k) + j];
          for (int rgb = 0; rgb < 3; ++rgb) {
            out[rgb * k] = header_.colour_rows[rgb] * x[0][i] + header_.colour_rows[3 + rgb] * x[1][i] +
                           header_.colour_rows[6 + rgb] * x[2][i];
          }
        }
      }
    });
  }

  const TksView& view_;
  const TksHeader& header_;
  const std::string& subject_;
  BitReader tables_;
};

}  // namespace

Splats DecodeTks(std::span<const uint8_t> bytes, const std::string& subject) {
  const TksView view = ParseTks(bytes, subject);
  return Decoder(view, subject).Run();
}

TksInfo ReadTksInfo(std::span<const uint8_t> bytes, const std::string& subject) {
  const TksView view = ParseTks(bytes, subject);
  TksInfo info;
  info.major = view.major;
  info.minor = view.minor;
  info.count = view.header.count;
  info.sh_degree = view.header.sh_degree;
  info.octree_depth = view.header.depth;
  TksBytes& b = info.bytes;
  b.positions = view.octree.size();
  b.classes = view.classes.size();
  b.tables = view.tables.size();
  for (int c = 0; c < static_cast<int>(view.streams.size()); ++c) {
    const uint64_t size = view.streams[c].size();
    if (c < kOpacityChannel) b.scales += size;
    else if (c < kRotationChannel) b.opacity += size;
    else if (c < kShiftChannel) b.rotation += size;
    else if (c < kColourChannel) b.refinement += size;
    else if (ShIndex(c, info.sh_degree) == 0) b.dc += size;
    else b.sh += size;
  }
  b.header = bytes.size() - b.total();
  return info;
}

}  // namespace takt::splat
