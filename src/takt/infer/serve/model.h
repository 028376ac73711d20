// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "takt/core/io/image.h"

namespace takt::serve {

// How a request ends. Each request gets exactly one.
enum class Status {
  kOk,
  kSuperseded,        // a newer request of the same client took its place
  kDeadlineExceeded,  // its deadline passed, or would pass before its end
  kBadInput,          // Reply::field names what is wrong
  kNonFinite,         // the model computed NaN or infinity
  kModelError,        // the model threw, or gave actions of another shape
  kOverloaded,        // more clients or bytes than the options allow
  kShuttingDown,
  kCancelled,  // the client left
};
inline constexpr int kStatusCount = 9;
std::string_view StatusName(Status status);  // "ok", "superseded", ...

struct PictureInfo {
  std::string name;   // "top"
  int width_px = 0;   // 0: any
  int height_px = 0;  // 0: any
};

// What a model takes and gives. Clients can ask for it.
struct ServeInfo {
  std::string model;                      // a name for people
  int state_dim = 0;                      // numbers in a state
  int observation_steps = 1;              // observations in a request
  int action_dim = 0;                     // numbers in an action
  int horizon = 1;                        // actions in a chunk, at most
  std::vector<std::string> state_names;   // [state_dim] or empty
  std::vector<std::string> action_names;  // [action_dim] or empty
  std::vector<PictureInfo> pictures;      // of each observation
  bool takes_instruction = false;
  double control_hz = 0;  // actions a second; 0: unknown
};

// One picture. Before the model sees it, `image` is filled and has three channels.
struct Picture {
  std::string name;
  Image8 image;               // [height_px, width_px, 3]
  std::vector<uint8_t> file;  // a PNG or JPEG that is not decoded yet; otherwise empty
};

struct Observation {
  std::vector<float> state;       // [state_dim]
  std::vector<Picture> pictures;  // for the model in the order of ServeInfo::pictures
};

struct Request {
  std::string client_id;
  uint64_t sequence = 0;                  // grows with every request of a client
  double deadline_ms = 0;                 // from the arrival; 0: the server's default
  std::vector<Observation> observations;  // [observation_steps], oldest first
  std::string instruction;
  uint64_t seed = 0;
  bool reset = false;  // a new episode of this client begins
};

struct Reply {
  std::string client_id;
  uint64_t sequence = 0;
  Status status = Status::kOk;
  std::vector<float> actions;  // [action_steps, action_dim]; empty unless ok
  int action_steps = 0;
  int action_dim = 0;
  double queue_ms = std::numeric_limits<double>::quiet_NaN();   // from the arrival to the start of the model
  double policy_ms = std::numeric_limits<double>::quiet_NaN();  // from the start of the model to its end
  std::string field;                                            // of bad_input: "observations[0].state"
  std::string message;                                          // why it is not ok
};

// A policy behind a server. One thread at a time calls it, always the same one for Act and Forget.
class ServeModel {
 public:
  virtual ~ServeModel() = default;
  virtual ServeInfo Info() const = 0;  // constant
  // A chunk of actions, [n, action_dim] with 1 <= n <= horizon. `request` has been checked against Info(), its pictures
  // are decoded. `request.reset` is true for the first request of a client and after each reset that the client asked
  // for, also where the request that carried it was superseded. Actions that are not finite are caught by the caller.
  // Errors: takt::Error; bad_input blames the request, anything else the model.
  virtual std::vector<float> Act(const Request& request) = 0;
  // The client is gone; what is kept for it can go too.
  virtual void Forget(const std::string& client_id) { static_cast<void>(client_id); }
};

// Checks a request against what the model takes, and puts its pictures into the order of `info.pictures`. The size of a
// picture in a file is checked too, by its header. Errors: bad_input; the subject is the field
// ("observations[1].state[3]"). Cost: looks at every state number, at no pixel.
void CheckRequest(const ServeInfo& info, Request* request);

// Decodes the pictures that came as files: three channels, 16-bit samples rounded to 8, grey repeated, alpha left out.
// Errors: bad_input naming the field; unsupported.
void DecodePictures(Request* request);

}  // namespace takt::serve
