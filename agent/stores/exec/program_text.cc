#include "agent/stores/exec/program_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/json_parser.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// Of the first line, and of the last one with the blank lines behind it.
constexpr size_t kLineMax = 256;
constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kForms =
    "; a first line is {\"driftwood\": 1} or {\"driftwood\": 1, \"snapshot\": true}";

// A line in memory that a JsonLine may write to.
class LineBuffer {
 public:
  explicit LineBuffer(std::string_view line) : bytes_(line), size_(line.size()) {
    bytes_.append(JsonLine::kPadding, '\0');
  }
  JsonLine Parse() { return {bytes_.data(), bytes_.data() + size_}; }

 private:
  std::string bytes_;
  const size_t size_;
};

std::optional<uint64_t> CountOf(const SourceValue& value) {
  uint64_t count = 0;
  if (value.kind != SourceValue::Kind::kNumber) return std::nullopt;
  const char* const end = value.text.data() + value.text.size();
  const auto [rest, error] = std::from_chars(value.text.data(), end, count);
  if (error != std::errc() || rest != end) return std::nullopt;
  return count;
}

// Any member of that name, so that a line in another order is none of the records.
bool IsFirstLine(std::string_view line) {
  LineBuffer buffer(line);
  JsonLine json = buffer.Parse();
  while (json.Next()) {
    if (json.name() == "driftwood") return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProgramText>> ProgramText::Begin(std::unique_ptr<ByteStream> output,
                                                                std::string name) {
  std::unique_ptr<ProgramText> text(new ProgramText(std::move(name)));
  ASSIGN_OR_RETURN(std::string head, ReadHead(*output, kLineMax));
  // Some programs begin with a blank line.
  const size_t blank = std::min(head.find_first_not_of(kSpace), head.size());
  if (head.compare(blank, 1, "{") == 0 &&
      IsFirstLine(std::string_view(head).substr(blank, head.find('\n', blank) - blank))) {
    head.erase(0, blank);
  }
  const size_t line_end = std::min(head.find('\n'), head.size());
  const std::string_view line = std::string_view(head).substr(0, line_end);
  if (IsFirstLine(line)) {
    RETURN_IF_ERROR(text->ReadFirstLine(line));
    head.erase(0, std::min(line_end + 1, head.size()));
  }
  text->output_ = std::move(output);
  text->held_ = std::move(head);
  return text;
}

absl::Status ProgramText::ReadFirstLine(std::string_view line) {
  has_first_line_ = true;
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(Printable(name_) + ", line 1 of its output: " + what +
                                      std::string(kForms));
  };
  LineBuffer buffer(line);
  JsonLine json = buffer.Parse();
  while (json.Next()) {
    if (json.name() == "driftwood") {
      const std::optional<uint64_t> version = CountOf(json.value());
      if (version != 1) return wrong("the member \"driftwood\" is the protocol's version, 1");
    } else if (json.name() == "snapshot" && json.value().kind == SourceValue::Kind::kBool) {
      is_snapshot_ = json.value().boolean;
    } else {
      return wrong("the member \"" + Printable(json.name(), 64) + "\" means nothing here");
    }
  }
  if (json.error() != nullptr) return wrong(json.error());
  return absl::OkStatus();
}

absl::Status ProgramText::Fill() {
  held_.erase(0, given_);
  given_ = 0;
  while (!at_end_ && held_.size() <= kLineMax) {
    const size_t before = held_.size();
    held_.resize(before + kBlockBytes);
    const absl::StatusOr<size_t> read = output_->Read({held_.data() + before, kBlockBytes});
    held_.resize(before + read.value_or(0));
    RETURN_IF_ERROR(read.status());
    if (*read > 0) continue;
    at_end_ = true;
    if (has_first_line_) RETURN_IF_ERROR(TakeLastLine());
  }
  return absl::OkStatus();
}

absl::Status ProgramText::TakeLastLine() {
  const size_t last = held_.find_last_not_of(kSpace);
  const size_t end = last == std::string::npos ? 0 : last + 1;
  const size_t newline = end == 0 ? std::string::npos : held_.rfind('\n', end - 1);
  const size_t begin = newline == std::string::npos ? 0 : newline + 1;
  // A longer line than any last one, of which the beginning was given.
  const bool is_rest = newline == std::string::npos && has_given_;
  LineBuffer buffer(std::string_view(held_).substr(begin, end - begin));
  JsonLine json = buffer.Parse();
  if (!is_rest && json.Next() && json.name() == "end") {
    records_ = CountOf(json.value());
    if (json.Next() || json.error() != nullptr) records_.reset();
  }
  if (!records_)
    return absl::DataLossError(
        "the output of " + Printable(name_) +
        " is cut off: its first line promises a last line {\"end\": N}, N being how many records "
        "there are, and that is not its last line");
  held_.resize(begin);
  return absl::OkStatus();
}

absl::StatusOr<size_t> ProgramText::Read(std::span<char> to) {
  RETURN_IF_ERROR(Fill());
  const size_t kept = at_end_ ? 0 : kLineMax;
  const size_t count = std::min(to.size(), held_.size() - given_ - kept);
  std::memcpy(to.data(), held_.data() + given_, count);
  given_ += count;
  has_given_ = has_given_ || count > 0;
  return count;
}

}  // namespace driftwood::agent
