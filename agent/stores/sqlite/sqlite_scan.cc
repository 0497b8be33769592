#include "agent/stores/sqlite/sqlite_scan.h"

#include <optional>
#include <string_view>
#include <utility>

#include "agent/stores/sqlite/sqlite_clock.h"
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
  explicit SqliteBatch(size_t columns) : columns_(columns) {
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
  std::vector<Cell> cells_;
  std::string bytes_;
  std::vector<uint64_t> origins_;
};

// A UTF-16 text as UTF-8. What is no Unicode keeps its own code, so that no two texts become one
// and none that is no Unicode becomes UTF-8: a half of a surrogate pair is written as three bytes
// like any other character (WTF-8), an odd byte at the end behind a byte that no UTF-8 has.
// (SQLite's own conversion makes all halves the same character, and drops odd bytes.)
void AppendUtf16(std::string_view text, bool is_big_endian, std::string* out) {
  const auto unit_at = [&](size_t i) {
    const auto a = static_cast<unsigned char>(text[i]);
    const auto b = static_cast<unsigned char>(text[i + 1]);
    return static_cast<char32_t>(is_big_endian ? a << 8 | b : b << 8 | a);
  };
  const size_t even = text.size() & ~size_t{1};
  for (size_t i = 0; i < even; i += 2) {
    char32_t point = unit_at(i);
    if (point >= 0xD800 && point < 0xDC00 && i + 2 < even) {
      const char32_t low = unit_at(i + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        i += 2;
      }
    }
    merkle::AppendUtf8(point, out);
  }
  if (even != text.size()) (*out += '\xff') += text.back();
}

// The value as it is stored, without a conversion. A blob's size is asked for as that of UTF-16,
// since SQLite would first convert a UTF-16 text for the size in UTF-8.
absl::StatusOr<std::string_view> StoredBytes(sqlite3_stmt* statement, int column) {
  const void* const data = sqlite3_column_blob(statement, column);
  const auto size = static_cast<size_t>(sqlite3_column_bytes16(statement, column));
  // Null is right for an empty value, and else means that there was no memory.
  if (data == nullptr && sqlite3_errcode(sqlite3_db_handle(statement)) == SQLITE_NOMEM) {
    return absl::ResourceExhaustedError("SQLite is out of memory");
  }
  return std::string_view(static_cast<const char*>(data), data == nullptr ? 0 : size);
}

absl::Status SqliteBatch::TakeBytes(sqlite3_stmt* statement, int column, bool is_text) {
  Cell cell;
  cell.kind = is_text ? SourceValue::Kind::kStored : SourceValue::Kind::kBytes;
  const size_t before = bytes_.size();
  const int encoding = sqlite3_value_encoding(sqlite3_column_value(statement, column));
  if (is_text && encoding != SQLITE_UTF8) {
    ASSIGN_OR_RETURN(const std::string_view text, StoredBytes(statement, column));
    AppendUtf16(text, encoding == SQLITE_UTF16BE, &bytes_);
  } else {
    const void* data =
        is_text ? sqlite3_column_text(statement, column) : sqlite3_column_blob(statement, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
    // Null is right for an empty blob, and else means that there was no memory.
    if (data == nullptr && (is_text || size > 0)) {
      return absl::ResourceExhaustedError("SQLite is out of memory");
    }
    if (size > 0) bytes_.append(static_cast<const char*>(data), size);
  }
  cell.bytes = bytes_.size() - before;
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

// Notes a function that gives another value each time, behind a view too. (changes(),
// total_changes() and last_insert_rowid() stay 0 for who only reads.)
int NoteRandom(void* found, int action, const char* /*none*/, const char* function,
               const char* /*database*/, const char* /*view*/) {
  if (action == SQLITE_FUNCTION && function != nullptr) {
    const std::string_view name = function;
    if (name == "random" || name == "randomblob") *static_cast<std::string*>(found) = name;
  }
  return SQLITE_OK;
}

// The statement, and the function that moves in it.
absl::StatusOr<SqliteStatement> PrepareQuery(const SqliteConnection& connection,
                                             const std::string& sql, std::string* random) {
  sqlite3_set_authorizer(connection.get(), NoteRandom, random);
  absl::StatusOr<SqliteStatement> statement = connection.Prepare(sql);
  sqlite3_set_authorizer(connection.get(), nullptr, nullptr);
  return statement;
}

class SqliteScan final : public Scan {
 public:
  SqliteScan(SqliteReader reader, SqliteReaders readers, merkle::LinkedStop stop, SqliteQuery query,
             SqliteStatement statement, std::string moving)
      : reader_(std::move(reader)),
        readers_(std::move(readers)),
        stop_(std::move(stop)),
        query_(std::move(query)),
        statement_(std::move(statement)),
        moving_(std::move(moving)) {}

  ~SqliteScan() override {
    statement_.reset();
    if (!stop_.stopped()) readers_.Give(std::move(reader_));
  }

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    if (at_end_) return std::unique_ptr<RowBatch>();
    if (stop_.stopped()) return absl::CancelledError("the scan was interrupted");
    auto batch = std::make_unique<SqliteBatch>(query_.columns);
    const uint64_t clock_reads = SqliteClockReads();
    while (!batch->Full()) {
      const absl::StatusOr<bool> row = Step();
      if (SqliteClockReads() != clock_reads) moving_ = query_.display + " asks for the time";
      if (!row.ok()) return Explain(row.status());
      if (!*row) {
        at_end_ = true;
        break;
      }
      const uint64_t origin =
          query_.has_rowid
              ? static_cast<uint64_t>(statement_->Int(static_cast<int>(query_.columns)))
              : rows_;
      RETURN_IF_ERROR(batch->Take(statement_->get(), origin));
      ++rows_;
    }
    if (batch->rows() == 0) return std::unique_ptr<RowBatch>();
    return std::unique_ptr<RowBatch>(std::move(batch));
  }

  uint64_t Progress() const override { return rows_; }

  absl::StatusOr<End> Finish() override {
    if (!at_end_) return absl::InternalError("the scan was not read to its end");
    if (!moving_.empty()) return End{"", moving_};
    if (reader_.watch == nullptr) return End{query_.position, ""};
    End end;
    end.not_point_in_time = reader_.watch->WhyNotOneState(*reader_.connection);
    // A key that was not met would count as gone.
    if (query_.by_key && !end.not_point_in_time.empty()) {
      return absl::AbortedError(end.not_point_in_time);
    }
    if (end.not_point_in_time.empty() && reader_.watch->IsProofForLater()) {
      end.position = query_.position;
    }
    return end;
  }

  void Interrupt() override { stop_.RequestStop(); }

 private:
  // What looks like damage may be a file that was overwritten.
  absl::Status Explain(const absl::Status& status) const {
    if (reader_.watch == nullptr || absl::IsCancelled(status)) return status;
    const std::string why = reader_.watch->WhyNotOneState(*reader_.connection);
    if (why.empty()) return status;
    return absl::AbortedError(why + ", and " + std::string(status.message()));
  }

  // The next row of the query, or of the next key's.
  absl::StatusOr<bool> Step() {
    if (!query_.by_key) return statement_->Step();
    for (;;) {
      if (in_key_) {
        ASSIGN_OR_RETURN(const bool row, statement_->Step());
        if (row) return true;
        in_key_ = false;
      }
      if (next_key_ == query_.keys.size()) return false;
      RETURN_IF_ERROR(statement_->Reset());
      RETURN_IF_ERROR(statement_->Bind(1, query_.keys[next_key_++]));
      in_key_ = true;
    }
  }

  SqliteReader reader_;
  const SqliteReaders readers_;
  merkle::LinkedStop stop_;  // of the connection
  const SqliteQuery query_;
  std::optional<SqliteStatement> statement_;  // ends before its connection
  uint64_t rows_ = 0;
  bool at_end_ = false;
  std::string moving_;  // why the rows would be others a moment later; empty: they would not
  size_t next_key_ = 0;
  bool in_key_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Scan>> StartSqliteScan(SqliteReader reader, SqliteReaders readers,
                                                      merkle::LinkedStop stop, SqliteQuery query) {
  std::string random;
  ASSIGN_OR_RETURN(SqliteStatement statement, PrepareQuery(*reader.connection, query.sql, &random));
  std::string moving = random.empty() ? "" : query.display + " calls " + random + "()";
  return std::unique_ptr<Scan>(
      std::make_unique<SqliteScan>(std::move(reader), std::move(readers), std::move(stop),
                                   std::move(query), std::move(statement), std::move(moving)));
}

}  // namespace driftwood::agent
