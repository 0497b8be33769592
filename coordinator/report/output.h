// Where a report goes: stdout, or a file that appears whole or not at all. Every failed write is
// an error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::coordinator {

// Fails if `path` could not be written later: its directory is missing, or not writable. Leaves
// nothing behind.
absl::Status CheckOutputPath(const std::string& path);

// Whether the report is written aside and renamed; false for a device or a pipe, which may make its
// writer wait for a reader.
bool IsWrittenAside(const std::string& path);

// Whether two paths name one file, whether it exists or not.
bool IsSameFile(const std::string& a, const std::string& b);

// Where the verdict of a report in `path` stands, if it is not in the report: beside the file that
// `path` leads to.
std::string VerdictPath(const std::string& path);

// So that it is gone before anything that is written later is there. No error if it is not there.
absl::Status RemoveFile(const std::string& path);

// True of the error of a write to a pipe that nobody reads any more, as behind `| head`.
bool ReaderIsGone(const absl::Status& status);

// One thread at a time.
class Output {
 public:
  // Writes to `fd`, which stays open.
  static std::unique_ptr<Output> ToDescriptor(int fd, std::string name);
  // Writes a temporary file beside `path`; Commit() renames it. What is not a regular file (a
  // device, a pipe) is written directly.
  static absl::StatusOr<std::unique_ptr<Output>> ToFile(const std::string& path);
  // Without Commit() a file's old content stays as it was.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  absl::Status Write(std::string_view bytes);
  // Flushes; for a file also syncs and renames.
  absl::Status Commit();

 private:
  Output(int fd, std::string name, std::string path, std::string temporary);
  absl::Status Flush();

  int fd_;
  const std::string name_;  // for messages
  const std::string path_;  // empty: not ours to close
  std::string temporary_;   // empty: nothing to rename
  std::string buffer_;
};

// A directory of files that appears whole or not at all. One thread at a time.
class OutputDirectory {
 public:
  // Fails if `path` could not be made: it is there and not empty, or no directory, or the one above
  // it is missing or not writable. Leaves nothing behind.
  static absl::Status Check(const std::string& path);
  // Makes a temporary directory beside `path`; Commit() renames it.
  static absl::StatusOr<std::unique_ptr<OutputDirectory>> Create(const std::string& path);
  // Without Commit() nothing is left.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  // A file in it, or in a directory in it: "changed.csv", "orders/changed.csv".
  absl::StatusOr<std::unique_ptr<Output>> File(const std::string& name);
  absl::Status Commit();

 private:
  OutputDirectory(std::string path, std::string temporary);

  const std::string path_;
  std::string temporary_;  // empty: nothing to rename
};

}  // namespace driftwood::coordinator
