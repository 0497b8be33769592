#include "agent/index/read_records.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "agent/index/compare_under.h"
#include "agent/index/copies.h"
#include "agent/index/duplicate_keys.h"
#include "agent/index/found_value.h"
#include "agent/index/indexer_options.h"
#include "agent/index/row_encoder.h"
#include "agent/source/for_each_row.h"
#include "agent/source/key_source.h"
#include "merkle/check.h"
#include "merkle/record/encoding.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {

namespace {

using merkle::Agreement;

// What is asked for of a record beside its digest.
struct RecordParts {
  bool values = false;
  ColumnTagger* tagger = nullptr;  // null: no tags
};

// Keeps the rows whose encoded key is among those asked for.
class RecordFinder final : public RowSink {
 public:
  // `each_once`: no row has the key of another, so that none is looked at once all are found.
  RecordFinder(const Agreement& agreement, const merkle::DigestKey& key,
               const std::vector<std::string>& keys, const RecordParts& parts, bool each_once)
      : parts_(parts),
        each_once_(each_once),
        key_columns_(agreement.schema.key.size()),
        key_encoder_(KeySchema(agreement.schema), agreement.rules),
        reader_(agreement.schema, agreement.rules, key) {
    found_.reserve(keys.size());
    for (const std::string& wanted : keys) found_.emplace(wanted, false);
  }

  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    if (each_once_ && found_all()) return absl::OkStatus();
    RETURN_IF_ERROR(key_encoder_.Encode(row.first(key_columns_)));
    const auto wanted = found_.find(key_encoder_.key());
    if (wanted == found_.end()) return absl::OkStatus();
    if (wanted->second) {
      duplicate_ = std::string(wanted->first);
      return absl::AlreadyExistsError("two records have one key");
    }
    wanted->second = true;
    last_origin_ = origin;
    FoundRecord& record = records_.emplace_back();
    ASSIGN_OR_RETURN(record.digest, reader_.ReadDigest(row));
    record.key = reader_.key();
    if (parts_.values) {
      ASSIGN_OR_RETURN(std::optional<std::string> value, reader_.ReadValue(row));
      record.value_too_long = !value;
      record.value = std::move(value).value_or("");
    }
    if (parts_.tagger != nullptr) {
      ASSIGN_OR_RETURN(ValueReader::Tags tags, reader_.ReadTags(row, parts_.tagger));
      record.column_tags = std::move(tags.columns);
      record.rule_tags = std::move(tags.rules);
    }
    return absl::OkStatus();
  }

  bool found_all() const { return records_.size() == found_.size(); }
  // Of the row that was found last.
  uint64_t last_origin() const { return last_origin_; }
  // The key that two rows have, where that made Row() fail.
  const std::optional<std::string>& duplicate() const { return duplicate_; }

  std::vector<FoundRecord> Take() {
    SortByKey(&records_);
    return std::move(records_);
  }

 private:
  const RecordParts parts_;
  const bool each_once_;
  const size_t key_columns_;
  RowEncoder key_encoder_;
  ValueReader reader_;
  // Views of the caller's keys. Nearly every row of a scan is none of them: this map says so by a
  // byte, where std::unordered_map walks a chain (22 % of a listing of a million rows).
  absl::flat_hash_map<std::string_view, bool> found_;
  std::vector<FoundRecord> records_;
  uint64_t last_origin_ = 0;
  std::optional<std::string> duplicate_;
};

struct SourceReading {
  std::unique_ptr<Scan> scan;
  bool by_key = false;
};

absl::StatusOr<SourceReading> LookupOrScan(Store& store, const Agreement& agreement,
                                           const std::vector<std::string>& keys) {
  const merkle::Schema& schema = agreement.schema;
  const std::vector<std::string> columns = ScanColumns(schema);
  std::vector<std::vector<merkle::Value>> values;  // SourceValues are views of these
  std::deque<std::string> uuids;
  std::vector<std::vector<SourceValue>> source_keys;
  values.reserve(keys.size());
  for (const std::string& key : keys) {
    ASSIGN_OR_RETURN(std::vector<merkle::Value> decoded, merkle::DecodeKey(key, schema.key.size()));
    values.push_back(std::move(decoded));
    std::vector<SourceValue>& source_key = source_keys.emplace_back();
    for (const merkle::Value& value : values.back()) {
      source_key.push_back(AsSource(value, &uuids));
    }
  }
  std::vector<std::string> key_names;
  for (const merkle::Column& column : schema.key) key_names.push_back(column.name);
  // The store has keys as they were before the rules: it can't be asked for others.
  const bool as_stored = UnderKeyRules(agreement).empty();
  absl::StatusOr<std::unique_ptr<Scan>> scan = as_stored
                                                   ? store.Lookup(columns, key_names, source_keys)
                                                   : absl::UnimplementedError("keys under rules");
  const bool by_key = !absl::IsUnimplemented(scan.status());
  if (!by_key) scan = store.StartScan(columns);
  RETURN_IF_ERROR(scan.status());
  return SourceReading{*std::move(scan), by_key};
}

// The next keys, in order, of one lookup: what a store makes of it (a statement, say) has bounds
// too.
std::vector<std::string> LookupPart(const std::vector<std::string>& keys, size_t begin) {
  constexpr size_t kKeysMax = 5000;
  constexpr size_t kBytesMax = size_t{512} << 10;
  size_t end = begin;
  size_t bytes = 0;
  while (end < keys.size() && end - begin < kKeysMax &&
         (end == begin || bytes + keys[end].size() <= kBytesMax)) {
    bytes += keys[end++].size();
  }
  return {keys.begin() + static_cast<ptrdiff_t>(begin), keys.begin() + static_cast<ptrdiff_t>(end)};
}

struct FoundRecords {
  std::vector<FoundRecord> records;
  bool has_all_answers = false;  // Scan::End
};

// Of `keys`, which were asked for in this order. A source that gives the record of a key must not
// say of it, too, that it doesn't.
absl::Status AddNotGiven(const std::vector<NotGiven>& not_given,
                         const std::vector<std::string>& keys, std::vector<FoundRecord>* found) {
  if (not_given.empty()) return absl::OkStatus();
  for (const NotGiven& one : not_given) {
    DRIFTWOOD_CHECK(one.key < keys.size());
    FoundRecord& record = found->emplace_back();
    record.key = keys[one.key];
    record.presence = one.presence;
    record.why = one.why;
  }
  SortByKey(found);
  const auto same_key = [](const FoundRecord& a, const FoundRecord& b) { return a.key == b.key; };
  if (std::adjacent_find(found->begin(), found->end(), same_key) == found->end()) {
    return absl::OkStatus();
  }
  return absl::DataLossError("the source gave the record of a key, and said that it can't");
}

// The rows of `reading` that have one of `keys`.
absl::StatusOr<FoundRecords> FindIn(const SourceReading& reading, Store& store,
                                    const Agreement& agreement, const merkle::DigestKey& key,
                                    const std::vector<std::string>& keys, const RecordParts& parts,
                                    Cancellation* cancellation) {
  RecordFinder finder(agreement, key, keys, parts, /*each_once=*/false);
  const absl::Status read = ForEachRow(*reading.scan, finder, cancellation);
  if (finder.duplicate()) {
    return DuplicateError(store, agreement, *finder.duplicate(), cancellation);
  }
  RETURN_IF_ERROR(read);
  ASSIGN_OR_RETURN(const Scan::End end, reading.scan->Finish());
  std::vector<FoundRecord> found = finder.Take();
  RETURN_IF_ERROR(AddNotGiven(end.not_given, keys, &found));
  // A row found by its key was there; one that a torn scan did not meet may have been.
  if (!reading.by_key && !end.not_point_in_time.empty()) {
    return absl::AbortedError(end.not_point_in_time);
  }
  return FoundRecords{std::move(found), end.has_all_answers};
}

bool SameRecord(const FoundRecord& a, const FoundRecord& b) {
  return a.key == b.key && a.digest == b.digest;
}

// The records of `indexed`, as `scan` has them, whatever else is in it. Absent: it does not have
// all of them so, or failed.
std::optional<std::vector<FoundRecord>> FindProven(const std::vector<FoundRecord>& indexed,
                                                   Scan* scan, const Agreement& agreement,
                                                   const merkle::DigestKey& key,
                                                   const RecordParts& parts,
                                                   Cancellation* cancellation,
                                                   uint64_t* scanned_up_to) {
  if (indexed.empty()) return std::vector<FoundRecord>();
  std::vector<std::string> keys;
  for (const FoundRecord& record : indexed) keys.push_back(record.key);
  (void)scan->BeginAt(*scanned_up_to);
  // The index has each key once.
  RecordFinder finder(agreement, key, keys, parts, /*each_once=*/true);
  const absl::Status read =
      ForEachRow(*scan, finder, cancellation, [&] { return finder.found_all(); });
  *scanned_up_to = finder.last_origin();
  if (!read.ok() || !finder.found_all()) return std::nullopt;
  std::vector<FoundRecord> found = finder.Take();
  const bool same =
      std::equal(found.begin(), found.end(), indexed.begin(), indexed.end(), SameRecord);
  return same ? std::optional(std::move(found)) : std::nullopt;
}

// Adds what lookups have overlooked of `asked` (HeldBefore), if anything, by one scan.
absl::Status AddOverlooked(Store& store, const Agreement& agreement, const merkle::DigestKey& key,
                           const std::vector<std::string>& asked, const RecordParts& parts,
                           Cancellation* cancellation, const HeldBefore& held_before,
                           std::vector<FoundRecord>* found) {
  std::vector<std::string> not_found;
  auto next = found->begin();
  for (const std::string& each : asked) {
    while (next != found->end() && next->key < each) ++next;
    if (next != found->end() && next->key == each) {
      ++next;
    } else {
      not_found.push_back(each);
    }
  }
  if (not_found.empty() || !held_before) return absl::OkStatus();
  const std::vector<std::string> doubtful = held_before(not_found);
  if (doubtful.empty()) return absl::OkStatus();
  SourceReading reading;
  ASSIGN_OR_RETURN(reading.scan, store.StartScan(ScanColumns(agreement.schema)));
  ASSIGN_OR_RETURN(FoundRecords more,
                   FindIn(reading, store, agreement, key, doubtful, parts, cancellation));
  std::move(more.records.begin(), more.records.end(), std::back_inserter(*found));
  SortByKey(found);
  return absl::OkStatus();
}

// Of keys that ascend, each once: a lookup of a key asked for twice would find two records with
// one key.
absl::StatusOr<std::vector<FoundRecord>> ReadParts(
    Store& store, const Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& wanted, const RecordParts& parts, Cancellation* cancellation,
    const HeldBefore& held_before, const ProvenIndex& proven) {
  std::vector<FoundRecord> found;
  std::vector<std::string> overlookable;
  for (size_t begin = 0; begin < wanted.size();) {
    const std::vector<std::string> part = LookupPart(wanted, begin);
    ASSIGN_OR_RETURN(SourceReading reading, LookupOrScan(store, agreement, part));
    const bool by_key = reading.by_key;
    const auto indexed = !by_key && proven.records ? proven.records() : std::nullopt;
    if (indexed) {
      auto records = FindProven(*indexed, reading.scan.get(), agreement, key, parts, cancellation,
                                proven.scanned_up_to);
      if (records) return *std::move(records);
      if (IsCancelled(cancellation)) return absl::CancelledError("cancelled while reading");
      ASSIGN_OR_RETURN(reading.scan, store.StartScan(ScanColumns(agreement.schema)));
    }
    ASSIGN_OR_RETURN(FoundRecords read, FindIn(reading, store, agreement, key,
                                               by_key ? part : wanted, parts, cancellation));
    if (!by_key) return std::move(read.records);  // one scan has all of them
    std::move(read.records.begin(), read.records.end(), std::back_inserter(found));
    if (!read.has_all_answers) {
      overlookable.insert(overlookable.end(), part.begin(), part.end());
    }
    begin += part.size();
  }
  RETURN_IF_ERROR(
      AddOverlooked(store, agreement, key, overlookable, parts, cancellation, held_before, &found));
  return found;
}

std::vector<std::string> EachOnce(std::vector<std::string> keys) {
  if (!std::is_sorted(keys.begin(), keys.end())) std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace

absl::StatusOr<std::vector<FoundRecord>> ReadRecords(Store& store, const Agreement& agreement,
                                                     const merkle::DigestKey& key,
                                                     const std::vector<std::string>& keys,
                                                     bool with_values, Cancellation* cancellation,
                                                     const HeldBefore& held_before,
                                                     const ProvenIndex& proven) {
  RETURN_IF_ERROR(CheckAgreement(agreement, key));
  CompareUnder(agreement, &store);
  const std::vector<std::string> wanted = EachOnce(keys);
  if (wanted.empty()) return std::vector<FoundRecord>();
  if (agreement.schema.multiset) {
    return CountCopies(store, agreement, key, wanted, with_values, cancellation);
  }
  return ReadParts(store, agreement, key, wanted, {with_values, nullptr}, cancellation, held_before,
                   proven);
}

absl::Status MarkAs(Presence presence, Store& such, const Agreement& agreement,
                    const merkle::DigestKey& key, Cancellation* cancellation,
                    std::vector<FoundRecord>* found) {
  std::vector<std::string> keys;
  for (const FoundRecord& record : *found) keys.push_back(record.key);
  ASSIGN_OR_RETURN(const std::vector<FoundRecord> marked,
                   ReadRecords(such, agreement, key, keys, /*with_values=*/false, cancellation));
  auto at = marked.begin();
  for (FoundRecord& record : *found) {
    while (at != marked.end() && at->key < record.key) ++at;
    if (at == marked.end() || at->key != record.key) continue;
    FoundRecord told;
    told.key = std::move(record.key);
    told.presence = presence;
    record = std::move(told);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
    Store& store, const Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& keys, ColumnTagger* tagger, Cancellation* cancellation,
    const HeldBefore& held_before, const ProvenIndex& proven) {
  RETURN_IF_ERROR(CheckAgreement(agreement, key));
  CompareUnder(agreement, &store);
  DRIFTWOOD_CHECK(!agreement.schema.multiset);
  return ReadParts(store, agreement, key, EachOnce(keys), {false, tagger}, cancellation,
                   held_before, proven);
}

}  // namespace driftwood::agent
