#include "agent/stores/csv/csv_kind.h"

#include "agent/stores/csv/csv_store.h"

namespace driftwood::agent {

const StoreKind& CsvKind() {
  static const StoreKind kind{
      {
          .schemes = {"csv", "tsv"},
          .url_form = "csv:PATH?key=a,b",
          .endings = {{".csv", "csv"}, {".tsv", "tsv"}},
          .file_parameters = "?key=COLUMN",
      },
      [](const StoreUrl& url, const StoreOptions&) { return OpenCsvStore(url); },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
