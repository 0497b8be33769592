// The text in a program's output, between the lines by which the program says what it promises:
//
//   {"driftwood": 1, "snapshot": true}     may be the first line
//   …                                      CSV or JSON Lines
//   {"end": 1000}                          then must be the last one: so many records
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/stores/text/byte_stream.h"

namespace driftwood::agent {

// One thread.
class ProgramText final : public ByteStream {
 public:
  // Reads the beginning. `name` is the program's, for messages. InvalidArgument: a first line of
  // that kind that makes no sense. Errors of `output` are passed on.
  static absl::StatusOr<std::unique_ptr<ProgramText>> Begin(std::unique_ptr<ByteStream> output,
                                                            std::string name);

  // The output has a first line of that kind.
  bool has_first_line() const { return has_first_line_; }
  // All of it is of one moment, the program says.
  bool is_snapshot() const { return is_snapshot_; }
  // Once Read() has returned 0: how many records the last line says. Absent: no line was promised.
  std::optional<uint64_t> records() const { return records_; }

  // The text. DataLoss: the line that was promised is not there.
  absl::StatusOr<size_t> Read(std::span<char> to) override;

 private:
  explicit ProgramText(std::string name) : name_(std::move(name)) {}
  absl::Status ReadFirstLine(std::string_view line);
  // Fills what is held back, until it may be the last line or nothing follows.
  absl::Status Fill();
  absl::Status TakeLastLine();

  const std::string name_;
  std::unique_ptr<ByteStream> output_;
  bool has_first_line_ = false;
  bool is_snapshot_ = false;
  std::string held_;  // what was read and not given: its last bytes may be the last line
  size_t given_ = 0;  // of it
  bool has_given_ = false;
  bool at_end_ = false;
  std::optional<uint64_t> records_;
};

}  // namespace driftwood::agent
