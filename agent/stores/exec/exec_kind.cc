#include "agent/stores/exec/exec_kind.h"

#include "agent/stores/exec/exec_store.h"

namespace driftwood::agent {

const StoreKind& ExecKind() {
  static const StoreKind kind{{
                                  .schemes = {"exec"},
                                  .url_form = "exec:PROGRAM?key=a",
                              },
                              [](const StoreUrl& url, const StoreOptions& options) {
                                return OpenExecStore(url, {.log = options.log});
                              },
                              nullptr};
  return kind;
}

}  // namespace driftwood::agent
