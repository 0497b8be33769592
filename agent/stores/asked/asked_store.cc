#include "agent/stores/asked/asked_store.h"

#include <atomic>
#include <chrono>
#include <span>
#include <utility>
#include <vector>

#include "agent/source/for_each_row.h"
#include "agent/source/messages.h"
#include "agent/stores/asked/answers.h"
#include "agent/stores/asked/as_texts.h"
#include "agent/stores/asked/lookup_control.h"
#include "agent/stores/csv/csv_store.h"
#include "agent/stores/jsonl/jsonl_store.h"
#include "agent/stores/text/text_input.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"
#include "merkle/text/percent.h"

namespace driftwood::agent {
namespace {

// For how long the text that a description came from may serve the scan that follows it. What
// changes meanwhile is seen no later than by the re-reading of what differs, as it is for what a
// long scan reads first.
constexpr std::chrono::seconds kTextServes{60};

// One text, and the store that reads it.
struct Asked {
  std::unique_ptr<Store> store;
  std::chrono::steady_clock::time_point at;  // when all of it was there
  bool is_csv = false;
  std::atomic<bool> is_used = false;  // by a scan
  std::string not_one_state;          // AskedText
  std::string filter;                 // so too
  std::map<std::string, merkle::ValueType> types;
};

void SetList(const std::string& name, const std::vector<std::string>& items, StoreUrl* url) {
  std::string list;
  for (const std::string& item : items) {
    list += (list.empty() ? "" : ",") + PercentEncode(item, "%,&");
  }
  if (!list.empty()) url->parameters[name] = list;
}

void Declare(const std::map<std::string, merkle::ValueType>& types, SourceColumn* column) {
  const auto found = types.find(column->name);
  if (found == types.end()) return;
  const merkle::ValueType& type = found->second;
  *column = {column->name,           TypeKnowledge::kTyped, type.type,
             merkle::TypeText(type), type.opaque,           type.element};
}

class CountingSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t) override {
    ++rows;
    return absl::OkStatus();
  }
  uint64_t rows = 0;
};

// A scan of a text, which it keeps.
class AskedScan final : public Scan {
 public:
  AskedScan(std::shared_ptr<Asked> asked, std::unique_ptr<Scan> scan)
      : asked_(std::move(asked)), scan_(std::move(scan)) {}
  // Of answers: with what they say of keys without a record.
  AskedScan(std::shared_ptr<Asked> asked, std::unique_ptr<Scan> scan,
            std::vector<NotGiven> not_given)
      : asked_(std::move(asked)),
        scan_(std::move(scan)),
        has_all_answers_(true),
        not_given_(std::move(not_given)) {}
  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override { return scan_->Next(); }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override {
    ASSIGN_OR_RETURN(End end, scan_->Finish());
    end.has_all_answers = has_all_answers_;
    end.not_given = not_given_;
    return end;
  }

 private:
  const std::shared_ptr<Asked> asked_;
  const std::unique_ptr<Scan> scan_;
  const bool has_all_answers_ = false;
  const std::vector<NotGiven> not_given_;
};

class AskedStore final : public Store {
 public:
  AskedStore(std::unique_ptr<AskedSource> source, AskedStoreOptions options)
      : source_(std::move(source)), options_(std::move(options)) {}

  void StopWith(std::stop_token stop) override { stop_ = std::move(stop); }

  absl::StatusOr<SourceDescription> Describe() override {
    std::shared_ptr<Asked> asked = Fresh();
    if (asked == nullptr) {
      ASSIGN_OR_RETURN(asked, AskForAll());
    }
    ASSIGN_OR_RETURN(SourceDescription description, asked->store->Describe());
    for (SourceColumn& column : description.columns) Declare(asked->types, &column);
    description.source = options_.url.ToString();
    description.live = true;
    description.tells_presence = true;
    description.filter = asked->filter;
    description.identity = options_.identity;
    Keep(asked);
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    std::shared_ptr<Asked> asked = Fresh();
    if (asked == nullptr) {
      ASSIGN_OR_RETURN(asked, AskForAll());
      Keep(asked);
    }
    asked->is_used = true;
    asked->store->StopWith(stop_);
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, asked->store->StartScan(columns));
    return std::make_unique<AskedScan>(std::move(asked), std::move(scan));
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }

  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    const std::shared_ptr<Asked> last = Last();
    if (last == nullptr) return "byte " + std::to_string(origin);
    return last->store->DescribeOrigin(origin);
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    // Its answers have to mean what its records do.
    const std::shared_ptr<Asked> last = Last();
    if (last == nullptr || can_not_answer_ || !CanBeAskedFor(keys)) return CantLookUp(last.get());
    ASSIGN_OR_RETURN(const std::optional<std::string> answers,
                     source_->Answer(KeyLines(key, keys), stop_));
    can_not_answer_ = !answers;
    if (!answers) return CantLookUp(last.get());
    ASSIGN_OR_RETURN(Answers said, ReadAnswers(source_->name(), *answers, key, keys));
    if (NeedsControl(said)) RETURN_IF_ERROR(Control(*last, key, keys, &said));
    const MemorySource source(said.records);
    SourceStream stream(source);
    AskedText text;
    ASSIGN_OR_RETURN(text.spool, Spool::Of(stream, source_->name(), " of its answers to lookup",
                                           SpoolOptions()));
    StoreUrl url{"jsonl", options_.jsonl.path, {}};
    SetList("columns", columns, &url);
    ASSIGN_OR_RETURN(std::shared_ptr<Asked> asked, Read(std::move(text), url));
    ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, asked->store->StartScan(columns));
    if (last->is_csv) scan = AsTexts(std::move(scan));
    return std::make_unique<AskedScan>(std::move(asked), std::move(scan),
                                       std::move(said.not_given));
  }

 private:
  // What is not there counts as that only if the lookup finds anything of what was listed.
  absl::Status Control(const Asked& last, const std::vector<std::string>& names,
                       std::span<const std::vector<SourceValue>> keys, Answers* said) const {
    ASSIGN_OR_RETURN(const std::unique_ptr<Scan> scan, last.store->StartScan(names));
    ASSIGN_OR_RETURN(const LookupControl control, ReadControl(*scan, keys));
    if (control.keys.empty()) {
      Distrust(&control.listed, said);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> answers,
                     source_->Answer(KeyLines(names, control.keys), stop_));
    Answers found;
    if (answers) {
      ASSIGN_OR_RETURN(found, ReadAnswers(source_->name(), *answers, names, control.keys));
    }
    if (found.records.empty()) Distrust(nullptr, said);
    return absl::OkStatus();
  }

  // Another scan in its place would only be of no one moment again, and prove nothing.
  absl::Status CantLookUp(const Asked* last) const {
    const std::string what = Printable(source_->name()) + " has no lookup of such keys";
    if (last == nullptr || last->not_one_state.empty()) return absl::UnimplementedError(what);
    return absl::FailedPreconditionError(what + ", and " + last->not_one_state +
                                         ": so what differs can't be confirmed");
  }

  absl::StatusOr<std::shared_ptr<Asked>> Read(AskedText text, const StoreUrl& url) const {
    auto asked = std::make_shared<Asked>();
    asked->is_csv = text.is_csv;
    asked->not_one_state = text.not_one_state;
    asked->filter = text.filter;
    asked->types = std::move(text.types);
    auto spooled = std::make_shared<SpooledText>();
    spooled->spool = std::move(text.spool);
    spooled->not_one_state = std::move(text.not_one_state);
    FileScanOptions options;
    options.spooled = std::move(spooled);
    if (text.is_csv) {
      ASSIGN_OR_RETURN(asked->store, OpenCsvStore(url, options));
    } else {
      ASSIGN_OR_RETURN(asked->store, OpenJsonlStore(url, options));
    }
    asked->store->StopWith(stop_);
    return asked;
  }

  absl::StatusOr<std::shared_ptr<Asked>> AskForAll() const {
    ASSIGN_OR_RETURN(AskedText text, source_->ReadAll(stop_));
    const std::optional<uint64_t> records = text.records;
    StoreUrl url = text.is_csv ? options_.csv : options_.jsonl;
    SetList("key", text.key, &url);
    SetList("columns", text.columns, &url);
    ASSIGN_OR_RETURN(std::shared_ptr<Asked> asked, Read(std::move(text), url));
    if (records) RETURN_IF_ERROR(CheckCount(*asked->store, asked->is_csv, *records));
    asked->at = options_.clock();
    return asked;
  }

  absl::Status CheckCount(Store& store, bool is_csv, uint64_t promised) const {
    ASSIGN_OR_RETURN(const SourceDescription description, store.Describe());
    uint64_t records = description.records_estimate.value_or(0);  // of JSON Lines it is exact
    if (is_csv) {
      std::vector<std::string> names;
      for (const SourceColumn& column : description.columns) names.push_back(column.name);
      ASSIGN_OR_RETURN(const std::unique_ptr<Scan> scan, store.StartScan(names));
      CountingSink sink;
      RETURN_IF_ERROR(ForEachRow(*scan, sink, nullptr));
      records = sink.rows;
    }
    if (records == promised) return absl::OkStatus();
    return absl::DataLossError(Printable(source_->name()) + " says at its end that it gave " +
                               Plural(promised, "record", "records") + ", and gave " +
                               GroupDigits(records));
  }

  void Keep(const std::shared_ptr<Asked>& asked) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    last_ = asked;
  }

  std::shared_ptr<Asked> Last() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return last_;
  }

  // The last text, if no scan has had it and it is fresh; else null.
  std::shared_ptr<Asked> Fresh() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    const bool is_fresh =
        last_ != nullptr && !last_->is_used && options_.clock() - last_->at <= kTextServes;
    return is_fresh ? last_ : nullptr;
  }

  const std::unique_ptr<AskedSource> source_;
  const AskedStoreOptions options_;
  std::stop_token stop_;
  bool can_not_answer_ = false;

  merkle::Mutex mutex_;
  std::shared_ptr<Asked> last_ DRIFTWOOD_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Store> NewAskedStore(std::unique_ptr<AskedSource> source,
                                     AskedStoreOptions options) {
  return std::make_unique<AskedStore>(std::move(source), std::move(options));
}

}  // namespace driftwood::agent
