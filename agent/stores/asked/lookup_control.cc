#include "agent/stores/asked/lookup_control.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/source/for_each_row.h"
#include "merkle/status_macros.h"
#include "merkle/text/names.h"
#include "merkle/text/uuid.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

// One of them may just have been deleted.
constexpr size_t kControls = 3;
constexpr char kWhy[] = "the lookup finds none of the records that are listed";

// The same for values that may be one: it only leaves out a control.
std::string TextOf(const SourceValue& value, Kind asked) {
  if (value.kind == Kind::kInt64) return std::to_string(value.int64);
  if (value.kind == Kind::kUint64) return std::to_string(value.uint64);
  if (value.kind == Kind::kUuid) return DisplayText(value);
  if (asked == Kind::kUuid) {
    const auto bytes = merkle::ParseUuid(value.text);
    return bytes ? merkle::FormatUuid(bytes->data()) : "";
  }
  const std::optional<int64_t> number = WholeNumber(value.text);
  return number ? std::to_string(*number) : Lowercase(value.text);
}

class ControlReader final : public RowSink {
 public:
  explicit ControlReader(std::span<const std::vector<SourceValue>> keys) : keys_(keys) {
    for (size_t i = 0; i < keys.size(); ++i) asked_.emplace(KeyText(keys[i]), i);
  }

  absl::Status Row(std::span<const SourceValue> row, uint64_t /*origin*/) override {
    if (done()) return absl::OkStatus();
    const auto asked = asked_.find(KeyText(row));
    if (asked == asked_.end()) {
      AddControl(row);
    } else {
      control_.listed.push_back(asked->second);
    }
    return absl::OkStatus();
  }
  bool done() const { return control_.keys.size() == kControls; }
  LookupControl Take() { return std::move(control_); }

 private:
  std::string KeyText(std::span<const SourceValue> key) const {
    std::string text;
    for (size_t i = 0; i < key.size(); ++i) text += TextOf(key[i], keys_.front()[i].kind) + "\n";
    return text;
  }
  void AddControl(std::span<const SourceValue> row) {
    std::vector<SourceValue> key;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::optional<SourceValue> value = As(keys_.front()[i].kind, row[i]);
      if (!value) return;
      key.push_back(*value);
    }
    control_.keys.push_back(std::move(key));
  }

  // A value of the list in the form that keys are asked for in.
  std::optional<SourceValue> As(Kind kind, const SourceValue& value) {
    if (!value.IsText() && value.kind != Kind::kNumber) return std::nullopt;
    if (kind == Kind::kInt64 || kind == Kind::kUint64) {
      const auto number = WholeNumber(value.text);
      return number ? std::optional(SourceValue::Int64(*number)) : std::nullopt;
    }
    if (kind == Kind::kUuid) {
      const auto bytes = merkle::ParseUuid(value.text);
      if (!bytes) return std::nullopt;
      control_.texts.emplace_back(bytes->begin(), bytes->end());
    } else {
      control_.texts.emplace_back(value.text);
    }
    return SourceValue::OfText(kind, control_.texts.back());
  }

  const std::span<const std::vector<SourceValue>> keys_;
  std::map<std::string, size_t> asked_;
  LookupControl control_;
};

}  // namespace

bool NeedsControl(const Answers& said) {
  const auto is_absent = [](const NotGiven& one) { return IsKnown(one.presence); };
  return said.records.empty() &&
         (!said.gone.empty() ||
          std::any_of(said.not_given.begin(), said.not_given.end(), is_absent));
}

absl::StatusOr<LookupControl> ReadControl(Scan& scan,
                                          std::span<const std::vector<SourceValue>> keys) {
  ControlReader reader(keys);
  RETURN_IF_ERROR(ForEachRow(scan, reader, nullptr, [&] { return reader.done(); }));
  return reader.Take();
}

void Distrust(const std::vector<size_t>* places, Answers* said) {
  const auto is_meant = [places](size_t key) {
    return places == nullptr || std::find(places->begin(), places->end(), key) != places->end();
  };
  for (NotGiven& one : said->not_given) {
    if (IsKnown(one.presence) && is_meant(one.key)) one = {one.key, Presence::kUnknown, kWhy};
  }
  std::vector<size_t> gone;
  for (const size_t key : said->gone) {
    if (is_meant(key)) {
      said->not_given.push_back({key, Presence::kUnknown, kWhy});
    } else {
      gone.push_back(key);
    }
  }
  said->gone = std::move(gone);
}

}  // namespace driftwood::agent
