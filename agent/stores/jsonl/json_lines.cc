#include "agent/stores/jsonl/json_lines.h"

#include <utility>

#include "agent/source/messages.h"

namespace driftwood::agent {
namespace {

// More members than that are data in the place of names.
constexpr size_t kColumnsMax = 10'000;

}  // namespace

RecordError ErrorAt(const Chunk& chunk, const char* at, std::string message) {
  return {OffsetOf(chunk, at), std::move(message)};
}

RecordError TwiceError(const Chunk& chunk, const JsonLine& line) {
  return ErrorAt(chunk, line.name_position(),
                 "member " + Printable(line.name(), 64) + " is there twice; keep one");
}

std::optional<RecordError> MemberColumns::Take(const Chunk& chunk, const JsonLine& line,
                                               size_t* column) {
  *column = columns_.Find(line.name(), guess_);
  if (*column == ColumnNames::kNone) {
    if (line.name().empty())
      return ErrorAt(chunk, line.name_position(), "a member without a name; give it one");
    if (columns_.size() == kColumnsMax)
      return ErrorAt(chunk, line.name_position(),
                     "more than " + std::to_string(kColumnsMax) +
                         " different members; if their names are data, put them into a member "
                         "of their own");
    *column = columns_.Add(line.name());
  }
  if (seen_in_.size() <= *column) seen_in_.resize(columns_.size(), 0);
  if (HasTaken(*column)) return TwiceError(chunk, line);
  seen_in_[*column] = object_;
  guess_ = *column + 1;
  return std::nullopt;
}

}  // namespace driftwood::agent
