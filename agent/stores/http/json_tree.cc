#include "agent/stores/http/json_tree.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/source/source_value.h"
#include "agent/stores/jsonl/json_parser.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

// Trees are destroyed by recursion.
constexpr size_t kDepthMax = 1000;

class TreeBuilder final : public JsonVisitor {
 public:
  bool Open(bool is_object) override {
    // What is open has no element after it yet, so that nothing moves it.
    if (open_.size() == kDepthMax) {
      error_ = "it is nested over 1,000 deep";
      return false;
    }
    JsonTree& element = NewElement();
    element.kind = is_object ? JsonTree::Kind::kObject : JsonTree::Kind::kArray;
    open_.push_back(&element);
    return true;
  }
  bool Close() override {
    std::vector<std::string_view> names(open_.back()->names.begin(), open_.back()->names.end());
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      error_ = "a member stands twice in one object";
      return false;
    }
    open_.pop_back();
    return true;
  }
  bool Name(std::string_view name) override {
    open_.back()->names.emplace_back(name);
    return true;
  }
  bool Scalar(const SourceValue& value) override {
    JsonTree& element = NewElement();
    element.kind = KindOf(value);
    element.text = value.text;
    return true;
  }

  JsonTree& root() { return root_; }
  // Why it took no more; empty: it did.
  const std::string& error() const { return error_; }

 private:
  JsonTree& NewElement() {
    if (open_.empty()) return root_;
    return open_.back()->elements.emplace_back();
  }
  static JsonTree::Kind KindOf(const SourceValue& value) {
    switch (value.kind) {
      case SourceValue::Kind::kBool:
        return value.boolean ? JsonTree::Kind::kTrue : JsonTree::Kind::kFalse;
      case SourceValue::Kind::kNumber:
        return JsonTree::Kind::kNumber;
      case SourceValue::Kind::kString:
        return JsonTree::Kind::kString;
      default:
        return JsonTree::Kind::kNull;
    }
  }

  JsonTree root_;
  std::vector<JsonTree*> open_;
  std::string error_;
};

}  // namespace

const JsonTree* JsonTree::Find(std::string_view name) const {
  if (kind == Kind::kObject) {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? nullptr : &elements[static_cast<size_t>(found - names.begin())];
  }
  size_t index = 0;
  const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool is_index =
      error == std::errc() && rest == name.data() + name.size() && std::to_string(index) == name;
  return kind == Kind::kArray && is_index && index < elements.size() ? &elements[index] : nullptr;
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t plain = 0;  // from here on nothing was written yet
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20) continue;
    out->append(text, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else {
      *out += "\\u00" + Hex(std::string_view(&c, 1));
    }
  }
  out->append(text, plain);
  out->push_back('"');
}

void JsonTree::AppendTo(std::string* out) const {
  switch (kind) {
    case Kind::kNull:
      *out += "null";
      return;
    case Kind::kFalse:
      *out += "false";
      return;
    case Kind::kTrue:
      *out += "true";
      return;
    case Kind::kNumber:
      *out += text;
      return;
    case Kind::kString:
      return AppendJsonString(text, out);
    case Kind::kArray:
    case Kind::kObject:
      break;
  }
  const bool is_object = kind == Kind::kObject;
  out->push_back(is_object ? '{' : '[');
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) out->push_back(',');
    if (is_object) {
      AppendJsonString(names[i], out);
      out->push_back(':');
    }
    elements[i].AppendTo(out);
  }
  out->push_back(is_object ? '}' : ']');
}

absl::StatusOr<JsonTree> ParseJsonTree(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";  // UTF-8's byte order mark
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  std::string bytes;  // that may be written to
  bytes.reserve(text.size() + JsonLine::kPadding);
  bytes.append(text).append(JsonLine::kPadding, '\0');
  TreeBuilder builder;
  const auto error = VisitJson(bytes.data(), bytes.data() + text.size(), &builder);
  if (!builder.error().empty()) return absl::InvalidArgumentError(builder.error());
  if (error) {
    return absl::InvalidArgumentError("no JSON from its byte " +
                                      std::to_string(error->at - bytes.data() + 1) + " on");
  }
  return std::move(builder.root());
}

absl::StatusOr<JsonPointer> JsonPointer::Parse(std::string_view text) {
  JsonPointer pointer;
  const absl::Status wrong = absl::InvalidArgumentError(
      "a JSON pointer is empty, or begins with a slash, as in \"/data/id\"; ~0 in it is a ~, and "
      "~1 a slash");
  if (!text.empty() && text.front() != '/') return wrong;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      pointer.names_.emplace_back();
    } else if (text[i] != '~') {
      pointer.names_.back().push_back(text[i]);
    } else {
      ++i;
      if (i == text.size() || (text[i] != '0' && text[i] != '1')) return wrong;
      pointer.names_.back().push_back(text[i] == '0' ? '~' : '/');
    }
  }
  return pointer;
}

const JsonTree* JsonPointer::In(const JsonTree& document) const {
  const JsonTree* at = &document;
  for (const std::string& name : names_) {
    if (at != nullptr) at = at->Find(name);
  }
  return at;
}

}  // namespace driftwood::agent
