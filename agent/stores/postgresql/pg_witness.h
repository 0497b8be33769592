// The proof that all that a scan has read is of its snapshot: which relations its transactions have
// locked, and what the catalogue says of them. Only this directory's files include it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/stores/postgresql/pg_connection.h"

namespace driftwood::agent {

// PgConnection::Ask(), however it waits.
using PgAsk = absl::FunctionRef<absl::StatusOr<PgResult>(
    const std::string& sql, const std::vector<std::string>& parameters)>;

// The tables, partitions, views and foreign tables, without the server's own, that a transaction
// has used, each as "OID:FILE": what planning a query has locked is all that the query reads, but
// for what functions read by themselves.
using PgRelations = std::set<std::string>;

// A table's element, whose file is as the transaction's snapshot has it.
std::string PgRelation(uint32_t oid, const std::string& file);

// Of the current transaction. Aborted if one of them, which is `display` or behind it, has not the
// file that the transaction's snapshot knows: such a table looks empty.
absl::StatusOr<PgRelations> ReadPgRelations(PgAsk ask, const std::string& display);

// What the catalogue says of the relations, as the transaction's snapshot has it, and that no lock
// of ours keeps as it is. Two that are equal: nothing of it was changed between, not even there and
// back.
struct PgWitness {
  std::string names;  // of the relations and their schemas; files
  std::string columns;
  std::string children;  // and partitions
  std::string types;     // labels of enums, casts
  std::string views;     // rules, and the functions that they call
};
// `with_views`: whether there may be views among the relations. No relation that a lock of ours
// keeps becomes one, and rules of others do nothing where rows are only read.
absl::StatusOr<PgWitness> ReadPgWitness(PgAsk ask, const PgConnection& connection,
                                        const PgRelations& relations, bool with_views);

// Aborted, with what has changed, if they differ.
absl::Status ComparePgWitnesses(const PgWitness& before, const PgWitness& after,
                                const std::string& display);

}  // namespace driftwood::agent
