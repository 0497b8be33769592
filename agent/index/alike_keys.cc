#include "agent/index/alike_keys.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "agent/index/compare_under.h"
#include "agent/index/row_encoder.h"
#include "agent/source/key_source.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using merkle::Agreement;

// A key without its texts: two keys that a collation may consider equal have this in common.
std::string WithoutTexts(const std::vector<merkle::Value>& key) {
  std::string rest;
  for (merkle::Value value : key) {
    if (value.tag == merkle::Tag::kText) value.text.clear();
    merkle::AppendValue(value, merkle::Place::kValue, &rest);
  }
  return rest;
}

// Keeps the encoded keys of all rows.
class KeyCollector final : public RowSink {
 public:
  explicit KeyCollector(const Agreement& agreement)
      : encoder_({agreement.schema.key, {}}, agreement.rules) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    RETURN_IF_ERROR(encoder_.Encode(row));
    keys_.insert(std::string(encoder_.key()));
    return absl::OkStatus();
  }
  std::set<std::string> Take() { return std::move(keys_); }

 private:
  RowEncoder encoder_;
  std::set<std::string> keys_;
};

class AlikeFinder {
 public:
  AlikeFinder(Store& store, const Agreement& agreement, Cancellation* cancellation)
      : store_(store), agreement_(agreement), cancellation_(cancellation) {
    for (const merkle::Column& column : agreement.schema.key) names_.push_back(column.name);
  }

  absl::StatusOr<std::vector<AlikeKey>> Find(const std::vector<std::string>& keys) {
    // All at once first: mostly nothing else is found, and that is all.
    ASSIGN_OR_RETURN(const std::set<std::string> found, Lookup(keys));
    std::set<std::string> rests;  // of what was found and not asked for
    for (const std::string& key : found) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      ASSIGN_OR_RETURN(const auto values, merkle::DecodeKey(key, names_.size()));
      rests.insert(WithoutTexts(values));
    }
    std::vector<AlikeKey> alike;
    size_t lookups = 0;
    for (const std::string& key : keys) {
      ASSIGN_OR_RETURN(const auto values, merkle::DecodeKey(key, names_.size()));
      if (found.contains(key) || !rests.contains(WithoutTexts(values))) continue;
      if (++lookups > kAlikeLookupsMax) break;
      RETURN_IF_ERROR(FindOne(key, WithoutTexts(values), &alike));
    }
    return alike;
  }

 private:
  absl::Status FindOne(const std::string& key, const std::string& rest,
                       std::vector<AlikeKey>* alike) {
    ASSIGN_OR_RETURN(const std::set<std::string> found, Lookup({key}));
    for (const std::string& held : found) {
      ASSIGN_OR_RETURN(const auto values, merkle::DecodeKey(held, names_.size()));
      if (held == key || WithoutTexts(values) != rest) continue;
      alike->push_back({key, held});
      break;
    }
    return absl::OkStatus();
  }

  // The keys of all rows that the store finds for these.
  absl::StatusOr<std::set<std::string>> Lookup(const std::vector<std::string>& keys) {
    std::vector<std::vector<merkle::Value>> values;  // SourceValues are views of these
    std::deque<std::string> bytes;
    std::vector<std::vector<SourceValue>> source_keys;
    values.reserve(keys.size());
    for (const std::string& key : keys) {
      ASSIGN_OR_RETURN(auto decoded, merkle::DecodeKey(key, names_.size()));
      values.push_back(std::move(decoded));
      std::vector<SourceValue>& source_key = source_keys.emplace_back();
      for (const merkle::Value& value : values.back()) {
        source_key.push_back(AsSource(value, &bytes));
      }
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<Scan> scan,
                     store_.LookupAlike(names_, names_, source_keys));
    const InterruptOnCancel interrupt(cancellation_, scan.get());
    KeyCollector collector(agreement_);
    for (;;) {
      if (IsCancelled(cancellation_)) return absl::CancelledError("cancelled");
      ASSIGN_OR_RETURN(const std::unique_ptr<RowBatch> batch, scan->Next());
      if (batch == nullptr) break;
      RETURN_IF_ERROR(batch->Decode(collector));
    }
    RETURN_IF_ERROR(scan->Finish().status());
    return collector.Take();
  }

  Store& store_;
  const Agreement& agreement_;
  Cancellation* const cancellation_;
  std::vector<std::string> names_;
};

}  // namespace

absl::StatusOr<std::vector<AlikeKey>> FindAlikeKeys(Store& store, const Agreement& agreement,
                                                    const std::vector<std::string>& keys,
                                                    Cancellation* cancellation) {
  bool has_text = false;
  for (const merkle::Column& column : agreement.schema.key) {
    has_text = has_text || column.type == merkle::ColumnType::kText;
    // The store has the key as it was before.
    if (!merkle::RulesOf(agreement.rules, column.name).empty()) return std::vector<AlikeKey>();
  }
  if (!has_text || keys.empty()) return std::vector<AlikeKey>();
  CompareUnder(agreement, &store);
  auto alike = AlikeFinder(store, agreement, cancellation).Find(keys);
  if (absl::IsUnimplemented(alike.status())) return std::vector<AlikeKey>();
  return alike;
}

}  // namespace driftwood::agent
