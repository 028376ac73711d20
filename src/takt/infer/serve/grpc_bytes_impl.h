// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

// Shared by grpc_server.cc and client_grpc.cc.
namespace takt::serve::grpc_internal {

// gRPC writes to stderr what its callers are told anyway; the library never prints. Whoever looks for a fault in gRPC
// sets GRPC_VERBOSITY.
inline void BeQuiet() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) {
    gpr_set_log_verbosity(static_cast<gpr_log_severity>(GPR_LOG_SEVERITY_ERROR + 1));
  }
}

// Messages as gRPC carries them.

inline grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// False where gRPC could not decompress it.
inline bool FromBuffer(const grpc::ByteBuffer& buffer, grpc::Slice* slice) {
  return buffer.DumpToSingleSlice(slice).ok();
}

inline std::span<const uint8_t> BytesOf(const grpc::Slice& slice) { return {slice.begin(), slice.size()}; }

}  // namespace takt::serve::grpc_internal
