// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "takt/core/base/error.h"
#include "takt/infer/serve/model.h"
#include "takt/infer/serve/wire.h"

// What a connection does with any bytes, down to the checked and decoded request; and what a client does with an answer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace takt::serve;
  ServeInfo info;
  info.state_dim = 2;
  info.action_dim = 1;
  info.pictures = {{"top", 0, 0}};
  try {
    FrameReader reader(1 << 20);
    std::span<const uint8_t> bytes(data, size);
    while (!bytes.empty()) {
      bytes = bytes.subspan(reader.Feed(bytes.first(bytes.size() > 7 ? 7 : bytes.size())));
      if (!reader.IsComplete()) continue;
      ClientMessage message = ParseClientMessage(reader.Take());
      if (auto* request = std::get_if<Request>(&message)) {
        EncodeActRequest(*request);  // what was read can be written
        CheckRequest(info, request);
        DecodePictures(request);
      }
    }
  } catch (const takt::Error&) {
  }
  try {
    ServerMessage message = ParseServerMessage({data, size});
    EncodeServerMessage(message);
  } catch (const takt::Error&) {
  }
  return 0;
}
