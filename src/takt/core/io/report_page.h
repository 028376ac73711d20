// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace takt {

// The style sheet and the script of every report; report.cc and its tests alone use them.
std::string ReportStyle();
std::string_view ReportScript();

}  // namespace takt
