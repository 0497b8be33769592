#include "coordinator/audit/confirm/listing.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "merkle/record/encoding.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

// As far as it is known: of a key that several sources of a replica hold, and that is not listed,
// the run counts all records.
uint64_t KeysOf(const MissingRun& run) {
  uint64_t keys = 0;
  for (size_t i = 0; i < run.summaries.size(); ++i) {
    uint64_t records = run.summaries[i].count;
    for (const Divergence& one : run.listed) {
      records -= std::max<uint64_t>(one.RecordsIn(i), 1) - 1;
    }
    keys = std::max(keys, records);
  }
  return keys;
}

uint64_t DuplicatesIn(const MissingRun& run) {
  return static_cast<uint64_t>(
      std::count_if(run.listed.begin(), run.listed.end(),
                    [](const Divergence& one) { return !one.duplicates.empty(); }));
}

// Counts one key with these states in the report's breakdown, or takes it out.
void Tally(const States& states, const std::vector<Duplicate>& duplicates, Report* report,
           bool add) {
  const uint64_t one = add ? 1 : ~uint64_t{0};  // minus one, modulo 2^64
  if (!duplicates.empty()) {
    report->duplicate += one;
    return;
  }
  bool missing = false;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i]) continue;
    missing = true;
    report->missing[i] += one;
  }
  if (!missing) report->changed += one;
}

void CountStatus(const Candidate& candidate, StatusCounts* counts) {
  ++counts->Of(candidate.status);
  if (candidate.GoneEverywhere()) ++counts->gone;
}

// As their encodings do: there is one NaN.
bool SameValue(const merkle::Value& a, const merkle::Value& b) {
  const bool both_nan = a.tag == merkle::Tag::kFloat64 && b.tag == merkle::Tag::kFloat64 &&
                        std::isnan(a.real) && std::isnan(b.real);
  return both_nan || a == b;
}

// Column c differs if two replicas hold different values there.
void SetDifferingColumns(size_t columns, ReportRecord* record) {
  record->differs.assign(columns, false);
  const std::vector<merkle::Value>* first = nullptr;
  for (const auto& values : record->values) {
    if (!values) continue;
    if (first == nullptr) first = &*values;
    for (size_t c = 0; c < columns; ++c) {
      if (!SameValue((*values)[c], (*first)[c])) record->differs[c] = true;
    }
  }
}

// The values that replica `name` holds now, and a note if they are not those that were compared.
void AddReplicaValues(const std::string& name, const std::optional<merkle::Digest>& state,
                      const FoundRecord* found, size_t columns, ReportRecord* record,
                      std::optional<std::vector<merkle::Value>>* values) {
  if (found != nullptr && !IsKnown(found->presence)) {
    values->reset();
    // Of one that is unconfirmed for that it is said already.
    if (state && record->status != RecordStatus::kUnconfirmed) {
      record->notes.push_back(name + ": it is not known whether it is still there");
    }
    return;
  }
  if (found != nullptr && !found->IsThere()) found = nullptr;
  if (found == nullptr || found->value_too_long) values->reset();
  if (found == nullptr) {
    if (state) record->notes.push_back(name + ": the record has gone since it was compared");
    return;
  }
  if (found->value_too_long) {
    record->notes.push_back(name +
                            ": its values are too long to be shown (over 32 MiB, or over 128 MiB "
                            "with those before them)");
    return;
  }
  if (!*values) values->emplace();
  const absl::Status decoded = merkle::DecodeValues(found->value, columns, &**values);
  if (!decoded.ok()) {
    values->reset();
    record->notes.push_back(name +
                            ": its values could not be decoded: " + std::string(decoded.message()));
    return;
  }
  if (!state) {
    record->notes.push_back(name + ": the record has appeared since it was compared");
  } else if (found->digest != *state) {
    record->notes.push_back(name + ": the record has changed since it was compared");
  }
}

// "'a'", "(7, 'a')"
std::string KeyInWords(const std::string& encoded, size_t key_columns) {
  const ReportKey key = MakeReportKey(encoded, key_columns);
  if (!key.columns) return "encoded key " + Hex(encoded);
  std::string text;
  for (const merkle::Value& value : *key.columns) {
    const bool quoted = value.tag == merkle::Tag::kText;
    text +=
        (text.empty() ? "" : ", ") + (quoted ? "'" + value.ToDisplay() + "'" : value.ToDisplay());
  }
  return key_columns == 1 ? text : "(" + text + ")";
}

// What is said of the records that replicas lack.
std::vector<ReportAbsence> AbsencesOf(const States& states, RecordStatus status,
                                      const std::vector<ReportAbsence>* told,
                                      const std::vector<bool>& answers) {
  std::vector<ReportAbsence> absences;
  for (size_t i = 0; i < states.size(); ++i) {
    const auto is_of = [i](const ReportAbsence& one) { return one.replica == i; };
    const ReportAbsence* one = nullptr;
    if (told != nullptr) {
      const auto found = std::find_if(told->begin(), told->end(), is_of);
      if (found != told->end()) one = &*found;
    }
    // One that is there was only told of by some source of its replica; one of which that is not
    // known may be there.
    if (one != nullptr && (!states[i] || !IsKnown(one->presence))) {
      absences.push_back(*one);
    } else if (!states[i] && answers[i] && status == RecordStatus::kConfirmed) {
      absences.push_back({i, Presence::kGone});
    }
  }
  return absences;
}

}  // namespace

merkle::Schema ReportSchema(merkle::Schema schema) {
  if (schema.multiset) schema.key = {{"*", merkle::ColumnType::kBytes}};
  return schema;
}

void SetReportRecord(const ListedKey& listed, const merkle::Schema& schema,
                     const VersionMaker& versions, const std::vector<std::string>& source_names,
                     const std::vector<bool>& answers, ReportRecord* record) {
  SetReportKey(listed.found->key, schema.key_columns(), &record->key);
  record->status = listed.status;
  record->copies.clear();
  record->differs.clear();
  if (listed.differs != nullptr) record->differs = *listed.differs;
  record->states.resize(listed.states->size());
  for (size_t i = 0; i < record->states.size(); ++i) {
    const std::optional<merkle::Digest>& state = (*listed.states)[i];
    record->states[i] = state ? std::optional(versions.Version(*state)) : std::nullopt;
  }
  record->duplicates.clear();
  if (listed.duplicates != nullptr) {
    for (const Duplicate& duplicate : *listed.duplicates) {
      ReportDuplicate& entry = record->duplicates.emplace_back();
      entry.replica = duplicate.replica;
      for (const Duplicate::Held& held : duplicate.held) {
        entry.held.emplace_back(source_names.at(held.source), versions.Version(held.digest));
      }
    }
  }
  record->absences = AbsencesOf(*listed.states, listed.status, listed.absences, answers);
  record->notes.clear();
  if (listed.outside_filter) {
    record->notes.push_back(
        "no replica has it under its filter any more; this is what there is without the filters");
  }
}

void CountPresences(const Confirmation& confirmation, const std::vector<bool>& answers,
                    Report* report) {
  report->presences.assign(answers.size(), {});
  for (const Candidate& candidate : confirmation.candidates()) {
    if (candidate.status == RecordStatus::kInFlight || !candidate.duplicates().empty()) continue;
    const std::vector<ReportAbsence> absences =
        AbsencesOf(candidate.states(), candidate.status,
                   confirmation.AbsencesOf(candidate.found.key), answers);
    for (const ReportAbsence& one : absences) {
      if (!candidate.states()[one.replica]) ++report->presences[one.replica][one.presence];
    }
  }
}

absl::Status CountDivergences(const WalkResult& result, const Confirmation& confirmation,
                              Report* report) {
  const absl::Status read = result.divergences.ForEach([&](const Divergence& divergence) {
    ++report->statuses.unconfirmed;
    Tally(divergence.states, divergence.duplicates, report, /*add=*/true);
  });
  RETURN_IF_ERROR(read);  // of those re-read not all have been counted
  for (const MissingRun& run : result.runs) {
    const uint64_t keys = KeysOf(run);
    const uint64_t duplicate = DuplicatesIn(run);
    report->statuses.unconfirmed += keys;
    report->duplicate += duplicate;
    for (size_t i = 0; i < run.summaries.size(); ++i) {
      if (run.summaries[i].count == 0) report->missing[i] += keys - duplicate;
    }
  }
  // Those re-read count as what they are now.
  for (const Candidate& candidate : confirmation.candidates()) {
    --report->statuses.unconfirmed;
    Tally(candidate.found.states, candidate.found.duplicates, report, /*add=*/false);
    CountStatus(candidate, &report->statuses);
    if (candidate.status != RecordStatus::kInFlight)
      Tally(candidate.states(), candidate.duplicates(), report, /*add=*/true);
  }
  report->total = report->statuses.divergent();
  return confirmation.status();
}

std::vector<StatusCounts> CountRuns(const WalkResult& result, const Confirmation& confirmation) {
  std::vector<StatusCounts> counts(result.runs.size());
  for (size_t i = 0; i < counts.size(); ++i) counts[i].unconfirmed = KeysOf(result.runs[i]);
  for (const Candidate& candidate : confirmation.candidates()) {
    if (!candidate.run) continue;
    --counts[*candidate.run].unconfirmed;
    CountStatus(candidate, &counts[*candidate.run]);
  }
  return counts;
}

std::optional<ListedKey> ListedAs(const Divergence& found, const Confirmation& confirmation) {
  const Candidate* const candidate = confirmation.Find(found.key);
  ListedKey listed{&found, &found.states, RecordStatus::kUnconfirmed};
  listed.duplicates = &found.duplicates;
  if (candidate == nullptr) return listed;
  if (candidate->status == RecordStatus::kInFlight) return std::nullopt;
  return ListedKey{&found,
                   &candidate->states(),
                   candidate->status,
                   candidate->copies.empty() ? nullptr : &candidate->copies,
                   candidate->differs.empty() ? nullptr : &candidate->differs,
                   candidate->outside_filter,
                   &candidate->duplicates(),
                   confirmation.AbsencesOf(found.key)};
}

absl::StatusOr<std::vector<std::vector<std::string>>> FirstMissing(const WalkResult& result,
                                                                   const Confirmation& confirmation,
                                                                   size_t replicas, size_t max) {
  std::vector<std::vector<std::string>> missing(replicas);
  KnownDivergences known(result);
  for (bool any_left = max > 0; any_left;) {
    ASSIGN_OR_RETURN(const bool more, known.Advance());
    if (!more) break;
    const std::optional<ListedKey> one = ListedAs(known.divergence(), confirmation);
    if (!one) continue;
    any_left = false;
    for (size_t i = 0; i < replicas; ++i) {
      if (!(*one->states)[i] && missing[i].size() < max) missing[i].push_back(one->found->key);
      any_left = any_left || missing[i].size() < max;
    }
  }
  return missing;
}

std::string CheckStatuses(const WalkResult& result, const Report& report) {
  uint64_t keys = result.divergences.size();
  for (const MissingRun& run : result.runs) keys += KeysOf(run);
  const uint64_t counted = report.total + report.statuses.in_flight;
  if (counted == keys && report.total == report.statuses.divergent()) return "";
  return "the confirmation adds up to " + GroupDigits(counted) + " divergent keys, not to the " +
         GroupDigits(keys) + " that were found";
}

std::string CheckMultisets(const WalkResult& result, const Report& report) {
  if (!report.multiset() || !result.divergences.empty() || !result.runs.empty()) return "";
  for (const ReportReplica& replica : report.replicas) {
    if (replica.records == report.replicas[0].records) continue;
    return "no record differs in its copy count, and yet " + report.replicas[0].name + " has " +
           GroupDigits(report.replicas[0].records.value_or(0)) + " records and " + replica.name +
           " has " + GroupDigits(replica.records.value_or(0));
  }
  return "";
}

absl::StatusOr<std::vector<std::string>> CheckTotals(const WalkResult& result,
                                                     const std::vector<merkle::Summary>& roots) {
  std::vector<uint64_t> parts(roots.size(), result.records_proven_equal);
  RETURN_IF_ERROR(result.divergences.ForEach([&](const Divergence& divergence) {
    for (size_t i = 0; i < parts.size(); ++i) parts[i] += divergence.RecordsIn(i);
  }));
  for (const MissingRun& run : result.runs) {
    for (size_t i = 0; i < parts.size(); ++i) parts[i] += run.summaries[i].count;
  }
  std::vector<std::string> wrong(roots.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == roots[i].count) continue;
    wrong[i] = "the parts of the comparison add up to " + GroupDigits(parts[i]) +
               " records, not to the " + GroupDigits(roots[i].count) + " that it has";
  }
  return wrong;
}

std::optional<ReportColumns> CountColumns(const Confirmation& confirmation, size_t columns) {
  ReportColumns result;
  std::vector<ColumnCount> counts(columns);
  for (size_t c = 0; c < columns; ++c) counts[c].column = c;
  for (const Candidate& candidate : confirmation.candidates()) {
    if (!candidate.ChangedColumnsKnown(columns)) continue;
    ++result.examined;
    const bool alone = std::count(candidate.differs.begin(), candidate.differs.end(), true) == 1;
    for (size_t c = 0; c < columns; ++c) {
      if (!candidate.differs[c]) continue;
      ++counts[c].records;
      if (alone) ++counts[c].only;
    }
  }
  if (result.examined == 0) return std::nullopt;
  std::stable_sort(counts.begin(), counts.end(), [](const ColumnCount& a, const ColumnCount& b) {
    return a.records > b.records;
  });
  for (const ColumnCount& count : counts) {
    if (count.records > 0) result.differing.push_back(count);
  }
  return result;
}

std::vector<std::string> KeysWithoutCopies(std::span<const ListedKey> listed) {
  std::vector<std::string> keys;
  for (const ListedKey& one : listed) {
    if (one.copies == nullptr) keys.push_back(one.found->key);
  }
  return keys;
}

void AddCopies(std::span<const ListedKey> listed, const Readings& indexed,
               std::span<ReportRecord> records) {
  std::vector<RecordCursor> cursors = CursorsOf(indexed);
  for (size_t r = 0; r < listed.size(); ++r) {
    const States& states = *listed[r].states;
    std::vector<std::optional<uint64_t>>& copies = records[r].copies;
    copies.resize(states.size());
    for (size_t i = 0; i < states.size(); ++i) {
      if (!states[i]) {
        copies[i] = 0;
      } else if (listed[r].copies != nullptr) {
        copies[i] = (*listed[r].copies)[i];
      } else if (i < cursors.size()) {
        // Of another index than the one that was compared it would be the number of something else.
        const FoundRecord* const found = cursors[i].Find(listed[r].found->key);
        if (found != nullptr && found->digest == *states[i]) copies[i] = found->copies;
      }
    }
  }
}

void AddValues(std::span<const ListedKey> listed, const Readings& found,
               const merkle::Schema& schema, const std::vector<std::string>& replicas,
               std::span<ReportRecord> records) {
  const size_t columns = schema.values.size();
  std::vector<RecordCursor> cursors = CursorsOf(found);
  for (size_t r = 0; r < listed.size(); ++r) {
    ReportRecord& record = records[r];
    record.values.resize(found.size());
    if (found.empty()) continue;
    for (size_t i = 0; i < found.size(); ++i) {
      const std::string& name = replicas[i];
      // What there is without the filters has no values.
      if (!found[i].ok() || listed[r].outside_filter) record.values[i].reset();
      if (!found[i].ok()) {
        record.notes.push_back(name + ": its values could not be read");
      } else if (!listed[r].outside_filter) {
        AddReplicaValues(name, (*listed[r].states)[i], cursors[i].Find(listed[r].found->key),
                         columns, &record, &record.values[i]);
      }
    }
    // Of fewer values than there are they would say too little.
    bool all_known = record.duplicates.empty();
    for (size_t i = 0; i < found.size(); ++i) {
      all_known = all_known && (record.values[i] || !(*listed[r].states)[i]);
    }
    if (all_known) SetDifferingColumns(columns, &record);
  }
}

void AddAlike(std::span<const ListedKey> listed, const AlikeKeys& alike,
              const merkle::Schema& schema, const std::vector<std::string>& replicas,
              std::span<ReportRecord> records) {
  const size_t columns = schema.key.size();
  for (size_t r = 0; r < listed.size(); ++r) {
    for (size_t i = 0; i < alike.size(); ++i) {
      const auto found = alike[i].find(listed[r].found->key);
      if (found == alike[i].end() || (*listed[r].states)[i]) continue;
      records[r].notes.push_back(replicas[i] + ": it holds " + KeyInWords(found->second, columns) +
                                 ", which its collation considers equal to " +
                                 KeyInWords(found->first, columns));
    }
  }
}

std::vector<std::string> AlikeWarnings(const AlikeKeys& alike, const merkle::Schema& schema,
                                       const std::vector<std::string>& replicas) {
  const size_t columns = schema.key.size();
  std::vector<std::string> warnings;
  for (size_t i = 0; i < alike.size(); ++i) {
    if (alike[i].empty()) continue;
    const auto& [key, held] = *alike[i].begin();
    warnings.push_back(
        replicas[i] + ": at least " +
        Plural(alike[i].size(), "key that it lacks is", "keys that it lacks are") +
        " equal to others that it holds by its own collation, so that it can't hold both, such "
        "as " +
        KeyInWords(key, columns) + " beside " + KeyInWords(held, columns));
  }
  return warnings;
}

}  // namespace driftwood::coordinator
