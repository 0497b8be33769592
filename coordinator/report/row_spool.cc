#include "coordinator/report/row_spool.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "merkle/record/encoding.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

// As long as it takes for a block's call not to matter beside making its rows.
constexpr size_t kBlockBytes = size_t{256} << 10;

void Append(uint64_t number, std::string* out) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out->append(bytes, sizeof bytes);
}

void Append(std::string_view text, std::string* out) {
  Append(text.size(), out);
  out->append(text);
}

void AppendStates(const ReportRecord& row, std::string* out) {
  Append(row.states.size(), out);
  for (const std::optional<std::string>& state : row.states) {
    Append(uint64_t{state.has_value()}, out);
    if (state) Append(*state, out);
  }
  Append(row.copies.size(), out);
  for (const std::optional<uint64_t>& copies : row.copies) {
    Append(uint64_t{copies.has_value()}, out);
    Append(copies.value_or(0), out);
  }
}

void AppendValues(const ReportRecord& row, std::string* out) {
  std::string encoded;
  Append(row.values.size(), out);
  for (const std::optional<std::vector<merkle::Value>>& values : row.values) {
    Append(uint64_t{values.has_value()}, out);
    if (!values) continue;
    encoded.clear();
    for (const merkle::Value& value : *values) {
      merkle::AppendValue(value, merkle::Place::kValue, &encoded);
    }
    Append(encoded, out);
  }
  Append(row.differs.size(), out);
  for (const bool differs : row.differs) out->push_back(differs ? 1 : 0);
}

void AppendNotes(const ReportRecord& row, std::string* out) {
  Append(row.notes.size(), out);
  for (const std::string& note : row.notes) Append(note, out);
  Append(row.duplicates.size(), out);
  for (const ReportDuplicate& duplicate : row.duplicates) {
    Append(duplicate.replica, out);
    Append(duplicate.held.size(), out);
    for (const auto& [source, version] : duplicate.held) {
      Append(source, out);
      Append(version, out);
    }
  }
  Append(row.absences.size(), out);
  for (const ReportAbsence& absence : row.absences) {
    Append(absence.replica, out);
    Append(static_cast<uint64_t>(absence.presence), out);
    Append(absence.why, out);
  }
}

// What the functions above wrote. At an end that comes too early it reads zeros and empty texts,
// and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  uint64_t Number() {
    uint64_t number = 0;
    const std::string_view bytes = Bytes(sizeof number);
    if (ok_) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  // How many follow, each of which takes a byte at least.
  size_t Count() {
    const uint64_t count = Number();
    ok_ = ok_ && count <= rest_.size();
    return ok_ ? static_cast<size_t>(count) : 0;
  }
  std::string_view Text() { return Bytes(Number()); }
  bool Flag() { return Bytes(1) == std::string_view("\1", 1); }

 private:
  std::string_view Bytes(uint64_t count) {
    ok_ = ok_ && count <= rest_.size();
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, static_cast<size_t>(count));
    rest_.remove_prefix(static_cast<size_t>(count));
    return bytes;
  }

  std::string_view rest_;
  bool ok_ = true;
};

void ReadStates(Reader* in, ReportRecord* row) {
  row->states.resize(in->Count());
  for (std::optional<std::string>& state : row->states) {
    if (in->Number() == 0) {
      state.reset();
    } else {
      state ? state->assign(in->Text()) : state.emplace(in->Text());
    }
  }
  row->copies.resize(in->Count());
  for (std::optional<uint64_t>& copies : row->copies) {
    const bool known = in->Number() != 0;
    const uint64_t number = in->Number();
    copies = known ? std::optional(number) : std::nullopt;
  }
}

absl::Status ReadValues(Reader* in, size_t columns, ReportRecord* row) {
  row->values.resize(in->Count());
  for (std::optional<std::vector<merkle::Value>>& values : row->values) {
    if (in->Number() == 0) {
      values.reset();
      continue;
    }
    if (!values) values.emplace();
    RETURN_IF_ERROR(merkle::DecodeValues(in->Text(), columns, &*values));
  }
  row->differs.resize(in->Count());
  for (size_t c = 0; c < row->differs.size(); ++c) row->differs[c] = in->Flag();
  return absl::OkStatus();
}

void ReadNotes(Reader* in, ReportRecord* row) {
  row->notes.resize(in->Count());
  for (std::string& note : row->notes) note = in->Text();
  row->duplicates.resize(in->Count());
  for (ReportDuplicate& duplicate : row->duplicates) {
    duplicate.replica = static_cast<size_t>(in->Number());
    duplicate.held.resize(in->Count());
    for (auto& [source, version] : duplicate.held) {
      source = in->Text();
      version = in->Text();
    }
  }
  row->absences.resize(in->Count());
  for (ReportAbsence& absence : row->absences) {
    absence.replica = static_cast<size_t>(in->Number());
    absence.presence = static_cast<Presence>(in->Number());
    absence.why = in->Text();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RowSpool>> RowSpool::Create(const std::filesystem::path& folder,
                                                           size_t key_columns,
                                                           size_t value_columns) {
  ASSIGN_OR_RETURN(merkle::BlockFile file,
                   merkle::BlockFile::Create(folder, "the temporary file of rows"));
  return std::unique_ptr<RowSpool>(new RowSpool(std::move(file), key_columns, value_columns));
}

absl::Status RowSpool::Add(const ReportRecord& row) {
  RETURN_IF_ERROR(file_.status());
  Append(row.key.encoded, &buffer_);
  Append(static_cast<uint64_t>(row.status), &buffer_);
  AppendStates(row, &buffer_);
  AppendValues(row, &buffer_);
  AppendNotes(row, &buffer_);
  ++buffered_rows_;
  return buffer_.size() < kBlockBytes ? absl::OkStatus() : Flush();
}

absl::Status RowSpool::Flush() {
  if (buffer_.empty()) return absl::OkStatus();
  const absl::Status written = file_.Append(buffer_);
  buffer_.clear();
  const uint64_t rows = std::exchange(buffered_rows_, 0);
  RETURN_IF_ERROR(written);
  rows_ += rows;
  return absl::OkStatus();
}

absl::Status RowSpool::ForEach(const std::function<absl::Status(const ReportRecord&)>& take) const {
  ReportRecord row;  // one after the other in the same memory
  for (uint64_t offset = 0; offset < file_.end();) {
    ASSIGN_OR_RETURN(const std::string block, file_.Read(&offset));
    for (Reader in(block); !in.at_end();) {
      SetReportKey(in.Text(), key_columns_, &row.key);
      row.status = static_cast<RecordStatus>(in.Number());
      ReadStates(&in, &row);
      RETURN_IF_ERROR(ReadValues(&in, value_columns_, &row));
      ReadNotes(&in, &row);
      if (!in.ok()) return absl::InternalError("a row in the temporary file of rows is none");
      if (!order_.empty()) row.OrderColumns(order_);
      RETURN_IF_ERROR(take(row));
    }
  }
  return absl::OkStatus();
}

}  // namespace driftwood::coordinator
