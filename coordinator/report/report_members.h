// A report from the members of its document. Private to the reader.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/report/json_node.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

Verdict ReadVerdict(const JsonNode& node);
// Absent: null. `names` are the replicas'.
std::optional<ReportError> ReadError(const JsonNode& node, const std::vector<std::string>& names);

// Of a whole document, which has one.
ReportOrigin ReadOrigin(const JsonNode& document);

// Reads one document. What is wrong is in the nodes' problem; the report is worth nothing then.
class ReportMembers {
 public:
  Report Read(const JsonNode& document);

 private:
  void ReadReplicas(const JsonNode& document);
  void ReadCompared(const JsonNode& compared);
  void ReadSummary(const JsonNode& summary);
  void ReadRuns(const JsonNode& runs);
  void ReadSpans(const JsonNode& spans);
  void ReadColumns(const JsonNode& columns);
  void ReadExplanation(const JsonNode& explanation);
  void ReadCoverage(const JsonNode& coverage);
  void ReadSources(const JsonNode& sources, ReportReplica* replica);
  ReportRecord ReadRecord(const JsonNode& record);
  void ReadAbsences(const JsonNode& presence, ReportRecord* record);
  void ReadDuplicates(const JsonNode& duplicates, ReportRecord* record);
  void ReadValues(const JsonNode& object, ReportRecord* record);
  std::vector<merkle::Value> ReadRow(const JsonNode& row, const std::optional<JsonNode>& encodings);
  ExplainedKeys ReadExplainedKeys(const JsonNode& keys);

  // A bound's member and what may stand beside it. Absent: null.
  std::optional<ReportKey> ReadBound(const JsonNode& object, const std::string& name);
  ReportKey ReadEncodedKey(const JsonNode& encoded) const;
  ReportKey ReadKey(const JsonNode& key) const;
  size_t ReplicaOf(const JsonNode& name) const;
  size_t ColumnOf(const JsonNode& name) const;
  std::vector<uint64_t> CountsByReplica(const JsonNode& counts) const;

  Report report_;
  std::vector<std::string> names_;
  std::map<std::string, size_t> columns_;  // value columns
};

}  // namespace driftwood::coordinator
