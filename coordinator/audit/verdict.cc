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
  const absl::StatusOr<std::vector<std::string>> totals = CheckTotals(result, roots);
  if (!totals.ok()) AddGap(std::string(totals.status().message()), std::nullopt, report);
  for (size_t i = 0; totals.ok() && i < totals->size(); ++i) {
    if (!(*totals)[i].empty()) AddGap((*totals)[i], i, report);
  }
  for (const std::string& wrong :
       {CheckStatuses(result, *report), CheckMultisets(result, *report)}) {
    if (!wrong.empty()) AddGap(wrong, std::nullopt, report);
  }
}

// That most of it differs is known if any difference in it is confirmed; how much of the rest
// differs is estimated, which is no gap. One that was not confirmed may only have been in flight.
// With a gap of another kind, that is what the comparison failed by.
void JudgeSample(const WalkResult& result, std::optional<ReportError>* error, Report* report) {
  const std::string wrong = CheckStatuses(result, *report);
  if (!wrong.empty()) AddGap(wrong, std::nullopt, report);
  const std::string why = *error ? (*error)->message : "only a sample was compared";
  if (!report->gaps.empty()) {
    error->reset();
    AddGap(why, std::nullopt, report);
  } else if (report->statuses.confirmed == 0) {
    AddGap(why, std::nullopt, report);
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
  std::optional<ReportError> error = ended_by;
  if (report->estimate) {
    JudgeSample(result, &error, report);
  } else if (result.complete && result.gaps.empty()) {
    CheckSums(result, roots, report);
  } else if (report->gaps.empty()) {
    AddGap("the walk ended without an answer for all keys", std::nullopt, report);
  }
  report->complete = report->gaps.empty() && !report->estimate;
  report->exact = report->complete;
  if (report->gaps.empty()) {
    const bool same = report->exact && report->total == 0 && report->schema_differences.empty();
    report->verdict = same ? Verdict::kIdentical : Verdict::kDivergent;
    return;
  }
  report->verdict = Verdict::kIncomplete;
  if (error) report->error = error;
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
