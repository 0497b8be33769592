// Kinds of stores for tests without an agent, one of them made up: to the coordinator they are all
// the same.
#pragma once

#include "proto/contract/store_kind.h"

namespace driftwood::coordinator {

inline absl::StatusOr<StoreKinds> FakeStoreKinds() {
  StoreKindDescription csv{{"csv"}, "csv:PATH?key=a,b"};
  csv.endings = {{".csv", "csv"}};
  StoreKindDescription sqlite{{"sqlite"}, "sqlite:PATH?table=T"};
  sqlite.endings = {{".db", "sqlite"}};
  sqlite.magic = std::string("SQLite format 3", 16);
  StoreKindDescription server{{"newdb", "ndb"}, "newdb://USER@HOST/DB?table=T"};
  server.is_server = true;
  server.password_variable = "NEWDB_PASSWORD";
  StoreKindDescription postgresql{{"postgresql"}, "postgresql://USER@HOST/DB?table=T"};
  postgresql.is_server = true;
  postgresql.password_variable = "PGPASSWORD";
  return StoreKinds{csv, sqlite, postgresql, server};
}

}  // namespace driftwood::coordinator
