// A SELECT whose rows come one by one in binary form, unbuffered. Only this directory's files
// include it. One thread at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/mysql/mysql_connection.h"
#include "agent/stores/mysql/mysql_rows.h"

namespace driftwood::agent {

class MysqlStatement {
 public:
  static absl::StatusOr<std::unique_ptr<MysqlStatement>> Prepare(MysqlConnection& connection,
                                                                 const std::string& sql);
  // Reads what was not read yet, unless the connection was interrupted.
  ~MysqlStatement();
  MysqlStatement(const MysqlStatement&) = delete;
  MysqlStatement& operator=(const MysqlStatement&) = delete;

  // One for each value of a row, known after Prepare().
  const std::vector<MysqlWire>& wires() const { return wires_; }
  // Whether each column of integers is unsigned.
  const std::vector<bool>& is_unsigned() const { return is_unsigned_; }
  // How long each is, as the server puts it: bits have that many.
  const std::vector<unsigned>& lengths() const { return lengths_; }

  absl::Status Execute();
  // False at the end of data. An error is never an end; nothing may be fetched after it.
  absl::StatusOr<bool> Fetch();
  // The row's parts, as MysqlBatch::Add() takes them; until the next Fetch().
  std::string_view nulls() const { return nulls_; }
  std::string_view values() const { return values_; }
  // At the end of data: whether the server has warned of anything (SHOW WARNINGS).
  bool has_warnings() const { return has_warnings_; }

 private:
  MysqlStatement(MysqlConnection& connection, MYSQL_STMT* statement)
      : connection_(connection), statement_(statement) {}
  static void OnColumn(void* self, unsigned column, unsigned char** row);
  void TakeColumn(unsigned column, unsigned char** row);

  MysqlConnection& connection_;
  MYSQL_STMT* const statement_;
  std::vector<MysqlWire> wires_;
  std::vector<bool> is_unsigned_;
  std::vector<unsigned> lengths_;
  // The current row.
  std::string nulls_;
  std::string_view values_;
  unsigned columns_seen_ = 0;
  bool is_malformed_ = false;
  bool has_warnings_ = false;
};

}  // namespace driftwood::agent
