#include "agent/stores/sqlite/sqlite_scan.h"

#include <optional>
#include <string_view>
#include <utility>

#include "merkle/status_macros.h"
#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

constexpr size_t kBatchRows = 2048;
constexpr size_t kBatchBytes = size_t{1} << 20;

// A value taken from SQLite; text and bytes lie in the batch's buffer, one after another.
struct Cell {
  SourceValue::Kind kind;
  union {
    int64_t integer;
    double real;
    size_t bytes;
  };
};

class SqliteBatch final : public RowBatch {
 public:
  SqliteBatch(size_t columns, bool is_utf16) : columns_(columns), is_utf16_(is_utf16) {
    cells_.reserve(columns * kBatchRows);
    origins_.reserve(kBatchRows);
  }

  size_t rows() const { return origins_.size(); }
  bool Full() const { return rows() >= kBatchRows || bytes_.size() >= kBatchBytes; }
  absl::Status Take(sqlite3_stmt* statement, uint64_t origin);
  absl::Status Decode(RowSink& sink) override;
  size_t bytes() const override { return bytes_.size(); }

 private:
  absl::Status TakeBytes(sqlite3_stmt* statement, int column, bool is_text);

  const size_t columns_;
  const bool is_utf16_;
  std::vector<Cell> cells_;
  std::string bytes_;
  std::vector<uint64_t> origins_;
};

// UTF-16 in native byte order as UTF-8; absent if it has a half of a surrogate pair. (SQLite's own
// conversion makes all of those the same character.)
std::optional<std::string> Utf8OfUtf16(const char16_t* text, size_t units) {
  std::string out;
  out.reserve(units);
  for (size_t i = 0; i < units; ++i) {
    char32_t point = text[i];
    if (point >= 0xD800 && point <= 0xDFFF) {
      if (point >= 0xDC00 || i + 1 == units) return std::nullopt;
      const char32_t low = text[++i];
      if (low < 0xDC00 || low > 0xDFFF) return std::nullopt;
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    merkle::AppendUtf8(point, &out);
  }
  return out;
}

absl::Status SqliteBatch::TakeBytes(sqlite3_stmt* statement, int column, bool is_text) {
  Cell cell;
  cell.kind = is_text ? SourceValue::Kind::kStored : SourceValue::Kind::kBytes;
  if (is_text && is_utf16_) {
    const void* text = sqlite3_column_text16(statement, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes16(statement, column));
    if (text == nullptr) return absl::ResourceExhaustedError("SQLite is out of memory");
    std::optional<std::string> utf8 =
        Utf8OfUtf16(static_cast<const char16_t*>(text), size / sizeof(char16_t));
    if (utf8) {
      cell.bytes = utf8->size();
      bytes_ += *utf8;
    } else {
      cell.kind = SourceValue::Kind::kBytes;
      cell.bytes = size;
      bytes_.append(static_cast<const char*>(text), size);
    }
  } else {
    const void* data =
        is_text ? sqlite3_column_text(statement, column) : sqlite3_column_blob(statement, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
    // Null is right for an empty blob, and else means that there was no memory.
    if (data == nullptr && (is_text || size > 0)) {
      return absl::ResourceExhaustedError("SQLite is out of memory");
    }
    cell.bytes = size;
    if (size > 0) bytes_.append(static_cast<const char*>(data), size);
  }
  cells_.push_back(cell);
  return absl::OkStatus();
}

absl::Status SqliteBatch::Take(sqlite3_stmt* statement, uint64_t origin) {
  for (int column = 0; column < static_cast<int>(columns_); ++column) {
    Cell cell;
    cell.integer = 0;
    switch (sqlite3_column_type(statement, column)) {
      case SQLITE_INTEGER:
        cell.kind = SourceValue::Kind::kInt64;
        cell.integer = sqlite3_column_int64(statement, column);
        break;
      case SQLITE_FLOAT:
        cell.kind = SourceValue::Kind::kDouble;
        cell.real = sqlite3_column_double(statement, column);
        break;
      case SQLITE_TEXT:
        RETURN_IF_ERROR(TakeBytes(statement, column, true));
        continue;
      case SQLITE_BLOB:
        RETURN_IF_ERROR(TakeBytes(statement, column, false));
        continue;
      case SQLITE_NULL:
        cell.kind = SourceValue::Kind::kNull;
        break;
      default:
        return absl::InternalError("SQLite gave a value of an unknown type");
    }
    cells_.push_back(cell);
  }
  origins_.push_back(origin);
  return absl::OkStatus();
}

absl::Status SqliteBatch::Decode(RowSink& sink) {
  std::vector<SourceValue> row(columns_);
  const Cell* cell = cells_.data();
  const char* bytes = bytes_.data();
  for (const uint64_t origin : origins_) {
    for (SourceValue& value : row) {
      switch (cell->kind) {
        case SourceValue::Kind::kInt64:
          value = SourceValue::Int64(cell->integer);
          break;
        case SourceValue::Kind::kDouble:
          value = SourceValue::Double(cell->real);
          break;
        case SourceValue::Kind::kNull:
          value = SourceValue::Null();
          break;
        default:
          value = SourceValue::OfText(cell->kind, {bytes, cell->bytes});
          bytes += cell->bytes;
          break;
      }
      ++cell;
    }
    RETURN_IF_ERROR(sink.Row(row, origin));
  }
  return absl::OkStatus();
}

class SqliteScan final : public Scan {
 public:
  SqliteScan(std::unique_ptr<SqliteConnection> connection, SqliteQuery query,
             SqliteStatement statement)
      : connection_(std::move(connection)),
        query_(std::move(query)),
        statement_(std::move(statement)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (at_end_) return std::unique_ptr<RowBatch>();
    auto batch = std::make_unique<SqliteBatch>(query_.columns, query_.is_utf16);
    while (!batch->Full()) {
      ASSIGN_OR_RETURN(const bool row, Step());
      if (!row) {
        at_end_ = true;
        break;
      }
      const uint64_t origin =
          query_.has_rowid ? static_cast<uint64_t>(statement_.Int(static_cast<int>(query_.columns)))
                           : rows_;
      RETURN_IF_ERROR(batch->Take(statement_.get(), origin));
      ++rows_;
    }
    if (batch->rows() == 0) return std::unique_ptr<RowBatch>();
    return std::unique_ptr<RowBatch>(std::move(batch));
  }

  uint64_t Progress() const override { return rows_; }

  absl::StatusOr<End> Finish() override {
    if (!at_end_) return absl::InternalError("the scan was not read to its end");
    return End{query_.position, ""};
  }

 private:
  // The next row of the query, or of the next key's.
  absl::StatusOr<bool> Step() {
    if (!query_.by_key) return statement_.Step();
    for (;;) {
      if (in_key_) {
        ASSIGN_OR_RETURN(const bool row, statement_.Step());
        if (row) return true;
        in_key_ = false;
      }
      if (next_key_ == query_.keys.size()) return false;
      RETURN_IF_ERROR(statement_.Reset());
      RETURN_IF_ERROR(statement_.Bind(1, query_.keys[next_key_++]));
      in_key_ = true;
    }
  }

  const std::unique_ptr<SqliteConnection> connection_;
  const SqliteQuery query_;
  SqliteStatement statement_;  // ends before its connection
  uint64_t rows_ = 0;
  bool at_end_ = false;
  size_t next_key_ = 0;
  bool in_key_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> StartSqliteScan(std::unique_ptr<SqliteConnection> connection,
                                                      SqliteQuery query) {
  ASSIGN_OR_RETURN(SqliteStatement statement, connection->Prepare(query.sql));
  return std::unique_ptr<Scan>(
      std::make_unique<SqliteScan>(std::move(connection), std::move(query), std::move(statement)));
}

}  // namespace driftwood::agent
