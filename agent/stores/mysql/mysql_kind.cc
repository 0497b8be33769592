#include "agent/stores/mysql/mysql_kind.h"

#include "agent/stores/mysql/mysql_store.h"

namespace driftwood::agent {

const StoreKind& MysqlKind() {
  static const StoreKind kind{{
                                  .schemes = {"mysql", "mariadb"},
                                  .url_form = "mysql://USER@HOST/DB?table=T",
                                  .database_form = "mysql://USER@HOST/DB",
                                  .is_server = true,
                                  .password_variable = "MYSQL_PWD",
                              },
                              OpenMysqlStore,
                              ListMysqlTables};
  return kind;
}

}  // namespace driftwood::agent
