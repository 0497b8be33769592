#include "agent/stores/jsonl/jsonl_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/text/text_input.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"
#include "merkle/text/percent.h"
#include "merkle/text/shell_word.h"

namespace driftwood::agent {
namespace {

// Raised when the same bytes are read in another way than before.
constexpr char kReading[] = "jsonl1";

std::string ReadingOf(const std::optional<Encoding>& encoding) {
  if (!encoding) return kReading;
  return std::string(kReading) + " encoding " + std::to_string(static_cast<int>(*encoding));
}

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

// A file whose first line is no object may be of another kind, or written for people.
absl::Status CheckBegins(const ByteSource& source, const std::string& name,
                         const std::string& path) {
  ASSIGN_OR_RETURN(const JsonLayout layout, ReadJsonLayout(source, name));
  if (layout.is_array || layout.first_character == '\0') return absl::OkStatus();
  if (layout.first_character != '{') {
    return DescribeRecordError(
        source, name,
        {layout.first,
         "each line must be one JSON object, beginning with {; if this is CSV, "
         "write " +
             ShellWord("csv:" + PercentEncode(path, "%?"))});
  }
  char next = '\0';
  if (layout.first + 1 < source.size()) {
    RETURN_IF_ERROR(source.ReadAt(layout.first + 1, {&next, 1}));
  }
  if (next != '\n' && next != '\r') return absl::OkStatus();
  return DescribeRecordError(source, name,
                             {layout.first,
                              "the object goes over several lines; put each on one, "
                              "as in: jq -c . " +
                                  ShellWord(path) + " | driftwood jsonl:- …"});
}

// A whole pass over the source.
absl::StatusOr<Survey> SurveyOf(const ByteSource& source, const std::string& name,
                                const std::vector<std::string>& given, const ChunkOptions& chunks) {
  ASSIGN_OR_RETURN(const JsonLayout layout, ReadJsonLayout(source, name));
  const JsonlSurvey decoder(layout, given);
  CountingSink sink;
  const ChunkDecoder::Result result =
      DecodeAll(source, layout.begin, layout.end, chunks, decoder, sink);
  RETURN_IF_ERROR(result.sink);
  if (result.error) return DescribeRecordError(source, name, *result.error);
  return Survey{decoder.Columns(), sink.rows};
}

class JsonlStore final : public Store {
 public:
  JsonlStore(StoreUrl url, std::optional<Encoding> encoding, FileScanOptions options)
      : url_(std::move(url)),
        key_(url_.List("key")),
        given_(url_.List("columns")),
        reading_(ReadingOf(encoding)),
        options_(std::move(options)),
        input_({url_.path, encoding, options_.clock, options_.standard_input, SpoolOptions(),
                options_.spooled}) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    RETURN_IF_ERROR(CheckBegins(*file, file->name(), url_.path));
    ASSIGN_OR_RETURN(const Survey survey, CachedSurvey(*file));
    SourceDescription description;
    description.source = url_.ToString();
    description.columns = ColumnsOf(survey);
    RETURN_IF_ERROR(CheckKeyColumns(file->name(), NamesOf(description.columns), key_));
    description.key = key_;
    description.records_estimate = survey.records;
    description.bytes = file->size();
    description.identity = file->identity();
    if (survey.records == 0)
      description.warnings.push_back(Printable(file->name()) +
                                     " has no records, and so only the columns that its URL names "
                                     "(key=, columns=)");
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(auto file, input_.Open(stop_));
    ASSIGN_OR_RETURN(const std::vector<std::string> known, KnownColumns(*file));
    ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(file->name(), known, columns));
    ASSIGN_OR_RETURN(const JsonLayout layout, ReadJsonLayout(*file, file->name()));
    FileScanJob job;
    job.first_record = layout.begin;
    job.end = layout.end;
    job.file = std::move(file);
    job.decoder = std::make_unique<JsonlDecoder>(layout, known, std::move(slots), columns.size());
    job.chunks = options_.chunks;
    job.reading = reading_;
    return NewFileScan(std::move(job));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return input_.IsUnchanged(reading_, position);
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    return DescribeLine(*file, origin);
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
  absl::StatusOr<Survey> CachedSurvey(const TextFile& file) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    const bool same = file.IsStream() || (input_.IsUnchanged(reading_, survey_position_) &&
                                          file.ChangeSinceOpen().empty());
    if (survey_ && same) return *survey_;
    ASSIGN_OR_RETURN(survey_, SurveyOf(file, file.name(), given_, options_.chunks));
    survey_position_ = file.Finish(reading_).position;
    return *survey_;
  }

  // Those of the last Describe(), which the caller's plan came from; else of a survey now.
  absl::StatusOr<std::vector<std::string>> KnownColumns(const TextFile& file)
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
  const std::string reading_;
  const FileScanOptions options_;
  std::stop_token stop_;
  TextInput input_;

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
  RETURN_IF_ERROR(url.OnlyKnows({"key", "columns", "encoding"}));
  ASSIGN_OR_RETURN(const std::optional<Encoding> encoding, EncodingOf(url));
  return std::make_unique<JsonlStore>(url, encoding, options);
}

absl::StatusOr<JsonlTable> ParseJsonlText(const StoreUrl& url, std::string_view text,
                                          const ChunkOptions& options) {
  ASSIGN_OR_RETURN(const std::optional<Encoding> encoding, EncodingOf(url));
  ASSIGN_OR_RETURN(const std::string decoded, DecodeTextInMemory(text, encoding, url.path));
  const MemorySource source(decoded);
  ASSIGN_OR_RETURN(const JsonLayout layout, ReadJsonLayout(source, url.path));
  ASSIGN_OR_RETURN(const Survey survey, SurveyOf(source, url.path, url.List("columns"), options));
  JsonlTable table;
  table.columns = survey.columns;
  const std::vector<std::string> names = NamesOf(survey.columns);
  ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(url.path, names, names));
  const JsonlDecoder decoder(layout, names, std::move(slots), names.size());
  TableSink sink(&table);
  const ChunkDecoder::Result result =
      DecodeAll(source, layout.begin, layout.end, options, decoder, sink);
  RETURN_IF_ERROR(result.sink);
  if (result.error) return DescribeRecordError(source, url.path, *result.error);
  return table;
}

}  // namespace driftwood::agent
