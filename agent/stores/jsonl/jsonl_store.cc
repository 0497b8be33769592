#include "agent/stores/jsonl/jsonl_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/text/file_snapshot.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// Raised when the same bytes are read in another way than before.
constexpr char kReading[] = "jsonl1";

class CountingSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t) override {
    ++rows;
    return absl::OkStatus();
  }
  uint64_t rows = 0;
};

struct Survey {
  std::vector<SourceColumn> columns;
  uint64_t records = 0;
};

std::vector<std::string> NamesOf(const std::vector<SourceColumn>& columns) {
  std::vector<std::string> names;
  for (const SourceColumn& column : columns) names.push_back(column.name);
  return names;
}

// A whole pass over the source.
absl::StatusOr<Survey> SurveyOf(const ByteSource& source, const std::string& path,
                                const std::vector<std::string>& given, const ChunkOptions& chunks) {
  const JsonlSurvey decoder(given);
  CountingSink sink;
  const ChunkDecoder::Result result = DecodeAll(source, 0, source.size(), chunks, decoder, sink);
  RETURN_IF_ERROR(result.sink);
  if (result.error) return DescribeRecordError(source, path, *result.error);
  return Survey{decoder.Columns(), sink.rows};
}

class JsonlStore final : public Store {
 public:
  JsonlStore(StoreUrl url, FileScanOptions options)
      : url_(std::move(url)),
        key_(url_.List("key")),
        given_(url_.List("columns")),
        options_(std::move(options)) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const auto file, FileSnapshot::Open(url_.path, options_.clock, stop_));
    ASSIGN_OR_RETURN(const Survey survey, CachedSurvey(*file));
    SourceDescription description;
    description.source = url_.ToString();
    description.columns = ColumnsOf(survey);
    RETURN_IF_ERROR(CheckKeyColumns(url_.path, NamesOf(description.columns), key_));
    description.key = key_;
    description.records_estimate = survey.records;
    description.bytes = file->size();
    if (survey.records == 0)
      description.warnings.push_back(Printable(url_.path) +
                                     " has no records, and so only the columns that its URL names "
                                     "(key=, columns=)");
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(auto file, FileSnapshot::Open(url_.path, options_.clock, stop_));
    ASSIGN_OR_RETURN(const std::vector<std::string> known, KnownColumns(*file));
    ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(url_.path, known, columns));
    FileScanJob job;
    job.end = file->size();
    job.file = std::move(file);
    job.decoder = std::make_unique<JsonlDecoder>(known, std::move(slots), columns.size());
    job.chunks = options_.chunks;
    job.reading = kReading;
    return NewFileScan(std::move(job));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return FileSnapshot::IsUnchanged(url_.path, kReading, position);
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    return DescribeLine(url_.path, origin, stop_);
  }

 private:
  // A file without records has the key's columns too: nothing in it contradicts.
  std::vector<SourceColumn> ColumnsOf(const Survey& survey) const {
    std::vector<SourceColumn> columns = survey.columns;
    if (survey.records > 0) return columns;
    std::vector<std::string> names = NamesOf(columns);
    for (const std::string& name : key_) {
      if (name == "*" && key_.size() == 1) continue;  // says that there is no key
      if (std::find(names.begin(), names.end(), name) != names.end()) continue;
      columns.push_back({name, TypeKnowledge::kTextual, merkle::ColumnType::kText, ""});
      names.push_back(name);
    }
    return columns;
  }

  // The survey costs a whole pass: it is kept for as long as the file provably stays as it was.
  absl::StatusOr<Survey> CachedSurvey(const FileSnapshot& file) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    if (survey_ && FileSnapshot::IsUnchanged(url_.path, kReading, survey_position_) &&
        file.ChangeSinceOpen().empty())
      return *survey_;
    ASSIGN_OR_RETURN(survey_, SurveyOf(file, url_.path, given_, options_.chunks));
    survey_position_ = file.Finish(kReading).position;
    return *survey_;
  }

  // Those of the last Describe(), which the caller's plan came from; else of a survey now.
  absl::StatusOr<std::vector<std::string>> KnownColumns(const FileSnapshot& file)
      DRIFTWOOD_EXCLUDES(mutex_) {
    {
      merkle::MutexLock lock(&mutex_);
      if (survey_) return NamesOf(ColumnsOf(*survey_));
    }
    ASSIGN_OR_RETURN(const Survey survey, CachedSurvey(file));
    return NamesOf(ColumnsOf(survey));
  }

  const StoreUrl url_;
  const std::vector<std::string> key_;
  const std::vector<std::string> given_;
  const FileScanOptions options_;
  std::stop_token stop_;

  merkle::Mutex mutex_;
  std::optional<Survey> survey_ DRIFTWOOD_GUARDED_BY(mutex_);
  std::string survey_position_ DRIFTWOOD_GUARDED_BY(mutex_);
};

class TableSink final : public RowSink {
 public:
  explicit TableSink(JsonlTable* table) : table_(table) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    auto& values = table_->rows.emplace_back();
    for (const SourceValue& value : row) {
      std::string text(value.text);
      if (value.kind == SourceValue::Kind::kBool) text = value.boolean ? "true" : "false";
      values.emplace_back(value.kind, std::move(text));
    }
    table_->origins.push_back(origin);
    return absl::OkStatus();
  }

 private:
  JsonlTable* const table_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenJsonlStore(const StoreUrl& url,
                                                      const FileScanOptions& options) {
  RETURN_IF_ERROR(url.OnlyKnows({"key", "columns"}));
  return std::make_unique<JsonlStore>(url, options);
}

absl::StatusOr<JsonlTable> ParseJsonlText(const StoreUrl& url, std::string_view text,
                                          const ChunkOptions& options) {
  const MemorySource source(text);
  ASSIGN_OR_RETURN(const Survey survey, SurveyOf(source, url.path, url.List("columns"), options));
  JsonlTable table;
  table.columns = survey.columns;
  const std::vector<std::string> names = NamesOf(survey.columns);
  ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(url.path, names, names));
  const JsonlDecoder decoder(names, std::move(slots), names.size());
  TableSink sink(&table);
  const ChunkDecoder::Result result = DecodeAll(source, 0, source.size(), options, decoder, sink);
  RETURN_IF_ERROR(result.sink);
  if (result.error) return DescribeRecordError(source, url.path, *result.error);
  return table;
}

}  // namespace driftwood::agent
