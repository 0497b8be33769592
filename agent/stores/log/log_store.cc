#include "agent/stores/log/log_store.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/log/live_lines.h"
#include "agent/stores/log/log_events.h"
#include "agent/stores/log/log_fold.h"
#include "agent/stores/text/text_input.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

class NoRows final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t) override { return absl::OkStatus(); }
};

struct LogSurvey {
  std::vector<SourceColumn> columns;
  std::vector<std::string> members;  // the columns, and the operation's member
  uint64_t records = 0;
};

// Of single keys. Of those that it does not find nothing is known, unless the file is of one state.
class LogLookup final : public Scan {
 public:
  // `has_all_answers`: they are gone, then.
  LogLookup(std::unique_ptr<Scan> scan, bool has_all_answers)
      : scan_(std::move(scan)), has_all_answers_(has_all_answers) {}
  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return scan_->Next(); }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override {
    ASSIGN_OR_RETURN(End end, scan_->Finish());
    if (!end.not_point_in_time.empty()) return absl::AbortedError(end.not_point_in_time);
    end.has_all_answers = has_all_answers_;
    return end;
  }

 private:
  const std::unique_ptr<Scan> scan_;
  const bool has_all_answers_;
};

// More keys than that are found by one scan: its fold costs some lookups, of which the caller would
// make many.
constexpr size_t kLookupKeysMax = 2000;

bool IsForeign(const SourceValue& value) { return value.kind == SourceValue::Kind::kForeignText; }

// Whether a key that was encoded, and is now values again, is encoded as it was. A text may have
// been something else: the number 1 in a column of texts is a type mismatch, and comes as '1'.
bool ComesBack(const std::vector<SourceValue>& key) {
  return std::none_of(key.begin(), key.end(), [](const SourceValue& value) {
    return value.IsText() || value.kind == SourceValue::Kind::kBytes;
  });
}

class LogStore final : public Store {
 public:
  LogStore(StoreUrl url, LogFormat format, std::optional<Encoding> encoding,
           LogStoreOptions options)
      : url_(std::move(url)),
        format_(std::move(format)),
        // Raised when the same bytes are read in another way than before.
        reading_("log1 " + url_.ToString()),
        options_(std::move(options)),
        input_({url_.path, encoding, options_.file.clock, options_.file.standard_input,
                SpoolOptions(), options_.file.spooled}) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  void TellKeysApart(KeyEncoders encoders) override { encoders_ = std::move(encoders); }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    ASSIGN_OR_RETURN(const LogSurvey survey, CachedSurvey(*file));
    SourceDescription description;
    description.source = url_.ToString();
    description.columns = survey.columns;
    description.key = format_.key;
    description.records_estimate = survey.records;
    description.bytes = file->size();
    description.identity = file->identity();
    if (survey.records == 0)
      description.warnings.push_back(Printable(file->name()) +
                                     " leaves no records, and so only the columns that its URL "
                                     "names (key=, columns=)");
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    ASSIGN_OR_RETURN(auto file, input_.Open(stop_));
    ASSIGN_OR_RETURN(const std::unique_ptr<KeyEncoder> encoder, EncoderOf(format_.key));
    ASSIGN_OR_RETURN(const JsonLayout layout, LayoutOf(*file));
    ASSIGN_OR_RETURN(auto live, FoldLog(JobOf(*file, layout, columns), *encoder));
    return ScanOf(std::move(file), layout, std::move(live), columns);
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    return input_.IsUnchanged(reading_, position);
  }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    ASSIGN_OR_RETURN(const auto file, input_.Open(stop_));
    return DescribeLine(*file, origin);
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    if (keys.size() > kLookupKeysMax)
      return absl::UnimplementedError("a scan finds so many keys sooner");
    if (!std::is_permutation(key.begin(), key.end(), format_.key.begin(), format_.key.end()))
      return absl::UnimplementedError("the log is folded by another key");
    for (const std::vector<SourceValue>& each : keys) {
      if (std::any_of(each.begin(), each.end(), IsForeign))
        return absl::UnimplementedError("the log has such keys in other forms");
    }
    ASSIGN_OR_RETURN(auto file, input_.Open(stop_));
    ASSIGN_OR_RETURN(const std::unique_ptr<KeyEncoder> encoder, EncoderOf(key));
    ASSIGN_OR_RETURN(const JsonLayout layout, LayoutOf(*file));
    LogFormat format = format_;
    format.key = key;
    LogFoldJob job{*file, layout, format, columns, options_.file.chunks, 0, stop_};
    ASSIGN_OR_RETURN(auto live, FoldLogOf(job, *encoder, keys));
    ASSIGN_OR_RETURN(auto scan, ScanOf(std::move(file), layout, std::move(live), columns));
    return std::make_unique<LogLookup>(std::move(scan),
                                       std::all_of(keys.begin(), keys.end(), ComesBack));
  }

  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>&, const std::vector<std::string>&,
      std::span<const std::vector<SourceValue>>) override {
    return absl::UnimplementedError("a log has no collation");
  }

 private:
  LogFoldJob JobOf(const TextFile& file, const JsonLayout& layout,
                   const std::vector<std::string>& columns) const {
    return {file, layout, format_, columns, options_.file.chunks, options_.sort_memory_bytes,
            stop_};
  }

  // A deletion under another spelling of the key would go unnoticed without it.
  absl::StatusOr<std::unique_ptr<KeyEncoder>> EncoderOf(const std::vector<std::string>& key) const {
    if (!encoders_) return absl::InternalError("a log is scanned, and nobody tells its keys apart");
    return encoders_(key);
  }

  static absl::StatusOr<JsonLayout> LayoutOf(const TextFile& file) {
    ASSIGN_OR_RETURN(const JsonLayout layout, ReadJsonLayout(file, file.name()));
    if (!layout.is_array) return layout;
    return DescribeRecordError(
        file, file.name(),
        {layout.first, "an array is no log; write its events a line each, as in: jq -c '.[]'"});
  }

  absl::StatusOr<std::unique_ptr<Scan>> ScanOf(std::unique_ptr<TextFile> file,
                                               const JsonLayout& layout,
                                               std::unique_ptr<LiveLines> live,
                                               const std::vector<std::string>& columns) {
    ASSIGN_OR_RETURN(const std::vector<std::string> members, KnownMembers(*file));
    ASSIGN_OR_RETURN(auto slots, SlotsOfPlan(file->name(), members, columns));
    FileScanJob job;
    job.first_record = layout.begin;
    job.end = layout.end;
    job.file = std::move(file);
    job.decoder = std::make_unique<LiveDecoder>(
        std::move(live),
        std::make_unique<JsonlDecoder>(layout, members, std::move(slots), columns.size()));
    job.chunks = options_.file.chunks;
    job.reading = reading_;
    return NewFileScan(std::move(job));
  }

  absl::StatusOr<LogSurvey> SurveyOf(const TextFile& file) const {
    ASSIGN_OR_RETURN(const JsonLayout layout, LayoutOf(file));
    const std::unique_ptr<KeyEncoder> spelled = SpelledKeys();
    ASSIGN_OR_RETURN(std::shared_ptr<const LiveLines> live,
                     FoldLog(JobOf(file, layout, {}), *spelled));
    std::vector<std::string> given = format_.key;
    for (const std::string& name : url_.List("columns")) given.push_back(name);
    auto columns = std::make_unique<JsonlSurvey>(layout, given);
    const JsonlSurvey* const survey = columns.get();  // lives in `decoder`
    const LiveDecoder decoder(live, std::move(columns));
    NoRows sink;
    const ChunkDecoder::Result result =
        DecodeAll(file, layout.begin, layout.end, options_.file.chunks, decoder, sink);
    RETURN_IF_ERROR(result.sink);
    if (result.error) return DescribeRecordError(file, file.name(), *result.error);
    LogSurvey found;
    found.columns = survey->Columns();
    for (const SourceColumn& column : found.columns) found.members.push_back(column.name);
    if (format_.op)
      std::erase_if(found.columns,
                    [&](const SourceColumn& column) { return column.name == *format_.op; });
    found.records = live->count();
    return found;
  }

  // The survey costs two passes: it is kept for as long as the file provably stays as it was.
  absl::StatusOr<LogSurvey> CachedSurvey(const TextFile& file) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    const bool same = file.IsStream() || (input_.IsUnchanged(reading_, survey_position_) &&
                                          file.ChangeSinceOpen().empty());
    if (survey_ && same) return *survey_;
    ASSIGN_OR_RETURN(survey_, SurveyOf(file));
    survey_position_ = file.Finish(reading_).position;
    return *survey_;
  }

  // Those of the last Describe(), which the caller's plan came from; else of a survey now.
  absl::StatusOr<std::vector<std::string>> KnownMembers(const TextFile& file)
      DRIFTWOOD_EXCLUDES(mutex_) {
    {
      merkle::MutexLock lock(&mutex_);
      if (survey_) return survey_->members;
    }
    ASSIGN_OR_RETURN(const LogSurvey survey, CachedSurvey(file));
    return survey.members;
  }

  const StoreUrl url_;
  const LogFormat format_;
  const std::string reading_;
  const LogStoreOptions options_;
  std::stop_token stop_;
  KeyEncoders encoders_;
  TextInput input_;

  merkle::Mutex mutex_;
  std::optional<LogSurvey> survey_ DRIFTWOOD_GUARDED_BY(mutex_);
  std::string survey_position_ DRIFTWOOD_GUARDED_BY(mutex_);
};

absl::StatusOr<LogFormat> FormatOf(const StoreUrl& url) {
  LogFormat format;
  format.key = url.List("key");
  format.op = url.Parameter("op");
  if (format.key.empty() || format.key == std::vector<std::string>{"*"})
    return absl::InvalidArgumentError(
        "a log needs key=, the columns by which its events know their record, as in log:" +
        Printable(url.path) + "?key=id");
  for (size_t i = 0; i < format.key.size(); ++i) {
    const auto rest = format.key.begin() + static_cast<ptrdiff_t>(i) + 1;
    if (std::find(rest, format.key.end(), format.key[i]) != format.key.end())
      return absl::InvalidArgumentError("key= names " + Printable(format.key[i]) + " twice");
    if (format.key[i] == format.op)
      return absl::InvalidArgumentError("key= and op= both name " + Printable(format.key[i]) +
                                        "; the operation is no part of the record");
  }
  for (const char* const list : {"upserts", "deletes"}) {
    if (url.Parameter(list) && !format.op)
      return absl::InvalidArgumentError(std::string(list) +
                                        "= needs op=, the member that has such words");
  }
  if (const auto absent = url.Parameter("absent")) {
    if (absent != "null")
      return absl::InvalidArgumentError("absent=" + Printable(*absent) +
                                        ": there is only absent=null");
    format.absent_is_null = true;
  }
  const std::vector<std::string> columns = url.List("columns");
  if (format.op && std::find(columns.begin(), columns.end(), *format.op) != columns.end())
    return absl::InvalidArgumentError("columns= and op= both name " + Printable(*format.op) +
                                      "; the operation is no column of the record");
  ASSIGN_OR_RETURN(format.words, LogWords::Of(url));
  return format;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenLogStore(const StoreUrl& url,
                                                    const LogStoreOptions& options) {
  RETURN_IF_ERROR(
      url.OnlyKnows({"key", "op", "upserts", "deletes", "absent", "columns", "encoding"}));
  ASSIGN_OR_RETURN(LogFormat format, FormatOf(url));
  ASSIGN_OR_RETURN(const std::optional<Encoding> encoding, EncodingOf(url));
  return std::make_unique<LogStore>(url, std::move(format), encoding, options);
}

}  // namespace driftwood::agent
