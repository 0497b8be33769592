#include "agent/stores/asked/answers.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "agent/source/messages.h"
#include "agent/stores/jsonl/json_parser.h"
#include "merkle/status_macros.h"
#include "merkle/text/unicode.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {
namespace {

using Kind = SourceValue::Kind;

nlohmann::json JsonOf(const SourceValue& value) {
  if (value.kind == Kind::kInt64) return value.int64;
  if (value.kind == Kind::kUint64) return value.uint64;
  return value.kind == Kind::kUuid ? DisplayText(value) : std::string(value.text);
}

std::string KeyLine(const std::vector<std::string>& names, const std::vector<SourceValue>& key) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (size_t i = 0; i < names.size(); ++i) line[names[i]] = JsonOf(key[i]);
  return line.dump();
}

// Whether a program that was asked for `key` may have meant it by `answer`.
bool MayBeKey(const SourceValue& answer, const SourceValue& key) {
  const bool is_scalar = answer.IsText() || answer.kind == Kind::kNumber;
  if (!is_scalar) return false;
  if (key.kind == Kind::kInt64) return WholeNumber(answer.text) == key.int64;
  if (key.kind == Kind::kUint64) return answer.text == std::to_string(key.uint64);
  if (key.kind == Kind::kUuid) return merkle::FoldCase(answer.text) == DisplayText(key);
  return answer.text == key.text;
}

struct LookupAnswer {
  std::optional<Presence> presence;  // absent: it is a record
  std::string why;
  size_t keys_met = 0;
};

class AnswerReader {
 public:
  AnswerReader(const std::string& name, const std::vector<std::string>& names)
      : name_(Printable(name)), names_(names) {}

  absl::StatusOr<LookupAnswer> Read(std::string_view line, const std::vector<SourceValue>& key) {
    ++line_;
    // The parser may write to the line.
    buffer_.assign(line);
    buffer_.append(JsonLine::kPadding, '\0');
    JsonLine json(buffer_.data(), buffer_.data() + line.size());
    LookupAnswer answer;
    bool is_word = false;
    for (size_t member = 0; json.Next(); ++member) {
      if (member == 0 && json.name() == "driftwood") is_word = true;
      if (is_word) {
        RETURN_IF_ERROR(TakeWord(json, &answer));
      } else {
        TakeMember(json, key, &answer);
      }
    }
    if (json.error() != nullptr) return Wrong(json.error());
    if (json.blank()) return Wrong("an empty line is no answer");
    if (!is_word && answer.keys_met < names_.size())
      return absl::DataLossError(
          name_ + " was asked for " + Printable(KeyLine(names_, key), 256) +
          " and answered with the record of another key: " + Printable(line, 256));
    return answer;
  }

 private:
  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(name_ + ", line " + std::to_string(line_) +
                                      " of its answers to lookup: " + what);
  }

  absl::Status TakeWord(const JsonLine& json, LookupAnswer* answer) const {
    const SourceValue& value = json.value();
    const bool is_text = value.kind == Kind::kString;
    if (json.name() == "why" && is_text) {
      answer->why = Printable(value.text, kWhyBytesMax);
      return absl::OkStatus();
    }
    const std::optional<Presence> word =
        json.name() == "driftwood" && is_text ? PresenceFromName(value.text) : std::nullopt;
    if (!word || word == Presence::kThere) {
      return Wrong(
          "what is no record is {\"driftwood\": \"gone\"} or "
          "{\"driftwood\": \"unknown\", \"why\": \"…\"} (or filtered, moved, soft-deleted, "
          "hidden)");
    }
    answer->presence = word;
    return absl::OkStatus();
  }

  void TakeMember(const JsonLine& json, const std::vector<SourceValue>& key,
                  LookupAnswer* answer) const {
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == json.name() && MayBeKey(json.value(), key[i])) ++answer->keys_met;
    }
  }

  const std::string name_;
  const std::vector<std::string>& names_;
  std::string buffer_;
  size_t line_ = 0;
};

}  // namespace

std::optional<int64_t> WholeNumber(std::string_view text) {
  int64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

bool CanBeAskedFor(std::span<const std::vector<SourceValue>> keys) {
  const auto can = [](const SourceValue& value) {
    return value.IsText() || value.kind == Kind::kInt64 || value.kind == Kind::kUint64 ||
           value.kind == Kind::kUuid;
  };
  return std::all_of(keys.begin(), keys.end(), [&](const std::vector<SourceValue>& key) {
    return std::all_of(key.begin(), key.end(), can);
  });
}

std::string KeyLines(const std::vector<std::string>& names,
                     std::span<const std::vector<SourceValue>> keys) {
  std::string lines;
  for (const std::vector<SourceValue>& key : keys) lines += KeyLine(names, key) + "\n";
  return lines;
}

std::string AnswerLine(Presence presence, std::string_view why) {
  nlohmann::ordered_json line = {{"driftwood", PresenceName(presence)}};
  if (!why.empty()) line["why"] = why;
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  return line.dump(-1, ' ', false, kReplace) + "\n";
}

absl::StatusOr<Answers> ReadAnswers(const std::string& name, std::string_view answers,
                                    const std::vector<std::string>& names,
                                    std::span<const std::vector<SourceValue>> keys) {
  AnswerReader reader(name, names);
  Answers result;
  size_t count = 0;
  while (!answers.empty()) {
    const size_t end = std::min(answers.find('\n'), answers.size());
    const std::string_view line = answers.substr(0, end);
    answers.remove_prefix(std::min(end + 1, answers.size()));
    if (count < keys.size()) {
      ASSIGN_OR_RETURN(LookupAnswer answer, reader.Read(line, keys[count]));
      if (!answer.presence) {
        result.records.append(line).push_back('\n');
      } else if (*answer.presence == Presence::kGone) {
        result.gone.push_back(count);
      } else {
        result.not_given.push_back({count, *answer.presence, std::move(answer.why)});
      }
    }
    ++count;
  }
  if (count != keys.size())
    return absl::DataLossError(Printable(name) + " was asked for " +
                               Plural(keys.size(), "key", "keys") + " and answered with " +
                               Plural(count, "line", "lines") +
                               "; lookup writes one line for each key, in their order");
  return result;
}

}  // namespace driftwood::agent
