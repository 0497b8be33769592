// Which sanitizer the tests are built with.
#pragma once

namespace driftwood::testing {

// g++ has a macro for it, clang a feature. It keeps what was freed for a while, so that memory
// measured under it is not the program's own.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#else
inline constexpr bool kAddressSanitizer = false;
#endif

}  // namespace driftwood::testing
