#include "agent/stores/http/json_tree.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

// Trees are destroyed by recursion.
constexpr size_t kDepthMax = 1000;

class TreeBuilder {
 public:
  bool null() { return Add(JsonTree::Kind::kNull); }
  bool boolean(bool value) { return Add(value ? JsonTree::Kind::kTrue : JsonTree::Kind::kFalse); }
  bool number_integer(int64_t number) {
    return Add(JsonTree::Kind::kNumber, std::to_string(number));
  }
  bool number_unsigned(uint64_t number) {
    return Add(JsonTree::Kind::kNumber, std::to_string(number));
  }
  bool number_float(double, const std::string& written) {
    return Add(JsonTree::Kind::kNumber, written);
  }
  bool string(std::string& text) { return Add(JsonTree::Kind::kString, std::move(text)); }
  bool binary(std::vector<uint8_t>&) { return false; }  // not in JSON
  bool start_object(size_t) { return Open(JsonTree::Kind::kObject); }
  bool key(std::string& name) {
    open_.back()->names.push_back(std::move(name));
    return true;
  }
  bool end_object() {
    std::vector<std::string_view> names(open_.back()->names.begin(), open_.back()->names.end());
    std::sort(names.begin(), names.end());
    if (std::adjacent_find(names.begin(), names.end()) != names.end()) {
      error_ = "a member stands twice in one object";
      return false;
    }
    return Close();
  }
  bool start_array(size_t) { return Open(JsonTree::Kind::kArray); }
  bool end_array() { return Close(); }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) {
    constexpr int kOutOfRange = 406;
    error_ = exception.id == kOutOfRange
                 ? "the number at its byte " + std::to_string(position) + " is beyond a double"
                 : "no JSON from its byte " + std::to_string(position) + " on";
    return false;
  }

  JsonTree& root() { return root_; }
  const std::string& error() const { return error_; }

 private:
  JsonTree& NewElement() {
    if (open_.empty()) return root_;
    return open_.back()->elements.emplace_back();
  }
  bool Add(JsonTree::Kind kind, std::string text = "") {
    JsonTree& element = NewElement();
    element.kind = kind;
    element.text = std::move(text);
    return true;
  }
  // What is open has no element after it yet, so that nothing moves it.
  bool Open(JsonTree::Kind kind) {
    if (open_.size() == kDepthMax) {
      error_ = "it is nested over 1,000 deep";
      return false;
    }
    JsonTree& element = NewElement();
    element.kind = kind;
    open_.push_back(&element);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
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
  TreeBuilder builder;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.error());
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
