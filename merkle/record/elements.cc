#include "merkle/record/elements.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "merkle/record/decoding.h"

namespace driftwood::merkle {
namespace {

// The elements of a JSON array that is in canonical form: no white space, and of escapes only those
// that JSON demands.
class ElementReader {
 public:
  explicit ElementReader(std::string_view json) : json_(json) {}

  // Those of the array that begins here, each by itself; false if there is no such array.
  bool ReadArray(int depth, std::vector<std::string>* elements) {
    if (depth >= kListDepthMax || !Take('[')) return false;
    if (Take(']')) return true;
    do {
      if (!ReadElement(depth, &elements->emplace_back())) return false;
    } while (Take(','));
    return Take(']');
  }
  bool at_end() const { return json_.empty(); }

 private:
  bool Take(char c) {
    if (json_.empty() || json_.front() != c) return false;
    json_.remove_prefix(1);
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (!json_.starts_with(word)) return false;
    json_.remove_prefix(word.size());
    return true;
  }

  bool ReadElement(int depth, std::string* out) {
    if (json_.front() == '[') return ReadList(depth, out);
    if (json_.front() == '"') return ReadString(out);
    if (TakeWord("null")) {
      AppendNull(out);
    } else if (TakeWord("true")) {
      AppendBool(true, out);
    } else if (TakeWord("false")) {
      AppendBool(false, out);
    } else {
      const std::string_view number = json_.substr(0, json_.find_first_of(",]"));
      json_.remove_prefix(number.size());
      return AppendDecimalText(number, Place::kKey, out);  // also: an object is no number
    }
    return true;
  }

  bool ReadList(int depth, std::string* out) {
    std::vector<std::string> elements;
    if (!ReadArray(depth + 1, &elements)) return false;
    std::string body;
    for (const std::string& element : elements) body += element;
    AppendList(body, Place::kKey, out);
    return true;
  }

  bool ReadString(std::string* out) {
    std::string text;
    json_.remove_prefix(1);
    while (!Take('"')) {
      if (Take('\\')) {
        text.push_back(TakeEscaped());
      } else {
        text.push_back(json_.front());
        json_.remove_prefix(1);
      }
    }
    return AppendText(text, Place::kKey, out);
  }

  // The character behind a backslash.
  char TakeEscaped() {
    static constexpr std::string_view kLetters = "bfnrt";
    static constexpr std::string_view kEscaped = "\b\f\n\r\t";
    const char letter = json_.front();
    json_.remove_prefix(1);
    if (letter == 'u') {  // "\\u00xx" in lower case
      const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
      const int byte = 16 * digit(json_[2]) + digit(json_[3]);
      json_.remove_prefix(4);
      return static_cast<char>(byte);
    }
    const size_t known = kLetters.find(letter);
    return known == std::string_view::npos ? letter : kEscaped[known];
  }

  std::string_view json_;
};

std::optional<std::vector<std::string>> ElementsOfJson(std::string_view json) {
  const absl::StatusOr<std::string> canonical = CanonicalJson(json);
  if (!canonical.ok()) return std::nullopt;
  ElementReader reader(*canonical);
  std::vector<std::string> elements;
  if (!reader.ReadArray(0, &elements) || !reader.at_end()) return std::nullopt;
  return elements;
}

}  // namespace

void AppendSet(std::vector<std::string> elements, Place place, std::string* out) {
  std::sort(elements.begin(), elements.end());
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  Value set;
  set.tag = Tag::kSet;
  for (const std::string& element : elements) set.text += element;
  AppendValue(set, place, out);
}

void AppendList(std::string_view elements, Place place, std::string* out) {
  Value list;
  list.tag = Tag::kList;
  list.text = elements;
  AppendValue(list, place, out);
}

bool AppendListJson(std::string_view json, Place place, std::string* out) {
  const std::optional<std::vector<std::string>> elements = ElementsOfJson(json);
  if (!elements) return false;
  std::string body;
  for (const std::string& element : *elements) body += element;
  AppendList(body, place, out);
  return true;
}

bool AppendSetJson(std::string_view json, Place place, std::string* out) {
  std::optional<std::vector<std::string>> elements = ElementsOfJson(json);
  if (!elements) return false;
  AppendSet(*std::move(elements), place, out);
  return true;
}

bool ForEachElement(std::string_view body, const std::function<void(const Value&)>& take) {
  while (!body.empty()) {
    const std::optional<Value> element = TakeColumn(Place::kKey, 1, &body);
    if (!element) return false;
    take(*element);
  }
  return true;
}

}  // namespace driftwood::merkle
