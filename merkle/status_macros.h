// The two status macros. Both return early from a function that returns absl::Status or StatusOr.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define DRIFTWOOD_CONCAT_INNER(a, b) a##b
#define DRIFTWOOD_CONCAT(a, b) DRIFTWOOD_CONCAT_INNER(a, b)

// Evaluates `expression` (an absl::Status) once and returns it if it is not OK.
#define RETURN_IF_ERROR(expression)                          \
  do {                                                       \
    absl::Status status_macro_value = (expression);          \
    if (!status_macro_value.ok()) return status_macro_value; \
  } while (false)

// Evaluates `expression` (an absl::StatusOr<T>) once; returns its status if it is not OK, else
// assigns the value to `target` (a declaration or an lvalue).
#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_INNER(DRIFTWOOD_CONCAT(status_or_value_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_INNER(temporary, target, expression) \
  auto temporary = (expression);                              \
  if (!temporary.ok()) return temporary.status();             \
  target = std::move(temporary).value()
