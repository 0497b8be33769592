#include "merkle/record/elements.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "merkle/record/array_text.h"
#include "merkle/record/decoding.h"
#include "merkle/record/opaque.h"
#include "merkle/record/reading.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::merkle {
namespace {

// "$1,234.50", where that is how amounts are written.
bool AppendMoney(ElementType of, std::string_view text, std::string* out) {
  const std::optional<std::string> plain = of.is_money ? PlainMoney(text) : std::nullopt;
  return plain && AppendDecimalText(*plain, Place::kKey, out);
}

// A text as the element of a list.
bool AppendElementText(ElementType of, std::string_view text, std::string* out) {
  switch (of.type) {
    case ColumnType::kBool:
      return AppendBoolText(text, out);
    case ColumnType::kDecimal:
      if (AppendMoney(of, text, out)) return true;
      [[fallthrough]];
    case ColumnType::kInteger:
    case ColumnType::kFloat64:
      return AppendDecimalText(text, Place::kKey, out);
    case ColumnType::kText:
    case ColumnType::kDynamic:
      return IsUtf8(text) && AppendText(text, Place::kKey, out);
    case ColumnType::kBytes: {
      if (!IsHexText(text)) return false;
      std::string bytes;
      ForEachHexPiece(text, [&bytes](std::string_view piece) { bytes += piece; });
      AppendBytes(bytes, Place::kKey, out);
      return true;
    }
    case ColumnType::kDate:
      return AppendDateText(text, Place::kKey, out);
    case ColumnType::kTime:
      return AppendTimeText(text, Place::kKey, out);
    case ColumnType::kTimestamp:
      return AppendTimestampText(text, Place::kKey, out);
    case ColumnType::kTimestampTz:
      return AppendTimestampTzText(text, Place::kKey, out);
    case ColumnType::kUuid:
      return AppendUuidText(text, Place::kKey, out);
    case ColumnType::kBits:
      return AppendBitsText(text, Place::kKey, out);
    case ColumnType::kOpaque:
      return AppendOpaqueText(of.opaque, text, Place::kKey, out);
    case ColumnType::kJson:
    case ColumnType::kList:
    case ColumnType::kSet:
      break;
  }
  return false;
}

bool IsNumber(ColumnType type) {
  return type == ColumnType::kInteger || type == ColumnType::kDecimal ||
         type == ColumnType::kFloat64;
}

// The elements of a JSON array that is in canonical form: no white space, and of escapes only those
// that JSON demands.
class ElementReader {
 public:
  ElementReader(std::string_view json, ElementType of) : json_(json), of_(of) {}

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
      return true;
    }
    const bool is_dynamic = of_.type == ColumnType::kDynamic;
    const bool is_true = TakeWord("true");
    if (is_true || TakeWord("false")) {
      AppendBool(is_true, out);
      return is_dynamic || of_.type == ColumnType::kBool;
    }
    const std::string_view number = json_.substr(0, json_.find_first_of(",]"));
    json_.remove_prefix(number.size());
    return (is_dynamic || IsNumber(of_.type)) &&
           AppendDecimalText(number, Place::kKey, out);  // also: an object is no number
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
    if (of_.type == ColumnType::kBool) return false;
    if (AppendMoney(of_, text, out)) return true;
    if (IsNumber(of_.type) && text != "NaN" && text != "Infinity" && text != "-Infinity") {
      return false;
    }
    return AppendElementText(of_, text, out);
  }

  // The character behind a backslash.
  char TakeEscaped() {
    static constexpr std::string_view kLetters = "bfnrt";
    static constexpr std::string_view kEscaped = "\b\f\n\r\t";
    const char letter = json_.front();
    json_.remove_prefix(1);
    if (letter == 'u') {  // "\\u00xx" in lower case
      const int byte = 16 * HexDigit(json_[2]) + HexDigit(json_[3]);
      json_.remove_prefix(4);
      return static_cast<char>(byte);
    }
    const size_t known = kLetters.find(letter);
    return known == std::string_view::npos ? letter : kEscaped[known];
  }

  std::string_view json_;
  const ElementType of_;
};

// The same of an array's text. Each array that is open has a list of its own.
class TextElements final : public ArrayTaker {
 public:
  explicit TextElements(ElementType of) : of_(of) {}

  bool Begin() override {
    if (open_.size() >= static_cast<size_t>(kListDepthMax)) return false;
    open_.emplace_back();
    return true;
  }
  bool End() override {
    if (open_.size() == 1) return true;
    std::string body;
    for (const std::string& element : open_.back()) body += element;
    open_.pop_back();
    AppendList(body, Place::kKey, &open_.back().emplace_back());
    return true;
  }
  bool Element(std::optional<std::string_view> text) override {
    std::string& element = open_.back().emplace_back();
    if (text) return AppendElementText(of_, *text, &element);
    AppendNull(&element);
    return true;
  }
  // Of the outermost array.
  std::vector<std::string> Take() { return std::move(open_.front()); }

 private:
  const ElementType of_;
  std::vector<std::vector<std::string>> open_;
};

std::optional<std::vector<std::string>> ElementsOfText(std::string_view text, ElementType of) {
  TextElements elements(of);
  if (!ReadArrayText(text, elements)) return std::nullopt;
  return elements.Take();
}

bool AppendAsList(const std::optional<std::vector<std::string>>& elements, Place place,
                  std::string* out) {
  if (!elements) return false;
  std::string body;
  for (const std::string& element : *elements) body += element;
  AppendList(body, place, out);
  return true;
}

bool AppendAsSet(std::optional<std::vector<std::string>> elements, Place place, std::string* out) {
  if (!elements) return false;
  AppendSet(*std::move(elements), place, out);
  return true;
}

std::optional<std::vector<std::string>> ElementsOfJson(std::string_view json, ElementType of) {
  const absl::StatusOr<std::string> canonical = CanonicalJson(json);
  if (!canonical.ok()) return std::nullopt;
  ElementReader reader(*canonical, of);
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

bool AppendListJson(std::string_view json, Place place, std::string* out, ElementType of) {
  return AppendAsList(ElementsOfJson(json, of), place, out);
}

bool AppendListText(std::string_view text, Place place, std::string* out, ElementType of) {
  return AppendAsList(ElementsOfText(text, of), place, out);
}

bool AppendSetJson(std::string_view json, Place place, std::string* out) {
  return AppendAsSet(ElementsOfJson(json, {}), place, out);
}

bool AppendSetArrayText(std::string_view text, Place place, std::string* out) {
  return AppendAsSet(ElementsOfText(text, {}), place, out);
}

bool AppendSetText(std::string_view text, Place place, std::string* out) {
  if (text.starts_with('{') || text.starts_with('[') || !IsUtf8(text)) return false;
  std::vector<std::string> elements;
  while (!text.empty()) {
    const size_t size = std::min(text.find(','), text.size());
    AppendText(text.substr(0, size), Place::kKey, &elements.emplace_back());
    if (size + 1 == text.size()) AppendText("", Place::kKey, &elements.emplace_back());
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  AppendSet(std::move(elements), place, out);
  return true;
}

bool ForEachElement(std::string_view body, const std::function<void(const Value&)>& take) {
  Value element;
  while (!body.empty()) {
    if (!TakeColumn(Place::kKey, 1, &body, &element)) return false;
    take(element);
  }
  return true;
}

}  // namespace driftwood::merkle
