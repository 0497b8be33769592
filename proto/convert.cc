#include "proto/convert.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "merkle/status_macros.h"

namespace driftwood::proto {
namespace {

// DigestKey::KeyId().
constexpr size_t kKeyIdBytes = 16;
constexpr int kColumnsMax = 100'000;
constexpr int kRulesMax = 16'384;

void ColumnsToProto(const std::vector<merkle::Column>& columns,
                    google::protobuf::RepeatedPtrField<v1::Column>* out) {
  for (const merkle::Column& column : columns) {
    v1::Column* added = out->Add();
    added->set_name(column.name);
    added->set_type(std::string(merkle::ColumnTypeName(column.type)));
  }
}

absl::StatusOr<std::vector<merkle::Column>> ColumnsFromProto(
    const google::protobuf::RepeatedPtrField<v1::Column>& columns) {
  std::vector<merkle::Column> result;
  result.reserve(static_cast<size_t>(columns.size()));
  for (const v1::Column& column : columns) {
    const std::optional<merkle::ColumnType> type = merkle::ColumnTypeFromName(column.type());
    if (!type) {
      return absl::InvalidArgumentError("column '" + column.name() + "' has the unknown type '" +
                                        column.type() + "'");
    }
    result.push_back({column.name(), *type});
  }
  return result;
}

}  // namespace

v1::Digest ToProto(const merkle::Digest& digest) {
  v1::Digest message;
  message.set_low(digest.low);
  message.set_high(digest.high);
  return message;
}

merkle::Digest FromProto(const v1::Digest& digest) { return {digest.low(), digest.high()}; }

v1::Summary ToProto(const merkle::Summary& summary) {
  v1::Summary message;
  message.set_count(summary.count);
  *message.mutable_sum() = ToProto(summary.sum);
  return message;
}

absl::StatusOr<merkle::Summary> FromProto(const v1::Summary& summary) {
  if (!summary.has_sum()) return absl::InvalidArgumentError("a summary without its sum");
  const merkle::Summary result{summary.count(), FromProto(summary.sum())};
  if (result.count == 0 && result.sum != merkle::Digest{}) {
    return absl::InvalidArgumentError("a summary of no records whose sum is not zero");
  }
  return result;
}

v1::Agreement ToProto(const merkle::Agreement& agreement) {
  v1::Agreement message;
  message.set_encoding_version(agreement.encoding_version);
  ColumnsToProto(agreement.schema.key, message.mutable_key());
  ColumnsToProto(agreement.schema.values, message.mutable_values());
  for (const std::string& rule : agreement.rules) message.add_rules(rule);
  message.set_key_id(agreement.key_id);
  message.set_leaf_size(agreement.params.leaf_size);
  message.set_fanout(agreement.params.fanout);
  message.set_multiset(agreement.schema.multiset);
  return message;
}

absl::StatusOr<merkle::Agreement> FromProto(const v1::Agreement& agreement) {
  // First of all: what another version means by the rest is unknown here.
  if (agreement.encoding_version() != merkle::kEncodingVersion) {
    return absl::FailedPreconditionError(
        "encoding version differs: got " + std::to_string(agreement.encoding_version()) +
        ", this program has " + std::to_string(merkle::kEncodingVersion) +
        "; run the same version of Driftwood on all sides");
  }
  if (agreement.key_size() + agreement.values_size() > kColumnsMax ||
      agreement.rules_size() > kRulesMax) {
    return absl::InvalidArgumentError(
        "an agreement may have " + std::to_string(kColumnsMax) + " columns and " +
        std::to_string(kRulesMax) + " rules, got " +
        std::to_string(agreement.key_size() + agreement.values_size()) + " and " +
        std::to_string(agreement.rules_size()));
  }
  merkle::Agreement result;
  result.encoding_version = agreement.encoding_version();
  ASSIGN_OR_RETURN(result.schema.key, ColumnsFromProto(agreement.key()));
  ASSIGN_OR_RETURN(result.schema.values, ColumnsFromProto(agreement.values()));
  result.schema.multiset = agreement.multiset();
  result.rules.assign(agreement.rules().begin(), agreement.rules().end());
  result.key_id = agreement.key_id();
  result.params.leaf_size = agreement.leaf_size();
  result.params.fanout = agreement.fanout();
  if (result.key_id.size() != kKeyIdBytes) {
    return absl::InvalidArgumentError("a digest key id has " + std::to_string(kKeyIdBytes) +
                                      " bytes, got " + std::to_string(result.key_id.size()));
  }
  RETURN_IF_ERROR(result.Validate());
  return result;
}

}  // namespace driftwood::proto
