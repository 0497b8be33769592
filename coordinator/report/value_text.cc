#include "coordinator/report/value_text.h"

#include <set>
#include <string_view>
#include <utility>

#include "coordinator/report/table_text.h"
#include "merkle/record/decimal.h"
#include "merkle/record/encoding.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/look_alike.h"

namespace driftwood::coordinator {

namespace {

// Of a key's column.
constexpr size_t kKeyCellsMax = 120;

bool IsMismatch(const merkle::Value& value) {
  return value.tag == merkle::Tag::kUnparsedText || value.tag == merkle::Tag::kUnparsedBytes ||
         value.tag == merkle::Tag::kForeignText;
}

// Ends as what we say behind a value does.
bool LooksMarked(std::string_view text) {
  static const std::set<std::string_view> kMarks = {
      "type mismatch", "integer", "decimal",   "float64",     "text", "bytes", "opaque", "bits",
      "date",          "time",    "timestamp", "timestamptz", "uuid", "json",  "list",   "set"};
  const size_t begin = text.rfind(" (");
  if (begin == std::string_view::npos || text.back() != ')') return false;
  const std::string_view inner = text.substr(begin + 2, text.size() - begin - 3);
  return kMarks.contains(inner) || inner.starts_with("bytes ");
}

// `text` is what is shown of `value`. Told apart from NULL, from nothing and from blanks.
std::string Dressed(const merkle::Value& value, const std::string& text) {
  const bool mismatch = IsMismatch(value);
  const bool textual = value.tag == merkle::Tag::kText || mismatch;
  const bool quote = textual && (text.empty() || text == "NULL" || text.front() == ' ' ||
                                 text.back() == ' ' || text.front() == '\'' || LooksMarked(text));
  return (quote ? "'" + text + "'" : text) + (mismatch ? " (type mismatch)" : "");
}

std::string_view KindOf(const merkle::Value& value) {
  switch (value.tag) {
    case merkle::Tag::kNull:
    case merkle::Tag::kFalse:
    case merkle::Tag::kTrue:
    case merkle::Tag::kForeignText:
    case merkle::Tag::kUnparsedText:
    case merkle::Tag::kUnparsedBytes:
      break;
    case merkle::Tag::kInteger:
    case merkle::Tag::kUnsigned:
      return "integer";
    case merkle::Tag::kDecimal:
      return "decimal";
    case merkle::Tag::kFloat64:
      return "float64";
    case merkle::Tag::kText:
      return "text";
    case merkle::Tag::kBytes:
      return "bytes";
    case merkle::Tag::kOpaque:
      return "opaque";
    case merkle::Tag::kBits:
      return "bits";
    case merkle::Tag::kDate:
      return "date";
    case merkle::Tag::kTime:
      return "time";
    case merkle::Tag::kTimestamp:
      return "timestamp";
    case merkle::Tag::kTimestampTz:
      return "timestamptz";
    case merkle::Tag::kUuid:
      return "uuid";
    case merkle::Tag::kJson:
      return "json";
    case merkle::Tag::kList:
      return "list";
    case merkle::Tag::kSet:
      return "set";
  }
  return "";
}

// Texts that stand for different values, and are equal nevertheless, get what tells them apart.
void TellKinds(const std::vector<merkle::Value>& values, std::vector<std::string>* shown) {
  const std::vector<std::string> before = *shown;
  for (size_t i = 0; i < values.size(); ++i) {
    bool kind = false, bytes = false;
    for (size_t k = 0; k < values.size(); ++k) {
      if (before[k] != before[i] || values[k] == values[i]) continue;
      (values[k].tag == values[i].tag ? bytes : kind) = true;
    }
    constexpr size_t kBytesMax = 20;
    if (kind) (*shown)[i] += " (" + std::string(KindOf(values[i])) + ")";
    if (bytes && !values[i].text.empty()) {
      (*shown)[i] += " (bytes " + Hex(values[i].text.substr(0, kBytesMax)) + ")";
    }
  }
}

}  // namespace

std::string ShowValue(const merkle::Value& value, size_t cells) {
  return Dressed(value, ShowInvisible(Shortened({value.ToDisplay()}, cells).front()));
}

std::vector<std::string> ShowValues(const std::vector<merkle::Value>& values, size_t cells) {
  std::vector<std::string> texts;
  for (const merkle::Value& value : values) texts.push_back(value.ToDisplay());
  std::vector<std::string> shown = ShowApart(Shortened(std::move(texts), cells));
  for (size_t i = 0; i < values.size(); ++i) shown[i] = Dressed(values[i], shown[i]);
  TellKinds(values, &shown);
  return shown;
}

std::string ShowKeyValue(const merkle::Column& column, const merkle::Value& value, size_t cells) {
  const bool is_dynamic = column.type == merkle::ColumnType::kDynamic;
  const bool reads_as_number =
      is_dynamic && value.tag == merkle::Tag::kText && merkle::ParseDecimal(value.text).has_value();
  return ShowValue(value, cells) + (reads_as_number ? " (text)" : "");
}

namespace {

std::string ColumnsText(const Report& report, const std::vector<std::string>& shown) {
  std::string text;
  for (size_t i = 0; i < shown.size(); ++i) {
    text += (i == 0 ? "" : ", ") + EscapeForDisplay(report.schema->key[i].name) + "=" + shown[i];
  }
  return text;
}

}  // namespace

std::string KeyText(const Report& report, const ReportKey& key) {
  if (!key.columns || !report.schema) return "encoded key " + Hex(key.encoded);
  if (report.multiset()) return "*=" + Hex(key.columns->front().text);
  std::vector<std::string> shown;
  for (size_t i = 0; i < key.columns->size(); ++i) {
    shown.push_back(ShowKeyValue(report.schema->key[i], (*key.columns)[i], kKeyCellsMax));
  }
  return ColumnsText(report, shown);
}

std::string KeysApart(const Report& report, const ReportKey& a, const ReportKey& b) {
  if (!a.columns || !b.columns || !report.schema || report.multiset()) {
    return KeyText(report, a) + " and " + KeyText(report, b);
  }
  std::vector<std::string> of_a, of_b;
  for (size_t i = 0; i < a.columns->size(); ++i) {
    const std::vector<std::string> both =
        ShowValues({(*a.columns)[i], (*b.columns)[i]}, kKeyCellsMax);
    of_a.push_back(both[0]);
    of_b.push_back(both[1]);
  }
  return ColumnsText(report, of_a) + " and " + ColumnsText(report, of_b);
}

std::string RangeText(const Report& report, const ReportKey& begin,
                      const std::optional<ReportKey>& end) {
  if (begin.encoded.empty() && !end) return "the whole key space";
  const std::string from = begin.encoded.empty() ? "the first key" : KeyText(report, begin);
  return "from " + from + (end ? " up to, not including, " + KeyText(report, *end) : " to the end");
}

}  // namespace driftwood::coordinator
