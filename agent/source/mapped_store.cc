#include "agent/source/mapped_store.h"

#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include "agent/source/forwarding_store.h"
#include "agent/source/messages.h"
#include "merkle/record/datetime_forms.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

constexpr int64_t kMinute = 60'000'000;
constexpr int kMinutesMax = 18 * 60;

absl::StatusOr<std::map<std::string, std::string>> ParsePairs(const StoreUrl& url,
                                                              const std::string& parameter) {
  std::map<std::string, std::string> pairs;
  for (const std::string& item : url.List(parameter)) {
    const size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size() ||
        item.find('=', equals + 1) != std::string::npos) {
      return absl::InvalidArgumentError(
          parameter + "=" + Printable(item) + ": expected " + parameter +
          "=COLUMN=" + (parameter == "zone" ? "UTC+2" : "NAME") + ",…");
    }
    if (!pairs.emplace(item.substr(0, equals), item.substr(equals + 1)).second) {
      return absl::InvalidArgumentError(parameter + "= names column '" +
                                        Printable(item.substr(0, equals)) + "' twice");
    }
  }
  return pairs;
}

// Of the columns of one scan, or of a key.
struct ScanZones {
  std::vector<int64_t> offsets;
  std::vector<bool> zoned;

  // Local values of zoned columns as instants; the others as they are.
  void Apply(std::span<const SourceValue> row, std::vector<SourceValue>* applied) const {
    applied->assign(row.begin(), row.end());
    for (size_t i = 0; i < row.size(); ++i) {
      if (zoned[i]) (*applied)[i] = Instant(row[i], offsets[i]);
    }
  }

 private:
  // What is no local timestamp stays what it is, and is no instant.
  static SourceValue Instant(const SourceValue& value, int64_t offset) {
    merkle::Instant local;
    if (value.kind == Kind::kTimestamp) {
      local = {value.special, value.int64};
    } else if (value.IsText()) {
      const std::optional<merkle::Instant> parsed =
          merkle::ReadTimestamp(value.text, /*zoned=*/false);
      if (!parsed) return value;
      local = *parsed;
    } else {
      return value;
    }
    if (local.special != merkle::Value::Special::kNone) {
      return SourceValue::SpecialMoment(Kind::kTimestampTz, local.special);
    }
    int64_t utc = 0;
    if (__builtin_sub_overflow(local.number, offset, &utc)) return value;
    return SourceValue::Moment(Kind::kTimestampTz, utc);
  }
};

class ZoneSink final : public RowSink {
 public:
  ZoneSink(RowSink* sink, const ScanZones* zones) : sink_(sink), zones_(zones) {}
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    zones_->Apply(row, &row_);
    return sink_->Row(row_, origin);
  }

 private:
  RowSink* const sink_;
  const ScanZones* const zones_;
  std::vector<SourceValue> row_;
};

class ZoneKeyEncoder final : public KeyEncoder {
 public:
  ZoneKeyEncoder(std::unique_ptr<KeyEncoder> encoder, std::shared_ptr<const ScanZones> zones)
      : encoder_(std::move(encoder)), zones_(std::move(zones)) {}
  absl::StatusOr<std::string_view> Encode(std::span<const SourceValue> key) override {
    zones_->Apply(key, &key_);
    return encoder_->Encode(key_);
  }

 private:
  const std::unique_ptr<KeyEncoder> encoder_;
  const std::shared_ptr<const ScanZones> zones_;
  std::vector<SourceValue> key_;
};

class MappedBatch final : public RowBatch {
 public:
  MappedBatch(std::unique_ptr<RowBatch> batch, std::shared_ptr<const ScanZones> zones)
      : batch_(std::move(batch)), zones_(std::move(zones)) {}
  absl::Status Decode(RowSink& sink) override {
    ZoneSink zone_sink(&sink, zones_.get());
    return batch_->Decode(zone_sink);
  }
  size_t bytes() const override { return batch_->bytes(); }
  ScanPart part() const override { return batch_->part(); }

 private:
  const std::unique_ptr<RowBatch> batch_;
  const std::shared_ptr<const ScanZones> zones_;
};

class MappedScan final : public Scan {
 public:
  MappedScan(std::unique_ptr<Scan> scan, std::shared_ptr<const ScanZones> zones, std::string prefix)
      : scan_(std::move(scan)), zones_(std::move(zones)), prefix_(std::move(prefix)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    ASSIGN_OR_RETURN(std::unique_ptr<RowBatch> batch, scan_->Next());
    if (batch == nullptr || zones_ == nullptr) return batch;
    return std::unique_ptr<RowBatch>(std::make_unique<MappedBatch>(std::move(batch), zones_));
  }
  bool BeginAt(uint64_t origin) override { return scan_->BeginAt(origin); }
  uint64_t Progress() const override { return scan_->Progress(); }
  absl::StatusOr<End> Finish() override {
    ASSIGN_OR_RETURN(End end, scan_->Finish());
    for (std::string* const position : {&end.position, &end.reread_position}) {
      if (!position->empty()) position->insert(0, prefix_);
    }
    return end;
  }
  void Interrupt() override { scan_->Interrupt(); }

 private:
  const std::unique_ptr<Scan> scan_;
  const std::shared_ptr<const ScanZones> zones_;  // null: none of its columns has one
  const std::string prefix_;
};

class MappedStore final : public ForwardingStore {
 public:
  MappedStore(std::unique_ptr<Store> store, ColumnMapping mapping, std::string source)
      : ForwardingStore(std::move(store)),
        mapping_(std::move(mapping)),
        source_(std::move(source)) {
    for (const auto& [column, name] : mapping_.names) source_names_.emplace(name, column);
    prefix_ = PositionPrefix();
  }

  // Keys come from the store as it has them.
  void TellKeysApart(KeyEncoders encoders) override {
    store_->TellKeysApart([this, encoders](const std::vector<std::string>& columns)
                              -> absl::StatusOr<std::unique_ptr<KeyEncoder>> {
      std::vector<std::string> names;
      for (const std::string& column : columns) names.push_back(NameOf(column));
      ASSIGN_OR_RETURN(std::unique_ptr<KeyEncoder> encoder, encoders(names));
      auto zones = ZonesOf(columns);
      if (zones == nullptr) return encoder;
      return std::make_unique<ZoneKeyEncoder>(std::move(encoder), std::move(zones));
    });
  }

  absl::StatusOr<SourceDescription> Describe() override {
    ASSIGN_OR_RETURN(SourceDescription description, store_->Describe());
    RETURN_IF_ERROR(CheckColumns(description));
    for (SourceColumn& column : description.columns) {
      RETURN_IF_ERROR(GiveZone(&column));
      column.name = NameOf(column.name);
    }
    for (std::string& column : description.key) column = NameOf(column);
    std::set<std::string> names;
    for (const SourceColumn& column : description.columns) {
      if (names.insert(column.name).second) continue;
      return absl::InvalidArgumentError("rename=: there are two columns '" +
                                        Printable(column.name) + "' then");
    }
    description.source = source_;
    return description;
  }

  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    return Mapped(store_->StartScan(SourceNames(columns)), columns);
  }

  absl::StatusOr<bool> IsUnchanged(std::string_view position) override {
    if (!position.starts_with(prefix_)) return false;
    return store_->IsUnchanged(position.substr(prefix_.size()));
  }

  absl::StatusOr<std::unique_ptr<Scan>> Lookup(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    RETURN_IF_ERROR(CheckZones(key));
    return Mapped(store_->Lookup(SourceNames(columns), SourceNames(key), keys), columns);
  }

  absl::StatusOr<std::unique_ptr<Scan>> LookupAlike(
      const std::vector<std::string>& columns, const std::vector<std::string>& key,
      std::span<const std::vector<SourceValue>> keys) override {
    RETURN_IF_ERROR(CheckZones(key));
    return Mapped(store_->LookupAlike(SourceNames(columns), SourceNames(key), keys), columns);
  }

  absl::StatusOr<std::unique_ptr<Store>> WithoutFilter() override {
    return Mapped(store_->WithoutFilter());
  }
  absl::StatusOr<std::unique_ptr<Store>> Only(Presence presence) override {
    return Mapped(store_->Only(presence));
  }

 private:
  absl::StatusOr<std::unique_ptr<Store>> Mapped(
      absl::StatusOr<std::unique_ptr<Store>> store) const {
    RETURN_IF_ERROR(store.status());
    return std::unique_ptr<Store>(
        std::make_unique<MappedStore>(*std::move(store), mapping_, source_));
  }
  absl::Status CheckZones(const std::vector<std::string>& key) const {
    for (const std::string& column : key) {
      if (mapping_.zones.contains(SourceName(column))) {
        return absl::UnimplementedError("keys are asked for in UTC, and stored in local time");
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckColumns(const SourceDescription& description) const {
    const auto there = [&](const std::string& parameter, const std::string& name) {
      std::string known;
      for (const SourceColumn& column : description.columns) {
        if (column.name == name) return absl::OkStatus();
        known += (known.empty() ? "" : ", ") + Printable(column.name);
      }
      return absl::Status(absl::InvalidArgumentError(parameter + "=: there is no column '" +
                                                     Printable(name) + "' (there are: " + known +
                                                     ")"));
    };
    for (const auto& [column, name] : mapping_.names) RETURN_IF_ERROR(there("rename", column));
    for (const auto& [column, offset] : mapping_.zones) RETURN_IF_ERROR(there("zone", column));
    return absl::OkStatus();
  }

  absl::Status GiveZone(SourceColumn* column) const {
    if (!mapping_.zones.contains(column->name) || column->knowledge != TypeKnowledge::kTyped) {
      return absl::OkStatus();
    }
    if (column->type != merkle::ColumnType::kTimestamp) {
      return absl::InvalidArgumentError("zone=: column '" + Printable(column->name) + "' is " +
                                        Printable(column->declared) +
                                        " and no timestamp without zone");
    }
    column->type = merkle::ColumnType::kTimestampTz;
    return absl::OkStatus();
  }

  const std::string& NameOf(const std::string& column) const {
    const auto found = mapping_.names.find(column);
    return found == mapping_.names.end() ? column : found->second;
  }
  const std::string& SourceName(const std::string& name) const {
    const auto found = source_names_.find(name);
    return found == source_names_.end() ? name : found->second;
  }
  std::vector<std::string> SourceNames(const std::vector<std::string>& names) const {
    std::vector<std::string> columns;
    for (const std::string& name : names) columns.push_back(SourceName(name));
    return columns;
  }

  // Of the source's columns; null if none of them has one.
  std::shared_ptr<const ScanZones> ZonesOf(const std::vector<std::string>& columns) const {
    auto zones = std::make_shared<ScanZones>();
    bool any = false;
    for (const std::string& column : columns) {
      const auto zone = mapping_.zones.find(column);
      zones->zoned.push_back(zone != mapping_.zones.end());
      zones->offsets.push_back(zones->zoned.back() ? zone->second : 0);
      any = any || zones->zoned.back();
    }
    return any ? zones : nullptr;
  }

  absl::StatusOr<std::unique_ptr<Scan>> Mapped(absl::StatusOr<std::unique_ptr<Scan>> scan,
                                               const std::vector<std::string>& columns) const {
    if (!scan.ok()) return scan;
    return std::unique_ptr<Scan>(
        std::make_unique<MappedScan>(*std::move(scan), ZonesOf(SourceNames(columns)), prefix_));
  }

  // The same bytes of the source make other records under another mapping.
  std::string PositionPrefix() const {
    std::string text;
    const auto add = [&text](const std::string& part) {
      text += std::to_string(part.size()) + ":" + part;
    };
    for (const auto& [column, name] : mapping_.names) add(column), add(name);
    text += ";";
    for (const auto& [column, offset] : mapping_.zones) add(column), add(std::to_string(offset));
    return "mapped " + std::to_string(text.size()) + ":" + text;
  }

  const ColumnMapping mapping_;
  const std::string source_;
  std::map<std::string, std::string> source_names_;  // the dataset's name -> the source's
  std::string prefix_;
};

}  // namespace

absl::StatusOr<int64_t> ParseZone(std::string_view zone) {
  const absl::Status malformed = absl::InvalidArgumentError(
      "'" + Printable(zone) +
      "' is no zone: expected a fixed offset, as in UTC, UTC+2, UTC-09:30 or +02:00 (a zone with "
      "summer time has none: convert such a column in a view)");
  std::string_view rest = zone;
  if (rest.starts_with("UTC")) rest.remove_prefix(3);
  if (rest.empty()) return zone.empty() ? absl::StatusOr<int64_t>(malformed) : 0;
  if (rest[0] != '+' && rest[0] != '-') return malformed;
  const bool west = rest[0] == '-';
  rest.remove_prefix(1);
  const size_t colon = rest.find(':');
  const std::string_view hours = rest.substr(0, colon);
  const std::string_view minutes = colon == std::string_view::npos ? "0" : rest.substr(colon + 1);
  int h = 0;
  int m = 0;
  const auto number = [](std::string_view text, int* value) {
    if (text.empty() || text.size() > 2 || text[0] < '0' || text[0] > '9') return false;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
    return error == std::errc() && end == text.data() + text.size();
  };
  if (!number(hours, &h) || !number(minutes, &m) || m > 59 || h * 60 + m > kMinutesMax) {
    return malformed;
  }
  return (west ? -1 : 1) * int64_t{h * 60 + m} * kMinute;
}

absl::StatusOr<ColumnMapping> ParseColumnMapping(const StoreUrl& url) {
  ColumnMapping mapping;
  ASSIGN_OR_RETURN(mapping.names, ParsePairs(url, "rename"));
  std::set<std::string> names;
  for (const auto& [column, name] : mapping.names) {
    if (!names.insert(name).second) {
      return absl::InvalidArgumentError("rename=: two columns are called '" + Printable(name) +
                                        "'");
    }
  }
  ASSIGN_OR_RETURN(const auto zones, ParsePairs(url, "zone"));
  for (const auto& [column, zone] : zones) {
    ASSIGN_OR_RETURN(mapping.zones[column], ParseZone(zone));
  }
  return mapping;
}

StoreUrl WithoutColumnMapping(const StoreUrl& url) {
  StoreUrl plain = url;
  plain.parameters.erase("rename");
  plain.parameters.erase("zone");
  return plain;
}

std::unique_ptr<Store> MapColumns(std::unique_ptr<Store> store, ColumnMapping mapping,
                                  std::string source) {
  return std::make_unique<MappedStore>(std::move(store), std::move(mapping), std::move(source));
}

}  // namespace driftwood::agent
