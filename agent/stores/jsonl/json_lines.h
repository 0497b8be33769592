// The lines of a chunk as objects, for what reads JSON Lines: rows, what is known of their columns,
// and events.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "agent/stores/jsonl/column_names.h"
#include "agent/stores/jsonl/json_parser.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent {

inline uint64_t OffsetOf(const Chunk& chunk, const char* at) {
  return chunk.offset + static_cast<uint64_t>(at - chunk.begin());
}
RecordError ErrorAt(const Chunk& chunk, const char* at, std::string message);
RecordError TwiceError(const Chunk& chunk, const JsonLine& line);

// One object: `member(line)` takes each member and returns the error that it is, if any.
template <typename Member>
std::optional<RecordError> TakeMembers(const Chunk& chunk, JsonLine& line, const Member& member) {
  while (line.Next()) {
    std::optional<RecordError> error = member(line);
    if (error) return error;
  }
  if (line.error() == nullptr) return std::nullopt;
  return ErrorAt(chunk, line.error_position(), line.error());
}

// `record(origin)` follows a line's last member and returns false to stop.
template <typename Member, typename Record>
std::optional<RecordError> ForEachLine(const Chunk& chunk, const Member& member,
                                       const Record& record) {
  char* begin = chunk.begin();
  while (begin < chunk.end()) {
    const auto left = static_cast<size_t>(chunk.end() - begin);
    auto* const newline = static_cast<char*>(std::memchr(begin, '\n', left));
    JsonLine line(begin, newline);
    std::optional<RecordError> error = TakeMembers(chunk, line, member);
    if (error) return error;
    if (!line.blank() && !record(OffsetOf(chunk, begin))) return std::nullopt;
    begin = newline + 1;
  }
  return std::nullopt;
}

// Which columns the members of one object after the other are, where nobody knows them before. One
// thread.
class MemberColumns {
 public:
  // Adds to `columns`, which must outlive it.
  explicit MemberColumns(ColumnNames* columns) : columns_(*columns) {}

  // Sets `column`, unless the member has no name, is there twice, or is one of too many.
  std::optional<RecordError> Take(const Chunk& chunk, const JsonLine& line, size_t* column);
  // Of the object that is being read.
  bool HasTaken(size_t column) const {
    return column < seen_in_.size() && seen_in_[column] == object_;
  }
  void NextObject() {
    ++object_;
    guess_ = 0;
  }

 private:
  ColumnNames& columns_;
  std::vector<uint64_t> seen_in_;  // the last object with the column
  uint64_t object_ = 1;
  size_t guess_ = 0;
};

}  // namespace driftwood::agent
