// SPDX-License-Identifier: Apache-2.0
#include "takt/infer/serve/model.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "takt/core/base/error.h"

namespace takt::serve {
namespace {

constexpr double kLongestDeadlineMs = 3600e3;
constexpr size_t kLongestClientId = 128;
constexpr size_t kLongestInstruction = 4096;

Error Bad(std::string field, std::string message, std::string hint = {}) {
  return Error(ErrorCode::kBadInput, std::move(field), std::move(message), std::move(hint));
}

std::string Indexed(const std::string& name, size_t idx) { return name + "[" + std::to_string(idx) + "]"; }

std::string SizeText(int64_t width_px, int64_t height_px) {
  return std::to_string(width_px) + " x " + std::to_string(height_px);
}

void CheckPicture(const PictureInfo& info, const Picture& picture, const std::string& field) {
  int width_px = picture.image.width_px, height_px = picture.image.height_px;
  if (picture.file.empty()) {
    const uint64_t wanted_bytes = width_px > 0 && height_px > 0
                                      ? uint64_t{3} * static_cast<uint32_t>(width_px) * static_cast<uint32_t>(height_px)
                                      : 0;
    if (wanted_bytes == 0 || picture.image.channels != 3) throw Bad(field, "has no pixels");
    if (picture.image.pixels.size() != wanted_bytes) {
      throw Bad(field, "has " + std::to_string(picture.image.pixels.size()) + " bytes where " +
                           SizeText(width_px, height_px) + " pixels in RGB need " + std::to_string(wanted_bytes));
    }
  } else {
    const ImageInfo header = ReadImageInfo(picture.file, field);
    width_px = header.width_px;
    height_px = header.height_px;
  }
  if ((info.width_px != 0 && width_px != info.width_px) || (info.height_px != 0 && height_px != info.height_px)) {
    throw Bad(field, "is " + SizeText(width_px, height_px) + " pixels large; the model takes " +
                         SizeText(info.width_px, info.height_px));
  }
}

void CheckPictures(const ServeInfo& info, const std::string& at, std::vector<Picture>* pictures) {
  const std::string field = at + ".pictures";
  if (pictures->size() != info.pictures.size()) {
    throw Bad(field, "has " + std::to_string(pictures->size()) + " pictures; the model takes " +
                         std::to_string(info.pictures.size()));
  }
  for (size_t i = 0; i < info.pictures.size(); ++i) {
    const std::string& name = info.pictures[i].name;
    const auto found =
        std::find_if(pictures->begin() + i, pictures->end(), [&](const Picture& p) { return p.name == name; });
    if (found == pictures->end()) throw Bad(field, "lacks the picture \"" + name + "\"");
    std::swap((*pictures)[i], *found);
    CheckPicture(info.pictures[i], (*pictures)[i], field + "[\"" + name + "\"]");
  }
}

template <class T>
Image8 ToRgb(const BasicImage<T>& from) {
  Image8 to(from.width_px, from.height_px, 3);
  const size_t pixels = to.pixels.size() / 3;
  const int grey = from.channels <= 2;
  for (size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < 3; ++c) {
      const uint32_t value = from.pixels[i * from.channels + (grey ? 0 : c)];
      to.pixels[i * 3 + c] = static_cast<uint8_t>(sizeof(T) == 1 ? value : (value + 128) / 257);
    }
  }
  return to;
}

}  // namespace

std::string_view StatusName(Status status) {
  switch (status) {
    case Status::kOk:
      return "ok";
    case Status::kSuperseded:
      return "superseded";
    case Status::kDeadlineExceeded:
      return "deadline_exceeded";
    case Status::kBadInput:
      return "bad_input";
    case Status::kNonFinite:
      return "non_finite";
    case Status::kModelError:
      return "model_error";
    case Status::kOverloaded:
      return "overloaded";
    case Status::kShuttingDown:
      return "shutting_down";
    case Status::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

void CheckRequest(const ServeInfo& info, Request* request) {
  const std::string& id = request->client_id;
  if (id.empty() || id.size() > kLongestClientId) {
    throw Bad("client_id",
              "has " + std::to_string(id.size()) + " characters; 1 to " + std::to_string(kLongestClientId));
  }
  if (!std::all_of(id.begin(), id.end(), [](unsigned char c) { return c > ' ' && c < 0x7F; })) {
    throw Bad("client_id", "holds a character that is not printable ASCII");
  }
  if (!(request->deadline_ms >= 0 && request->deadline_ms <= kLongestDeadlineMs)) {
    throw Bad("deadline_ms", "is not between 0 and " + std::to_string(static_cast<int64_t>(kLongestDeadlineMs)));
  }
  if (request->instruction.size() > kLongestInstruction) {
    throw Bad("instruction", "is " + std::to_string(request->instruction.size()) + " bytes long; at most " +
                                 std::to_string(kLongestInstruction));
  }
  if (info.takes_instruction && request->instruction.empty()) throw Bad("instruction", "is missing");
  if (!info.takes_instruction && !request->instruction.empty()) {
    throw Bad("instruction", "means nothing to this model", "leave it out");
  }
  if (request->observations.size() != static_cast<size_t>(info.observation_steps)) {
    throw Bad("observations", "has " + std::to_string(request->observations.size()) + " entries; the model takes " +
                                  std::to_string(info.observation_steps));
  }
  for (size_t i = 0; i < request->observations.size(); ++i) {
    Observation& observation = request->observations[i];
    const std::string at = Indexed("observations", i);
    if (observation.state.size() != static_cast<size_t>(info.state_dim)) {
      throw Bad(at + ".state", "has " + std::to_string(observation.state.size()) + " numbers; the model takes " +
                                   std::to_string(info.state_dim));
    }
    for (size_t k = 0; k < observation.state.size(); ++k) {
      if (!std::isfinite(observation.state[k])) throw Bad(Indexed(at + ".state", k), "is not a finite number");
    }
    CheckPictures(info, at, &observation.pictures);
  }
}

void DecodePictures(Request* request) {
  for (size_t i = 0; i < request->observations.size(); ++i) {
    for (Picture& picture : request->observations[i].pictures) {
      if (picture.file.empty()) continue;
      const std::string field = Indexed("observations", i) + ".pictures[\"" + picture.name + "\"]";
      picture.image = std::visit([](const auto& image) { return ToRgb(image); }, DecodeImage(picture.file, field));
      picture.file.clear();
      picture.file.shrink_to_fit();
    }
  }
}

}  // namespace takt::serve
