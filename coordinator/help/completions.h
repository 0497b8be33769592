// Scripts by which shells complete the commands, options and topics of `driftwood`, made from the
// same tables as the help. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::coordinator {

// "bash", "zsh", "fish".
const std::vector<std::string>& CompletionShells();
// InvalidArgument: none of them.
absl::StatusOr<std::string> CompletionScript(const std::string& shell);

}  // namespace driftwood::coordinator
