// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "takt/core/base/rng.h"
#include "takt/data/scene/repair/measure.h"

namespace takt::scene {

// One support's share of the problem, seen from above, in the world's x and y: bodies as vertical prisms over convex
// polygons that hold them. What is valid here is valid for the bodies; the certificate measures the bodies themselves.
// Arrays are flat; nothing is allocated while it is solved.

// A prism of a body. Vertices are turned by the body's yaw but relative to its origin.
struct Prism {
  int body = 0;
  int first = 0, count = 0;  // in Layout::local, turned, normal, reach
  bool zone = false;         // a clearance: other bodies stay out, other zones do not matter
  bool pocket = false;       // part of what the hull of the floor holds beyond its walls
  double low_m = 0, high_m = 0;
};

struct Body {
  Vec2 at = Vec2::Zero();     // m, origin in the world
  double yaw = 0, cosine = 1, sine = 0;
  Vec2 home = Vec2::Zero();   // where it came from
  double home_yaw = 0;
  bool movable = false;
  bool turns = false;         // a relation may turn it
  bool pinned = false;        // its yaw follows from a wall or another body
  bool overhangs = false;     // only its centre must lie on the support
  int first_prism = 0, prisms = 0;
  double radius_m = 0;        // of its prisms around the origin
  double area_m2 = 0;         // of its own prisms, clearances too
  int item = -1;              // in the tree; -1 for walls' pockets and openings
};

// inward . p >= offset_m
struct HalfPlane {
  Vec2 inward;
  double offset_m = 0;
};

// What a half plane limits.
enum class Limits { kBody, kBodyAndZones, kSupport };  // kSupport: the body, or its centre when it overhangs
struct Border {
  HalfPlane plane;
  Limits limits = Limits::kBody;
};

// A relation between two bodies, or a body and a wall, at yaws that come and go.
struct Link {
  RelationKind kind = RelationKind::kNear;
  int relation_idx = 0;
  int a = -1, b = -1;             // bodies that carry the subject and the target; b = -1: a wall
  bool stays = false;             // already measured as holding where it stands: yaw needs no change
  // Subject and target in the frames of their bodies.
  Vec2 a_at = Vec2::Zero(), b_at = Vec2::Zero();  // centres
  double a_yaw = 0, b_yaw = 0;
  std::vector<Vec2> a_box, b_box;                 // outlines of the boxes
  SideLine side;                                  // against
  std::vector<int> walls;                         // that may serve
  int wall = -1;                                  // that serves now
  int face = -1;                                  // against a body: edge of b_box
  double lower = 0, upper = 0;
  double height_m = 0;                            // reachable_by: between the centres
};

// A pair of prisms that must not overlap.
struct PrismPair {
  int p = 0, q = 0;
  double gap_m = 0;  // wanted between them
};
struct BodyPair {
  int a = 0, b = 0;  // a moves
  int first = 0, count = 0;
};

// A half plane for the centre of one body: regions.
struct CentreLimit {
  int body = 0;
  HalfPlane plane;
};

struct Layout {
  std::vector<Body> bodies;
  std::vector<Prism> prisms;
  std::vector<Vec2> local;    // vertices in the body's frame, counter-clockwise
  std::vector<Vec2> turned;   // vertices at the body's yaw
  std::vector<Vec2> normal;   // outward normal of the edge that starts at the vertex
  std::vector<double> reach;  // normal . vertex
  std::vector<char> wall;     // the edge of a pocket that starts at the vertex is a wall: bodies are pushed out there only
  std::vector<Border> borders;
  std::vector<double> border_reach;  // [body, border] least of inward . vertex at the yaw
  std::vector<CentreLimit> centre_limits;
  std::vector<Link> links;
  std::vector<PrismPair> pairs;
  std::vector<BodyPair> body_pairs;
  std::vector<WallLine> walls;
  std::vector<int> moving;           // bodies that move
  std::vector<std::vector<int>> pairs_of, links_of;  // of a body: indices into body_pairs, links
  Vec2 middle = Vec2::Zero();        // of the support
  double extent_m = 0;
  double main_yaw = 0;               // of the support's longest edge

  void SetYaw(int body, double yaw);  // turns the vertices and what depends on them
  void Finish();                      // after the bodies, prisms, borders and pairs are there
};

constexpr double kWantedGap_m = 3e-4;   // between bodies that had to move
constexpr double kAccept_m = 2.5e-4;    // of that may be missing
constexpr double kInset_m = 5e-3;       // of a centre from the edge it stands by

// Signed separation of two prisms: the largest over the edge normals; `push` parts q from p (unit) where they overlap.
double Separation(const Layout& layout, const Prism& p, const Vec2& p_at, const Prism& q, const Vec2& q_at, Vec2* push);

// Largest violation of any constraint at the present poses, metres (angles count a metre a radian); <= 0 when all hold.
double Violation(const Layout& layout);
// That of the constraints of one body.
double ViolationOf(const Layout& layout, int body);

// Gives every body whose relations ask for it a yaw, the least turn first; `rng` is null for the nearest choice and
// otherwise varies walls and faces.
void SettleYaws(Layout* layout, const Rng* rng, uint64_t* counter);

// Forces under a damped integrator, then projection in turn. True when everything holds.
bool PushApart(Layout* layout, int force_steps, int projection_steps);

// The valid place nearest to `wish` for one body at its present yaw with the others where they are, of which
// only those with use[j] count (null: all); not farther than `limit_m`. False where there is none.
struct PlaceScratch;
class Placer {
 public:
  explicit Placer(Layout* layout);
  ~Placer();
  bool Nearest(int body, const Vec2& wish, double limit_m, const std::vector<char>* use, Vec2* place);

 private:
  Layout* layout_;
  PlaceScratch* scratch_;
};

// Moves bodies back towards home while everything holds.
void PolishHome(Layout* layout, Placer* placer, int sweeps);

// Constructive placement and large-neighbourhood search. True when everything holds.
bool Search(Layout* layout, Placer* placer, const Rng& rng, uint64_t* counter, int rounds);

// Everything, in the order above; without `search` forces and projection alone. True when everything holds; the layout is then
// polished.
bool SolveLayout(Layout* layout, const Rng& rng, bool search, int max_restarts, int* restarts);

}  // namespace takt::scene
