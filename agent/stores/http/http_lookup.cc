#include "agent/stores/http/http_lookup.h"

#include <algorithm>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/asked/answers.h"
#include "agent/stores/http/http_pages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// How many lookups are sent off together: their replies are in memory until all are there.
constexpr size_t kLookupsAtOnce = 256;

// Of the next lines of `keys`, which are taken off.
absl::StatusOr<std::vector<HttpRequest>> NextRequests(const HttpDescription& description,
                                                      std::string_view* keys) {
  std::vector<HttpRequest> requests;
  while (!keys->empty() && requests.size() < kLookupsAtOnce) {
    const size_t end = std::min(keys->find('\n'), keys->size());
    ASSIGN_OR_RETURN(const JsonTree key, ParseJsonTree(keys->substr(0, end)));
    keys->remove_prefix(std::min(end + 1, keys->size()));
    std::string path = description.lookup_path;
    for (size_t i = 0; i < key.names.size(); ++i) {
      const std::string place = "{" + key.names[i] + "}";
      const size_t at = path.find(place);
      if (at == std::string::npos) {
        return absl::InvalidArgumentError("the path of [lookup] has no " + Printable(place) +
                                          ", which is part of the key");
      }
      path.replace(at, place.size(), UrlEscaped(key.elements[i].text));
    }
    requests.push_back({description.base + path, path});
  }
  return requests;
}

void AppendAnswer(const HttpDescription& description, const HttpReply& reply,
                  std::string* answers) {
  const auto unknown = [answers](std::string_view why) {
    *answers += AnswerLine(Presence::kUnknown, why);
  };
  const auto& gone = description.gone;
  if (std::find(gone.begin(), gone.end(), reply.status) != gone.end()) {
    *answers += AnswerLine(Presence::kGone);
    return;
  }
  const auto& hidden = description.hidden;
  if (std::find(hidden.begin(), hidden.end(), reply.status) != hidden.end()) {
    *answers += AnswerLine(Presence::kHidden, StatusOf(reply));
    return;
  }
  if (reply.status != 200) {
    return unknown(StatusOf(reply));
  }
  const absl::StatusOr<JsonTree> document = ParseJsonTree(reply.body);
  if (!document.ok()) return unknown(std::string(document.status().message()));
  const JsonTree* const record = description.record.In(*document);
  if (record == nullptr) return unknown("no record is where `record` says");
  if (const std::string word = CountsAs(description, *record); !word.empty()) {
    *answers += word;
    return;
  }
  std::string line;
  const absl::Status written = AppendRecord(description, *record, &line);
  if (!written.ok()) return unknown(std::string(written.message()));
  *answers += line + "\n";
}

}  // namespace

absl::StatusOr<std::string> HttpAnswers(const HttpDescription& description, HttpClient* client,
                                        std::string_view keys, const std::stop_token& stop) {
  std::string answers;
  while (!keys.empty()) {
    ASSIGN_OR_RETURN(const std::vector<HttpRequest> requests, NextRequests(description, &keys));
    ASSIGN_OR_RETURN(const std::vector<HttpReply> replies, client->Get(requests, stop));
    for (const HttpReply& reply : replies) AppendAnswer(description, reply, &answers);
  }
  return answers;
}

}  // namespace driftwood::agent
