#include "coordinator/audit/verdict.h"

#include <string>
#include <utility>

#include "coordinator/audit/confirm/listing.h"

namespace driftwood::coordinator {

namespace {

// The whole key space.
void AddGap(std::string reason, std::optional<size_t> replica, Report* report) {
  ReportGap gap;
  gap.replica = replica;
  gap.reason = std::move(reason);
  report->gaps.push_back(std::move(gap));
}

// What the walk proved must be what our own sums say.
void CheckSums(const WalkResult& result, const std::vector<merkle::Summary>& roots,
               Report* report) {
  for (size_t i = 0; i < roots.size(); ++i) {
    const std::string wrong = CheckTotals(result, roots, i);
    if (!wrong.empty()) AddGap(wrong, i, report);
  }
  for (const std::string& wrong :
       {CheckStatuses(result, *report), CheckMultisets(result, *report)}) {
    if (!wrong.empty()) AddGap(wrong, std::nullopt, report);
  }
}

void AlsoFailed(const ReportError& error, Report* report) {
  report->error->message += "; and " +
                            (error.replica ? report->replicas[*error.replica].name + ": " : "") +
                            error.message;
}

}  // namespace

void DecideVerdict(const WalkResult& result, const std::vector<merkle::Summary>& roots,
                   const std::optional<ReportError>& ended_by, Report* report) {
  if (result.complete && result.gaps.empty()) {
    CheckSums(result, roots, report);
  } else if (report->gaps.empty()) {
    AddGap("the walk ended without an answer for all keys", std::nullopt, report);
  }
  report->complete = report->gaps.empty();
  report->exact = report->complete;
  if (report->complete) {
    const bool same = report->total == 0 && report->schema_differences.empty();
    report->verdict = same ? Verdict::kIdentical : Verdict::kDivergent;
    return;
  }
  report->verdict = Verdict::kIncomplete;
  if (ended_by) report->error = ended_by;
  if (report->error) return;
  const ReportGap& gap = report->gaps.front();
  report->error = ReportError{absl::StatusCode::kInternal, gap.reason, gap.replica};
}

void MarkError(const ReportError& error, Report* report) {
  if (report->verdict == Verdict::kError && report->error) return AlsoFailed(error, report);
  report->verdict = Verdict::kError;
  const std::optional<ReportError> earlier = std::exchange(report->error, error);
  if (earlier) AlsoFailed(*earlier, report);
}

void MarkFailed(const ReportError& error, ReportGap gap, Report* report) {
  report->gaps.push_back(std::move(gap));
  if (report->error) return;
  report->verdict = Verdict::kIncomplete;
  report->error = error;
}

void MarkInterrupted(Report* report) {
  report->interrupted = true;
  if (report->verdict == Verdict::kError && report->error &&
      report->error->code != absl::StatusCode::kCancelled) {
    return;
  }
  report->verdict = Verdict::kIncomplete;
  report->complete = false;
  report->exact = false;
  report->error = ReportError{absl::StatusCode::kCancelled, "interrupted", std::nullopt};
  report->gaps.clear();
  AddGap("interrupted", std::nullopt, report);
}

}  // namespace driftwood::coordinator
