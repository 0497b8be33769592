// "mysql://USER@HOST:PORT/DB?table=T&…" as libmariadb's options. Only this directory's files
// include it.
#pragma once

#include "absl/status/statusor.h"
#include "agent/source/store_options.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// What is not in the URL: the password from MYSQL_PWD, else from an option file; the time limit of
// a statement from `store_options`. InvalidArgument for what is malformed or unknown.
absl::StatusOr<MysqlOptions> MysqlOptionsOf(const StoreUrl& url,
                                            const StoreOptions& store_options = {});

// A positive number of the URL's parameters, if it is there. InvalidArgument.
absl::StatusOr<std::optional<uint64_t>> MysqlNumber(const StoreUrl& url, const std::string& name,
                                                    uint64_t max);

}  // namespace driftwood::agent
