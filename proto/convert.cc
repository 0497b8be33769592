#include "proto/convert.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "proto/contract/budget.h"
#include "proto/contract/fault.h"
#include "proto/contract/limits.h"
#include "proto/grpc_status.h"

namespace driftwood::proto {
namespace {

// Whoever made such a message has a bug.
absl::Status Malformed(const std::string& message) {
  return WithFault(absl::InvalidArgumentError(message), Fault::kOurs);
}

// DigestKey::KeyId().
constexpr size_t kKeyIdBytes = 16;

// Of a list of tables: well below what one message may list (message_bound.h), but for a table that
// has more for itself.
constexpr size_t kPartItemsMax = 100'000;

template <typename Message>
void TypeToProto(const merkle::ValueType& type, Message* out) {
  out->set_type(std::string(merkle::ColumnTypeName(type.type)));
  out->set_opaque(type.opaque);
  if (type.element != merkle::ColumnType::kDynamic) {
    out->set_element(std::string(merkle::ColumnTypeName(type.element)));
  }
}

// Nothing if one of its names is unknown.
template <typename Message>
std::optional<merkle::ValueType> TypeFromProto(const Message& message) {
  const std::optional<merkle::ColumnType> type = merkle::ColumnTypeFromName(message.type());
  std::optional<merkle::ColumnType> element = merkle::ColumnType::kDynamic;
  if (!message.element().empty()) element = merkle::ColumnTypeFromName(message.element());
  if (!type || !element) return std::nullopt;
  return merkle::ValueType(*type, message.opaque(), *element);
}

void ColumnsToProto(const std::vector<merkle::Column>& columns,
                    google::protobuf::RepeatedPtrField<v1::Column>* out) {
  for (const merkle::Column& column : columns) {
    v1::Column* added = out->Add();
    added->set_name(column.name);
    TypeToProto(column.value_type(), added);
    added->set_reading(column.reading);
  }
}

absl::StatusOr<std::vector<merkle::Column>> ColumnsFromProto(
    const google::protobuf::RepeatedPtrField<v1::Column>& columns) {
  std::vector<merkle::Column> result;
  result.reserve(static_cast<size_t>(columns.size()));
  for (const v1::Column& column : columns) {
    std::optional<merkle::ValueType> type = TypeFromProto(column);
    if (!type) {
      return absl::InvalidArgumentError("column '" + column.name() + "' has the unknown type '" +
                                        column.type() + "'");
    }
    result.push_back(
        {column.name(), type->type, std::move(type->opaque), type->element, column.reading()});
  }
  return result;
}

using Texts = google::protobuf::RepeatedPtrField<std::string>;

std::vector<std::string> TakeTexts(Texts* texts) {
  return {std::make_move_iterator(texts->begin()), std::make_move_iterator(texts->end())};
}

void GiveTexts(std::vector<std::string> texts, Texts* out) {
  out->Reserve(static_cast<int>(texts.size()));
  for (std::string& text : texts) out->Add(std::move(text));
}

// What is called by its name must arrive under it. `what`: "column", "the type of column".
absl::Status CheckName(const std::string& what, const std::string& name, const std::string& shown) {
  if (ValidUtf8(name) == name) return absl::OkStatus();
  return absl::FailedPreconditionError("the name of " + what + " '" + shown +
                                       "' is not UTF-8; rename it at the source");
}

absl::Status CheckColumnName(const std::string& name) { return CheckName("column", name, name); }

absl::Status CheckTypeName(const SourceColumn& column) {
  return CheckName("the type of column", column.opaque, column.name);
}

absl::StatusOr<v1::ListedTable> TableToProto(const TableEntry& table) {
  v1::ListedTable message;
  RETURN_IF_ERROR(CheckName("table", table.name, table.name));
  message.set_name(table.name);
  message.set_kind(ValidUtf8(table.kind));
  message.set_is_table(table.is_table);
  for (const std::string& column : table.key) {
    RETURN_IF_ERROR(CheckColumnName(column));
    message.add_key(column);
  }
  for (const std::string& column : table.columns) {
    RETURN_IF_ERROR(CheckColumnName(column));
    message.add_columns(column);
  }
  return message;
}

size_t ItemsOf(const v1::ListedTable& table) {
  return 1 + static_cast<size_t>(table.key_size() + table.columns_size());
}

void EndToProto(const TableList& list, v1::TableListEnd* out) {
  out->set_tables(list.tables.size());
  out->set_source(ValidUtf8(list.source));
  out->set_scope(ValidUtf8(list.scope));
  out->set_qualified(list.qualified);
  out->set_folds_names(list.folds_names);
  for (const std::string& warning : list.warnings) out->add_warnings(ValidUtf8(warning));
  out->set_identity(ValidUtf8(list.identity));
}

v1::TypeKnowledge KnowledgeToProto(TypeKnowledge knowledge) {
  switch (knowledge) {
    case TypeKnowledge::kTyped:
      return v1::TYPE_KNOWLEDGE_TYPED;
    case TypeKnowledge::kTextual:
      return v1::TYPE_KNOWLEDGE_TEXTUAL;
    case TypeKnowledge::kDynamic:
      return v1::TYPE_KNOWLEDGE_DYNAMIC;
    case TypeKnowledge::kObserved:
      return v1::TYPE_KNOWLEDGE_OBSERVED;
  }
  return v1::TYPE_KNOWLEDGE_UNSPECIFIED;
}

std::optional<TypeKnowledge> KnowledgeFromProto(v1::TypeKnowledge knowledge) {
  switch (knowledge) {
    case v1::TYPE_KNOWLEDGE_TYPED:
      return TypeKnowledge::kTyped;
    case v1::TYPE_KNOWLEDGE_TEXTUAL:
      return TypeKnowledge::kTextual;
    case v1::TYPE_KNOWLEDGE_DYNAMIC:
      return TypeKnowledge::kDynamic;
    case v1::TYPE_KNOWLEDGE_OBSERVED:
      return TypeKnowledge::kObserved;
    default:
      return std::nullopt;
  }
}

bool HasType(TypeKnowledge knowledge) {
  return knowledge == TypeKnowledge::kTyped || knowledge == TypeKnowledge::kObserved;
}

absl::StatusOr<SourceColumn> ColumnFromProto(const v1::SourceColumn& message) {
  SourceColumn column;
  column.name = message.name();
  column.declared = message.declared();
  const std::optional<TypeKnowledge> knowledge = KnowledgeFromProto(message.knowledge());
  if (!knowledge) {
    return absl::InternalError("column '" + column.name +
                               "': the agent does not say what it knows about its type");
  }
  column.knowledge = *knowledge;
  column.integers = message.integers();
  if (!HasType(*knowledge)) return column;
  std::optional<merkle::ValueType> type = TypeFromProto(message);
  if (!type || type->type == merkle::ColumnType::kDynamic || !merkle::IsWellFormed(*type)) {
    return absl::FailedPreconditionError(
        "column '" + column.name + "' has type '" + message.type() +
        "', which this program does not know; run the same version of driftwood on all sides");
  }
  column.type = type->type;
  column.opaque = std::move(type->opaque);
  column.element = type->element;
  column.reading = message.reading();
  if (!merkle::Reading::Of(column.type, column.reading).ok()) {
    return absl::FailedPreconditionError(
        "column '" + column.name + "' is read as '" + column.reading +
        "', which this program does not know; run the same version of driftwood on all sides");
  }
  return column;
}

void UnparsedToProto(const std::vector<UnparsedColumn>& columns,
                     google::protobuf::RepeatedPtrField<v1::UnparsedColumn>* out) {
  for (const UnparsedColumn& column : columns) {
    v1::UnparsedColumn* const added = out->Add();
    added->set_column(column.column);
    added->set_count(column.count);
    if (column.example) added->set_example(ValidUtf8(*column.example));
  }
}

std::vector<UnparsedColumn> UnparsedFromProto(
    const google::protobuf::RepeatedPtrField<v1::UnparsedColumn>& messages) {
  std::vector<UnparsedColumn> columns;
  for (const v1::UnparsedColumn& message : messages) {
    UnparsedColumn& column = columns.emplace_back();
    column.column = message.column();
    column.count = message.count();
    if (message.has_example()) column.example = message.example();
  }
  return columns;
}

v1::PrepareResult ResultToProto(const PrepareResult& result) {
  v1::PrepareResult message;
  *message.mutable_root() = ToProto(result.root);
  message.set_records(result.records);
  message.set_unparsed(result.unparsed);
  UnparsedToProto(result.unparsed_columns, message.mutable_unparsed_columns());
  message.set_reused(result.reused);
  message.set_not_point_in_time(ValidUtf8(result.not_point_in_time));
  return message;
}

absl::StatusOr<PrepareResult> ResultFromProto(const v1::PrepareResult& message) {
  PrepareResult result;
  ASSIGN_OR_RETURN(result.root, FromProto(message.root()));
  result.records = message.records();
  result.unparsed = message.unparsed();
  result.unparsed_columns = UnparsedFromProto(message.unparsed_columns());
  result.reused = message.reused();
  result.not_point_in_time = message.not_point_in_time();
  return result;
}

int64_t TimeToProto(WallTime time) { return time.time_since_epoch().count(); }

WallTime TimeFromProto(int64_t time_us) { return WallTime(std::chrono::microseconds(time_us)); }

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
  if (!summary.has_sum()) return Malformed("a summary without its sum");
  const merkle::Summary result{summary.count(), FromProto(summary.sum())};
  if (result.count == 0 && result.sum != merkle::Digest{}) {
    return Malformed("a summary of no records whose sum is not zero");
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
    return absl::FailedPreconditionError("encoding version differs: the other side has " +
                                         std::to_string(agreement.encoding_version()) +
                                         ", this program has " +
                                         std::to_string(merkle::kEncodingVersion) +
                                         "; run the same version of Driftwood on all sides");
  }
  const auto columns = static_cast<size_t>(agreement.key_size() + agreement.values_size());
  const auto rules = static_cast<size_t>(agreement.rules_size());
  if (columns > kColumnsMax || rules > kTagRulesMax) {
    return absl::InvalidArgumentError("an agreement may have " + std::to_string(kColumnsMax) +
                                      " columns and " + std::to_string(kTagRulesMax) +
                                      " rules, not " + std::to_string(columns) + " and " +
                                      std::to_string(rules));
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
                                      " bytes, not " + std::to_string(result.key_id.size()));
  }
  RETURN_IF_ERROR(result.Validate());
  return result;
}

absl::StatusOr<v1::DescribeReply> ToProto(const DatasetDescription& description) {
  v1::DescribeReply reply;
  reply.set_source(ValidUtf8(description.source));
  for (const SourceColumn& column : description.columns) {
    RETURN_IF_ERROR(CheckColumnName(column.name));
    RETURN_IF_ERROR(CheckTypeName(column));
    v1::SourceColumn* const added = reply.add_columns();
    added->set_name(column.name);
    added->set_knowledge(KnowledgeToProto(column.knowledge));
    if (HasType(column.knowledge)) {
      TypeToProto(column.value_type(), added);
      added->set_reading(column.reading);
    }
    added->set_declared(ValidUtf8(column.declared));
    added->set_integers(column.integers);
  }
  for (const std::string& column : description.key) {
    RETURN_IF_ERROR(CheckColumnName(column));
    reply.add_key(column);
  }
  if (description.records_estimate) reply.set_records_estimate(*description.records_estimate);
  if (description.bytes) reply.set_bytes(*description.bytes);
  for (const std::string& warning : description.warnings) reply.add_warnings(ValidUtf8(warning));
  reply.set_live(description.live);
  reply.set_always_keyed(description.always_keyed);
  reply.set_filter(ValidUtf8(description.filter));
  reply.set_hides_columns(description.hides_columns);
  reply.set_tells_presence(description.tells_presence);
  reply.set_identity(ValidUtf8(description.identity));
  reply.set_found_parameter(ValidUtf8(description.found_parameter));
  if (description.dated_file) {
    v1::DatedFile* const file = reply.mutable_dated_file();
    file->set_day(description.dated_file->day);
    file->set_path(ValidUtf8(description.dated_file->path));
    file->set_sha256(description.dated_file->sha256);
  }
  reply.set_encoding_version(description.encoding_version);
  reply.set_key_id(description.key_id);
  reply.set_keyed(description.keyed);
  reply.set_agent_version(ValidUtf8(description.agent_version));
  reply.set_values_allowed(description.values_allowed);
  return reply;
}

absl::StatusOr<DatasetDescription> FromProto(const v1::DescribeReply& reply) {
  DatasetDescription description;
  description.source = reply.source();
  for (const v1::SourceColumn& message : reply.columns()) {
    ASSIGN_OR_RETURN(SourceColumn column, ColumnFromProto(message));
    description.columns.push_back(std::move(column));
  }
  description.key.assign(reply.key().begin(), reply.key().end());
  if (reply.has_records_estimate()) description.records_estimate = reply.records_estimate();
  if (reply.has_bytes()) description.bytes = reply.bytes();
  description.warnings.assign(reply.warnings().begin(), reply.warnings().end());
  description.live = reply.live();
  description.always_keyed = reply.always_keyed();
  description.filter = reply.filter();
  description.hides_columns = reply.hides_columns();
  description.tells_presence = reply.tells_presence();
  description.identity = reply.identity();
  description.found_parameter = reply.found_parameter();
  if (reply.has_dated_file()) {
    const v1::DatedFile& file = reply.dated_file();
    description.dated_file = DatedFile{file.day(), file.path(), file.sha256()};
    if (!IsDatedFile(*description.dated_file)) {
      return absl::InternalError("the agent's description names a file of no day, or no SHA-256");
    }
  }
  description.encoding_version = reply.encoding_version();
  description.key_id = reply.key_id();
  description.keyed = reply.keyed();
  description.agent_version = reply.agent_version();
  description.values_allowed = reply.values_allowed();
  return description;
}

v1::PrepareRequest ToProto(const PrepareRequest& request) {
  v1::PrepareRequest message;
  message.set_dataset(request.dataset);
  *message.mutable_agreement() = ToProto(request.agreement);
  message.set_force(request.force);
  message.set_file_sha256(request.file_sha256);
  return message;
}

absl::StatusOr<PrepareRequest> FromProto(const v1::PrepareRequest& message) {
  PrepareRequest request;
  request.dataset = message.dataset();
  ASSIGN_OR_RETURN(request.agreement, FromProto(message.agreement()));
  request.force = message.force();
  request.file_sha256 = message.file_sha256();
  return request;
}

v1::PrepareReply ToProto(const PrepareUpdate& update) {
  v1::PrepareReply reply;
  reply.set_records(update.progress.records);
  reply.set_progress(update.progress.progress);
  reply.set_waiting(ValidUtf8(update.progress.waiting));
  if (update.result) *reply.mutable_result() = ResultToProto(*update.result);
  return reply;
}

absl::StatusOr<PrepareUpdate> FromProto(const v1::PrepareReply& reply) {
  PrepareUpdate update{{reply.records(), reply.progress(), reply.waiting()}};
  if (reply.has_result()) {
    ASSIGN_OR_RETURN(update.result, ResultFromProto(reply.result()));
  }
  return update;
}

v1::OpenSnapshotRequest ToProto(const SnapshotRequest& request) {
  v1::OpenSnapshotRequest message;
  message.set_dataset(request.dataset);
  message.set_fingerprint(request.fingerprint);
  message.set_file_sha256(request.file_sha256);
  return message;
}

SnapshotRequest FromProto(const v1::OpenSnapshotRequest& message) {
  return {message.dataset(), message.fingerprint(), message.file_sha256()};
}

v1::Freshness ToProto(const Freshness& freshness) {
  v1::Freshness message;
  if (const auto* const scanned = std::get_if<ProvedUnchanged>(&freshness)) {
    message.mutable_proved_unchanged()->set_time_us(TimeToProto(scanned->time));
  } else if (const auto* const followed = std::get_if<Followed>(&freshness)) {
    v1::Followed* const out = message.mutable_followed();
    out->set_history(followed->history);
    out->set_position(followed->position);
    out->set_proved_us(TimeToProto(followed->proved));
  } else if (const auto* const pushed = std::get_if<Pushed>(&freshness)) {
    v1::Pushed* const out = message.mutable_pushed();
    out->set_epoch(pushed->epoch);
    out->set_sequence(pushed->sequence);
    if (pushed->complete_up_to) out->set_complete_up_to_us(TimeToProto(*pushed->complete_up_to));
  }
  return message;
}

absl::StatusOr<Freshness> FromProto(const v1::Freshness& message) {
  switch (message.basis_case()) {
    case v1::Freshness::kProvedUnchanged:
      return ProvedUnchanged{TimeFromProto(message.proved_unchanged().time_us())};
    case v1::Freshness::kFollowed:
      return Followed{message.followed().history(), message.followed().position(),
                      TimeFromProto(message.followed().proved_us())};
    case v1::Freshness::kPushed: {
      Pushed pushed{message.pushed().epoch(), message.pushed().sequence()};
      if (message.pushed().has_complete_up_to_us()) {
        pushed.complete_up_to = TimeFromProto(message.pushed().complete_up_to_us());
      }
      return pushed;
    }
    default:
      return absl::InternalError("the agent does not say how current its snapshot is");
  }
}

v1::OpenSnapshotReply ToProto(const OpenedSnapshot& opened) {
  v1::OpenSnapshotReply reply;
  reply.set_snapshot(opened.id);
  *reply.mutable_root() = ToProto(opened.root);
  reply.set_records(opened.records);
  *reply.mutable_agreement() = ToProto(opened.agreement);
  reply.set_unparsed(opened.unparsed);
  UnparsedToProto(opened.unparsed_columns, reply.mutable_unparsed_columns());
  reply.set_not_point_in_time(ValidUtf8(opened.not_point_in_time));
  reply.set_lease_ms(static_cast<uint32_t>(opened.lease.count()));
  *reply.mutable_freshness() = ToProto(opened.freshness);
  return reply;
}

absl::StatusOr<OpenedSnapshot> FromProto(const v1::OpenSnapshotReply& reply) {
  if (reply.snapshot() == 0) return absl::InternalError("the agent opened no snapshot");
  OpenedSnapshot opened;
  opened.id = reply.snapshot();
  ASSIGN_OR_RETURN(opened.root, FromProto(reply.root()));
  opened.records = reply.records();
  ASSIGN_OR_RETURN(opened.agreement, FromProto(reply.agreement()));
  opened.unparsed = reply.unparsed();
  opened.unparsed_columns = UnparsedFromProto(reply.unparsed_columns());
  opened.not_point_in_time = reply.not_point_in_time();
  opened.lease = std::chrono::milliseconds(reply.lease_ms());
  ASSIGN_OR_RETURN(opened.freshness, FromProto(reply.freshness()));
  return opened;
}

v1::ReadRecordsRequest ToProto(ReadRequest request) {
  v1::ReadRecordsRequest message;
  message.set_dataset(std::move(request.dataset));
  message.set_fingerprint(std::move(request.fingerprint));
  GiveTexts(std::move(request.keys), message.mutable_keys());
  message.set_with_values(request.what == ReadWhat::kValues);
  message.set_indexed(request.what == ReadWhat::kIndexed);
  message.set_column_tags(request.what == ReadWhat::kTags);
  message.set_unfiltered(request.what == ReadWhat::kUnfiltered);
  GiveTexts(std::move(request.rules), message.mutable_rules());
  message.set_file_sha256(std::move(request.file_sha256));
  return message;
}

absl::StatusOr<ReadRequest> FromProto(v1::ReadRecordsRequest message) {
  const bool tagged = message.column_tags() || message.rules_size() > 0;
  if (message.with_values() + message.indexed() + tagged + message.unfiltered() > 1) {
    return Malformed(
        "asked for more than one of values, column tags, what the index says and what is there "
        "without the filter");
  }
  ReadRequest request;
  request.what = message.with_values()  ? ReadWhat::kValues
                 : message.indexed()    ? ReadWhat::kIndexed
                 : tagged               ? ReadWhat::kTags
                 : message.unfiltered() ? ReadWhat::kUnfiltered
                                        : ReadWhat::kDigests;
  request.dataset = std::move(*message.mutable_dataset());
  request.fingerprint = std::move(*message.mutable_fingerprint());
  request.keys = TakeTexts(message.mutable_keys());
  request.rules = TakeTexts(message.mutable_rules());
  request.file_sha256 = std::move(*message.mutable_file_sha256());
  return request;
}

v1::Record ToProto(FoundRecord record) {
  v1::Record message;
  message.set_key(std::move(record.key));
  if (!record.IsThere()) {
    message.set_presence(static_cast<v1::Presence>(record.presence));
    message.set_why(std::move(record.why));
    return message;
  }
  *message.mutable_digest() = ToProto(record.digest);
  message.set_value(std::move(record.value));
  message.set_value_too_long(record.value_too_long);
  message.set_copies(record.copies);
  message.set_column_tags(std::move(record.column_tags));
  message.set_rule_tags(std::move(record.rule_tags));
  return message;
}

absl::StatusOr<FoundRecord> FromProto(v1::Record&& message) {
  FoundRecord record;
  record.key = std::move(*message.mutable_key());
  if (message.presence() != v1::PRESENCE_UNSPECIFIED) {
    // A newer agent's word is one that says nothing here.
    record.presence = v1::Presence_IsValid(message.presence())
                          ? static_cast<Presence>(message.presence())
                          : Presence::kUnknown;
    record.why = Printable(message.why(), kWhyBytesMax);
    return record;
  }
  if (!message.has_digest()) return Malformed("a record without its digest");
  record.digest = FromProto(message.digest());
  record.value = std::move(*message.mutable_value());
  record.value_too_long = message.value_too_long();
  record.copies = message.copies();
  record.column_tags = std::move(*message.mutable_column_tags());
  record.rule_tags = std::move(*message.mutable_rule_tags());
  return record;
}

v1::FindAlikeRequest ToProto(AlikeRequest request) {
  v1::FindAlikeRequest message;
  message.set_dataset(std::move(request.dataset));
  message.set_fingerprint(std::move(request.fingerprint));
  GiveTexts(std::move(request.keys), message.mutable_keys());
  message.set_file_sha256(std::move(request.file_sha256));
  return message;
}

AlikeRequest FromProto(v1::FindAlikeRequest message) {
  return {std::move(*message.mutable_dataset()), std::move(*message.mutable_fingerprint()),
          TakeTexts(message.mutable_keys()), std::move(*message.mutable_file_sha256())};
}

v1::AlikeKey ToProto(AlikeKey alike) {
  v1::AlikeKey message;
  message.set_key(std::move(alike.key));
  message.set_held(std::move(alike.held));
  return message;
}

AlikeKey FromProto(v1::AlikeKey message) {
  return {std::move(*message.mutable_key()), std::move(*message.mutable_held())};
}

absl::StatusOr<std::vector<v1::ListTablesReply>> ToProto(const TableList& list) {
  Budget budget("the list of its tables", kTableListLimits);
  std::vector<v1::ListTablesReply> parts(1);
  size_t part_bytes = 0, part_items = 0;
  for (const TableEntry& table : list.tables) {
    ASSIGN_OR_RETURN(v1::ListedTable message, TableToProto(table));
    const size_t bytes = message.ByteSizeLong();
    const size_t items = ItemsOf(message);
    RETURN_IF_ERROR(budget.Charge(bytes, items));
    const bool full = part_bytes + bytes > kReplyPartBytesMax || part_items + items > kPartItemsMax;
    if (full && part_items > 0) {
      parts.emplace_back();
      part_bytes = part_items = 0;
    }
    part_bytes += bytes;
    part_items += items;
    *parts.back().add_tables() = std::move(message);
  }
  EndToProto(list, parts.back().mutable_end());
  return parts;
}

absl::StatusOr<bool> AddPart(v1::ListTablesReply part, Budget* budget, TableList* list) {
  size_t items = 1;  // a part of nothing is one too
  for (const v1::ListedTable& table : part.tables()) items += ItemsOf(table);
  items += static_cast<size_t>(part.end().warnings_size());
  RETURN_IF_ERROR(budget->Charge(part.ByteSizeLong(), items));
  for (v1::ListedTable& table : *part.mutable_tables()) {
    TableEntry& entry = list->tables.emplace_back();
    entry.name = std::move(*table.mutable_name());
    entry.kind = std::move(*table.mutable_kind());
    entry.is_table = table.is_table();
    entry.key = TakeTexts(table.mutable_key());
    entry.columns = TakeTexts(table.mutable_columns());
  }
  if (!part.has_end()) return false;
  v1::TableListEnd& end = *part.mutable_end();
  RETURN_IF_ERROR(CheckIsWhole(*list, end.tables()));
  list->source = std::move(*end.mutable_source());
  list->scope = std::move(*end.mutable_scope());
  list->qualified = end.qualified();
  list->folds_names = end.folds_names();
  list->warnings = TakeTexts(end.mutable_warnings());
  list->identity = std::move(*end.mutable_identity());
  return true;
}

}  // namespace driftwood::proto
