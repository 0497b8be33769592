#include "agent/index/duplicate_keys.h"

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "agent/index/row_encoder.h"
#include "agent/source/for_each_row.h"
#include "agent/source/messages.h"
#include "agent/source/transient.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {

using merkle::Agreement;

namespace {

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
    case SourceValue::Kind::kGroups:
      return "'" + Printable(DisplayText(value), kShownBytesMax) + "'";
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
    RETURN_IF_ERROR(encoder_.Encode(row));
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

}  // namespace

merkle::Schema KeySchema(const merkle::Schema& schema) { return {schema.key, {}}; }

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
  if (!rows.ok() && FaultOf(rows.status()) == Fault::kSource && !IsTransient(rows.status())) {
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

}  // namespace driftwood::agent
