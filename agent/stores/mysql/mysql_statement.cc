#include "agent/stores/mysql/mysql_statement.h"

#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

MysqlWire WireOf(enum_field_types type) {
  switch (type) {
    case MYSQL_TYPE_NULL:
      return MysqlWire::kNothing;
    case MYSQL_TYPE_TINY:
      return MysqlWire::k1;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
      return MysqlWire::k2;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_FLOAT:
      return MysqlWire::k4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE:
      return MysqlWire::k8;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_JSON:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_GEOMETRY:
      return MysqlWire::kBytes;
    default:
      return MysqlWire::kUnknown;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<MysqlStatement>> MysqlStatement::Prepare(MysqlConnection& connection,
                                                                        const std::string& sql) {
  MYSQL_STMT* const raw = mysql_stmt_init(connection.get());
  if (raw == nullptr) return absl::ResourceExhaustedError("no memory for a statement");
  std::unique_ptr<MysqlStatement> statement(new MysqlStatement(connection, raw));
  if (mysql_stmt_prepare(raw, sql.data(), sql.size()) != 0) return connection.Error(raw);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> metadata(
      mysql_stmt_result_metadata(raw), mysql_free_result);
  if (metadata == nullptr) return connection.Error(raw);
  const MYSQL_FIELD* const fields = mysql_fetch_fields(metadata.get());
  for (unsigned i = 0; i < mysql_num_fields(metadata.get()); ++i) {
    statement->wires_.push_back(WireOf(fields[i].type));
    statement->is_unsigned_.push_back((fields[i].flags & UNSIGNED_FLAG) != 0);
    statement->lengths_.push_back(static_cast<unsigned>(fields[i].length));
  }
  statement->nulls_.resize((statement->wires_.size() + 7) / 8);
  return statement;
}

MysqlStatement::~MysqlStatement() { mysql_stmt_close(statement_); }

absl::Status MysqlStatement::Execute() {
  if (mysql_stmt_execute(statement_) != 0) return connection_.Error(statement_);
  // The library then hands out the bytes of each column instead of filling buffers.
  if (mysql_stmt_attr_set(statement_, STMT_ATTR_CB_USER_DATA, this) != 0 ||
      mysql_stmt_attr_set(statement_, STMT_ATTR_CB_RESULT,
                          reinterpret_cast<const void*>(&MysqlStatement::OnColumn)) != 0) {
    return absl::InternalError("libmariadb has no STMT_ATTR_CB_RESULT");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MysqlStatement::Fetch() {
  nulls_.assign(nulls_.size(), '\0');
  values_ = {};
  columns_seen_ = 0;
  const int result = mysql_stmt_fetch(statement_);
  if (result == MYSQL_NO_DATA) {
    // The library says so for rows after an error too.
    if (mysql_errno(connection_.get()) != 0 || mysql_stmt_errno(statement_) != 0) {
      return connection_.Error(statement_);
    }
    // The packet that ends the rows: 254, the number of warnings (16 bits), a status. The library
    // looks at the first byte only.
    const unsigned char* const end = connection_.get()->net.read_pos;
    has_warnings_ = end[0] != 254 || end[1] != 0 || end[2] != 0;
    return false;
  }
  if (result == 1) return connection_.Error(statement_);
  if (result != 0 || is_malformed_ || columns_seen_ != wires_.size()) {
    return absl::DataLossError("the server sent a row that is not of the statement's form");
  }
  return true;
}

void MysqlStatement::OnColumn(void* self, unsigned column, unsigned char** row) {
  static_cast<MysqlStatement*>(self)->TakeColumn(column, row);
}

void MysqlStatement::TakeColumn(unsigned column, unsigned char** row) {
  ++columns_seen_;
  if (is_malformed_ || column >= wires_.size()) return;
  if (row == nullptr) {
    nulls_[column / 8] = static_cast<char>(nulls_[column / 8] | 1 << (column % 8));
    return;
  }
  const unsigned char* const end =
      MysqlValueEnd(wires_[column], *row, connection_.get()->net.buff_end);
  if (end == nullptr) {
    is_malformed_ = true;
    return;
  }
  const char* const begin = values_.empty() ? reinterpret_cast<const char*>(*row) : values_.data();
  values_ = {begin, static_cast<size_t>(reinterpret_cast<const char*>(end) - begin)};
  *row += end - *row;
}

}  // namespace driftwood::agent
