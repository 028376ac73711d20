// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "takt/infer/serve/client.h"

namespace takt::serve::serve_internal {

// The client that PolicyClient::Connect returns for HOST:PORT.
std::unique_ptr<PolicyClient> ConnectGrpc(const std::string& address, const ClientOptions& options);

}  // namespace takt::serve::serve_internal
