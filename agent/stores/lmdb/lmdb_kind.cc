#include "agent/stores/lmdb/lmdb_kind.h"

#include "agent/stores/lmdb/lmdb_store.h"

namespace driftwood::agent {

const StoreKind& LmdbKind() {
  static const StoreKind kind{
      {
          .schemes = {"lmdb"},
          .url_form = "lmdb:PATH?db=NAME",
          .endings = {{".mdb", "lmdb"}, {".lmdb", "lmdb"}},
      },
      [](const StoreUrl& url, const StoreOptions&) { return OpenLmdbStore(url); },
      nullptr};
  return kind;
}

}  // namespace driftwood::agent
