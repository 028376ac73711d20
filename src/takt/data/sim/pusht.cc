// SPDX-License-Identifier: Apache-2.0
#include "takt/data/sim/pusht.h"

#include <chipmunk/chipmunk.h>
#include <chipmunk/chipmunk_structs.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <span>

#include "takt/core/base/error.h"

namespace takt::sim {
namespace {

constexpr double kDt_s = 0.01;
constexpr int kSubsteps = 10;
constexpr double kP = 100, kV = 20;
constexpr double kPi = 3.14159265358979323846;
constexpr double kFar_px = 1e4;

// numpy.random.RandomState(seed): MT19937 with its legacy distributions. The engine is the standard's, bit for bit; the
// distributions are not. Only starts of episodes come from here, so that seeds mean what they mean elsewhere.
class LegacyRandom {
 public:
  explicit LegacyRandom(uint32_t seed) : engine_(seed) {}

  // Uniform integer in [low, high).
  double Integer(uint32_t low, uint32_t high) {
    const uint32_t range = high - 1 - low;
    uint32_t mask = range;
    for (int shift = 1; shift <= 16; shift *= 2) mask |= mask >> shift;
    uint32_t value;
    do value = static_cast<uint32_t>(engine_()) & mask;
    while (value > range);
    return low + value;
  }
  // Uniform in [0, 1), 53 bits.
  double Uniform() {
    const double high = static_cast<double>(engine_() >> 5), low = static_cast<double>(engine_() >> 6);
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }
  // The first of a pair of polar Box-Muller.
  double Normal() {
    double x, y, r2;
    do {
      x = 2 * Uniform() - 1;
      y = 2 * Uniform() - 1;
      r2 = x * x + y * y;
    } while (r2 >= 1 || r2 == 0);
    return std::sqrt(-2 * std::log(r2) / r2) * y;
  }

 private:
  std::mt19937 engine_;
};

void CheckPoint(Vec2 p, const char* subject) {
  if (!(std::abs(p[0]) <= kFar_px && std::abs(p[1]) <= kFar_px)) {
    throw Error(ErrorCode::kBadInput, subject, "is not finite, or far outside the table", "positions are 0 ... 512 px");
  }
}

Vec2 Turn(Vec2 v, double c, double s) { return {c * v[0] - s * v[1], s * v[0] + c * v[1]}; }

// The boxes of a T whose centre of gravity and angle are these.
std::array<std::array<Vec2, 4>, 2> BoxesAt(Vec2 cog_px, double rad) {
  const double c = std::cos(rad), s = std::sin(rad);
  std::array<std::array<Vec2, 4>, 2> boxes = kPushTBoxes_px;
  for (auto& box : boxes) {
    for (Vec2& v : box) {
      const Vec2 turned = Turn({v[0] - kPushTCog_px[0], v[1] - kPushTCog_px[1]}, c, s);
      v = {cog_px[0] + turned[0], cog_px[1] + turned[1]};
    }
  }
  return boxes;
}

double SignedArea(std::span<const Vec2> polygon) {
  double area = 0;
  for (size_t i = 0; i < polygon.size(); ++i) {
    const Vec2 a = polygon[i], b = polygon[(i + 1) % polygon.size()];
    area += a[0] * b[1] - a[1] * b[0];
  }
  return area / 2;
}

// Area of the intersection of two convex quadrilaterals: the first is cut by each edge of the second (Sutherland-Hodgman).
double Overlap(const std::array<Vec2, 4>& a, const std::array<Vec2, 4>& b) {
  std::array<Vec2, 8> in{}, out{};
  size_t count = 4;
  std::copy(a.begin(), a.end(), in.begin());
  const double side = SignedArea(b) > 0 ? 1 : -1;
  for (size_t e = 0; e < 4 && count > 0; ++e) {
    const Vec2 p = b[e], q = b[(e + 1) % 4];
    const auto inside = [&](Vec2 v) {
      return side * ((q[0] - p[0]) * (v[1] - p[1]) - (q[1] - p[1]) * (v[0] - p[0]));
    };
    size_t kept = 0;
    for (size_t i = 0; i < count; ++i) {
      const Vec2 u = in[i], v = in[(i + 1) % count];
      const double du = inside(u), dv = inside(v);
      if (du >= 0) out[kept++] = u;
      if ((du > 0 && dv < 0) || (du < 0 && dv > 0)) {
        const double t = du / (du - dv);
        out[kept++] = {u[0] + t * (v[0] - u[0]), u[1] + t * (v[1] - u[1])};
      }
    }
    std::swap(in, out);
    count = kept;
  }
  return std::abs(SignedArea({in.data(), count}));
}

bool Inside(const std::array<Vec2, 4>& box, Vec2 p) {
  const double side = SignedArea(box) > 0 ? 1 : -1;
  for (size_t e = 0; e < 4; ++e) {
    const Vec2 a = box[e], b = box[(e + 1) % 4];
    if (side * ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) < 0) return false;
  }
  return true;
}

// Debian builds Chipmunk with its debug mode on, whose first space announces itself on stdout. That belongs to the caller.
cpSpace* NewSpace() {
  static const bool announced = [] {
    FILE* const out = stdout;
    if (FILE* const nowhere = std::fopen("/dev/null", "w")) {
      stdout = nowhere;
      cpSpaceFree(cpSpaceNew());
      stdout = out;
      std::fclose(nowhere);
    }
    return true;
  }();
  (void)announced;
  return cpSpaceNew();
}

}  // namespace

const std::array<Vec2, 9> kPushTKeypoints_px = {{{10.2698, 90.0410},
                                                 {-59.9835, -1.1867},
                                                 {60.9128, -1.3934},
                                                 {0.7295, 25.5436},
                                                 {-14.0649, 122.8159},
                                                 {-38.9973, 32.8574},
                                                 {39.0336, 32.7297},
                                                 {-16.8243, 63.8632},
                                                 {-23.4585, -1.7003}}};

struct PushT::World {
  World() : space(NewSpace()), agent(cpBodyNewKinematic()), block(cpBodyNew(kPushTMass, kPushTInertia)) {
    cpSpaceSetDamping(space, 0);
    cpBody* table = cpSpaceGetStaticBody(space);
    constexpr double kWalls[4][4] = {{5, 506, 5, 5}, {5, 5, 506, 5}, {506, 5, 506, 506}, {5, 506, 506, 506}};
    size_t n = 0;
    for (const auto& w : kWalls) shapes[n++] = cpSegmentShapeNew(table, cpv(w[0], w[1]), cpv(w[2], w[3]), 2);
    shapes[n++] = cpCircleShapeNew(agent, kPushTAgentRadius_px, cpvzero);
    for (const auto& box : kPushTBoxes_px) {
      cpVect vertices[4];
      for (size_t i = 0; i < 4; ++i) vertices[i] = cpv(box[i][0], box[i][1]);
      shapes[n++] = cpPolyShapeNew(block, 4, vertices, cpTransformIdentity, 0);
    }
    cpBodySetCenterOfGravity(block, cpv(kPushTCog_px[0], kPushTCog_px[1]));
    // The order of the original: it decides the order in which contacts are solved.
    for (size_t i = 0; i < 4; ++i) cpSpaceAddShape(space, shapes[i]);
    cpSpaceAddBody(space, agent);
    cpSpaceAddShape(space, shapes[4]);
    cpSpaceAddBody(space, block);
    cpSpaceAddShape(space, shapes[5]);
    cpSpaceAddShape(space, shapes[6]);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    for (cpShape* shape : shapes) {
      cpSpaceRemoveShape(space, shape);
      cpShapeFree(shape);
    }
    cpSpaceRemoveBody(space, agent);
    cpSpaceRemoveBody(space, block);
    cpBodyFree(agent);
    cpBodyFree(block);
    cpSpaceFree(space);
  }

  cpSpace* space;
  cpBody *agent, *block;
  std::array<cpShape*, 7> shapes{};
  int steps = 0;
  Vec2 target_px = {std::nan(""), std::nan("")};  // of the last action
};

PushT::PushT() { Reset(0); }
PushT::PushT(const PushT& other) { *this = other; }
PushT& PushT::operator=(const PushT& other) {
  if (this == &other) return *this;
  Restore(other.Save());
  world_->target_px = other.world_->target_px;
  return *this;
}
PushT::PushT(PushT&&) noexcept = default;
PushT& PushT::operator=(PushT&&) noexcept = default;
PushT::~PushT() = default;

void PushT::Reset(uint32_t seed) {
  LegacyRandom random(seed);
  Vec2 agent, block;
  for (double& x : agent) x = random.Integer(50, 450);
  for (double& x : block) x = random.Integer(100, 400);
  SetState(agent, block, random.Normal() * 2 * kPi - kPi);
}

void PushT::SetState(Vec2 agent_px, Vec2 block_px, double block_rad) {
  CheckPoint(agent_px, "agent");
  CheckPoint(block_px, "block");
  if (!(std::abs(block_rad) <= kFar_px)) throw Error(ErrorCode::kBadInput, "angle of the block", "is not finite");
  world_ = std::make_unique<World>();
  cpBodySetPosition(world_->agent, cpv(agent_px[0], agent_px[1]));
  cpBodySetPosition(world_->block, cpv(block_px[0], block_px[1]));
  cpBodySetAngle(world_->block, block_rad);
  cpSpaceStep(world_->space, kDt_s);
}

void PushT::Step(Vec2 target_px) {
  CheckPoint(target_px, "target of the agent");
  for (int i = 0; i < kSubsteps; ++i) {
    const cpVect p = cpBodyGetPosition(world_->agent), v = cpBodyGetVelocity(world_->agent);
    cpBodySetVelocity(world_->agent, cpv(v.x + (kP * (target_px[0] - p.x) - kV * v.x) * kDt_s,
                                         v.y + (kP * (target_px[1] - p.y) - kV * v.y) * kDt_s));
    cpSpaceStep(world_->space, kDt_s);
  }
  world_->target_px = target_px;
  ++world_->steps;
}

PushTState PushT::Save() const {
  const cpBody &a = *world_->agent, &b = *world_->block;
  return {{a.p.x, a.p.y},           {a.v.x, a.v.y}, {b.p.x, b.p.y}, b.a, {b.v.x, b.v.y}, b.w,
          {b.v_bias.x, b.v_bias.y}, b.w_bias,       world_->steps};
}

void PushT::Restore(const PushTState& s) {
  world_ = std::make_unique<World>();
  cpBodySetPosition(world_->agent, cpv(s.agent_px[0], s.agent_px[1]));
  cpBodySetVelocity(world_->agent, cpv(s.agent_px_s[0], s.agent_px_s[1]));
  cpBody& b = *world_->block;
  b.p = cpv(s.block_cog_px[0], s.block_cog_px[1]);
  cpBodySetAngle(&b, s.block_rad);  // also derives the transform from b.p
  b.v = cpv(s.block_px_s[0], s.block_px_s[1]);
  b.w = s.block_rad_s;
  b.v_bias = cpv(s.block_push_px_s[0], s.block_push_px_s[1]);
  b.w_bias = s.block_push_rad_s;
  world_->steps = s.steps;
}

std::array<float, 20> PushT::Observation() const {
  std::array<float, 20> out{};
  const Vec2 origin = block_px();
  const double c = std::cos(block_rad()), s = std::sin(block_rad());
  for (size_t k = 0; k < kPushTKeypoints_px.size(); ++k) {
    const Vec2 p = Turn(kPushTKeypoints_px[k], c, s);
    out[2 * k] = static_cast<float>(origin[0] + p[0]);
    out[2 * k + 1] = static_cast<float>(origin[1] + p[1]);
  }
  const Vec2 agent = agent_px();
  out[18] = static_cast<float>(agent[0]);
  out[19] = static_cast<float>(agent[1]);
  return out;
}

Vec2 PushT::agent_px() const { return {world_->agent->p.x, world_->agent->p.y}; }
Vec2 PushT::block_px() const {
  const cpVect p = cpBodyGetPosition(world_->block);
  return {p.x, p.y};
}
double PushT::block_rad() const { return cpBodyGetAngle(world_->block); }
int PushT::steps() const { return world_->steps; }

double PushT::Coverage() const {
  const cpBody& b = *world_->block;
  return PushTCoverage({b.p.x, b.p.y}, b.a);
}
double PushT::Reward() const { return std::min(Coverage() / kPushTSuccess, 1.0); }
bool PushT::Done() const { return Coverage() > kPushTSuccess; }

Vec2 PushT::target_px() const { return world_->target_px; }

Image8 PushT::Draw(int size_px, const Vec2* target_px) const {
  if (size_px < 16 || size_px > 4096) throw Error(ErrorCode::kBadInput, "size of the picture", "must be 16 ... 4096 px");
  using Colour = std::array<int, 3>;
  constexpr Colour kTable = {255, 255, 255}, kWall = {211, 211, 211}, kGoal = {144, 238, 144}, kBlock = {119, 136, 153},
                   kAgent = {65, 105, 225}, kTarget = {255, 0, 0};
  const auto goal = BoxesAt(PushTGoalCog_px(), kPushTGoal_rad);
  const cpBody& b = *world_->block;
  const auto block = BoxesAt({b.p.x, b.p.y}, b.a);
  const Vec2 agent = agent_px(), target = target_px ? *target_px : world_->target_px;
  const auto colour = [&](Vec2 p) -> Colour {
    const double tx = std::abs(p[0] - target[0]), ty = std::abs(p[1] - target[1]);
    if (std::min(tx, ty) < 2 && std::max(tx, ty) < 12) return kTarget;
    if (std::hypot(p[0] - agent[0], p[1] - agent[1]) < kPushTAgentRadius_px) return kAgent;
    if (Inside(block[0], p) || Inside(block[1], p)) return kBlock;
    if (Inside(goal[0], p) || Inside(goal[1], p)) return kGoal;
    const bool in = std::min(p[0], p[1]) > 7 && std::max(p[0], p[1]) < 504;
    return !in && std::min(p[0], p[1]) > 3 && std::max(p[0], p[1]) < 508 ? kWall : kTable;
  };
  constexpr int kSamples = 3;
  const double scale = kPushTSize_px / size_px;
  Image8 image(size_px, size_px, 3);
  for (int y = 0; y < size_px; ++y) {
    for (int x = 0; x < size_px; ++x) {
      Colour sum{};
      for (int i = 0; i < kSamples * kSamples; ++i) {
        const Colour c = colour({(x + (i % kSamples + 0.5) / kSamples) * scale, (y + (i / kSamples + 0.5) / kSamples) * scale});
        for (size_t k = 0; k < 3; ++k) sum[k] += c[k];
      }
      for (size_t k = 0; k < 3; ++k) image.row(y)[3 * x + static_cast<int>(k)] = static_cast<uint8_t>(sum[k] / 9);
    }
  }
  return image;
}

double PushTCoverage(Vec2 block_cog_px, double block_rad) {
  static const auto goal = BoxesAt(PushTGoalCog_px(), kPushTGoal_rad);
  const auto block = BoxesAt(block_cog_px, block_rad);
  double covered = 0, area = 0;
  for (const auto& g : goal) {
    area += std::abs(SignedArea(g));
    for (const auto& b : block) covered += Overlap(g, b);
  }
  return std::min(covered / area, 1.0);
}

Vec2 PushTGoalCog_px() {
  const Vec2 turned = Turn(kPushTCog_px, std::cos(kPushTGoal_rad), std::sin(kPushTGoal_rad));
  return {kPushTGoal_px[0] + turned[0], kPushTGoal_px[1] + turned[1]};
}

}  // namespace takt::sim
