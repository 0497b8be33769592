#include "agent/stores/csv/csv_kind.h"

#include "agent/stores/csv/csv_store.h"
#include "agent/stores/text/dated_store.h"

namespace driftwood::agent {

const StoreKind& CsvKind() {
  static const StoreKind kind{
      {
          .schemes = {"csv", "tsv"},
          .url_form = "csv:PATH?key=a,b",
          .endings = {{".csv", "csv"},
                      {".csv.gz", "csv"},
                      {".csv.zst", "csv"},
                      {".tsv", "tsv"},
                      {".tsv.gz", "tsv"},
                      {".tsv.zst", "tsv"}},
      },
      [](const StoreUrl& url, const StoreOptions& options) {
        FileScanOptions scan;
        scan.standard_input = options.standard_input;
        return OpenDated(url, [scan](const StoreUrl& file) { return OpenCsvStore(file, scan); });
      },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
