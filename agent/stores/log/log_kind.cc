#include "agent/stores/log/log_kind.h"

#include "agent/stores/log/log_store.h"
#include "agent/stores/text/dated_store.h"

namespace driftwood::agent {

const StoreKind& LogKind() {
  static const StoreKind kind{
      {
          .schemes = {"log"},
          .url_form = "log:PATH?key=a&op=op",
      },
      [](const StoreUrl& url, const StoreOptions& options) {
        LogStoreOptions log;
        log.file.standard_input = options.standard_input;
        return OpenDated(url, [log](const StoreUrl& file) { return OpenLogStore(file, log); });
      },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
