// Results of queries, and what transactions begin with. Only this directory's files include it.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace driftwood::agent {

class PgResult {
 public:
  explicit PgResult(PGresult* result) : result_(result, PQclear) {}
  PGresult* get() const { return result_.get(); }
  int rows() const { return PQntuples(result_.get()); }
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string Text(int row, int column) const;
  bool Bool(int row, int column) const { return Text(row, column) == "t"; }
  // Internal for what is no number.
  absl::StatusOr<int64_t> Int(int row, int column) const;

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

// Which session a transaction runs in.
struct PgSession {
  std::string server;  // when it was started
  std::string pid;     // of the backend
};

// What a transaction begins with.
struct PgBeginning {
  std::string snapshot;  // another transaction's, as a literal; empty: its own
  std::string lock;      // a table's quoted name: locked before the snapshot is taken
};

}  // namespace driftwood::agent
