// A place in a JSON document that is read: what is wrong is noted once, with the place, and reading
// goes on with nothing in its stead, so that the reader is as plain as the document. Private to the
// report's reader.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace driftwood::coordinator {

class JsonNode {
 public:
  // Both outlive it. `problem` is OK, or has been noted.
  JsonNode(const nlohmann::json& json, std::string path, absl::Status* problem)
      : json_(json), path_(std::move(path)), problem_(problem) {}

  const nlohmann::json& json() const { return json_; }
  bool is_null() const { return json_.is_null(); }

  // InvalidArgument, if nothing was wrong before.
  void Fail(const std::string& wanted) const {
    if (!problem_->ok()) return;
    *problem_ = absl::InvalidArgumentError("not a report: " + (path_.empty() ? "it" : path_) +
                                           " is not " + wanted);
  }

  // A member that must be there.
  JsonNode operator[](const std::string& name) const {
    static const nlohmann::json kNothing;
    const bool there = json_.is_object() && json_.contains(name);
    const JsonNode member(there ? json_[name] : kNothing, path_.empty() ? name : path_ + "." + name,
                          problem_);
    if (!there) member.Fail("there");
    return member;
  }
  // A member that may be missing.
  std::optional<JsonNode> Find(const std::string& name) const {
    if (!json_.is_object() || !json_.contains(name)) return std::nullopt;
    return (*this)[name];
  }

  std::string Text() const { return As<std::string>(json_.is_string(), "a text"); }
  bool Flag() const { return As<bool>(json_.is_boolean(), "true or false"); }
  double Number() const { return As<double>(json_.is_number(), "a number"); }
  uint64_t Count() const { return As<uint64_t>(json_.is_number_unsigned(), "a count"); }

  std::vector<JsonNode> Elements() const {
    std::vector<JsonNode> elements;
    if (!json_.is_array()) Fail("a list");
    for (size_t i = 0; json_.is_array() && i < json_.size(); ++i) {
      elements.emplace_back(json_[i], path_ + "[" + std::to_string(i) + "]", problem_);
    }
    return elements;
  }
  std::vector<std::pair<std::string, JsonNode>> Members() const {
    std::vector<std::pair<std::string, JsonNode>> members;
    if (!json_.is_object()) Fail("an object");
    for (auto member = json_.begin(); json_.is_object() && member != json_.end(); ++member) {
      members.emplace_back(member.key(),
                           JsonNode(member.value(), path_ + "." + member.key(), problem_));
    }
    return members;
  }
  std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const JsonNode& element : Elements()) texts.push_back(element.Text());
    return texts;
  }

 private:
  template <typename T>
  T As(bool is_that, const char* wanted) const {
    if (is_that) return json_.get<T>();
    Fail(wanted);
    return T();
  }

  const nlohmann::json& json_;
  const std::string path_;
  absl::Status* const problem_;
};

}  // namespace driftwood::coordinator
