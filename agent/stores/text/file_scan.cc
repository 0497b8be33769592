#include "agent/stores/text/file_scan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/source/messages.h"
#include "merkle/mutex.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

class NullSink final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue>, uint64_t) override { return absl::OkStatus(); }
};

// What a scan and its batches share. Batches may outlive the scan.
class SharedJob {
 public:
  explicit SharedJob(FileScanJob job) : job_(std::move(job)) {}

  const FileScanJob& operator*() const { return job_; }
  const FileScanJob* operator->() const { return &job_; }

  // The error that the scan ends with, given the error that one thread came upon. The same for all.
  absl::Status Fail(const RecordError& seen) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = Explain(seen);
    return failure_;
  }
  absl::Status failure() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return failure_;
  }

 private:
  absl::Status Explain(const RecordError& seen) const {
    const std::string change = job_.file->ChangeSinceOpen();
    if (!change.empty())
      return absl::AbortedError(Printable(job_.file->name()) + " changed while it was read (" +
                                change + "), and a record was wrong (" + seen.message +
                                "); compare it again when nothing writes to it");
    NullSink sink;
    ChunkDecoder::Result first =
        DecodeAll(*job_.file, job_.first_record, job_.end, job_.chunks, *job_.decoder, sink);
    RETURN_IF_ERROR(first.sink);
    return DescribeRecordError(*job_.file, job_.file->name(), first.error ? *first.error : seen);
  }

  const FileScanJob job_;
  merkle::Mutex mutex_;
  absl::Status failure_ DRIFTWOOD_GUARDED_BY(mutex_) = absl::OkStatus();
};

class FileBatch final : public RowBatch {
 public:
  FileBatch(std::shared_ptr<SharedJob> job, Chunk chunk)
      : job_(std::move(job)), chunk_(std::move(chunk)) {}

  absl::Status Decode(RowSink& sink) override {
    ChunkDecoder::Result result = (*job_)->decoder->Decode(chunk_, sink);
    if (result.error) return job_->Fail(*result.error);
    return result.sink;
  }
  size_t bytes() const override { return chunk_.size; }

 private:
  const std::shared_ptr<SharedJob> job_;
  Chunk chunk_;
};

class FileScan final : public Scan {
 public:
  explicit FileScan(FileScanJob job)
      : job_(std::make_shared<SharedJob>(std::move(job))),
        chunks_(Chunks((*job_)->first_record, (*job_)->end)) {}

  absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
    RETURN_IF_ERROR(job_->failure());
    if (!error_.ok()) return error_;
    absl::StatusOr<RecordChunks::Step> step = chunks_->Next();
    const bool rest = step.ok() && std::holds_alternative<std::monostate>(*step) && begun_at_;
    if (rest) {
      read_before_ = chunks_->bytes_read() - *begun_at_;
      chunks_ = Chunks((*job_)->first_record, *std::exchange(begun_at_, std::nullopt));
      return Next();
    }
    if (!step.ok()) return error_ = step.status();
    if (Chunk* chunk = std::get_if<Chunk>(&*step))
      return std::make_unique<FileBatch>(job_, std::move(*chunk));
    if (const RecordError* error = std::get_if<RecordError>(&*step)) return job_->Fail(*error);
    at_end_ = true;
    return std::unique_ptr<RowBatch>();
  }

  bool BeginAt(uint64_t origin) override {
    if (origin <= (*job_)->first_record || origin >= (*job_)->end) return false;
    begun_at_ = origin;
    chunks_ = Chunks(origin, (*job_)->end);
    return true;
  }

  uint64_t Progress() const override {
    return read_before_ + chunks_->bytes_read() - begun_at_.value_or(0);
  }

  absl::StatusOr<End> Finish() override {
    // A caller that missed an error must not be told that the scan went well.
    RETURN_IF_ERROR(job_->failure());
    RETURN_IF_ERROR(error_);
    if (!at_end_)
      return absl::InternalError(Printable((*job_)->file->name()) + " was not read to its end");
    return (*job_)->file->Finish((*job_)->reading);
  }

 private:
  std::unique_ptr<RecordChunks> Chunks(uint64_t begin, uint64_t end) const {
    return std::make_unique<RecordChunks>(*(*job_)->file, begin, end, (*job_)->chunks,
                                          (*job_)->decoder->NewRecordEnds());
  }

  const std::shared_ptr<SharedJob> job_;
  std::unique_ptr<RecordChunks> chunks_;
  std::optional<uint64_t> begun_at_;  // what precedes it is still to come
  uint64_t read_before_ = 0;          // bytes, before `chunks_`
  absl::Status error_ = absl::OkStatus();  // of reading; sticky
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<Scan> NewFileScan(FileScanJob job) {
  return std::make_unique<FileScan>(std::move(job));
}

absl::Status DescribeRecordError(const ByteSource& source, const std::string& name,
                                 const RecordError& error) {
  ASSIGN_OR_RETURN(const LineAndColumn place, LocateByte(source, error.offset));
  return absl::Status(error.code, Printable(name) + ", line " + std::to_string(place.line) +
                                      ", column " + std::to_string(place.column) +
                                      std::string(source.PlaceNote()) + ": " + error.message);
}

ChunkDecoder::Result DecodeAll(const ByteSource& source, uint64_t first_record, uint64_t end,
                               const ChunkOptions& options, const ChunkDecoder& decoder,
                               RowSink& sink) {
  RecordChunks chunks(source, first_record, end, options, decoder.NewRecordEnds());
  ChunkDecoder::Result result;
  while (true) {
    absl::StatusOr<RecordChunks::Step> step = chunks.Next();
    if (!step.ok()) {
      result.sink = step.status();
      return result;
    }
    if (RecordError* error = std::get_if<RecordError>(&*step)) {
      result.error = std::move(*error);
      return result;
    }
    Chunk* chunk = std::get_if<Chunk>(&*step);
    if (chunk == nullptr) return result;
    result = decoder.Decode(*chunk, sink);
    if (result.error || !result.sink.ok()) return result;
  }
}

absl::StatusOr<std::string> DescribeLine(const ByteSource& source, uint64_t offset) {
  ASSIGN_OR_RETURN(const LineAndColumn place, LocateByte(source, offset));
  return "line " + std::to_string(place.line) + std::string(source.PlaceNote());
}

absl::StatusOr<std::vector<uint32_t>> SlotsOfPlan(const std::string& source,
                                                  const std::vector<std::string>& columns,
                                                  const std::vector<std::string>& plan) {
  const auto skipped = static_cast<uint32_t>(plan.size());
  std::vector<uint32_t> slots(columns.size(), skipped);
  std::map<std::string_view, size_t> places;  // there may be very many
  for (size_t i = 0; i < columns.size(); ++i) places.emplace(columns[i], i);
  for (uint32_t slot = 0; slot < skipped; ++slot) {
    const auto found = places.find(plan[slot]);
    if (found == places.end())
      return absl::InvalidArgumentError(Printable(source) + " has no column " +
                                        Printable(plan[slot]) +
                                        "; its columns: " + ListNames(columns));
    uint32_t& of_column = slots[found->second];
    if (of_column != skipped)
      return absl::InvalidArgumentError("column " + Printable(plan[slot]) + " is asked for twice");
    of_column = slot;
  }
  return slots;
}

}  // namespace driftwood::agent
