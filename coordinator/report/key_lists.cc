#include "coordinator/report/key_lists.h"

#include <map>
#include <memory>

#include "coordinator/report/output.h"
#include "coordinator/report/report_csv.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

constexpr size_t kNameBytesMax = 200;

std::string FileNameOf(const Report& report, const ReportRecord& record) {
  if (record.kind_name() != "only_in") return std::string(record.kind_name()) + ".csv";
  const std::vector<std::string> holders = record.HolderNames(report.ReplicaNames());
  if (holders.empty()) return "in_none.csv";
  std::string name = "only_in_";
  for (const std::string& holder : holders)
    name += (&holder == &holders.front() ? "" : "+") + holder;
  return name + ".csv";
}

// Those that are there though no key is in them.
std::vector<std::string> FileNames(const Report& report) {
  std::vector<std::string> names = {"changed.csv"};
  bool sharded = false;
  for (const ReportReplica& replica : report.replicas) {
    names.push_back("only_in_" + replica.name + ".csv");
    sharded = sharded || replica.sources.size() > 1;
  }
  if (sharded) names.push_back("duplicate.csv");
  return names;
}

absl::Status CheckListsAreWhole(const Report& report) {
  const bool compared =
      report.verdict == Verdict::kIdentical || report.verdict == Verdict::kDivergent;
  if (!compared || !report.schema) {
    return absl::FailedPreconditionError("the comparison is " +
                                         std::string(VerdictName(report.verdict)));
  }
  if (report.estimate) {
    return absl::FailedPreconditionError("only a sample was compared; --exhaustive compares all");
  }
  if (!report.listing.ok()) {
    return absl::FailedPreconditionError("not all keys that differ could be kept: " +
                                         std::string(report.listing.message()));
  }
  if (report.listed() < report.total) {
    return absl::FailedPreconditionError(
        GroupDigits(report.listed()) + " of " + Plural(report.total, "key", "keys") +
        " that differ are listed; raise --recheck-max, and leave --max-divergences out");
  }
  return report.ForEachRecord([](const ReportRecord& record) {
    if (record.key.columns) return absl::OkStatus();
    return absl::FailedPreconditionError("the encoded key " + Hex(record.key.encoded) +
                                         " can't be decoded");
  });
}

absl::Status WriteLists(const Report& report, const std::string& prefix,
                        OutputDirectory* directory) {
  CsvCells header;
  for (const merkle::Column& column : report.schema->key) {
    header.push_back(CsvCell(column.name, CsvForm::kRaw));
  }
  std::map<std::string, std::unique_ptr<Output>> lists;
  const auto list_of = [&](const std::string& name) -> absl::StatusOr<Output*> {
    std::unique_ptr<Output>& list = lists[name];
    if (list == nullptr) {
      ASSIGN_OR_RETURN(list, directory->File(prefix + name));
      RETURN_IF_ERROR(list->Write(CsvRow(header)));
    }
    return list.get();
  };
  for (const std::string& name : FileNames(report)) RETURN_IF_ERROR(list_of(name).status());
  RETURN_IF_ERROR(report.ForEachRecord([&](const ReportRecord& record) -> absl::Status {
    ASSIGN_OR_RETURN(Output* const list, list_of(FileNameOf(report, record)));
    return list->Write(CsvRow(KeyCells(report, record.key, CsvForm::kRaw)));
  }));
  for (const auto& [name, list] : lists) RETURN_IF_ERROR(list->Commit());
  return absl::OkStatus();
}

bool WasCompared(const TableReport& table) {
  return table.result == TableResult::kIdentical || table.result == TableResult::kDivergent;
}

}  // namespace

absl::Status WriteKeyLists(const Report& report, const std::string& directory) {
  RETURN_IF_ERROR(CheckListsAreWhole(report));
  ASSIGN_OR_RETURN(const std::unique_ptr<OutputDirectory> output,
                   OutputDirectory::Create(directory));
  RETURN_IF_ERROR(WriteLists(report, "", output.get()));
  return output->Commit();
}

absl::Status WriteKeyLists(const DatabaseReport& report, const std::string& directory) {
  for (const TableReport& table : report.tables) {
    if (!WasCompared(table)) continue;
    const absl::Status whole = CheckListsAreWhole(table.report);
    if (whole.ok()) continue;
    return absl::FailedPreconditionError("table " + table.table + ": " +
                                         std::string(whole.message()));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OutputDirectory> output,
                   OutputDirectory::Create(directory));
  for (size_t i = 0; i < report.tables.size(); ++i) {
    const TableReport& table = report.tables[i];
    if (!WasCompared(table)) continue;
    RETURN_IF_ERROR(WriteLists(table.report, SafeName(table.table, i) + "/", output.get()));
  }
  return output->Commit();
}

std::vector<std::string> TablesWithoutKeyLists(const DatabaseReport& report) {
  std::vector<std::string> names;
  for (const TableReport& table : report.tables) {
    if (!WasCompared(table)) names.push_back(table.table);
  }
  return names;
}

std::string SafeName(const std::string& table, size_t number) {
  std::string name;
  for (const char c : table) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (alphanumeric || c == '-' || c == '_' || (c == '.' && !name.empty())) {
      name += c;
    } else {
      name += '%';
      AppendHex(c, &name);
    }
  }
  if (name.empty()) name = "%";
  if (name.size() <= kNameBytesMax) return name;
  return name.substr(0, kNameBytesMax) + "%t" + std::to_string(number);
}

}  // namespace driftwood::coordinator
