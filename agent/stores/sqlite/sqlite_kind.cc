#include "agent/stores/sqlite/sqlite_kind.h"

#include "agent/stores/sqlite/sqlite_store.h"

namespace driftwood::agent {

const StoreKind& SqliteKind() {
  static const StoreKind kind{
      {
          .schemes = {"sqlite"},
          .url_form = "sqlite:PATH?table=T",
          .database_form = "sqlite:PATH",
          .endings = {{".db", "sqlite"}, {".sqlite", "sqlite"}, {".sqlite3", "sqlite"}},
          .magic = std::string("SQLite format 3", 16),
      },
      [](const StoreUrl& url, const StoreOptions& options) {
        return OpenSqliteStore(url, options.idle);
      },
      [](const StoreUrl& url, const StoreOptions&, const std::stop_token& stop) {
        return ListSqliteTables(url, stop);
      }};
  return kind;
}

}  // namespace driftwood::agent
