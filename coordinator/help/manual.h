// The manual page of `driftwood`, from the texts of its help. Pure.
#pragma once

#include <string>
#include <string_view>

namespace driftwood::coordinator {

// In roff, as `man` reads it.
std::string ManualPage(std::string_view version);

}  // namespace driftwood::coordinator
