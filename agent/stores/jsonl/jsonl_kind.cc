#include "agent/stores/jsonl/jsonl_kind.h"

#include "agent/stores/jsonl/jsonl_store.h"

namespace driftwood::agent {

const StoreKind& JsonlKind() {
  static const StoreKind kind{
      {
          .schemes = {"jsonl"},
          .url_form = "jsonl:PATH?key=a",
          .endings = {{".jsonl", "jsonl"}, {".ndjson", "jsonl"}},
          .file_parameters = "?key=COLUMN",
      },
      [](const StoreUrl& url, const StoreOptions&) { return OpenJsonlStore(url); },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
