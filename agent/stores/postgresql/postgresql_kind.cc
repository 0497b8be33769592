#include "agent/stores/postgresql/postgresql_kind.h"

#include "agent/stores/postgresql/postgresql_store.h"

namespace driftwood::agent {

const StoreKind& PostgresqlKind() {
  static const StoreKind kind{{
                                  .schemes = {"postgresql", "postgres"},
                                  .url_form = "postgresql://USER@HOST/DB?table=T",
                                  .database_form = "postgresql://USER@HOST/DB",
                                  .is_server = true,
                                  .password_variable = "PGPASSWORD",
                              },
                              OpenPostgresqlStore,
                              ListPostgresqlTables};
  return kind;
}

}  // namespace driftwood::agent
