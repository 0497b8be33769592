#include "agent/index/indexer.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/index/copies.h"
#include "agent/index/found_value.h"
#include "agent/index/index_run.h"
#include "agent/index/row_encoder.h"
#include "agent/source/key_source.h"
#include "agent/source/messages.h"
#include "agent/source/transient.h"
#include "merkle/check.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "merkle/tree/index.h"

namespace driftwood::agent {
namespace {

using merkle::Agreement;

absl::Status CheckAgreement(const Agreement& agreement, const merkle::DigestKey& key) {
  RETURN_IF_ERROR(agreement.Validate());
  if (agreement.encoding_version != merkle::kEncodingVersion) {
    return absl::FailedPreconditionError(
        "encoding version differs: asked for is " + std::to_string(agreement.encoding_version) +
        ", this agent has " + std::to_string(merkle::kEncodingVersion) +
        "; run the same version of driftwood on all sides");
  }
  if (agreement.key_id != key.KeyId()) {
    return absl::FailedPreconditionError(
        "digest key differs from the one agreed on; give all agents the same digest_key_file");
  }
  return absl::OkStatus();
}

// Only the key columns, for what looks rows up.
merkle::Schema KeySchema(const merkle::Schema& schema) { return {schema.key, {}}; }

// All rows of a scan to `sink`, until `done()`. An error is never the end.
absl::Status ForEachRow(
    Scan& scan, RowSink& sink, Cancellation* cancellation,
    const std::function<bool()>& done = [] { return false; }) {
  const InterruptOnCancel interrupt(cancellation, &scan);
  while (!done()) {
    if (IsCancelled(cancellation)) return absl::CancelledError("cancelled while reading");
    ASSIGN_OR_RETURN(std::unique_ptr<RowBatch> batch, scan.Next());
    if (batch == nullptr) return absl::OkStatus();
    RETURN_IF_ERROR(batch->Decode(sink));
  }
  return absl::OkStatus();
}

constexpr size_t kShownBytesMax = 200;

// A key column's value as the source has it.
std::string SourceText(const SourceValue& value) {
  switch (value.kind) {
    case SourceValue::Kind::kNull:
      return "NULL";
    case SourceValue::Kind::kBool:
      return value.boolean ? "true" : "false";
    case SourceValue::Kind::kInt64:
      return std::to_string(value.int64);
    case SourceValue::Kind::kUint64:
      return std::to_string(value.uint64);
    case SourceValue::Kind::kDouble: {
      merkle::Value real;
      real.tag = merkle::Tag::kFloat64;
      real.real = value.real;
      return real.ToDisplay();
    }
    case SourceValue::Kind::kDate:
    case SourceValue::Kind::kTime:
    case SourceValue::Kind::kTimestamp:
    case SourceValue::Kind::kTimestampTz:
    case SourceValue::Kind::kUuid:
      return "'" + DisplayText(value) + "'";
    default:
      return "'" + Printable(value.text, kShownBytesMax) + "'";
  }
}

// "{id: 7, region: 'eu'}"
std::string DescribeKey(const merkle::Schema& schema, std::string_view key) {
  const absl::StatusOr<std::vector<merkle::Value>> values =
      merkle::DecodeKey(key, schema.key.size());
  if (!values.ok()) return "(undecodable: " + std::string(values.status().message()) + ")";
  std::string text = "{";
  for (size_t i = 0; i < values->size(); ++i) {
    const merkle::Value& value = (*values)[i];
    const bool quoted = value.tag == merkle::Tag::kText || value.tag == merkle::Tag::kUnparsedText;
    const std::string shown = Printable(value.ToDisplay(), kShownBytesMax);
    text += (i == 0 ? "" : ", ") + Printable(schema.key[i].name) + ": " +
            (quoted ? "'" + shown + "'" : shown);
  }
  return text + "}";
}

// Finds the first two rows with one encoded key.
class DuplicateFinder final : public RowSink {
 public:
  struct Found {
    uint64_t origin;
    std::string original;  // the key columns as the source has them
  };

  DuplicateFinder(const merkle::Agreement& agreement, std::string key)
      : encoder_(KeySchema(agreement.schema), agreement.rules), key_(std::move(key)) {}

  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    if (done_) return absl::OkStatus();
    encoder_.Encode(row);
    if (encoder_.key() != key_) return absl::OkStatus();
    std::string original;
    for (const SourceValue& value : row)
      original += (original.empty() ? "" : ", ") + SourceText(value);
    rows_.push_back({origin, std::move(original)});
    done_ = rows_.size() == 2;
    return absl::OkStatus();
  }

  const std::vector<Found>& rows() const { return rows_; }
  bool done() const { return done_; }

 private:
  RowEncoder encoder_;
  const std::string key_;
  std::vector<Found> rows_;
  bool done_ = false;
};

// "line 3 ('7') and line 9 ('007')", found by one more scan.
absl::StatusOr<std::string> FindDuplicates(Store& store, const Agreement& agreement,
                                           const std::string& key, Cancellation* cancellation) {
  ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan,
                   store.StartScan(ScanColumns(KeySchema(agreement.schema))));
  DuplicateFinder finder(agreement, key);
  RETURN_IF_ERROR(ForEachRow(*scan, finder, cancellation, [&finder] { return finder.done(); }));
  if (finder.rows().size() < 2) {
    return absl::AbortedError("they are not both there any more: the source is changing");
  }
  const bool differ = finder.rows()[0].original != finder.rows()[1].original;
  std::string text;
  for (const DuplicateFinder::Found& row : finder.rows()) {
    ASSIGN_OR_RETURN(const std::string origin, store.DescribeOrigin(row.origin));
    text += (text.empty() ? "" : " and ") + origin;
    if (differ) text += " (" + row.original + ")";
  }
  return text;
}

// The rules of key columns, which may have made two keys one: " under the rule name:casefold".
std::string UnderKeyRules(const Agreement& agreement) {
  std::string text;
  for (const merkle::Column& column : agreement.schema.key) {
    for (const merkle::Rule& rule : merkle::RulesOf(agreement.rules, column.name)) {
      text += (text.empty() ? " under the rule " : " and ") + column.name + ":" +
              merkle::RuleText(rule);
    }
  }
  return text;
}

absl::Status DuplicateError(Store& store, const Agreement& agreement, const std::string& key,
                            Cancellation* cancellation) {
  const absl::StatusOr<SourceDescription> description = store.Describe();
  const absl::StatusOr<std::string> rows = FindDuplicates(store, agreement, key, cancellation);
  // A record that moved while the source was read has one key at any time, and was met twice.
  if (absl::IsAborted(rows.status()) && !IsTransient(rows.status())) {
    return absl::AbortedError("two records were read with the key " +
                              DescribeKey(agreement.schema, key) + UnderKeyRules(agreement) +
                              (description.ok() ? " of " + description->source : "") + ", and " +
                              std::string(rows.status().message()));
  }
  std::string message =
      "two records have the key " + DescribeKey(agreement.schema, key) + UnderKeyRules(agreement);
  if (rows.ok()) {
    message += ": " + *rows;
  } else {
    message += " (where was not found: " + std::string(rows.status().message()) + ")";
  }
  if (description.ok()) message += " of " + description->source;
  return absl::AlreadyExistsError(
      message +
      "; make the key unique, choose other key columns (--key), or compare "
      "records without one (--key '*')");
}

// Names the row that is the reason of `status`, as far as it is known.
absl::Status WithOrigin(const absl::Status& status, std::optional<uint64_t> origin, Store& store) {
  if (!origin) return status;
  const absl::StatusOr<std::string> where = store.DescribeOrigin(*origin);
  if (!where.ok()) return status;
  return absl::Status(status.code(), *where + ": " + std::string(status.message()));
}

// The scan, all its rows into the builder, and the builder's end.
absl::StatusOr<IndexerResult> ScanInto(Store& store, const Agreement& agreement,
                                       const IndexerOptions& options,
                                       merkle::IndexBuilder& builder) {
  ASSIGN_OR_RETURN(std::unique_ptr<Scan> scan, store.StartScan(ScanColumns(agreement.schema)));
  IndexRun run(scan.get(), &builder, agreement, options);
  if (const absl::Status status = run.Run(); !status.ok()) {
    return WithOrigin(status, run.refused_origin(), store);
  }
  ASSIGN_OR_RETURN(Scan::End end, scan->Finish());
  scan.reset();  // gives the source's snapshot back before the slow part
  // What belongs to no point in time is no state that could be proven unchanged.
  if (!end.not_point_in_time.empty()) end.position.clear();

  const IndexedState state{end.position, run.unparsed(), end.not_point_in_time, run.records()};
  ASSIGN_OR_RETURN(const merkle::Summary root, builder.Finish(state.Encode()));
  // The builder of a multiset has checked that its copies add up.
  const bool adds_up = agreement.schema.multiset
                           ? root.count <= run.records() && (root.count > 0 || run.records() == 0)
                           : root.count == run.records();
  if (!adds_up) {
    return absl::InternalError("the scan gave " + std::to_string(run.records()) +
                               " records and the index has " + std::to_string(root.count));
  }
  return IndexerResult{root, run.records(), run.unparsed(), end.position, end.not_point_in_time};
}

void AppendLength(uint64_t length, std::string* out) {
  for (int shift = 0; shift < 64; shift += 8) out->push_back(static_cast<char>(length >> shift));
}

// Takes eight little-endian bytes off `bytes`; false if there are not as many.
bool TakeLength(std::string_view* bytes, uint64_t* length) {
  if (bytes->size() < 8) return false;
  *length = 0;
  for (size_t i = 0; i < 8; ++i) {
    *length |= uint64_t{static_cast<unsigned char>((*bytes)[i])} << (8 * i);
  }
  bytes->remove_prefix(8);
  return true;
}

bool TakeText(std::string_view* bytes, std::string* text) {
  uint64_t length = 0;
  if (!TakeLength(bytes, &length) || length > bytes->size()) return false;
  *text = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

constexpr char kStateVersion = 2;

// What is wanted of a record beside its digest.
struct RecordParts {
  bool values = false;
  ColumnTagger* tagger = nullptr;  // null: no tags
};

void SortByKey(std::vector<FoundRecord>* records) {
  std::sort(records->begin(), records->end(),
            [](const FoundRecord& a, const FoundRecord& b) { return a.key < b.key; });
}

// Keeps the rows whose encoded key is among those asked for.
class RecordFinder final : public RowSink {
 public:
  RecordFinder(const Agreement& agreement, const merkle::DigestKey& key,
               const std::vector<std::string>& keys, const RecordParts& parts)
      : parts_(parts),
        key_columns_(agreement.schema.key.size()),
        key_encoder_(KeySchema(agreement.schema), agreement.rules),
        reader_(agreement.schema, agreement.rules, key) {
    for (const std::string& wanted : keys) found_.emplace(wanted, false);
  }

  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    key_encoder_.Encode(row.first(key_columns_));
    const auto wanted = found_.find(key_encoder_.key());
    if (wanted == found_.end()) return absl::OkStatus();
    if (wanted->second) {
      duplicate_ = std::string(wanted->first);
      return absl::AlreadyExistsError("two records have one key");
    }
    wanted->second = true;
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

  // The key that two rows have, where that made Row() fail.
  const std::optional<std::string>& duplicate() const { return duplicate_; }

  std::vector<FoundRecord> Take() {
    SortByKey(&records_);
    return std::move(records_);
  }

 private:
  const RecordParts parts_;
  const size_t key_columns_;
  RowEncoder key_encoder_;
  ValueReader reader_;
  std::unordered_map<std::string_view, bool> found_;  // views of the caller's keys
  std::vector<FoundRecord> records_;
  std::optional<std::string> duplicate_;
};

struct Reading {
  std::unique_ptr<Scan> scan;
  bool by_key = false;
};

absl::StatusOr<Reading> LookupOrScan(Store& store, const Agreement& agreement,
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
  return Reading{*std::move(scan), by_key};
}

// The next keys, in order, of one look-up: what a store makes of it (a statement, say) has bounds
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

// The rows of `reading` that have one of `keys`.
absl::StatusOr<std::vector<FoundRecord>> FindIn(
    const Reading& reading, Store& store, const Agreement& agreement, const merkle::DigestKey& key,
    const std::vector<std::string>& keys, const RecordParts& parts, Cancellation* cancellation) {
  RecordFinder finder(agreement, key, keys, parts);
  const absl::Status read = ForEachRow(*reading.scan, finder, cancellation);
  if (finder.duplicate()) {
    return DuplicateError(store, agreement, *finder.duplicate(), cancellation);
  }
  RETURN_IF_ERROR(read);
  ASSIGN_OR_RETURN(const Scan::End end, reading.scan->Finish());
  // A row found by its key was there; one that a torn scan did not meet may have been.
  if (!reading.by_key && !end.not_point_in_time.empty()) {
    return absl::AbortedError(end.not_point_in_time);
  }
  return finder.Take();
}

// Adds what look-ups have overlooked of `wanted` (HeldBefore), if anything, by one scan.
absl::Status AddOverlooked(Store& store, const Agreement& agreement, const merkle::DigestKey& key,
                           const std::vector<std::string>& wanted, const RecordParts& parts,
                           Cancellation* cancellation, const HeldBefore& held_before,
                           std::vector<FoundRecord>* found) {
  std::vector<std::string> not_found;
  auto next = found->begin();
  for (const std::string& each : wanted) {
    if (next != found->end() && next->key == each) {
      ++next;
    } else {
      not_found.push_back(each);
    }
  }
  if (not_found.empty() || !held_before) return absl::OkStatus();
  const std::vector<std::string> doubtful = held_before(not_found);
  if (doubtful.empty()) return absl::OkStatus();
  Reading reading;
  ASSIGN_OR_RETURN(reading.scan, store.StartScan(ScanColumns(agreement.schema)));
  ASSIGN_OR_RETURN(std::vector<FoundRecord> records,
                   FindIn(reading, store, agreement, key, doubtful, parts, cancellation));
  std::move(records.begin(), records.end(), std::back_inserter(*found));
  SortByKey(found);
  return absl::OkStatus();
}

// Of keys that ascend, each once: a look-up of a key asked for twice would find two records with
// one key.
absl::StatusOr<std::vector<FoundRecord>> ReadParts(Store& store, const Agreement& agreement,
                                                   const merkle::DigestKey& key,
                                                   const std::vector<std::string>& wanted,
                                                   const RecordParts& parts,
                                                   Cancellation* cancellation,
                                                   const HeldBefore& held_before) {
  std::vector<FoundRecord> found;
  for (size_t begin = 0; begin < wanted.size();) {
    const std::vector<std::string> part = LookupPart(wanted, begin);
    ASSIGN_OR_RETURN(const Reading reading, LookupOrScan(store, agreement, part));
    const bool by_key = reading.by_key;
    ASSIGN_OR_RETURN(
        std::vector<FoundRecord> records,
        FindIn(reading, store, agreement, key, by_key ? part : wanted, parts, cancellation));
    if (!by_key) return records;  // one scan has all of them
    std::move(records.begin(), records.end(), std::back_inserter(found));
    begin += part.size();
  }
  RETURN_IF_ERROR(
      AddOverlooked(store, agreement, key, wanted, parts, cancellation, held_before, &found));
  return found;
}

std::vector<std::string> EachOnce(std::vector<std::string> keys) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace

std::string IndexedState::Encode() const {
  std::string out(1, kStateVersion);
  AppendLength(records, &out);
  AppendLength(unparsed, &out);
  for (const std::string* text : {&position, &not_point_in_time}) {
    AppendLength(text->size(), &out);
    out += *text;
  }
  return out;
}

absl::StatusOr<IndexedState> IndexedState::Decode(std::string_view bytes) {
  IndexedState state;
  const bool known = !bytes.empty() && bytes[0] == kStateVersion;
  if (known) bytes.remove_prefix(1);
  if (!known || !TakeLength(&bytes, &state.records) || !TakeLength(&bytes, &state.unparsed) ||
      !TakeText(&bytes, &state.position) || !TakeText(&bytes, &state.not_point_in_time) ||
      !bytes.empty()) {
    return absl::DataLossError("the index's source position is malformed; build the index anew");
  }
  return state;
}

absl::StatusOr<IndexerResult> BuildIndex(Store& store, const Agreement& agreement,
                                         const IndexerOptions& options,
                                         const std::filesystem::path& path) {
  RETURN_IF_ERROR(CheckAgreement(agreement, options.key));
  const merkle::IndexOptions index_options{options.key, agreement.params, agreement.Fingerprint(),
                                           options.sort_memory_bytes, agreement.schema.multiset};
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::IndexBuilder> builder,
                   merkle::IndexBuilder::Create(path, index_options));
  absl::StatusOr<IndexerResult> result = ScanInto(store, agreement, options, *builder);
  if (result.ok()) return result;
  const std::optional<std::string> duplicate = merkle::DuplicateKeyOf(result.status());
  builder.reset();  // removes what it made before the source is read once more
  if (!duplicate) return result;
  return DuplicateError(store, agreement, *duplicate, options.cancellation);
}

absl::StatusOr<std::vector<FoundRecord>> ReadRecords(Store& store, const Agreement& agreement,
                                                     const merkle::DigestKey& key,
                                                     const std::vector<std::string>& keys,
                                                     bool with_values, Cancellation* cancellation,
                                                     const HeldBefore& held_before) {
  RETURN_IF_ERROR(CheckAgreement(agreement, key));
  const std::vector<std::string> wanted = EachOnce(keys);
  if (wanted.empty()) return std::vector<FoundRecord>();
  if (agreement.schema.multiset) {
    return CountCopies(store, agreement, key, wanted, with_values, cancellation);
  }
  return ReadParts(store, agreement, key, wanted, {with_values, nullptr}, cancellation,
                   held_before);
}

absl::StatusOr<std::vector<FoundRecord>> ReadTagged(Store& store, const Agreement& agreement,
                                                    const merkle::DigestKey& key,
                                                    const std::vector<std::string>& keys,
                                                    ColumnTagger* tagger,
                                                    Cancellation* cancellation,
                                                    const HeldBefore& held_before) {
  RETURN_IF_ERROR(CheckAgreement(agreement, key));
  DRIFTWOOD_CHECK(!agreement.schema.multiset);
  return ReadParts(store, agreement, key, EachOnce(keys), {false, tagger}, cancellation,
                   held_before);
}

absl::StatusOr<std::vector<FoundRecord>> FindRecords(const merkle::TreeView& view,
                                                     const std::vector<std::string>& keys) {
  std::vector<FoundRecord> found;
  for (const std::string& key : keys) {
    RETURN_IF_ERROR(view.Records({key, key + '\0'}, [&](std::string_view at, const auto& digest) {
      found.push_back({std::string(at), "", digest});
      return true;
    }));
  }
  return found;
}

}  // namespace driftwood::agent
