// CHECK: for our own bugs only. Always compiled in; the condition must have no side effect.
#pragma once

#include <cstdio>
#include <cstdlib>

#define DRIFTWOOD_CHECK(condition)                                                       \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
