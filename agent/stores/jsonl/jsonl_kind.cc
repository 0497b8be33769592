#include "agent/stores/jsonl/jsonl_kind.h"

#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/text/dated_store.h"

namespace driftwood::agent {

const StoreKind& JsonlKind() {
  static const StoreKind kind{
      {
          .schemes = {"jsonl"},
          .url_form = "jsonl:PATH?key=a",
          .endings = {{".jsonl", "jsonl"},
                      {".jsonl.gz", "jsonl"},
                      {".jsonl.zst", "jsonl"},
                      {".ndjson", "jsonl"},
                      {".ndjson.gz", "jsonl"},
                      {".ndjson.zst", "jsonl"},
                      {".json", "jsonl"},
                      {".json.gz", "jsonl"},
                      {".json.zst", "jsonl"}},
      },
      [](const StoreUrl& url, const StoreOptions& options) {
        FileScanOptions scan;
        scan.standard_input = options.standard_input;
        return OpenDated(url, [scan](const StoreUrl& file) { return OpenJsonlStore(file, scan); });
      },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
